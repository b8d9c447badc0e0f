"""Pictures that are being finished, and those that are: asked about by their ids, cancelled, and forgotten in time."""

from __future__ import annotations

import contextlib
import functools
import logging
import secrets
import shutil
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .._utils.errors import AdainError
from .errors import Abandoned, Forgotten, Stopping, TooMany, line_of, logged, shown
from .finish import TilesDone, make_file, planned

if TYPE_CHECKING:
    from ..stylizer.content import TileProgress
    from .request import Ordered
    from .site import Site
    from .worker import Turn

_log = logging.getLogger(__name__)

State = Literal["waiting", "working", "done", "failed", "cancelled"]
OVER = ("done", "failed", "cancelled")

KEPT = 32
"""Jobs that are over and still known."""

KEPT_BYTES = 2 << 30
"""Of the files of all of them; that of the last one stays, however large."""

KEPT_SECONDS = 3600.0
"""After which a job that is over is forgotten."""

NOTES = ("alpha", "drift", "held", "faces", "pages", "frames")
"""Of the details of a result, what is said to whoever asked for it."""

RETRY_AFTER = 10
"""Seconds after which there may be room for another."""


class PictureJob:
    """A picture that is being finished.

    Attributes:
        id: random.
        name: of its file.
        file: where that is once the job is done.
        bytes: of that file.
        state: what has become of it.
        changes: how often anything has changed, for whoever follows it.
        error: why it failed, in one line.
        details: what is to be said of the result.
        ended: when it was over, by the clock that only goes forward.
        progress: how far it is.
        turn: its work, until it is over.
        pins: hold what it is made of, until it is over.
    """

    def __init__(self, ordered: Ordered, folder: Path, pins: contextlib.ExitStack) -> None:
        self.id = secrets.token_urlsafe(12)
        self.name, self.file = ordered.name, folder / self.id / ordered.name
        self.state: State = "waiting"
        self.changes, self.ended, self.bytes = 0, 0.0, 0
        self.error: str | None = None
        self.details: Mapping[str, Any] = {}
        self.progress = TilesDone(ordered.options, len(ordered.styles))
        self.turn: Turn[None] | None = None
        self.pins = pins

    @property
    def is_over(self) -> bool:
        return self.state in OVER

    @property
    def is_done(self) -> bool:
        return self.state == "done"

    def described(self) -> dict[str, Any]:
        """What is told of it, as JSON has it."""
        is_done, told = self.is_done, self.details
        known = {
            "job": self.id,
            "state": self.state,
            "phase": self.progress.phase,
            "done": self.progress.done,
            "total": self.progress.total,
            "fraction": 1.0 if is_done else round(self.progress.fraction, 4),
            "error": self.error,
            "result": f"/jobs/{self.id}/result" if is_done else None,
            "name": self.name,
            "width": told.get("width"),
            "height": told.get("height"),
        }
        found = NOTES if "drift" in told else NOTES[1:]  # else the alpha is what was asked for
        return known | {"notes": {name: told[name] for name in found if name in told}}


