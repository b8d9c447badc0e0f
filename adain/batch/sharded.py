"""Shards in, shards out: the pictures in them are stylised, and all else is copied byte for byte.

While a shard is at work its results lie, as those of a folder do, in a folder beside it that is called after it,
``train-0000.tar.parts``. Once all are there they are written into the shard, together with what else their samples
have, and that folder goes. So a crash costs what it costs in a folder, and a shard appears complete or not at all.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import os
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._utils.errors import ImageError, InputError, MissingFileError
from .._utils.files import atomic_path, temporary_name
from .._utils.fingerprint import fingerprint
from .._utils.protect import protect
from .folder import Folder
from .manifest import Manifest, digest_of
from .options import FolderOptions
from .pairing import told_apart
from .plan import Found, means_file
from .run import Result, Task
from .shard_writer import ShardEntry, write_shard
from .shards import SHARD, find_shards, read_shard, split

PARTS = ".parts"
"""What the folder of a shard's results is called beside its name, as long as the shard is not complete."""

REFUSED = {
    "naming": "they keep the names of their samples",
    "copy_labels": "all that is in them is copied",
    "pyramid": "they are of small pictures",
}
"""The options that do not go with shards, and why."""


def plan_folder(
    contents: Any,
    styles: Any,
    output: str | os.PathLike[str] | None,
    options: FolderOptions,
    *,
    tolerant: bool = False,
    keeps: bool = False,
) -> Folder:
    """:meth:`Folder.plan`, or the same for shards if that is what the contents are.

    Args:
        contents, styles, output, options, tolerant: see there.
        keeps: whether a manifest is kept of a single result, too, unless its file is named.
    """
    given = contents if isinstance(contents, (list, tuple)) else [contents]
    found = find_shards(given, recursive=options.recursive)
    if found:
        return _plan(found, styles, output, options, tolerant)
    if options.image_key is not None:
        options.refuse(f"{{image_key}} is of shards ({SHARD}), and there are none: leave it out")
    manifest = Manifest(output or ".") if keeps and not means_file(output) else None
    return Folder.plan(contents, styles, output, options, tolerant=tolerant, manifest=manifest)


def _plan(found: list[Found], styles: Any, output: Any, options: FolderOptions, tolerant: bool) -> Sharded:
    for name in REFUSED.keys() & options.given().keys():
        options.refuse(f"{{{name}}} does not go with shards, for {REFUSED[name]}: leave it out")
    if options.strips == "on":
        options.refuse("{strips} on is for files, not for shards: leave it out")
    if means_file(output):
        raise InputError(f"{output} is one file, and shards go into a folder: give a folder to -o")
    target, unread = Path(output or "."), list[Any]()
    manifest = Manifest(target)
    found = [each for each in found if not manifest.has(each.path)] or found
    outputs = [target / each.below / each.path.name for each in found]
    if twice := [path for path, n in Counter(outputs).items() if n > 1]:
        raise InputError(f"two shards would be called {twice[0]}: rename one, or stylise them apart")
    protect(outputs, (each.path for each in found))
    photographs, others = list[Found](), dict[Path, set[str]]()
    for each in found:
        try:
            members, others[each.path] = read_shard(each, options.image_key)
        except (ImageError, MissingFileError) as error:
            if not tolerant:
                raise
            unread.append(error)
        else:
            below = each.below / f"{each.path.name}{PARTS}"
            photographs += [Found(member, below, member.called) for member in members]
    if not photographs:
        told = f"{found[0].path} holds no pictures: say how those end, such as --image-key jpg (image_key)"
        raise unread[0] if unread else ImageError(told)
    read = [each for each in found if each.path in others]
    how: dict[str, Any] = {"search": lambda *_, **__: photographs, "manifest": manifest}
    planned = Sharded.plan([each.path for each in read], styles, target, options, **how)
    planned.unreadable += unread
    grouped = itertools.groupby(planned.tasks, lambda task: task.job.content.file)  # which follow one another
    tasks = {path: [*group] for path, group in grouped}
    for each in read:
        output = target / each.below / each.path.name
        planned.shards.append(Shard(each.path, output, tasks.get(each.path, [])))
    planned.name_samples(others)
    return planned


@dataclass
class Shard:
    """One shard.

    Attributes:
        source, output: the files.
        tasks: one for each result in it.
    """

    source: Path
    output: Path
    tasks: list[Task]

    @property
    def parts(self) -> Path:
        """The folder of its results, until it is complete."""
        return self.output.with_name(f"{self.output.name}{PARTS}")

    @functools.cached_property
    def settings(self) -> str:
        """A :func:`~adain._utils.fingerprint.fingerprint` of all that is in it."""
        return fingerprint([self.source, [task.settings for task in self.tasks]])


