"""How many threads to compute with: one answer for every back end."""

from __future__ import annotations

import os
import sys


def count_threads(share: int = 1) -> int:
    """Threads of this process that are worth their while, at least 1.

    As many as torch takes where that is loaded, so that ``torch.set_num_threads`` speaks for all; else what
    ``OMP_NUM_THREADS`` says, and no more than the cores that this process may run on.

    Args:
        share: processes that share the cores.
    """
    of_torch = getattr(sys.modules.get("torch"), "get_num_threads", None)  # None also while it is being imported
    if of_torch is not None:
        count = int(of_torch())
    else:
        said = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
        count = int(said) if said.isascii() and said.isdigit() and int(said) > 0 else count_cores()
    return max(1, min(count, count_cores()) // share)


def count_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
