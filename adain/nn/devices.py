"""Choosing where to compute."""

from __future__ import annotations

import logging

import torch

from .._utils.errors import InputError

_log = logging.getLogger(__name__)


def resolve_device(name: str | torch.device = "auto") -> torch.device:
    """The device of that name; ``"auto"`` takes a CUDA GPU, else Apple's, else the CPU.

    Raises:
        InputError: if the name is unknown or this machine has no such device.
    """
    if isinstance(name, torch.device):
        return name
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"there is no device {name!r}: use auto, cpu, cuda or mps") from None
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }.get(device.type, False)
    if not present:
        raise InputError(f"this machine has no device {name!r}: use auto or cpu")
    _log.info("device %s, %d threads", device, torch.get_num_threads())
    return device
