"""The manifest of a folder of results: what was made of what, and what failed, one JSON object a line.

Lines are only ever appended, each in one write, so that several processes can share a file and a kill can tear
nothing but the last line; a torn line is ignored. The last line about an output is the one that counts. Its
``status`` is ``"done"`` (in place and complete), ``"failed"`` (with the ``reason``), or ``"writing"``: its bytes, whose
``sha256`` is given, are about to be put in place. That is what tells after a kill whether they were.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._utils.errors import InputError
from .._utils.files import unwritable

try:
    import fcntl
except ImportError:  # not POSIX: no locks, so leftovers of a kill stay
    fcntl = None  # type: ignore[assignment]

NAME = "manifest.jsonl"
SYNC_EVERY = 1.0
"""Seconds after which what was recorded is on the disk, if something more is recorded."""

_START = b'{"output":'
_TEMPORARY = re.compile(r"\.adain-[0-9a-f]{16}(\.\w+)?")
Record = Mapping[str, Any]


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Manifest:
    """The manifest of one folder.

    Reading happens on construction; the file (and the folder) is made when the first line is appended. Safe to be
    appended to from several threads and processes.

    Args:
        folder: of the results; it need not exist.
        is_known: whether it is read already, by another process, and this one only appends.

    Raises:
        InputError: if the file there cannot be read, or is not such a manifest.
    """

    def __init__(self, folder: str | os.PathLike[str], *, is_known: bool = False) -> None:
        self.folder = Path(folder)
        self.path = self.folder / NAME
        self.is_known = is_known
        self.latest: dict[str, Record] = {} if is_known else self._read()
        self._file: int | None = None
        self._torn = False
        self._unsynced, self._synced = False, -math.inf
        self._lock = threading.Lock()

    def is_complete(self, output: Path, settings: str) -> bool:
        """Whether a result is there, complete, and was made with those settings (a :func:`fingerprint`).

        One that was changed or cut short afterwards is told by its size.
        """
        record = self.latest.get(self.key(output))
        if record is None or record.get("settings") != settings:
            return False
        try:
            if record["status"] == "done":
                return output.stat().st_size == record.get("bytes")
            if record["status"] == "writing":
                return digest_of(output) == record.get("sha256")
        except OSError:
            pass
        return False

    def settle(self, output: Path, **details: Any) -> None:
        """Record an output that :meth:`is_complete` as done where a kill has kept that from being recorded."""
        record = self.latest.get(self.key(output))
        if record is not None and record["status"] == "writing":
            self.append(output, "done", **details, settings=record["settings"], bytes=output.stat().st_size)

    def is_there(self, output: Path) -> bool:
        """Whether there is a result of that name, whatever made it."""
        return output.is_file()

    def has(self, path: Path) -> bool:
        """Whether a file is one of the folder's results, of whatever settings."""
        return self.key(path) in self.latest

    def key(self, output: Path) -> str:
        """The name under which an output is recorded: relative to the folder, which may thus be moved."""
        return Path(os.path.relpath(output, self.folder)).as_posix()

    def writing(self, output: Path, settings: str, digest: str, temporary: str) -> None:
        """Record that what has that SHA-256 is about to become ``output``, by way of a temporary file in its folder.

        The digest is empty as long as the temporary file is not complete.
        """
        self.append(output, "writing", settings=settings, sha256=digest, temporary=temporary)

    def append(self, output: Path, status: str, *, durable: bool = False, **details: Any) -> None:
        """Append a line.

        Args:
            output: the file it is about.
            status: ``"done"``, ``"failed"`` or ``"writing"``.
            durable: see that it gets to the disk, so that a loss of power takes back no more than the last
                :data:`SYNC_EVERY` seconds. (A process that dies takes back nothing.)
            details: whatever else is known.

        Raises:
            InputError: if it cannot be written, as on a full disk.
        """
        record = {"output": self.key(output), "status": status, **details}
        line = (json.dumps(record, ensure_ascii=False) + "\n").encode("utf-8", "surrogateescape")
        with self._lock:
            try:
                file = self._open()
                if self._torn:
                    line = b"\n" + line
                written = os.write(file, line)
                self._torn = written < len(line)
                if self._torn:  # the disk is full: a second attempt says so
                    written += os.write(file, line[written:])
                    self._torn = written < len(line)
                self._unsynced = self._unsynced or durable
                # Of small pictures it would take longer than the network to wait for the disk each time.
                if self._unsynced and time.monotonic() >= self._synced + SYNC_EVERY:
                    self._sync(file)
            except OSError as error:
                raise unwritable(self.path, error) from error
            if not self.is_known:
                self.latest[record["output"]] = record

    def sweep(self) -> None:
        """Remove the temporary files that a kill left, unless another process is at work in the folder."""
        if fcntl is None or not self.path.exists():
            return
        with contextlib.suppress(OSError), self._lock:
            file = self._open()
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for output, record in self.latest.items():
                    name = record.get("temporary")
                    # Names are taken from a file, so only such as could be ours.
                    if record["status"] == "writing" and isinstance(name, str) and _TEMPORARY.fullmatch(name):
                        with contextlib.suppress(OSError):
                            (self.folder / output).parent.joinpath(name).unlink()
            finally:
                fcntl.flock(file, fcntl.LOCK_SH)

    def close(self) -> None:
        """Close the file; the next :meth:`append` opens it again."""
        with self._lock:
            if self._file is not None:
                with contextlib.suppress(OSError):
                    self._sync(self._file)
                os.close(self._file)
                self._file = None

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Manifest({str(self.path)!r}, {len(self.latest)} outputs)"

    def _open(self) -> int:
        if self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o666)
            if fcntl is not None:
                with contextlib.suppress(OSError):  # a file system without locks
                    fcntl.flock(self._file, fcntl.LOCK_SH)
            if os.lseek(self._file, 0, os.SEEK_END) > 0:
                os.lseek(self._file, -1, os.SEEK_END)
                self._torn = os.read(self._file, 1) != b"\n"
        return self._file

    def _sync(self, file: int) -> None:
        if self._unsynced:
            os.fsync(file)
        self._unsynced, self._synced = False, time.monotonic()

    def _read(self) -> dict[str, Record]:
        try:
            data = self.path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return {}  # of the latter, whoever writes there will be told
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"cannot read {self.path}: {reason}; remove it or choose another folder") from error
        if not _START.startswith(data.partition(b"\n")[0][: len(_START)]):  # the first line, too, may be torn
            raise InputError(f"{self.path} is no manifest of this program: choose another folder")
        latest: dict[str, Record] = {}
        for line in data.split(b"\n"):
            try:
                record = json.loads(line.decode("utf-8", "surrogateescape"))
                latest[record["output"]] = record | {"status": record["status"]}
            except (ValueError, TypeError, KeyError):
                continue  # torn by a kill
        return latest
