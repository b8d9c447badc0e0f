"""The node that opens a model."""

from __future__ import annotations

from typing import Any

from adain.backends import open_model
from adain.nn import DEFAULT_MODEL, registry
from adain.options import ModelOptions

from . import host
from .widgets import Widget, widget

MODEL = "ADAIN_MODEL"

DEVICES = ("auto", "cpu", "cuda", "mps", "vulkan")
"""What every machine can be asked for; beside them stand the GPUs that this one has, where those are several."""


class AdainModel:
    """A shipped model, ready to run. It is opened once, and kept as long as the widgets say the same."""

    CATEGORY = "adain"
    DESCRIPTION = "A model of adain: vgg19 is the best, fast the quickest, classic the published network."
    RETURN_TYPES = (MODEL,)
    RETURN_NAMES = ("model",)
    FUNCTION = "open"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, Widget]]:
        precision, about = widget(ModelOptions, "precision", help="auto is bf16 on CUDA and fp32 elsewhere.")
        backend, how = widget(ModelOptions, "backend", help="torch, or ncnn on a CPU, twice as fast; auto chooses.")
        return {
            "required": {
                "model": ([*registry()], {"default": DEFAULT_MODEL, "tooltip": "Which of the shipped models."}),
                # An exported model is a folder, which no widget here names.
                "backend": ([name for name in backend if name != "onnx"], how),
                "device": (_devices(), {"default": "auto", "tooltip": "Where it computes; vulkan is by ncnn."}),
                "precision": (precision, about),
            }
        }

    def open(self, model: str, backend: str, device: str, precision: str) -> tuple[Any]:
        host.stop_if_asked()
        chosen = host.device() if device == "auto" else device
        options: dict[str, Any] = {"model": model, "backend": backend, "device": chosen, "precision": precision}
        return (open_model(ModelOptions(**options)),)


def _devices() -> list[str]:
    import torch

    count = torch.cuda.device_count()
    return [*DEVICES, *(f"cuda:{k}" for k in range(count) if count > 1)]
