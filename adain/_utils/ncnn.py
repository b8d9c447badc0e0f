"""ncnn, imported where it is wanted and with threads that do not spin."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from typing import Any

from .errors import InputError

_SPINS = "GOMP_SPINCOUNT"

_importing = threading.Lock()

_team: int | None = None  # the process in which a network has had several threads, be it this one or one before a fork


def require_ncnn() -> Any:
    """The module; InputError if it is missing."""
    with _importing:  # by one thread at a time: what another has half imported is among the modules already
        spins, is_new = os.environ.get(_SPINS), "ncnn" not in sys.modules
        if is_new:
            # ncnn's threads would spin for milliseconds after every layer, and take the cores from those that compute
            # other tiles, decode and write. OpenMP looks for this once, when it is loaded.
            os.environ[_SPINS] = spins or "0"
        try:
            import ncnn
        except ImportError as error:
            raise InputError(
                f"the back end ncnn is not installed ({error}): pip install ncnn, or use --backend torch"
            ) from None
        finally:
            if is_new and spins is None:
                del os.environ[_SPINS]
    return ncnn


def own_threads(wanted: int) -> int:
    """How many of ncnn's own threads a network can be computed by: those that are wanted.

    One in a process that was forked from one with several: they do not come along, and OpenMP would wait for them for
    ever.
    """
    global _team
    process = os.getpid()
    if _team not in (None, process):
        return 1
    _team = process if wanted > 1 else _team
    return wanted


def lasting_pool() -> Any:
    """A pool of memory that is used again, to be emptied rather than let go.

    ncnn ends the process where a block outlives its allocator, as it may while the interpreter shuts down. So this one
    is never destroyed.
    """
    pool = require_ncnn().PoolAllocator()
    pool.set_size_compare_ratio(0.5)  # blocks serve half of their size, too: a tenth less memory
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(pool))
    return pool


def keep_float32(options: Any) -> None:
    """Let a network compute and store in float32 throughout: less takes two digits of every number, for little time."""
    for name in dir(options):
        if name.startswith(("use_fp16", "use_bf16")):
            setattr(options, name, False)
