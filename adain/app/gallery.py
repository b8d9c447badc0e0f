"""Artworks and photographs that nobody uploads: those that ship, and those of a folder; and what is asked of styles."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from .._utils.fingerprint import ORIENTATION
from .._utils.resources import samples
from ..control.style import SUFFIX as STYLE_SUFFIX
from ..control.style import stem_of
from ..image import list_images
from ..image.guests import guest_of
from ..image.io import open_header, size_by_header
from .held import Held
from .kinds import Kind, Upload, type_of

_log = logging.getLogger(__name__)

MOST = 1000
"""Artworks of a folder that are offered."""

_TURNED = (5, 6, 7, 8)
"""Values of EXIF's orientation that exchange width and height."""


class AppGallery:
    """What is there from the start. A file is looked at when it is first asked for, and again when it was changed.

    Args:
        folder: of artworks and files of styles, with its sub-folders; hidden ones are left out.
        held: lets go of what was made of a file that was changed.

    Raises:
        MissingFileError, ImageError: if the folder is not there, cannot be listed or holds no artworks.
    """

    def __init__(self, folder: str | os.PathLike[str] | None, held: Held) -> None:
        self._held = held
        self._lock = threading.Lock()
        found = [*_shipped("style"), *_shipped("content"), *([] if folder is None else _of_folder(Path(folder)))]
        self._all = {(each.kind, each.id): each for each in found}
        self._seen: dict[str, tuple[int, int]] = {}  # time of change and size of a file that was measured

    def listed(self, kind: Kind) -> list[dict[str, Any]]:
        """What a list says of those of a kind, in their order."""
        keys = ("id", "name", "title", "author", "source")
        return [{key: getattr(each, key) for key in keys} for each in self._all.values() if each.kind == kind]

    def find(self, kind: Kind, id: str) -> Upload | None:
        """That of an id, with its size in pixels; None if there is none, or its file is gone."""
        with self._lock:
            known = self._all.get((kind, id))
            if known is None:
                return None
            try:
                status = known.path.stat()
            except OSError:
                return None
            seen = (status.st_mtime_ns, status.st_size)
            if self._seen.get(id) != seen:
                if id in self._seen:
                    self._held.drop((id,))
                width, height = _measured(known)
                known = replace(known, width=width, height=height, mime=type_of(known.path))
                self._all[(kind, id)], self._seen[id] = known, seen
            return known

    def stamp(self, id: str) -> str:
        """What changes when the file of an id that was found does."""
        return "-".join(f"{each:x}" for each in self._seen.get(id, (0, 0)))


def _shipped(kind: Kind) -> Iterator[Upload]:
    for each in samples("style" if kind == "style" else "content"):
        told: dict[str, Any] = {"title": each.title, "author": each.author}
        yield Upload(f"gallery-{each.name}", each.name, each.path, 0, 0, "gallery", kind, **told)


def _of_folder(folder: Path) -> Iterator[Upload]:
    unreadable: list[Any] = []
    paths = list_images(folder, recursive=True, unreadable=unreadable, also=(STYLE_SUFFIX,))
    for error in unreadable:
        _log.warning("%s", error)
    if len(paths) > MOST:
        _log.warning("%s has %d artworks: the first %d are offered", folder, len(paths), MOST)
    for number, path in enumerate(paths[:MOST], 1):
        below = path.relative_to(folder)
        title = (below.parent / stem_of(below)).as_posix()
        yield Upload(f"folder-{number}", path.name, path, 0, 0, "folder", "style", title=title)


def _measured(upload: Upload) -> tuple[int, int]:
    """Upright width and height by the file's header; 0 and 0 of a style's file, and of what cannot be read."""
    if not upload.is_picture:
        return 0, 0
    height, width = size_by_header(upload.path)
    if guest_of(str(upload.path)) is None:  # those are told upright
        with contextlib.suppress(Exception), open_header(upload.path) as image:
            if image.getexif().get(ORIENTATION, 1) in _TURNED:
                width, height = height, width
    return width, height
