"""Training images, decoded once into a memory-mapped file.

JPEGs cost a hundred times more to decode than to copy, so a training set is decoded once, reduced, and from
then on read through the page cache. The pixels lie one image after the other in ``<fingerprint>.pixels``;
``<fingerprint>.json``, written last, holds their sizes and makes the cache valid.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import os
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
from PIL import Image

from .._utils.errors import AdainError, InputError, MissingFileError
from .._utils.files import atomic_path
from .._utils.prefetch import read_ahead
from .._utils.tars import check_end
from ..image import SUFFIXES, list_images, read_image, resize_shorter, split_alpha

MIN_SIDE = 64
"""Images with a shorter side below this are left out: crops of them would be mush."""

ABANDONED = 600.0
"""Seconds without growth after which an unfinished cache is taken for a dead one."""

FORMAT = 1
NAMES_KEPT = 5

Pixels = npt.NDArray[np.uint8]


@dataclass
class Skipped:
    """What a cache leaves out: how many files, and the first few names."""

    damaged: int = 0
    small: int = 0
    other: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, kind: str, name: str) -> None:
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.names) < NAMES_KEPT and kind != "other":
            self.names.append(name)

    def __str__(self) -> str:
        """One line for people, empty if nothing but files that never were images was left out."""
        parts = [f"{self.damaged} damaged"] if self.damaged else []
        parts += [f"{self.small} smaller than {MIN_SIDE} px"] if self.small else []
        more = ", …" if self.damaged + self.small > len(self.names) else ""
        return f"{', '.join(parts)} ({', '.join(self.names)}{more})" if parts else ""


class ImageCache:
    """Read access to a finished cache.

    Attributes:
        sizes: ``(N, 2)`` int64, height and width of every image.
        pixels: ``(bytes,)`` uint8, the images ``(H, W, 3)`` one after the other.
        skipped: what was left out when it was built.
    """

    def __init__(self, path: Path, sizes: npt.NDArray[np.int64], skipped: Skipped) -> None:
        self.sizes = sizes
        self.skipped = skipped
        self._ends = np.cumsum(sizes.prod(axis=1) * 3, dtype=np.int64)
        self.pixels: Pixels = np.memmap(path, dtype=np.uint8, mode="r", shape=(int(self._ends[-1]),))

    def __len__(self) -> int:
        return len(self.sizes)

    def image(self, index: int) -> Pixels:
        """``(H, W, 3)`` uint8 view of one image; nothing is copied."""
        height, width = self.sizes[index].tolist()
        end = int(self._ends[index])
        return self.pixels[end - height * width * 3 : end].reshape(height, width, 3)

    def signature(self) -> str:
        """A short digest of the sizes: a resumed run uses it to see that it has the same images."""
        return hashlib.sha256(self.sizes.tobytes()).hexdigest()[:16]


def fingerprint(sources: Sequence[Path], cache_size: int) -> str:
    """Digest of everything a cache depends on: paths, sizes and times of the files, and the settings."""
    digest = hashlib.sha256(f"{FORMAT} {cache_size}".encode())
    for source in sources:
        if not source.exists():
            raise MissingFileError(f"{source} does not exist: give a folder of images or a .tar file")
        for path in list_images(source, recursive=True) if source.is_dir() else [source]:
            status = path.stat()
            digest.update(f"\n{os.path.abspath(path)} {status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()[:32]


def open_cache(
    sources: Sequence[Path],
    folder: Path,
    cache_size: int,
    *,
    check: Callable[[int], None] = lambda _: None,
) -> ImageCache:
    """The cache of these images, from ``folder`` if it is there, built otherwise.

    Args:
        sources: folders, searched recursively, and ``.tar`` files (compressed ones too); one usable image at least.
        cache_size: longest a shorter side may be; smaller images keep their size.
        check: called now and then with the number of images done; what it raises leaves nothing behind.
    """
    base = folder / fingerprint(sources, cache_size)
    pixels, index = base.with_suffix(".pixels"), base.with_suffix(".json")
    found = _read_index(index, pixels)
    if found is None:
        _build(sources, pixels, index, cache_size, check)
        found = _read_index(index, pixels)
        if found is None:
            raise InputError(f"{pixels} changed while it was read: is another process writing there?")
    return ImageCache(pixels, *found)


def _read_index(index: Path, pixels: Path) -> tuple[npt.NDArray[np.int64], Skipped] | None:
    """Sizes and what was skipped; None if there is no cache, or one that cannot be whole."""
    try:
        values = json.loads(index.read_text(encoding="utf-8"))
        sizes = np.asarray(values["sizes"], dtype=np.int64).reshape(-1, 2)
        if len(sizes) == 0 or pixels.stat().st_size != int(sizes.prod(axis=1).sum()) * 3:
            return None
        return sizes, Skipped(**values["skipped"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _build(sources: Sequence[Path], pixels: Path, index: Path, cache_size: int, check: Callable[[int], None]) -> None:
    skipped = Skipped()
    sizes: list[tuple[int, ...]] = []
    _sweep(pixels.parent, pixels.suffix)
    members = itertools.chain.from_iterable(_members(source, skipped) for source in sources)
    cores = os.cpu_count() or 1
    decoded = read_ahead(members, lambda member: _decode(member[1], cache_size), threads=cores, ahead=4 * cores)
    with contextlib.closing(decoded), atomic_path(pixels) as temporary, temporary.open("wb") as file:
        for (name, _), future in decoded:
            image = future.result()
            check(len(sizes))
            if image is None:
                skipped.add("damaged", name)
            elif min(image.shape[:2]) < MIN_SIDE:
                skipped.add("small", name)
            else:
                sizes.append(image.shape[:2])
                file.write(image.tobytes())
        if not sizes:
            listed = ", ".join(map(str, sources))
            why = f" ({skipped})" if str(skipped) else ""
            raise InputError(f"{listed}: no usable images{why}; {MIN_SIDE} px a side are needed")
    with atomic_path(index) as temporary:
        temporary.write_text(json.dumps({"sizes": sizes, "skipped": asdict(skipped)}), encoding="utf-8")


def _sweep(folder: Path, suffix: str) -> None:
    """Remove what a killed build left; one that still grows belongs to somebody else."""
    for path in folder.glob(f".adain-*{suffix}"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > ABANDONED:
                path.unlink()


def _members(source: Path, skipped: Skipped) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every image file of a source. Tar members are read in passing, never extracted."""
    if source.is_dir():
        for path in list_images(source, recursive=True):
            yield path.name, path.read_bytes() if os.access(path, os.R_OK) else b""
        return
    try:
        with tarfile.open(source) as archive:
            for member in archive:
                name = PurePosixPath(member.name)
                if not member.isfile() or name.name.startswith("."):
                    continue
                if name.suffix.lower() not in SUFFIXES:
                    skipped.add("other", name.name)
                    continue
                file = archive.extractfile(member)
                yield name.name, file.read() if file else b""
            check_end(archive)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputError(f"{source} is not an intact .tar file ({error}): give a folder or a .tar") from None


def _decode(data: bytes, cache_size: int) -> Pixels | None:
    """``(H, W, 3)`` uint8 with a shorter side of at most ``cache_size``, or None if it is no image."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            scale = 2 * cache_size / min(image.size)
            if scale < 1:
                # JPEGs decode straight to a half, quarter or eighth: never below twice what is kept.
                image.draft(None, (round(image.width * scale), round(image.height * scale)))
            picture, _ = split_alpha(read_image(image))
        if min(picture.size) > cache_size:
            picture = resize_shorter(picture, cache_size)
        return np.asarray(picture)
    except (AdainError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
