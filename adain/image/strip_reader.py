"""Files read in strips by libvips, and made sRGB strip by strip as :func:`~adain.read_image` makes the whole."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from .._utils.errors import ImageError, InputError
from .._utils.resources import resolve
from ..options import Wrap
from .guests import guest_of
from .io import DEFAULT_MAX_PIXELS, open_header, over_limit, picture_of
from .modes import split_alpha
from .pages import Page, source_of
from .resize import scaled
from .samples import Samples
from .signalled import Signalled, of_profile, signalled
from .source import Source, check_least, lay
from .strip_sizes import CenterSquare, Resized
from .strips import STRIP_PIXELS, Strips
from .tiff import alpha_at, open_page, to_opacity
from .wrap import PERIOD, axes_of, whole_periods

FORMATS = ("TIFF", "PNG", "JPEG", "WEBP")
"""What can be read in strips, by Pillow's names."""

_LIBVIPS = 8, 15
_COLORS = {"b-w": 1, "grey16": 1, "srgb": 3, "rgb": 3, "rgb16": 3, "scrgb": 3, "cmyk": 4}


INSTALL = 'pip install "adain[large]"'


def require_vips() -> Any:
    """pyvips, or :class:`~adain.InputError` with the command that installs it."""
    try:
        vips: Any = importlib.import_module("pyvips")
    except (ImportError, OSError):  # the latter without libvips itself
        raise InputError(f"pictures in strips and pyramids need pyvips: {INSTALL}") from None
    if not vips.at_least_libvips(*_LIBVIPS):
        raise InputError(f"pictures in strips and pyramids need libvips 8.15 or later: {INSTALL}")
    return vips


def has_vips() -> bool:
    """Whether pyvips can be used."""
    try:
        require_vips()
    except InputError:
        return False
    return True


def can_read(path: str | os.PathLike[str] | Page) -> bool:
    """Whether a file is of a format that can be read in strips."""
    try:
        return FileHeader.of(path).format in FORMATS
    except ImageError:
        return False


