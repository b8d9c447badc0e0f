"""What is done aside of the loop, so that a device does not wait for it: writing files, and reading numbers back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor


class WriterThread:
    """A thread that does one job after the other; whoever brings a second one waits until the first is done.

    What a job raises is raised by the next call.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "write")
        self._pending: Future[None] | None = None

    def do(self, job: Callable[[], None]) -> None:
        """Begin a job, after the one before."""
        self.wait()
        self._pending = self._pool.submit(job)

    def wait(self) -> None:
        """Until nothing is left to do."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def close(self) -> None:
        """Wait, and do no more; nothing is raised."""
        self._pool.shutdown(wait=True)


class Readings:
    """Numbers of a device on their way to the host, with what belongs to them, in their order.

    On a GPU they are copied when it comes to it, and nobody waits; elsewhere they are there at once.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[Tensor, Any, Any]] = deque()

    def add(self, values: Tensor, about: Any) -> None:
        """Set numbers on their way. ``values`` may change from now on."""
        if values.device.type != "cuda":
            self._waiting.append((values.detach().cpu().clone(), None, about))
            return
        host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
        # From a copy on the device, whose memory is kept until the event.
        host.copy_(values.detach().clone(), non_blocking=True)
        event: Any = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
        self._waiting.append((host, event, about))

    def arrived(self, *, all_of_them: bool = False) -> Iterator[tuple[Tensor, Any]]:
        """Those that are there, each once; or all, waiting for them."""
        while self._waiting:
            values, event, about = self._waiting[0]
            if event is not None:
                if all_of_them:
                    event.synchronize()
                elif not event.query():
                    return
            self._waiting.popleft()
            yield values, about


def frozen(tree: Any) -> Any:
    """A copy of nested dicts, lists and tuples of tensors, each tensor on its own device."""
    if isinstance(tree, Tensor):
        return tree.detach().clone()
    if isinstance(tree, dict):
        return {key: frozen(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(frozen(value) for value in tree)
    return tree


def on_host(tree: Any) -> Any:
    """The same on the CPU; waits for the device."""
    if isinstance(tree, Tensor):
        return tree.cpu()
    if isinstance(tree, dict):
        return {key: on_host(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(on_host(value) for value in tree)
    return tree
