"""Milliseconds of a call by a device's own clock, and the two rates that networks are compared with."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch

from adain.nn import resolve_precision
from adain.training import fast_arithmetic, matrix_rate, synchronize

ROUNDS = 5
"""Of which the median counts; the range says how steady the device was."""

MOST_CALLS = 2000
"""In a round: more may be waiting in a GPU's queue than it takes."""

COPIED = {"cuda": 1 << 30}
"""Bytes that are copied to measure the rate of it: far more than a cache holds."""

COPIED_ELSEWHERE = 1 << 26


def paced(work: Callable[[], object], device: torch.device, seconds: float) -> list[float]:
    """Milliseconds of a call in each round; all rounds take about so many seconds, or five calls if that is longer."""
    work()  # what comes first loads kernels and finds memory
    once = _round(work, device, 1)
    calls = round(1e3 * seconds / ROUNDS / max(once, 1e-6))
    return [_round(work, device, min(max(1, calls), MOST_CALLS)) for _ in range(ROUNDS)]


def _round(work: Callable[[], object], device: torch.device, calls: int) -> float:
    """Milliseconds of one of so many calls in a row."""
    if device.type != "cuda":
        begun = time.perf_counter()
        for _ in range(calls):
            work()
        synchronize(device)
        return 1e3 * (time.perf_counter() - begun) / calls
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    begin.record()
    for _ in range(calls):
        work()
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) / calls


def tf32() -> bool:
    """Whether convolutions of float32 on CUDA are TensorFloat-32: a setting of torch's, which is on unless changed."""
    return bool(torch.backends.cudnn.allow_tf32)


def rate_of(precision: str, device: torch.device) -> float:
    """Operations a second of large matrix products, in the arithmetic that convolutions of that precision have."""
    alike: AbstractContextManager[None] = nullcontext()
    if precision == "fp32" and tf32():
        alike = fast_arithmetic(device)  # products of matrices are not TensorFloat-32 unless that is asked for
    with alike:
        return matrix_rate(device, resolve_precision(precision, device))


def copy_rate(device: torch.device, seconds: float) -> float:
    """Bytes read and written a second by a copy within a device's memory."""
    size = COPIED.get(device.type, COPIED_ELSEWHERE)
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    # The fastest counts, as for matrices: it is a bound.
    return 2e3 * size / min(paced(lambda: target.copy_(source), device, seconds))
