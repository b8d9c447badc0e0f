"""Choosing where to compute, and with how many bits."""

from __future__ import annotations

import logging
from typing import get_args

import torch

from .._utils.errors import InputError
from ..options import Precision

_log = logging.getLogger(__name__)
_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def resolve_device(name: str | torch.device = "auto") -> torch.device:
    """The device of that name; ``"auto"`` takes a CUDA GPU, else Apple's, else the CPU.

    Raises:
        InputError: if the name is unknown or this machine has no such device.
    """
    if isinstance(name, torch.device):
        return name
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        name = "cuda" if cuda else "mps" if mps else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"there is no device {name!r}: use auto, cpu, cuda or mps") from None
    cuda = cuda and (device.index or 0) < torch.cuda.device_count()
    if not {"cpu": True, "cuda": cuda, "mps": mps}.get(device.type):
        raise InputError(f"this machine has no device {name!r}: use auto or cpu")
    _log.info("device %s, %d threads", device, torch.get_num_threads())
    return device


def precision_of(dtype: torch.dtype) -> str:
    """The precision of that type; ``"fp32"`` for others."""
    return next((name for name, known in _TYPES.items() if known == dtype), "fp32")


def resolve_precision(name: str, device: torch.device) -> torch.dtype:
    """The type of the networks' convolutions; statistics are float32 whatever it is.

    ``"auto"`` is bfloat16 on CUDA GPUs that have it, and float32 anywhere else, so that a picture made on a CPU stays
    the same to the bit. bfloat16 has the range of float32: no network can overflow in it, as they can in float16.

    Raises:
        InputError: if there is no such precision.
    """
    if name not in get_args(Precision):
        raise InputError(f"there is no precision {name!r}: use {', '.join(get_args(Precision))}")
    if name != "auto":
        return _TYPES[name]
    has_half = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if has_half else torch.float32
