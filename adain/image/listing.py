"""The files of a folder and of what lies below it, and the formats that make pictures of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from .._utils.errors import ImageError, MissingFileError

_JPEG, _TIFF = dict.fromkeys((".jpg", ".jpeg"), "JPEG"), dict.fromkeys((".tif", ".tiff"), "TIFF")
WRITABLE = _JPEG | {".png": "PNG", ".webp": "WEBP"} | _TIFF
"""The formats that can be written, by the suffixes of files."""

SUFFIXES = (*WRITABLE, ".jfif", ".bmp", ".gif", ".ppm", ".pgm", ".jp2", ".avif", ".heic", ".heif", ".hif", ".jxl")
"""Of files that are taken for pictures, also where what reads them (:mod:`adain.image.guests`) is not installed: a file
that is passed over in silence is worse than one that fails."""

# No format whose reader decodes before the size is checked, as of ICO, or runs a program, as EPS.
READABLE = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "AVIF")


def list_images(
    folder: str | os.PathLike[str],
    *,
    recursive: bool = False,
    unreadable: list[ImageError] | None = None,
    also: tuple[str, ...] = (),
) -> list[Path]:
    """List the files of `folder` that end in one of `SUFFIXES`, or `also` (in any case), sorted by name.

    With `recursive`, those of its subfolders too, see `walk`. Hidden files and folders are skipped. Raises
    MissingFileError if there is no such folder, ImageError if it is a file, unreadable or holds no images. An
    unreadable subfolder is put into the list `unreadable` as such an error, if there is one, and else raised.
    """
    root = Path(folder)
    if not os.path.exists(root):
        raise MissingFileError(f"cannot list {root}: there is no such folder; check the path")

    def refuse(error: OSError) -> None:
        where = error.filename or root
        refused = ImageError(f"cannot list {where}: {error.strerror or error}; name a readable folder")
        if unreadable is None or Path(where) == root:
            raise refused from error
        unreadable.append(refused)

    try:
        paths = walk(root, refuse) if recursive and root.is_dir() else sorted(root.iterdir())
    except OSError as error:
        refuse(error)
        raise
    known = (*SUFFIXES, *also)
    found = [p for p in paths if p.suffix.lower() in known and not p.name.startswith(".") and p.is_file()]
    if not found:
        raise ImageError(f"{root} holds no images; expected files ending in {', '.join(known)}")
    return found


def walk(root: Path, onerror: Callable[[OSError], None]) -> list[Path]:
    """All files below a folder, sorted, without the hidden ones and those in hidden folders.

    Links to folders are followed, but each folder is visited once, under the first of its names, so that links
    cannot lead in circles. ``onerror`` is told of every folder that cannot be listed, by an error with ``filename``;
    the rest is still listed.
    """
    seen: set[tuple[int, int]] = set()
    found: list[Path] = []
    for folder, names, files in os.walk(root, onerror=onerror, followlinks=True):
        status = os.stat(folder)
        if (identity := (status.st_dev, status.st_ino)) in seen:
            names.clear()
            continue
        seen.add(identity)
        # os.walk descends into what is left here, in this order.
        names[:] = sorted(name for name in names if not name.startswith("."))
        found += [Path(folder, name) for name in files if not name.startswith(".")]
    return sorted(found)
