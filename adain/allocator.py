"""Memory that a process frees and soon needs again."""

from __future__ import annotations

import ctypes
import sys

# Of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4


def keep_memory() -> bool:
    """Have this process keep the memory it frees, rather than give it back to the system and ask for it anew.

    The networks' activations are large blocks, and glibc maps each of them for its own time alone: the system then
    clears every page again for every layer. Kept, they are reused, which took a quarter off the processor time of a
    pass on a CPU. The price: blocks fit less well into what is left of others, and a process at work on 1024 × 1024
    pixels was half as large again; and it stays as large as it ever was. It is a setting of the whole process, so the
    library never makes it on its own.

    Returns:
        Whether it could be done: on Linux with glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, -1))
