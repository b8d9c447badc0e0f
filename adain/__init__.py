"""Arbitrary style transfer: any photograph in the style of any artwork, in one pass.

>>> import adain
>>> stylizer = adain.Stylizer.from_pretrained()
>>> stylizer.stylize("photo.jpg", "great-wave.jpg", alpha=0.8).save("out.jpg")
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._utils.errors import (
        AdainError,
        DiskFullError,
        ImageError,
        InputError,
        MissingFileError,
        TrainingError,
        WeightsError,
    )
    from .backends.onnx import OnnxStylizer
    from .batch.folder import stylize_folder
    from .control.color import ColorPreservation
    from .control.guidance import Region, Regions, gradient
    from .control.style import Style, blend
    from .image.io import read_image, save_image
    from .nn.adain import AdaIN, adaptive_instance_norm
    from .nn.pretrained import load_decoder, load_encoder
    from .nn.statistics import channel_mean_std
    from .refinement.progress import RefinementError
    from .refinement.recipe import Recipe
    from .refinement.refine import refine
    from .stylizer.cache import StyleCache
    from .stylizer.stylizer import Content, Stylizer

__version__ = "0.1.0"

# Names are imported when first used: ``adain --help`` then starts without waiting for torch.
_HOME = {
    "AdaIN": "nn.adain",
    "AdainError": "_utils.errors",
    "ColorPreservation": "control.color",
    "Content": "stylizer.stylizer",
    "DiskFullError": "_utils.errors",
    "ImageError": "_utils.errors",
    "InputError": "_utils.errors",
    "MissingFileError": "_utils.errors",
    "OnnxStylizer": "backends.onnx",
    "Recipe": "refinement.recipe",
    "RefinementError": "refinement.progress",
    "Region": "control.guidance",
    "Regions": "control.guidance",
    "Style": "control.style",
    "StyleCache": "stylizer.cache",
    "Stylizer": "stylizer.stylizer",
    "TrainingError": "_utils.errors",
    "WeightsError": "_utils.errors",
    "adaptive_instance_norm": "nn.adain",
    "blend": "control.style",
    "channel_mean_std": "nn.statistics",
    "gradient": "control.guidance",
    "load_decoder": "nn.pretrained",
    "load_encoder": "nn.pretrained",
    "read_image": "image.io",
    "refine": "refinement.refine",
    "save_image": "image.io",
    "stylize_folder": "batch.folder",
}

__all__ = [
    "AdaIN",
    "AdainError",
    "ColorPreservation",
    "Content",
    "DiskFullError",
    "ImageError",
    "InputError",
    "MissingFileError",
    "OnnxStylizer",
    "Recipe",
    "RefinementError",
    "Region",
    "Regions",
    "Style",
    "StyleCache",
    "Stylizer",
    "TrainingError",
    "WeightsError",
    "adaptive_instance_norm",
    "blend",
    "channel_mean_std",
    "gradient",
    "load_decoder",
    "load_encoder",
    "read_image",
    "refine",
    "save_image",
    "stylize_folder",
]

# An installed package holds adain/cli, adain/weights and adain/samples; in a checkout they lie beside it.
_HERE = Path(__file__).resolve().parent
if not (_HERE / "cli").is_dir() and (_HERE.parent / "setup.cfg").is_file():
    __path__.append(str(_HERE.parent))


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Keeps names that are those of a module, too, what they are in :data:`__all__`.

    ``adain.refine`` is the function. Importing the module ``adain.refine`` would otherwise put that in its place.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _HOME and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
