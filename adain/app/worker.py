"""Networks that have a thread of their own each, and what waits for it: of what comes too fast the newest alone."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, get_args

from .._utils.errors import AdainError
from ..backends.models import open_model
from ..nn.shipped import find_model
from ..options import ModelOptions
from .errors import Abandoned, Refusal, Stopping, Superseded, TooMany

if TYPE_CHECKING:
    from ..stylizer.base import BaseStylizer
    from .site import Site

T = TypeVar("T")

Lane = Literal["preview", "finish"]
"""What a model is wanted for: pictures that somebody waits for with a hand on the mouse, or those that take a while."""

MOST_WAITING = 32
"""Turns that may wait for a model, of as many slots."""

PATIENCE = 1.0
"""Seconds that all models together have to end what they are at."""

NICENESS = 5
"""Of the threads that finish pictures, so that previews go before them; where that can be said of a thread."""


class Turn(Generic[T]):
    """A call that waits for a model, or is at work with it.

    Attributes:
        slot: of which there is one that waits at most; empty for one that stands for itself.
        result: what comes of it, or why nothing does.
        waited: seconds that it waited, once it has begun.
    """

    def __init__(self, call: Callable[[BaseStylizer, Turn[T]], T], slot: str = "") -> None:
        self.slot, self.waited = slot, 0.0
        self.result: Future[T] = Future()
        self.result.set_running_or_notify_cancel()  # or who waits for it could cancel it behind our back
        self._call: Callable[[BaseStylizer, Turn[T]], T] | None = call
        self._since, self._lock = time.perf_counter(), threading.Lock()
        self._has_begun = False
        self._reason: Refusal | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether it has neither begun nor been given up."""
        return not self._has_begun and self._reason is None

    def check(self) -> None:
        """To be called between the steps of the work: raises what the turn was broken off for, if it was."""
        if self._reason is not None:
            raise self._reason

    def give_up(self, reason: Refusal | None = None) -> None:
        """Have it end, for a reason: at once while it waits, with its next step while it is at work."""
        reason = reason or Abandoned("nobody waits for this picture any more")
        with self._lock:
            was_waiting = self.is_waiting
            self._reason = self._reason or reason
        if was_waiting:
            self._call = None
            self.result.set_exception(reason)

    def take(self, open_model: Callable[[], BaseStylizer]) -> None:
        """Do the work, in the thread of the model."""
        with self._lock:
            call, self._call = self._call, None
            if call is None or not self.is_waiting:
                return
            self._has_begun = True
        self.waited = time.perf_counter() - self._since
        model: BaseStylizer | None = None
        try:
            model = open_model()
            model.watch(self.check)
            result = call(model, self)
        except BaseException as error:
            # What was raised from and through holds on to every picture that was worked on.
            self.result.set_exception(error.with_traceback(None) if isinstance(error, AdainError) else error)
        else:
            self.result.set_result(result)
        finally:
            if model is not None:
                model.watch(None)