class Jobs:
    """All of a site: a bounded number that is open, and of those that are over the last ones."""

    def __init__(self, site: Site) -> None:
        self._site, self._folder = site, site.folder / "results"
        self._jobs: dict[str, PictureJob] = {}  # in the order in which they came
        self._lock, self._is_over = threading.RLock(), False
        site.counters.gauge("adain_jobs_open", lambda: self.count_open())

    def open(self, ordered: Ordered) -> PictureJob:
        """Have a picture finished.

        Raises:
            AdainError: at once, for whatever can be told from the order.
            TooMany: if too many are open.
            Stopping: if the server is about to end.
        """
        site = self._site
        with contextlib.ExitStack() as stack:
            stack.enter_context(site.pictures.pinned(ordered.content, *ordered.styles, *ordered.named.values()))
            job = PictureJob(ordered, self._folder, stack)
            job.file.parent.mkdir(parents=True)
            try:
                planned(ordered, job.file)
                self._begin(job, ordered)
            except BaseException:
                self._remove(job)
                raise
            job.pins = stack.pop_all()
            if job.is_over:  # meanwhile
                job.pins.close()
        return job

    def _begin(self, job: PictureJob, ordered: Ordered) -> None:
        worker = self._site.models.get(ordered.model, "finish")
        self._sweep()
        with self._lock:
            if self._is_over:
                raise Stopping
            if self.count_open() >= self._site.options.max_jobs:
                raise TooMany(
                    f"{self.count_open()} pictures are being finished, and no more are taken (--max-jobs): wait for "
                    "one, or cancel it",
                    after=RETRY_AFTER,
                )
            job.turn = turn = worker.submit(functools.partial(self._work, job, ordered))
            self._jobs[job.id] = job
        turn.result.add_done_callback(functools.partial(self._settle, job))

    def get(self, id: str) -> PictureJob:
        """The job of an id; Forgotten, if there is none, or no longer."""
        self._sweep()
        with self._lock:
            if id not in self._jobs:
                raise Forgotten(f"there is no job {shown(id, 40)!r} here, or no longer: ask for the picture again")
            return self._jobs[id]

    def close(self, id: str) -> None:
        """Cancel a job that is open; forget one that is over, with its file."""
        job = self.get(id)
        if self._end(job, "cancelled"):
            return
        with self._lock:
            self._jobs.pop(id, None)
        self._remove(job)

    def stop(self) -> None:
        """Cancel all that is open, and take nothing more; a second time does nothing."""
        with self._lock:
            self._is_over = True
            jobs = [*self._jobs.values()]
        for job in jobs:
            self._end(job, "cancelled", "the server is ending")

    def count_open(self) -> int:
        """Jobs that wait or are at work."""
        with self._lock:
            return sum(not job.is_over for job in self._jobs.values())

    def _work(self, job: PictureJob, ordered: Ordered, model: Any, turn: Turn[None]) -> None:
        """Make the picture, in the thread of its model."""
        with self._lock:
            if job.is_over:
                return
            job.state = "working"
            job.changes += 1

        def tell(tile: TileProgress) -> None:
            job.progress.tell(tile)
            job.changes += 1

        job.details = make_file(model, turn, ordered, job.file, tell, 60 * self._site.options.job_minutes)
        job.bytes = job.file.stat().st_size

    def _settle(self, job: PictureJob, result: Future[None]) -> None:
        """See to what came of a job, in the thread where it did; also of one whose model could not be opened."""
        error = result.exception()
        if error is None:
            self._end(job, "done")
        elif isinstance(error, (Abandoned, Stopping)):
            self._end(job, "cancelled")
        elif self._end(job, "failed", line_of(error, self._site.private)) and (
            not isinstance(error, AdainError) or type(error) is AdainError  # which no other class foresaw
        ):
            _log.error("job %s: %s", job.id, logged(error))
        if not job.is_done:
            self._remove(job)

    def _end(self, job: PictureJob, state: State, error: str | None = None) -> bool:
        """A job is over; False, and nothing happens, if it was before."""
        with self._lock:
            if job.is_over:
                return False
            job.state, job.error, job.ended = state, error, time.monotonic()
            job.changes += 1
            turn, job.turn = job.turn, None  # which may hold what was raised, and that all that was worked on
            pins, job.pins = job.pins, contextlib.ExitStack()
        self._site.counters.add("adain_jobs_total", state=state)
        if state == "cancelled" and turn is not None:
            turn.give_up()
        pins.close()
        return True

    def _sweep(self) -> None:
        """Forget what was over long ago, and the oldest where it is too much."""
        gone = []
        with self._lock:
            over = sorted((job for job in self._jobs.values() if job.is_over), key=lambda job: job.ended)
            count, size, now = len(over), sum(job.bytes for job in over), time.monotonic()
            for k, job in enumerate(over):
                is_last = k == len(over) - 1
                too_much = count > KEPT or (size > KEPT_BYTES and not is_last)
                if not too_much and now - job.ended <= KEPT_SECONDS:
                    break
                count, size = count - 1, size - job.bytes
                gone.append(self._jobs.pop(job.id))
        for job in gone:  # outside of the lock, as it is a matter of files
            self._remove(job)

    def _remove(self, job: PictureJob) -> None:
        shutil.rmtree(job.file.parent, ignore_errors=True)
