"""Writing behind: frames encoded, parts finished and states saved while the next frames are painted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from .frames import Moment, Pixels, Sink
from .state import State

BEHIND = 3
"""Frames that may wait to be encoded, beside the one that is: so many are in memory, whatever the video's length."""


class Writer:
    """Feeds a sink in a thread of its own, in order, and nothing more after anything went wrong.

    An encoder looks some forty frames ahead, so that most of the work on a part is left when its last frame is added.
    So parts are finished in a second thread, one at a time, while the next is begun. A state is saved after the part
    that it tells of, never before.

    Args:
        sink: closed with this.
        save: keeps a state.
    """

    def __init__(self, sink: Sink, save: Callable[[State], object]) -> None:
        self._sink, self._save = sink, save
        self._encoding, self._saving = ThreadPoolExecutor(1, "encode"), ThreadPoolExecutor(1, "save")
        self._waiting: deque[Future[None]] = deque()
        self._uncommitted: deque[Future[None]] = deque(maxlen=BEHIND + 1)  # those before have begun
        self._saved: Future[None] | None = None
        self._failed = False

    def add(self, pixels: Callable[[], Pixels], moment: Moment) -> None:
        """Have a frame encoded, which is made when its turn comes; raises what went wrong with an earlier one."""
        self._uncommitted.append(self._later(lambda: self._sink.add(pixels(), moment)))

    def commit(self, state: State) -> None:
        """Have what was added until now kept, with a state that tells of it; what it holds must not change."""
        self._later(lambda: self._commit(state))
        self._uncommitted.clear()

    def settle(self) -> None:
        """Wait until all is encoded and kept, or raise what went wrong."""
        while self._waiting:
            self._waiting.popleft().result()
        if self._saved is not None:
            self._saved.result()

    def close(self) -> None:
        """Give up on what was not committed; what was is kept, once this returns."""
        for future in self._uncommitted:
            future.cancel()
        self._encoding.shutdown()
        self._saving.shutdown()
        self._sink.close()

    def _later(self, work: Callable[[], None]) -> Future[None]:
        while self._waiting and (len(self._waiting) > BEHIND or self._waiting[0].done()):
            self._waiting.popleft().result()
        self._waiting.append(self._encoding.submit(self._unless_failed, work))
        return self._waiting[-1]

    def _unless_failed(self, work: Callable[[], None]) -> None:
        if self._failed:
            return  # whoever waits for what failed is told
        try:
            work()
        except BaseException:
            self._failed = True
            raise

    def _commit(self, state: State) -> None:
        if self._saved is not None:
            self._saved.result()
        finish = self._sink.commit()
        self._saved = self._saving.submit(lambda: self._keep(finish, state))

    def _keep(self, finish: Callable[[], dict[str, Any]], state: State) -> None:
        self._save(state | {"sink": finish()})