class FileStrips(Strips):
    """A file: a TIFF of strips or tiles, a PNG, a JPEG or a WebP.

    libvips decodes what is asked for, from top to bottom. A picture that its EXIF orientation turns is decoded into a
    temporary file first, 3 to 8 bytes a pixel; progressive JPEGs, interlaced PNGs and WebPs are decoded as a whole.

    Args:
        path: of the file, or a page of a TIFF.

    Raises:
        MissingFileError, ImageError: see :func:`~adain.read_image`; also for another format.
        InputError: without pyvips.
    """

    def __init__(self, path: str | os.PathLike[str] | Page) -> None:
        file = source_of(path)
        if not isinstance(file, (str, os.PathLike)):
            raise ImageError(f"a picture in strips is given by its path, not as {type(file).__name__}")
        self.path = resolve(file) if isinstance(file, str) else Path(file)
        self._header = header = FileHeader.of(path)
        if header.format not in FORMATS:
            raise ImageError(
                f"cannot read {self.path} in strips: of {header.format} there are none, but of "
                f"{', '.join(FORMATS)}: convert it"
            )
        require_vips()
        with self._explained():
            image = self._open()
            interpretation = image.interpretation
            self.size = image.height, image.width
            count = _COLORS.get(interpretation, 0 if interpretation != "multiband" else 1 if image.bands < 3 else 3)
            if not count or image.bands < count:
                raise ImageError(
                    f"cannot read {self.path} in strips: its colours are {interpretation} in {image.bands} channels; "
                    "convert it to RGB"
                )
            self._alpha = self._find_alpha(image, count)
        self._count, self.has_alpha = count, self._alpha is not None

    def _find_alpha(self, image: Any, count: int) -> int | None:
        """Which channel is the alpha beside so many of colours."""
        if image.bands <= count:
            return None
        if self._header.format == "TIFF":
            with open_page(os.fspath(self.path), self._header.number, is_known=False) as page:
                # A palette has become colours, or colours with alpha.
                found = None if page is None or isinstance(page, int) else alpha_at(page, count)
                return None if found is None else found[0]
        # A transparent colour that no pixel has makes no alpha.
        is_there = not self._header.has_key or self._open()[count].min() < _MOST[image.format]
        return count if is_there else None

    def _open(self) -> Any:
        vips = require_vips()
        # By a descriptor: libvips would take parts of some names for options.
        descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            source = vips.Source.new_from_descriptor(descriptor)
        finally:
            os.close(descriptor)

        def load(access: str) -> Any:
            page = {"page": self._header.page} if self._header.page else {}
            return vips.Image.new_from_source(source, "", access=access, fail_on="error", **page)

        image = load("sequential")
        turn = image.get("orientation") if image.get_typeof("orientation") else 1
        # Only a mirror from left to right leaves rows in their order.
        return image if turn == 1 else (image if turn == 2 else load("random")).autorot()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        vips = require_vips()
        try:
            yield
        except (vips.Error, OSError, ValueError) as error:
            raise ImageError(f"cannot read {self.path}: {cause(error)}; name an intact image") from error

    def strips(self) -> Iterator[Image.Image]:
        with self._explained():
            image = self._open()
            region = require_vips().Region.new(image)
            dtype = np.dtype(_TYPES[image.format])
            step = max(1, STRIP_PIXELS // self.width)
            for top in range(0, self.height, step):
                rows = min(step, self.height - top)
                data = np.frombuffer(region.fetch(0, top, self.width, rows), dtype)
                yield self._converted(data.reshape(rows, self.width, image.bands))

    @functools.cached_property
    def _white(self) -> float:
        """The value that is 1, where the type does not say that: the largest one, if it is larger than is usual."""
        image = self._open()
        if image.format in _MOST:
            return float(_MOST[image.format])
        return max(1.0 if image.format in ("float", "double") else 65535.0, float(image.max()))

    def _converted(self, values: npt.NDArray[Any]) -> Image.Image:
        """Samples ``(h, W, C)`` of any type as ``RGB`` or ``RGBA`` in sRGB."""
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ValueError("it holds NaN or infinite values")
        mode = {1: "L", 3: "RGB", 4: "CMYK"}[self._count]
        alpha = None if self._alpha is None else to_opacity(values[..., self._alpha])
        colors = values[..., 0] if self._count == 1 else values[..., : self._count]
        return picture_of(Samples(colors, mode, self._white, alpha), self._header.colors)


@dataclass(frozen=True)
class FileHeader:
    """What a file says of itself.

    Attributes:
        format: by Pillow's name.
        number: of the picture among those of the file that are meant, from 1.
        page: where it is among all, from 0.
        colors: what its numbers mean.
        has_key: whether it declares a colour to be transparent.
    """

    format: str
    number: int
    page: int
    colors: Signalled
    has_key: bool = False

    @classmethod
    def of(cls, path: Any) -> Self:
        """That of a file, or a page of one."""
        number = path.number if isinstance(path, Page) else 1
        file = os.fsdecode(resolve(found) if isinstance(found := source_of(path), str) else found)
        if (guest := guest_of(file)) is not None:
            return cls(guest, number, 0, None)
        try:
            with open_header(path) as image:
                has_key = image.mode == "P" or "transparency" in image.info
                return cls(str(image.format), number, image.tell(), signalled(image), has_key)
        except ImageError:
            with open_page(file, number, is_known=False) as page:
                if page is None or isinstance(page, int):
                    raise
                return cls("TIFF", number, page.index, of_profile(page.iccprofile))


_MOST = {"uchar": 255, "char": 127, "ushort": 65535}
"""The numbers that are white, where the type says that."""

_TYPES = {
    "uchar": "u1", "char": "i1", "ushort": "u2", "short": "i2", "uint": "u4", "int": "i4", "float": "f4",
    "double": "f8",
}  # fmt: skip


def cause(error: Exception) -> str:
    """What libvips has to say, in one line: the last of it is what happened first."""
    lines = [line.strip() for line in str(getattr(error, "detail", "") or error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def open_strips(
    path: str | os.PathLike[str] | Page,
    *,
    size: int = 0,
    crop: bool = False,
    wrap: Wrap = "none",
    max_pixels: int | None = None,
    least: int = 1,
    keep: int = 0,
) -> Source:
    """:func:`~adain.image.open_source` of a file in strips.

    Args:
        path: see :class:`FileStrips`.
        size, crop, wrap, least: see :func:`~adain.image.open_source`.
        max_pixels: most pixels of the file, and of the picture if it is enlarged; None for any, and for
            :data:`~adain.image.DEFAULT_MAX_PIXELS`.
        keep: what has at most so many pixels in the end is held as a whole after all.

    Raises:
        MissingFileError, ImageError: see :func:`~adain.image.open_source`, and :class:`FileStrips`.
    """
    if crop and wrap != "none":
        raise InputError("a square that is cut out has no sides that meet: leave out crop or wrap")
    picture: Strips = FileStrips(path)
    name, uncropped, file_size = Path(source_of(path)).name, None, picture.size
    if max_pixels is not None and picture.height * picture.width > max_pixels:
        raise over_limit(source_of(path), picture.size, max_pixels)
    # Files may be huge, but what is larger than they are is a slip of the finger, unless somebody says otherwise.
    wanted = scaled(picture.size, size, max_pixels=max_pixels or DEFAULT_MAX_PIXELS, name=name)
    if wanted != picture.size:
        picture = Resized(picture, wanted)
    if crop:
        uncropped = picture.size
        picture = CenterSquare(picture)
    check_least(picture.size, least, name)
    if picture.height * picture.width <= keep:
        whole = hold(picture)
        return Source(*split_alpha(whole), uncropped) if wrap == "none" else lay(whole, picture.size, wrap)
    if wrap == "x" and whole_periods(picture.size, axes_of(wrap)) == picture.size and wanted == file_size:
        return Source(picture, wrap=wrap)
    if wrap != "none":
        raise InputError(
            f"{name} is painted in strips, where its left and right can meet (wrap x), if nothing is resized and its "
            f"width is a multiple of {PERIOD} px: ask for a smaller content_size (--content-size), or leave out wrap"
        )
    return Source(picture, None, uncropped)


def hold(picture: Strips) -> Image.Image:
    """A picture in strips as one that is held as a whole."""
    whole = Image.new("RGBA" if picture.has_alpha else "RGB", (picture.width, picture.height))
    top = 0
    for strip in picture.strips():
        assert isinstance(strip, Image.Image)
        whole.paste(strip, (0, top))
        top += strip.height
    return whole
