"""Feature maps that are kept while tiles come and go: in memory, or in a temporary file mapped into it."""

from __future__ import annotations

import errno
import mmap
import os
import tempfile
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np

from .._utils.arrays import moved
from .._utils.errors import InputError
from ..image.box import Box
from ..image.wrap import part

IN_MEMORY = 128 << 20
"""Bytes up to which a feature map is kept in memory: that of 1.4 megapixels, or 5.6 of the fast model."""

_BAND = 16
_CHUNK = 16 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class FeatureStore:
    """Room for one feature map, on the CPU, written and read in tiles.

    Beyond :data:`IN_MEMORY` it is a file without a name, which is gone with the process however that ends. Its pages
    count as this process's memory while they are mapped: :meth:`release` gives them back, and what was written stays in
    the file.

    Args:
        shape: ``(B, C, H, W)``.
        folder: for the file; by default that for temporary files (``TMPDIR``).
        is_array: whether the features are to be an array of NumPy, and no tensor.

    Attributes:
        features: ``(B, C, H, W)`` float32; a row of cells lies in one piece, so that a row of tiles is one stretch of
            the file. Within it tensors have their channels last, and arrays a run of cells for each channel, as those
            compute who take them.

    Raises:
        InputError: if the disk has no room for it, or the folder cannot be written to.
    """

    def __init__(
        self,
        shape: tuple[int, int, int, int],
        *,
        folder: str | os.PathLike[str] | None = None,
        is_array: bool = False,
    ) -> None:
        batch, channels, height, width = shape
        count = prod(shape)
        self._map: mmap.mmap | None = None
        if count * 4 <= IN_MEMORY:
            flat = np.empty(count, np.float32)
        else:
            self._map = _map_file(count * 4, folder)
            flat = np.frombuffer(self._map, np.float32)
        self._values = (
            flat.reshape(batch, height, channels, width).transpose(0, 2, 1, 3)
            if is_array
            else flat.reshape(batch, height, width, channels).transpose(0, 3, 1, 2)
        )
        self.features: Any = moved(self._values, None if is_array else "cpu")

    def put(self, box: Box, values: Any) -> None:
        """Write the cells of a box, ``(B, C, h, w)`` from any device."""
        self.features[(..., *box.slices)] = (
            moved(values, None) if self.features is self._values else values.detach().cpu()
        )

    def part(self, box: Box) -> Any:
        """The features of a box, which may lie beyond the sides where those meet."""
        return part(self.features, box)

    def parts(self) -> Iterator[tuple[Box, Any]]:
        """The features in bands of :data:`_BAND` rows of cells, each with its place: what statistics are taken of."""
        _, _, height, width = self.features.shape
        for top in range(0, height, _BAND):
            box = Box(top, 0, min(top + _BAND, height), width)
            yield box, self.features[(..., *box.slices)]
            self.release()

    def release(self) -> None:
        """Give the memory of a mapped file back; nothing is lost."""
        if self._map is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)


def _map_file(size: int, folder: str | os.PathLike[str] | None) -> mmap.mmap:
    where = ""
    try:
        where = str(folder or _scratch_folder())
        with tempfile.TemporaryFile(dir=where, prefix="adain-") as file:
            # Now, as a page that finds no room when it is written to ends the process.
            _reserve(file, size)
            return mmap.mmap(file.fileno(), size)  # which holds the file open
    except OSError as error:
        reason = error.strerror or str(error)
        fix = "free some space" if error.errno in _FULL else "choose a folder you may write to"
        raise InputError(
            f"cannot keep {size / 1e9:.2g} GB of features in {where or 'a temporary folder'}: "
            f"{reason[:1].lower()}{reason[1:]}; {fix}, point TMPDIR to a folder on another disk, or use a smaller "
            "content size"
        ) from error


def _reserve(file: IO[bytes], size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    zeros = memoryview(bytes(_CHUNK))
    for start in range(0, size, _CHUNK):
        file.write(zeros[: size - start])
    file.flush()


def _scratch_folder() -> str:
    """The folder for temporary files; /var/tmp, which is meant for large ones, where /tmp is kept in memory."""
    folder = tempfile.gettempdir()
    if folder == "/tmp" and _is_in_memory(folder) and os.access("/var/tmp", os.W_OK):
        return "/var/tmp"
    return folder


def _is_in_memory(folder: str, mounts: Path = Path("/proc/self/mounts")) -> bool:
    try:
        entries = [line.split() for line in mounts.read_text().splitlines()]
    except OSError:
        return False
    kinds = {entry[1]: entry[2] for entry in entries if len(entry) > 2}
    path = Path(folder).resolve()
    kind = next((kinds[str(parent)] for parent in (path, *path.parents) if str(parent) in kinds), "")
    return kind in ("tmpfs", "ramfs")
