"""The tasks of a folder in several processes on one machine.

Each process loads the network, makes what it is handed, content by content, and writes files and manifest by itself;
only news travels back. A process that dies takes nothing with it: what it had not finished is tried again in another,
each content by itself, and given up only if that process dies of it, too.
"""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from .._utils.chatter import silence
from .._utils.errors import AdainError, DiskFullError, InputError
from .._utils.prefetch import AHEAD
from ..options import FileOptions
from .manifest import Manifest
from .order import Maker
from .run import Result, Task, by_content, fail, make, portable

PATIENCE = 10.0
"""Seconds that processes have to finish what they are at when the work is broken off."""


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection[Any, Any]
    groups: deque[int] = field(default_factory=deque)
    is_ready: bool = False


def share_out(
    tasks: Sequence[Task], build: Callable[[], Maker], manifest: Manifest, *, jobs: int, options: FileOptions
) -> Iterator[Result]:
    """:func:`adain.batch.run.make` in several processes; results come in the order of the tasks.

    Args:
        tasks: those of one content follow one another, and are made by the same process.
        build: gives each process its maker; must be picklable.
        jobs: processes, ≥ 1; no more are started than there are contents.
        options: of the files that they write.

    Raises:
        AdainError: if ``build`` does so in a process.
    """
    crew = _Crew(by_content(tasks), build, manifest, jobs, options)
    sent = 0
    try:
        while sent < len(tasks) and not crew.is_full:
            output = tasks[sent].job.output
            if output in crew.finished:
                yield crew.finished.pop(output)
                sent += 1
            else:
                crew.wait()
    finally:
        crew.dismiss()
    rest = (crew.finished.get(task.job.output) for task in tasks[sent:])
    yield from (result for result in rest if result is not None)


class _Crew:
    def __init__(
        self, groups: list[list[Task]], build: Callable[[], Maker], manifest: Manifest, jobs: int, options: FileOptions
    ) -> None:
        self.build, self.manifest, self.options = build, manifest, options
        self.left = {k: {task.job.output: task for task in group} for k, group in enumerate(groups)}
        self.waiting = deque(self.left)
        self.suspects: set[int] = set()
        self.finished: dict[Path, Result] = {}
        self.is_full = False
        count = max(1, min(jobs, len(groups)))
        # Enough to read ahead, but not so much that others stand idle at the end.
        self.portion = min(AHEAD + 1, math.ceil(len(groups) / count))
        self.workers = [self._hire() for _ in range(count if groups else 0)]

    def _hire(self) -> _Worker:
        # Not fork: that would share the threads' locks and CUDA's state.
        context = get_context("spawn")
        here, there = context.Pipe()
        arguments = (self.build, self.manifest.folder, self.options, there)
        process = context.Process(target=_work, args=arguments, daemon=True)
        process.start()
        there.close()  # only the other process holds it now: its closing tells of its death
        worker = _Worker(process, here)
        self._hand(worker)
        return worker

    def _hand(self, worker: _Worker) -> None:
        with contextlib.suppress(OSError):  # it has died, as its closed end will tell
            while self.waiting and len(worker.groups) < self.portion and self.suspects.isdisjoint(worker.groups):
                number = self.waiting[0]
                if number in self.suspects and worker.groups:
                    break  # it is to be alone
                worker.groups.append(self.waiting.popleft())
                worker.pipe.send([*self.left[number].values()])

    def wait(self) -> None:
        """Until there is news from some process, and take note of it."""
        ready = connection.wait([worker.pipe for worker in self.workers])
        for worker in [worker for worker in self.workers if worker.pipe in ready]:
            try:
                news = worker.pipe.recv()
            except (EOFError, OSError):
                self._bury(worker)
                continue
            if isinstance(news, AdainError):
                raise news
            if news is None:
                worker.is_ready = True
            else:
                self._note(worker, news)

    def _note(self, worker: _Worker, result: Result) -> None:
        self.finished[result.output] = result
        self.is_full = self.is_full or isinstance(result.error, DiskFullError)
        number = next(number for number in worker.groups if result.output in self.left[number])
        del self.left[number][result.output]
        if not self.left[number]:
            worker.groups.remove(number)
            self.suspects.discard(number)
        self._hand(worker)

    def _bury(self, worker: _Worker) -> None:
        """See to what a dead process has left: any of it may have been the cause, unless it was alone."""
        worker.process.join()
        worker.pipe.close()
        self.workers.remove(worker)
        if worker.is_ready:
            if not self.suspects.isdisjoint(worker.groups):
                self._give_up(worker.groups.popleft(), worker)
            self.suspects.update(worker.groups)
        self.waiting.extendleft(reversed(worker.groups))
        if not self.waiting:
            return
        if worker.is_ready:
            self.workers.append(self._hire())
        for other in self.workers:
            self._hand(other)
        if not self.workers and worker.process.exitcode == 1:
            raise InputError(
                'processes cannot begin: a script that asks for several jobs does so under if __name__ == "__main__":'
            )  # as each of them runs it
        if not self.workers:  # none can so much as begin
            while self.waiting:
                self._give_up(self.waiting.popleft(), worker)

    def _give_up(self, number: int, worker: _Worker) -> None:
        for task in self.left[number].values():
            reason = AdainError(f"{task.job.content}: the process at work on it {_end(worker.process.exitcode)}")
            self.finished[task.job.output] = fail(task, reason, self.manifest)
        self.left[number].clear()

    def dismiss(self) -> None:
        """Let all processes finish what they are at, and end."""
        for worker in self.workers:
            worker.pipe.close()
            if not worker.is_ready:  # it is still loading the network
                worker.process.terminate()
        deadline = time.monotonic() + PATIENCE
        for worker in self.workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.terminate()
                worker.process.join()


def _end(code: int | None) -> str:
    """How a process ended, in words."""
    if code is None or code >= 0:
        return f"ended with code {code}"
    name = signal.Signals(-code).name
    return f"was killed by {name}" + (" (out of memory?): use fewer --jobs" if name == "SIGKILL" else "")


def _work(build: Callable[[], Maker], folder: Path, options: FileOptions, pipe: Connection[Any, Any]) -> None:
    """What a process does: groups of tasks come in, and what became of each goes out."""
    silence()
    # Ctrl-C reaches every process of a terminal; the first one sees to it and closes the pipes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop, speaks = threading.Event(), threading.Lock()

    def tell(message: Any) -> None:
        try:
            with speaks:  # several threads write
                pipe.send(message)
        except OSError:  # nobody is there to hear it: the manifest has it
            stop.set()

    def groups() -> Iterator[Sequence[Task]]:
        while True:
            try:
                yield pipe.recv()
            except (EOFError, OSError):
                stop.set()
                return

    try:
        maker = build()
    except AdainError as error:
        tell(AdainError(str(error)))
        return
    tell(None)
    with Manifest(folder, is_known=True) as manifest:
        for _ in make(groups(), maker, manifest, options=options, stop=stop, report=lambda r: tell(portable(r))):
            pass
