"""What things take of the memory: how much a value has, and whether a pass over a picture finds room."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from .._utils.arrays import is_tensor
from .._utils.errors import InputError
from .._utils.memory import free_memory
from ..image.source import LONGEST
from ..options import Options
from ..stylizer.tiles import SHARE

if TYPE_CHECKING:
    from .kinds import Upload


def bytes_of(value: Any) -> int:
    """Bytes of the arrays, tensors and pictures in a value, and of those in its parts; each counts once."""
    seen: set[int] = set()

    def count(value: Any) -> int:
        if id(value) in seen:
            return 0
        seen.add(id(value))
        if isinstance(value, np.ndarray):
            return value.nbytes
        if is_tensor(value):
            return value.nelement() * value.element_size()
        if isinstance(value, Image.Image):
            return value.width * value.height * (1 if len(value.getbands()) == 1 else 4)
        if isinstance(value, (str, int, float, bytes, type(None), type, weakref.ref)):
            return 0
        if isinstance(value, Mapping):
            return sum(map(count, value.values()))
        if isinstance(value, (tuple, list)):
            return sum(map(count, value))
        if dataclasses.is_dataclass(value):
            return sum(count(getattr(value, each.name)) for each in dataclasses.fields(value))
        return count(vars(value)) if hasattr(value, "__dict__") and not callable(value) else 0

    return count(value)


def check_artwork(model: Any, upload: Upload, how: Mapping[str, Any]) -> None:
    """See that an artwork can be encoded in one piece, as it is always done.

    Args:
        how: ``size``, ``fine_size`` and ``crop``, as ``model.encode_style`` takes them.

    Raises:
        InputError: if there is not the memory for it.
    """
    short, long = sorted((upload.width, upload.height))
    if not short:
        return  # statistics, which are encoded already
    for size in (how.get("size", Options.style_size), how.get("fine_size")):
        if size is None:
            continue
        side = size or short
        bounded = min(side, round(LONGEST * side * short / long)) if size and not how.get("crop") else side
        pixels = bounded * (bounded if how.get("crop") else round(bounded * long / short))
        needed, free = pixels * model.pass_bytes(), free_memory(model.device)
        if needed > SHARE * free:
            raise InputError(
                f"{upload.name} at a style_size (--style-size) of {side} px needs {needed / 1e9:.1f} GB of memory, and "
                f"{free / 1e9:.1f} GB are free: ask for a smaller one"
            )
