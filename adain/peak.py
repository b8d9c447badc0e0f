"""How much memory has been in use: one definition for progress reports, measurements and benchmarks."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import torch

_CLEAR = Path("/proc/self/clear_refs")


def peak_memory(device: torch.device) -> float:
    """Peak memory in MB: allocated on a CUDA device, else resident of the whole process (0 where unknown)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def reset_peak_memory(device: torch.device) -> bool:
    """Let :func:`peak_memory` start again from what is in use now; False where only glibc on Linux could."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return True
    try:
        # What was freed may still be resident, and what is allocated next would then take nothing more.
        ctypes.CDLL(None).malloc_trim(0)
        _CLEAR.write_text("5")  # proc(5): resets the high-water mark of resident memory
    except (OSError, AttributeError, TypeError):  # no glibc, or no such system
        return False
    return True
