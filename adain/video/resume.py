"""What a long job leaves behind as it goes, so that the same command can go on after anything."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from .._utils.errors import InputError
from .._utils.files import atomic_path
from .._utils.fingerprint import fingerprint
from .._utils.locks import NAME, hold
from ..options import Declared
from .state import State, pack, unpack

FORMAT = 3


class WorkFolder:
    """The folder ``OUTPUT.parts`` beside an output: parts that are done, and the state after the last of them.

    A part that is not in the state was not finished and will be made again.
    """

    def __init__(self, output: Path) -> None:
        self.folder = output.with_name(f"{output.name}.parts")
        self._about: State = {"format": FORMAT}
        self._state = self.folder / "state.safetensors"
        self._older = self.folder / "state.pt"  # of versions that wrote formats 1 and 2
        self._lock: IO[str] | None = None

    def open(self, settings: Mapping[str, str], options: str = "", *, restart: bool = False) -> State | None:
        """Take hold of the folder; the state of an interrupted job, or None to begin anew, as ``restart`` does always.

        ``settings`` are those of :func:`settings_of`; ``options``, of :func:`written`, are kept for whoever wants to
        know what job this is. InputError if another process is at work there, or the settings were others.
        """
        self._about |= {"settings": dict(settings), "options": options}
        probe = self.folder / ".probe"
        _write(probe, b"")  # makes the folder, with a clear error where it cannot
        probe.unlink()
        self._lock = hold(self.folder, self.folder.name.removesuffix(".parts"))
        for leftover in self.folder.glob(".adain-*"):
            leftover.unlink(missing_ok=True)  # of a process that was killed while writing
        if restart:
            self._state.unlink(missing_ok=True)
            self._older.unlink(missing_ok=True)
        if not self.has_state:
            return None
        try:
            state = unpack(self._state)
            if state["format"] != FORMAT:
                raise ValueError(f"format {state['format']}")
        except Exception as error:  # whatever damage makes a reader meet
            self.close()
            raise InputError(f"{self._state} is damaged, or of another version: begin anew with --restart") from error
        before = state["settings"]
        other = [name for name in {**before, **settings} if before.get(name) != settings.get(name)]
        if other:
            self.close()
            raise InputError(
                f"{self.folder} is of a job with another {', '.join(other)}: give the same command again to go on, "
                "or --restart to begin anew"
            )
        return state

    @property
    def has_state(self) -> bool:
        """Whether there is something to go on from, if only for another version."""
        return self._state.exists() or self._older.exists()

    def part(self, index: int) -> Path:
        """Where a part goes."""
        return self.folder / f"part-{index:05d}.nut"

    def save_part(self, index: int, data: bytes) -> None:
        """Write a part, whole or not at all."""
        _write(self.part(index), data)

    def save(self, state: State) -> None:
        """Write the state, whole or not at all."""
        _write(self._state, pack(self._about | state))

    def close(self) -> None:
        """Let go of the folder; if nothing was saved in it, remove it."""
        if self._lock is not None:
            self._lock.close()
        if not self.has_state:
            self.remove()

    def remove(self) -> None:
        """The job is done: take its files away, and the folder if nothing else is in it."""
        own = ("part-*.nut", self._state.name, self._older.name, NAME, ".adain-*")
        with contextlib.suppress(OSError):
            for path in [path for pattern in own for path in self.folder.glob(pattern)]:
                path.unlink()
            self.folder.rmdir()


def _write(path: Path, data: bytes) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def settings_of(options: Declared, **more: Any) -> dict[str, str]:
    """What a job's result depends on, by name: a fingerprint of every decisive option, and of what else is given."""
    return {name.replace("_", " "): fingerprint(value) for name, value in {**more, **options.decisive()}.items()}


def written(options: Declared) -> str:
    """The options as :meth:`~adain.options.Declared.from_json` reads them; empty where they have no such form."""
    try:
        return options.absolute().to_json()
    except InputError:
        return ""