@dataclass
class Sharded(Folder):
    """All results of shards: planned, and then made or found to be there.

    Attributes:
        shards: in order; the tasks are theirs.
        slots: what is put behind the keys of samples, by style; empty where a sample has one result.
    """

    shards: list[Shard] = field(default_factory=list)
    slots: dict[int, str] = field(default_factory=dict)

    def name_samples(self, others: Mapping[Path, set[str]]) -> None:
        """Say what samples are called; ``others`` are the keys of those without a picture, by shard.

        Raises:
            InputError: if two would share a key.
        """
        if len({task.job.content for task in self.tasks}) == len(self.tasks):
            return
        names = {task.job.style: str(task.details["style"]) for task in self.tasks}
        # A key ends at the first dot, and slashes part folders.
        plain = told_apart([name.replace(".", "_").replace("/", "_") for name in names.values()])
        self.slots = dict(zip(names, plain, strict=True))
        for shard in self.shards:
            pairs = {((split(t.job.content.name) or ("",))[0], t.job.style) for t in shard.tasks}
            times = Counter([*(f"{key}-{self.slots[style]}" for key, style in pairs), *others[shard.source]])
            if twice := [key for key, n in times.items() if n > 1]:
                raise InputError(f"two samples of {shard.output} would have the key {twice[0]}: rename an artwork")

    def results(self, progress: Callable[[Any], object] | None = None) -> Generator[Result, None, None]:
        """:meth:`Folder.results`, each called as in its shard, which is put in place after its last one."""
        if self.manifest is not None:
            self.manifest.sweep()
        made = super().results(progress)
        with contextlib.closing(made):
            for shard in self.shards:
                was_whole, failed, is_changed = self._is_whole(shard), set[Path](), False
                for task in shard.tasks:
                    result = next(made, None)
                    if result is None:
                        return
                    if result.error is not None:
                        failed.add(result.output)
                    is_changed = is_changed or result.status == "done"
                    job = dataclasses.replace(task.job, output=shard.output / self._entry(task).name)
                    yield dataclasses.replace(result, task=dataclasses.replace(result.task, job=job))
                is_kept = was_whole or (self.order.options.existing == "skip" and shard.output.is_file())
                if is_changed or not is_kept:
                    self._complete(shard, failed, shard.output if was_whole else None)
                else:  # a kill may have kept that from being removed
                    shutil.rmtree(shard.parts, ignore_errors=True)
            next(made, None)

    def _remaining(self) -> list[Task]:
        todo: list[Task] = []
        existing = self.order.options.existing
        for shard in self.shards:
            if existing == "redo":
                todo += shard.tasks
            elif not (existing == "skip" and shard.output.is_file()):
                is_whole = self._is_whole(shard)
                todo += [task for task in shard.tasks if not self._is_done(task, is_whole)]
        return todo

    def _is_done(self, task: Task, is_whole: bool) -> bool:
        """Whether a result is in its shard, or among the parts of it."""
        assert self.manifest is not None
        known = self.manifest.latest.get(self.manifest.key(task.job.output), {})
        if is_whole and known.get("status") == "done" and known.get("settings") == task.settings:
            return True
        is_done = self.manifest.is_complete(task.job.output, task.settings)
        if is_done:
            self.manifest.settle(task.job.output, **task.details)
        return is_done

    def _is_whole(self, shard: Shard) -> bool:
        """Whether a shard is in place, made of what it would be made of now; samples that failed are not in it."""
        assert self.manifest is not None
        is_whole = self.manifest.is_complete(shard.output, shard.settings)
        if is_whole:
            self.manifest.settle(shard.output)
        return is_whole

    def _is_other(self, task: Task) -> bool:
        return task.job.output.parent in self._others

    @functools.cached_property
    def _others(self) -> set[Path]:
        """The parts of the shards that are there and were made under other options."""
        assert self.manifest is not None
        found = set()
        for shard in self.shards:
            known = self.manifest.latest.get(self.manifest.key(shard.output), {"status": ""})
            if known["status"] == "done" and known.get("settings") != shard.settings and shard.output.is_file():
                found.add(shard.parts)
        return found

    def _entry(self, task: Task, failed: Collection[Path] = ()) -> ShardEntry:
        """A result as it goes into its shard."""
        path, slot = task.job.output, self.slots.get(task.job.style, "")
        entry = ShardEntry(task.job.content.name, path, slot, path in failed)
        name = entry.renamed(entry.name)
        own = os.path.splitext(name)[1]
        return dataclasses.replace(
            entry, name=name if own.lower() == path.suffix else name.removesuffix(own) + path.suffix
        )

    def _complete(self, shard: Shard, failed: set[Path], before: Path | None) -> None:
        """Put a shard in place, without the samples whose results failed, and remove what it was made of."""
        assert self.manifest is not None
        entries: dict[int, list[ShardEntry]] = {}
        for task in shard.tasks:
            entries.setdefault(task.job.content.number, []).append(self._entry(task, failed))
        name = temporary_name(SHARD)
        self.manifest.writing(shard.output, shard.settings, "", name)
        with atomic_path(shard.output, name=name) as temporary:
            count = write_shard(shard.source, temporary, entries, before)
            self.manifest.writing(shard.output, shard.settings, digest_of(temporary), name)
        size = shard.output.stat().st_size
        told = {"samples": count, "failed": len(failed), "settings": shard.settings, "bytes": size}
        self.manifest.append(shard.output, "done", durable=True, **told)
        shutil.rmtree(shard.parts, ignore_errors=True)
