"""The networks that samples are stylised with: loaded once in a process, whatever has been pickled or forked."""

from __future__ import annotations

import os
import threading
from typing import Any

import torch

from ..nn.devices import resolve_precision
from ..stylizer.stylizer import Stylizer
from .options import RandomStyleOptions

DEFAULT_MODEL = "fast"
"""Of the shipped ones, where neither bank nor caller names one: there are many samples."""

_loaded: dict[tuple[Any, ...], Stylizer] = {}
_lock = threading.Lock()


def stylizer_of(options: RandomStyleOptions, device: torch.device) -> Stylizer:
    """The stylizer of some options on a device; one for all that want the same.

    Raises:
        MissingFileError, WeightsError, InputError: see :meth:`adain.Stylizer.from_pretrained`.
    """
    precision = choose_precision(options.precision, device)
    model = options.model or DEFAULT_MODEL
    key = (model, options.encoder, options.decoder, precision, device)
    with _lock:
        if key not in _loaded:
            files: dict[str, Any] = {"encoder": options.encoder, "decoder": options.decoder}
            with torch.inference_mode(False):  # or no gradient could ever pass through them
                _loaded[key] = Stylizer.from_pretrained(model, **files, device=device, precision=precision)
        return _loaded[key]


def choose_precision(precision: str, device: torch.device) -> str:
    """``"auto"`` resolved: bfloat16 wherever the device computes in it; it takes less than half the time on a CPU."""
    if precision != "auto":
        return precision
    if device.type == "cpu":
        return "bf16" if _has_bf16() else "fp32"
    return "bf16" if resolve_precision("auto", device) == torch.bfloat16 else "fp32"


def _has_bf16() -> bool:
    """Whether the CPU multiplies in bfloat16: AVX-512 BF16 or AMX, and not by way of float32."""
    capabilities = (getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("avx512_bf16", "amx_tile"))
    return any(asks() for asks in capabilities if asks is not None)


def _renew_lock() -> None:
    """In a child: a thread of the parent may have held it."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
