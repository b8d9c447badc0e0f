"""How much memory has been in use: one definition for progress reports, measurements and benchmarks."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def peak_memory(device: torch.device) -> float:
    """Peak memory in MB: allocated on a CUDA device, else :func:`resident_peak`."""
    if device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(device) / 1e6
    return resident_peak()


def resident_peak() -> float:
    """Peak resident memory of this process in MB (10⁶ bytes); 0 where unknown."""
    try:
        # Not ru_maxrss where there is a choice: on Linux a process begins with that of the one that started it.
        lines = _STATUS.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 1e6
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def reset_peak_memory(device: torch.device) -> bool:
    """Let :func:`peak_memory` start again from what is in use now; False where only glibc on Linux could."""
    if device.type == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats(device)
        return True
    try:
        # What was freed may still be resident, and what is allocated next would then take nothing more.
        ctypes.CDLL(None).malloc_trim(0)
        _CLEAR.write_text("5")  # proc(5): resets the high-water mark of resident memory
    except (OSError, AttributeError, TypeError):  # no glibc, or no such system
        return False
    return True
