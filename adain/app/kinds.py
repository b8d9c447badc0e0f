"""What an upload is: its format by its first bytes, and what it holds, read with the care for what strangers send."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from PIL import Image

from .._utils.errors import AdainError, ImageError
from .._utils.memory import free_memory
from ..control.style import SUFFIX as STYLE_SUFFIX
from ..control.style import Style
from ..image import SUFFIXES, read_image
from ..image.deep import is_reduced
from ..image.guests import guest_of
from ..image.io import open_header, read_stored, size_by_header
from .errors import TooLarge
from .names import safe_name

Kind: TypeAlias = Literal["content", "style", "mask"]
"""What a picture is uploaded as; a label map is a mask."""

CALLED: dict[Kind, str] = {"content": "photograph", "style": "artwork", "mask": "mask"}
"""What each is called."""

Source: TypeAlias = Literal["upload", "gallery", "folder"]
"""Where a picture comes from."""

STYLE_MIME = "application/octet-stream"
"""The type of a style's file."""

_FORMATS = {
    "JPEG": ("image/jpeg", ".jpg"),
    "PNG": ("image/png", ".png"),
    "WEBP": ("image/webp", ".webp"),
    "TIFF": ("image/tiff", ".tif"),
    "BMP": ("image/bmp", ".bmp"),
    "GIF": ("image/gif", ".gif"),
    "PPM": ("image/x-portable-anymap", ".ppm"),
    "JPEG2000": ("image/jp2", ".jp2"),
    "AVIF": ("image/avif", ".avif"),
    "HEIC": ("image/heic", ".heic"),
    "JPEG XL": ("image/jxl", ".jxl"),
}
"""Type and suffix of each format that is read."""


@dataclass(frozen=True)
class Upload:
    """A picture that a request can name.

    Attributes:
        id: by which it does.
        name: what its user calls it, made safe; that of ``path``, but of a picture that ships.
        path: a file that the library opens.
        width, height: upright, in pixels; 0 of the file of a style, which is no picture.
        source: where it comes from.
        kind: what it was uploaded as.
        has_alpha: whether it has an alpha channel.
        mime: the type of the file.
        title, author: of an artwork.
    """

    id: str
    name: str
    path: Path
    width: int
    height: int
    source: Source = "upload"
    kind: Kind = "content"
    has_alpha: bool = False
    mime: str = "application/octet-stream"
    title: str = ""
    author: str = ""

    @property
    def is_picture(self) -> bool:
        """Whether it can be looked at; the file of a style cannot."""
        return self.path.suffix.lower() != STYLE_SUFFIX

    def described(self) -> dict[str, Any]:
        """What an answer says of it."""
        told: dict[str, Any] = {"id": self.id, "name": self.name, "width": self.width, "height": self.height}
        if self.kind == "content":
            told |= {"has_alpha": self.has_alpha}
        if self.kind == "style":
            told |= {"title": self.title or self.name, "author": self.author, "source": self.source}
        return told


@dataclass(frozen=True)
class Examined:
    """What a file holds.

    Attributes:
        width, height: upright, in pixels; 0 of the file of a style.
        has_alpha: whether it has an alpha channel.
        picture: it itself, of what is to be looked at.
    """

    width: int = 0
    height: int = 0
    has_alpha: bool = False
    picture: Image.Image | None = None


def called(kind: Kind) -> str:
    """What a kind is called, with its article."""
    return f"{'an' if kind == 'style' else 'a'} {CALLED[kind]}"


def name_for(path: Path, name: str) -> tuple[str, str]:
    """The type of a file that was called ``name``, and the name that it may have here, which ends as its kind does.

    It is for :func:`examine` to say that a file is none that can be read; that keeps its name.
    """
    if _is_style(path):
        return STYLE_MIME, safe_name(name, STYLE_SUFFIX, (STYLE_SUFFIX,), fallback="style")
    found = _format(path)
    mime, suffix = _FORMATS.get(found or "", ("application/octet-stream", ""))
    known = (*SUFFIXES, STYLE_SUFFIX) if found is None else SUFFIXES
    return mime, safe_name(name, suffix, known)


def examine(path: Path, kind: Kind, max_pixels: int) -> Examined:
    """Read a file in full, its size by its header first: what is taken now does not fail later.

    Raises:
        InputError: if it cannot be read as what it is to be, or has too many pixels.
    """
    if path.suffix.lower() == STYLE_SUFFIX:
        if kind != "style":
            raise ImageError(f"{path.name} is a saved style, where {called(kind)} is needed: upload it to /styles")
        Style.load(path, None)
        return Examined()
    _check_memory(path)
    if kind == "mask":
        stored = read_stored(path, max_pixels=max_pixels)
        return Examined(stored.values.shape[1], stored.values.shape[0], stored.alpha is not None)
    picture = read_image(path, max_pixels=max_pixels)
    return Examined(picture.width, picture.height, picture.mode == "RGBA", picture)


_SHALLOW = frozenset({"JPEG", "WEBP", "GIF", "BMP", "AVIF"})
"""Formats that are read in 8 bits."""

_PIXEL, _DEEP, _DEEPEST = 20, 36, 60
"""Bytes of memory that a pixel takes while it is read, at most, as measured: of 8 bits, of any, and of JPEG XL."""


def _check_memory(path: Path) -> None:
    """See by the header of a picture that there is the memory to read it, as many pixels fit in few bytes.

    Raises:
        TooLarge: if not.
    """
    height, width = size_by_header(path)
    kind, each = _format(path), _DEEP
    if kind in _SHALLOW:
        each = _PIXEL
    elif kind == "PNG":
        with open_header(path) as image:
            each = _DEEP if is_reduced(image) else _PIXEL
    elif kind == "JPEG XL":
        each = _DEEPEST
    needed, free = height * width * each, free_memory()
    if needed > free:
        raise TooLarge(
            f"{path.name} is {width} x {height} px, which takes up to {needed / 1e9:.1f} GB of memory to read, and "
            f"{free / 1e9:.1f} GB are free: make it smaller"
        )


def type_of(path: Path) -> str:
    """The type of a file that is there."""
    return STYLE_MIME if path.suffix.lower() == STYLE_SUFFIX else _FORMATS.get(_format(path) or "", (STYLE_MIME,))[0]


def _is_style(path: Path) -> bool:
    """Whether a file begins as one of safetensors does: with the length of a header, and that."""
    with path.open("rb") as file:
        head = file.read(9)
    return len(head) == 9 and head[8:] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size


def _format(path: Path) -> str | None:
    """The format of a picture by its beginning, as Pillow calls it; None of what is none."""
    if (guest := guest_of(str(path))) is not None:
        return guest
    try:
        with open_header(path) as image:
            return image.format
    except AdainError:
        with path.open("rb") as file:  # of a kind, perhaps, that Pillow does not know
            return "TIFF" if file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+") else None
