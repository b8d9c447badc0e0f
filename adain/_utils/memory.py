"""How much memory is free and how much has been in use: one definition for tiles, reports and benchmarks."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from .arrays import Device

ASSUMED = 4 << 30
"""Bytes taken to be free where the system does not tell."""

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def is_gpu(device: Device) -> bool:
    """Whether a device is no CPU; None, which is for arrays, is one."""
    return device is not None and getattr(device, "type", device) != "cpu"


def free_memory(device: Device = None, *, root: Path = Path("/")) -> int:
    """Bytes that can still be had on a device; None is the CPU, and needs no torch.

    There this is what the kernel calls available, or what is left of a control group's limit where that is less, as
    ``proc`` and ``sys`` in ``root`` say.
    """
    kind = getattr(device, "type", device)
    if kind == "cuda":
        import torch

        free, _ = torch.cuda.mem_get_info(device)
        # What torch holds in its cache and does not use is free for us.
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if kind == "mps":
        import torch

        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    known = [amount for amount in (_available(root), *_groups(root)) if amount is not None]
    return max(0, min(known)) if known else ASSUMED


def peak_memory(device: torch.device) -> float:
    """Peak memory in MB: allocated on a CUDA device, else :func:`resident_peak`."""
    if device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(device) / 1e6
    return resident_peak()


def resident_peak() -> float:
    """Peak resident memory of this process in MB (10⁶ bytes); 0 where unknown."""
    # Not ru_maxrss where there is a choice: on Linux a process begins with that of the one that started it.
    if told := _status("VmHWM"):
        return told / 1e6
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def resident() -> int:
    """Resident memory of this process in bytes; 0 where unknown."""
    return _status("VmRSS")


def _status(name: str) -> int:
    """A size that Linux tells of this process, in bytes; 0 where it does not."""
    try:
        lines = _STATUS.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024
    except (OSError, StopIteration):
        return 0


def give_back() -> None:
    """Give what was freed back to the system, where that is glibc on Linux; elsewhere nothing happens."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


@contextlib.contextmanager
def keeping_freed() -> Iterator[None]:
    """Let what is freed stay with the process for what is allocated next; where that is not glibc, nothing happens.

    For work that has the same large tensors again and again. Those of many megabytes glibc takes from the system one by
    one and gives back, and the pages of each come cleared and one by one: longer work than filling them. What is kept
    is no more than what was in use at a time, but for gaps; at the end it is given back.
    """
    with _keeping.lock:
        _keeping.count += 1
        if _keeping.count == 1:
            _set_malloc({_MMAP_THRESHOLD: _MOST, _TRIM_THRESHOLD: _MOST})
    try:
        yield
    finally:
        with _keeping.lock:
            _keeping.count -= 1
            if _keeping.count == 0:
                # The most that glibc would have come to by itself, as it adjusts them no more once they have been set.
                _set_malloc({_MMAP_THRESHOLD: 32 << 20, _TRIM_THRESHOLD: 64 << 20})
                give_back()


class _Keeping:
    def __init__(self) -> None:
        self.lock, self.count = threading.Lock(), 0


_keeping = _Keeping()
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_MOST = 2**31 - 1


def _set_malloc(settings: Mapping[int, int]) -> None:
    with contextlib.suppress(OSError, AttributeError, TypeError):
        set_one = ctypes.CDLL(None).mallopt
        for parameter, value in settings.items():
            set_one(parameter, value)


def reset_peak_memory(device: torch.device) -> bool:
    """Let :func:`peak_memory` start again from what is in use now; False where only glibc on Linux could."""
    if device.type == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats(device)
        return True
    try:
        # What was freed may still be resident, and what is allocated next would then take nothing more.
        give_back()
        _CLEAR.write_text("5")  # proc(5): resets the high-water mark of resident memory
    except (OSError, AttributeError, TypeError):  # no glibc, or no such system
        return False
    return True


def _available(root: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    with contextlib.suppress(AttributeError, OSError, ValueError):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(AttributeError, OSError, ValueError):  # a Mac tells only what it has
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return None


def _groups(root: Path) -> list[int]:
    """What is left of the limit of each control group that this process is in, of either version."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    left = []
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if controllers == "memory":
            base, files = "sys/fs/cgroup/memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")
        elif number == "0":
            base, files = "sys/fs/cgroup", ("memory.max", "memory.current", "")
        else:
            continue
        # Inside a container the path may be the host's, and the group itself at the root of the mount.
        folder = root / base / path.lstrip("/")
        for group in (folder, *folder.parents):
            left += _left(group, *files)
            if group == root / base:
                break
    return left


def _left(group: Path, limit: str, usage: str, prefix: str) -> list[int]:
    with contextlib.suppress(OSError, ValueError):  # no limit reads "max" or is no file
        free = int((group / limit).read_text()) - int((group / usage).read_text())
        # Pages of files are counted as used, and given back when memory is wanted.
        wanted = {f"{prefix}inactive_file", f"{prefix}active_file"}
        pairs = (line.split() for line in (group / "memory.stat").read_text().splitlines())
        return [free + sum(int(value) for name, value in pairs if name in wanted)]
    return []