class ModelWorker:
    """A model and the thread that it computes in; both are there from the first call on.

    A call that fails is the only one that does: the next one is made all the same.

    Args:
        open_model: opens the networks.
        name: of the thread.
        is_patient: whether it lets others go first.
        most: turns that may wait.
    """

    def __init__(
        self,
        open_model: Callable[[], BaseStylizer],
        *,
        name: str = "model",
        is_patient: bool = False,
        most: int = MOST_WAITING,
    ) -> None:
        self._open, self._name, self._is_patient, self._most = open_model, name, is_patient, most
        self._model: BaseStylizer | None = None
        self._turns: deque[Turn[Any]] = deque()
        self._at_work: Turn[Any] | None = None
        self._thread: threading.Thread | None = None
        self._changed, self._is_over = threading.Condition(), False

    @property
    def waiting(self) -> int:
        """Turns that have not begun."""
        return len(self._turns)

    @property
    def is_working(self) -> bool:
        """Whether one has begun."""
        return self._at_work is not None

    def submit(self, call: Callable[[BaseStylizer, Turn[T]], T], *, slot: str = "") -> Turn[T]:
        """Have something computed, after all that waits; or in the place of what waits of the same slot.

        Args:
            call: is given the model and its turn, which it asks now and then whether to go on.

        Raises:
            Stopping: if the server is about to end.
            TooMany: if too much waits.
        """
        turn = Turn(call, slot)
        with self._changed:
            if self._is_over:
                raise Stopping
            if self._thread is None:  # first, so that nothing waits for one that a full system refuses
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                thread.start()
                self._thread = thread
            self._turns = deque(each for each in self._turns if each.is_waiting)
            older = next((k for k, each in enumerate(self._turns) if slot and each.slot == slot), None)
            replaced = None if older is None else self._turns[older]
            if older is not None:
                self._turns[older] = turn
            elif len(self._turns) >= self._most:
                raise TooMany("too many pictures are asked for at once: ask again in a second", after=1)
            else:
                self._turns.append(turn)
            self._changed.notify()
        if replaced is not None:
            replaced.give_up(Superseded("superseded: a newer request of the same slot took the place of this one"))
        return turn

    def stop(self) -> None:
        """Break off what is going on, and take nothing more; :meth:`join` waits for that."""
        with self._changed:
            self._is_over = True
            turns = [*self._turns, *([self._at_work] if self._at_work is not None else [])]
            self._turns.clear()
            self._changed.notify()
        for turn in turns:
            turn.give_up(Stopping())

    def join(self, seconds: float) -> bool:
        """Whether the thread ended within so many seconds."""
        if self._thread is not None:
            self._thread.join(max(0.0, seconds))
        return self._thread is None or not self._thread.is_alive()

    def _run(self) -> None:
        if self._is_patient:
            be_patient()
        while (turn := self._next()) is not None:
            turn.take(self._opened)
            self._at_work = None
            del turn  # which holds its result
        self._model = None  # and with it the threads that it computes in

    def _next(self) -> Turn[Any] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._turns or self._is_over)
            self._at_work = self._turns.popleft() if self._turns else None
            return self._at_work

    def _opened(self) -> BaseStylizer:
        if self._model is None:
            self._model = self._open()
        return self._model


class Models:
    """What runs the networks: for each shipped model that is asked for a thread for previews, and one that finishes.

    Both have networks of their own, so that a preview never waits for a picture that is being finished, whatever the
    models.
    """

    def __init__(self, site: Site) -> None:
        self._site, self._lock, self._is_over = site, threading.Lock(), False
        self._workers: dict[tuple[str, Lane], ModelWorker] = {}
        for lane in get_args(Lane):
            site.counters.gauge(f"adain_waiting_for_{lane}", functools.partial(self._waiting, lane))
            site.counters.gauge(f"adain_working_for_{lane}", functools.partial(self._working, lane))

    def get(self, name: str, lane: Lane = "finish") -> ModelWorker:
        """The worker of a model.

        Raises:
            WeightsError: if there is no such model.
            Stopping: if the server is about to end.
        """
        find_model(name)
        with self._lock:
            if self._is_over:
                raise Stopping
            if (name, lane) not in self._workers:
                options = ModelOptions(model=name, max_pixels=self._site.options.max_pixels)
                opening, title = functools.partial(open_model, options), f"{lane} by {name}"
                self._workers[name, lane] = ModelWorker(opening, name=title, is_patient=lane == "finish")
            return self._workers[name, lane]

    def stop(self) -> None:
        """End all threads; what they are doing is broken off. A second time does nothing."""
        with self._lock:
            self._is_over = True
            workers = [*self._workers.values()]
        for worker in workers:
            worker.stop()
        until = time.monotonic() + PATIENCE
        for worker in workers:
            worker.join(until - time.monotonic())

    @property
    def is_running(self) -> bool:
        """Whether a thread has not ended."""
        return any(not worker.join(0) for worker in [*self._workers.values()])

    def _waiting(self, lane: Lane) -> int:
        return sum(worker.waiting for (_, of), worker in [*self._workers.items()] if of == lane)

    def _working(self, lane: Lane) -> int:
        return sum(worker.is_working for (_, of), worker in [*self._workers.items()] if of == lane)


def be_patient() -> None:
    """Let this thread, and those that it starts, come after others, where a system knows that of threads."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
