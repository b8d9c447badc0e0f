"""What this machine has to compute with, found without torch unless there seems to be something for torch alone."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from .._utils.ncnn import require_ncnn

_DRIVERS = ("/dev/nvidiactl", "/proc/driver/nvidia/version", "/dev/dxg", "/dev/kfd")
"""Where Linux has a driver for the GPUs that torch knows as ``cuda``: NVIDIA's, in WSL, and AMD's."""


def has_gpu() -> bool:
    """Whether torch finds a GPU; it is asked only where there is a driver for one."""
    if "torch" not in sys.modules and not _has_driver():
        return False
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()


def is_fast_cpu() -> bool:
    """Whether ncnn has code of its own for this CPU, which torch does not outrun: of ARM, and of x86 with AVX2."""
    if platform.machine().lower() in ("arm64", "aarch64"):
        return True
    return bool(require_ncnn().cpu_support_x86_avx2())


def _has_driver() -> bool:
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    if sys.platform == "win32":
        folder = Path(os.environ.get("SYSTEMROOT", "C:/Windows"), "System32")
        return any((folder / name).exists() for name in ("nvcuda.dll", "amdhip64.dll"))
    return any(os.path.exists(path) for path in _DRIVERS)
