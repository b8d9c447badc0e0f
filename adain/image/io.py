"""Pictures out of files, always 8-bit sRGB and upright, or as what is stored; :mod:`adain.image.saving` writes them."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import threading
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, Any, TypeAlias, TypeVar, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, UnidentifiedImageError

from .._utils.arrays import is_tensor as is_tensor
from .._utils.chatter import before_reading
from .._utils.errors import ImageError, InputError, MissingFileError
from .._utils.resources import missing, resolve
from ..options import MetadataMode
from .arrays import to_image
from .colorspace import Colorspace
from .deep import both_bytes, is_reduced
from .guests import open_guest
from .listing import READABLE
from .metadata import Metadata
from .modes import normalise
from .pages import Page, Unit, count, go_to, lacking, source_of, unit_of
from .samples import Packing, Samples, key_of
from .signalled import Signalled, of_profile, signalled
from .tiff import decode as decode_page
from .tiff import open_page
from .tiff import orientation as orientation_of

if TYPE_CHECKING:
    import torch

PictureInput: TypeAlias = "str | os.PathLike[str] | bytes | IO[bytes] | Page | Image.Image | npt.NDArray[Any]"
"""What is read as a picture, and gives a picture in the end."""

# A string, and torch imported where it is needed: the ONNX models run without it.
ImageInput: TypeAlias = "PictureInput | torch.Tensor"
"""Whatever a caller has a picture in."""

# Twice Pillow's MAX_IMAGE_PIXELS: above this, Pillow by itself refuses an image.
DEFAULT_MAX_PIXELS = 178_956_970

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes an upright picture of one with that EXIF orientation."""

Stored: TypeAlias = Samples | tuple[Image.Image, Packing]
"""What is read from a file: an image, with how the file packs it, or what no image of Pillow's can hold."""

T = TypeVar("T", Image.Image, Samples)

Convert: TypeAlias = Callable[[Stored, Signalled], T]
"""Makes a new picture of what is stored and what the file says of its colours."""

_LIMIT_LOCK = threading.Lock()
_log = logging.getLogger(__name__)


def read_image(source: ImageInput, *, max_pixels: int | None = DEFAULT_MAX_PIXELS) -> Image.Image:
    """Read `source` as an upright 8-bit sRGB "RGB" or "RGBA" image.

    It may be a path, the bytes of a file, a file that is open for them (which is read from its beginning and stays
    open), a `Page` of one of these, a `PIL.Image`, an array or a tensor. Arrays are (H, W), (H, W, 3) or (H, W, 4), of
    uint8, uint16 for 0 to 65535, bool, or floats in [0, 1]; tensors are floats in [0, 1], (3, H, W) or (1, 3, H, W), or
    with one channel for grey.

    The EXIF orientation is applied; of several pages or frames the first is taken. Colours are converted by what the
    file says of them, an ICC profile (one that is damaged or of another colour space is ignored) or what
    :mod:`adain.image.signalled` knows; those of high dynamic range as :mod:`adain.image.hdr` does. An alpha channel,
    even if opaque everywhere, makes the result "RGBA", and so does a transparent colour of a palette, a PNG or a GIF
    that some pixel has; a BMP whose alpha is 0 everywhere has none. In files and `PIL.Image`s, integers of more than 8
    bits are taken as 0 to 65535 and floats as 0 to 1, or up to the largest value in the image where that is larger;
    those of 9 to 15 bits in TIFF up to the most that these hold. Negative values become 0, and what is between levels
    goes to the nearest. The result is a new image without metadata; an image passed in is not modified, and its current
    frame is taken.

    TIFF is read with integers of any width, floats of 16, 32 and 64 bits, grey, RGB, CMYK or L*a*b*, with an alpha or
    without; what is packed by LZW, PackBits or Zstandard there, or predicted in floats, may need imagecodecs (`pip
    install "adain[tiff]"`), and so may samples of odd widths.

    Raises MissingFileError if there is no such file, and ImageError if `source` is a folder, an empty file, not an
    image or damaged, an array or a tensor of another kind or beyond [0, 1], or has more than `max_pixels` pixels (None:
    no limit), which is found before decoding.
    """
    return _read(source, max_pixels, picture_of)


def read_stored(source: ImageInput, *, max_pixels: int | None = DEFAULT_MAX_PIXELS) -> Samples:
    """Read `source` upright, but as the very numbers it stores.

    For masks and label maps, whose pixels are data and no colours: no ICC profile is applied and nothing is rounded to
    8 bits. Raises as `read_image` does.
    """
    return _read(source, max_pixels, _samples)


def _samples(stored: Stored, _: Signalled) -> Samples:
    return stored if isinstance(stored, Samples) else Samples.of(*stored)


def picture_of(stored: Stored, colors: Signalled) -> Image.Image:
    """What `read_image` makes of a file, but for its orientation."""
    if not isinstance(stored, Samples):
        return normalise(stored[0], colors)
    if isinstance(colors, Colorspace) and stored.mode in ("L", "RGB") and stored.white == 65535:
        stored, colors = stored.to_srgb(colors), None  # before 8 bits are left
    picture, opacity = normalise(stored.to_image(), colors), stored.opacity()
    if opacity is not None:
        picture.putalpha(opacity)
    return picture


def _read(source: ImageInput, max_pixels: int | None, convert: Convert[T]) -> T:
    """Open `source` if need be, decode it, `convert` what is stored and turn it upright."""
    if is_tensor(source):
        from .tensors import as_batch, to_pil

        source = to_pil(as_batch(source))
    elif isinstance(source, np.ndarray):
        source = to_image(source)
    if isinstance(source, Image.Image):
        name = os.fsdecode(getattr(source, "filename", "") or "image")
        return _decode(source, name, max_pixels, convert)
    file, name = _file(source_of(source))
    if (read := _read_guest(source, file, name, max_pixels, convert)) is not None:
        return read
    try:
        image: Image.Image = _open(file)
    except UnidentifiedImageError as error:
        if (found := _read_tiff(source, name, max_pixels, convert, is_known=False)) is not None:
            return found
        raise _unreadable(name, "it is not an image of a known format") from error
    except Exception as error:  # Pillow's format readers let any kind of error through
        raise _unreadable(name, cause(error)) from error
    with image:
        if (found := _read_tiff(source, name, max_pixels, convert, is_known=True)) is not None:
            return found
        _log.debug("reading %s: %s of %d x %d px, mode %s", name, image.format, *image.size, image.mode)
        if isinstance(source, Page):
            check_pixels(image.size, name, max_pixels)  # going to a frame decodes those before
            try:
                _turn_to(image, source)
            except ImageError:
                raise
            except Exception as error:  # as above
                raise _unreadable(str(source), cause(error)) from error
        return _decode(image, name, max_pixels, convert, source if is_reduced(image) else None)


def _read_guest(source: Any, file: str | IO[bytes], name: str, max_pixels: int | None, convert: Convert[T]) -> T | None:
    """What a file holds that only another package reads; None of any other."""
    try:
        guest = open_guest(file, name)
        if guest is None:
            return None
        _log.debug("reading %s: %d x %d px, by another package than Pillow", name, *guest.size)
        check_pixels(guest.size, name, max_pixels)
        if isinstance(source, Page) and source.number != 1:
            raise lacking(source.number, 1, "page", name)
        found = guest.decode()
    except ImageError:
        raise
    except Exception as error:  # as in read_image
        raise _unreadable(name, cause(error)) from error
    if isinstance(found, Image.Image):
        return _decode(found, name, max_pixels, convert)
    samples, told = found[0], Image.new("L", (1, 1))
    told.info.update(found[1])
    colors = signalled(told)
    _log_range(colors, name)
    try:
        return convert(samples, colors)
    except Exception as error:  # as in read_image
        raise _unreadable(name, cause(error)) from error


def _read_tiff(source: Any, name: str, max_pixels: int | None, convert: Convert[T], *, is_known: bool) -> T | None:
    """What a TIFF file holds that Pillow does not know, or reads wrongly; None of any other."""
    file = _file(source_of(source))[0]
    with open_page(file, source.number if isinstance(source, Page) else 1, is_known=is_known) as page:
        if page is None:
            return None
        if isinstance(page, int):
            if not isinstance(source, Page):
                return None  # it has not even one, for which Pillow has the words
            raise lacking(source.number, page, "page", name)
        _log.debug("reading %s: %d x %d px, by tifffile", name, page.imagewidth, page.imagelength)
        check_pixels((page.imagewidth, page.imagelength), name, max_pixels)
        try:
            return upright(convert(decode_page(page), of_profile(page.iccprofile)), orientation_of(page))
        except Exception as error:  # as in read_image
            raise _unreadable(name, cause(error)) from error


def _turn_to(image: Image.Image, page: Page) -> None:
    with _without_pillow_limit():
        go_to(image, page.number, _file(page.source)[1])


def open_picture(source: str | os.PathLike[str] | bytes | IO[bytes]) -> Image.Image:
    """Open a file for its header, and for `read_image` to take one of its frames after the other; raises likewise."""
    file, name = _file(source)
    try:
        return _open(file)
    except UnidentifiedImageError as error:
        raise _unreadable(name, "it is not an image of a known format") from error
    except Exception as error:  # Pillow's format readers let any kind of error through
        raise _unreadable(name, cause(error)) from error


def open_header(source: Any) -> ImageFile.ImageFile:
    """A file, or a page of one, that is open and not decoded yet.

    Raises as `read_image` does, and ImageError for what Pillow does not know.
    """
    file, name = _file(source_of(source))
    try:
        image = _open(file)
    except UnidentifiedImageError as error:
        raise _unreadable(name, "it is not an image of a known format") from error
    except Exception as error:  # as in _read
        raise _unreadable(name, cause(error)) from error
    try:
        if isinstance(source, Page):
            _turn_to(image, source)
    except BaseException as error:
        image.close()
        if isinstance(error, ImageError) or not isinstance(error, Exception):
            raise
        raise _unreadable(str(source), cause(error)) from error
    return image


def _open(file: str | os.PathLike[str] | IO[bytes]) -> ImageFile.ImageFile:
    """The file's header."""
    before_reading()
    with _without_pillow_limit():
        Image.init()
        return Image.open(file, formats=[f for f in READABLE if f in Image.OPEN])


def _file(source: Any) -> tuple[str | IO[bytes], str]:
    """What Pillow is to open, and its name for messages."""
    if isinstance(source, bytes):
        if not source:
            raise _unreadable("image", "the file is empty")
        return io.BytesIO(source), "image"
    if hasattr(source, "read"):
        name = getattr(source, "name", None)  # a number for temporary files
        return source, name if isinstance(name, str) else "image"
    if not isinstance(source, (str, os.PathLike)):
        kinds = "a path, an open file, bytes, a PIL.Image, an array or a tensor"
        raise ImageError(f"a picture is given as {kinds}, not as {type(source).__name__}")
    path = os.fspath(resolve(source)) if isinstance(source, str) else os.fsdecode(source)
    if not os.path.exists(path):
        raise MissingFileError(f"cannot read {path}: there is no such file; {missing(path)}")
    if os.path.isdir(path):
        raise _unreadable(path, "it is a folder")
    if os.path.isfile(path) and os.path.getsize(path) == 0:
        raise _unreadable(path, "the file is empty")
    return path, path


def count_pixels(source: str | os.PathLike[str] | Page) -> int:
    """The pixels of a file by its header; 0 for what `read_image` would refuse."""
    height, width = size_by_header(source)
    return height * width


def size_by_header(source: str | os.PathLike[str] | Page) -> tuple[int, int]:
    """Height and width of a file, not turned upright; 0 and 0 for what `read_image` would refuse."""
    try:
        if (guest := open_guest(os.fspath(source_of(source)), "")) is not None:
            return guest.size[1], guest.size[0]
        with _open(source_of(source)) as image:
            if isinstance(source, Page):
                go_to(image, source.number, str(source))
            return image.height, image.width
    except Exception:  # as in read_image, which tells of it
        number = source.number if isinstance(source, Page) else 1
        with contextlib.suppress(Exception), open_page(_file(source_of(source))[0], number, is_known=False) as page:
            return (0, 0) if page is None or isinstance(page, int) else (page.imagelength, page.imagewidth)
        return 0, 0


def count_pictures(source: str | os.PathLike[str] | bytes | IO[bytes]) -> tuple[int, Unit]:
    """How many pages or frames a file has, and which of the two; one for what `read_image` would refuse."""
    try:
        with _open(_file(source)[0]) as image, _without_pillow_limit():
            return count(image), unit_of(image)
    except Exception:  # as in count_pixels
        with contextlib.suppress(Exception), open_page(_file(source)[0], 0, is_known=False) as found:
            return found if isinstance(found, int) else 1, "page"
        return 1, "page"


def metadata_of(source: Any, mode: MetadataMode) -> Metadata:
    """What a photograph says of itself, given as to `read_image`; nothing, if that cannot be told."""
    nothing = Metadata({})
    if mode not in get_args(MetadataMode):
        raise InputError(f"metadata is one of {', '.join(get_args(MetadataMode))}, not {mode}")
    if mode == "none" or is_tensor(source) or isinstance(source, np.ndarray):
        return nothing
    try:
        if isinstance(source, Image.Image):
            return Metadata.of(source, None, mode)
        file, name = _file(source_of(source))
        if (guest := open_guest(file, name)) is not None:
            told = guest.decode() if guest.is_told_late and not guest.info else None
            if not isinstance(told, Image.Image):
                told = Image.new("L", (1, 1))
                told.info.update(guest.info)
            return Metadata.of(told, None, mode)
        at = _directory_of(source)
        try:
            with _open(file) as image:
                return Metadata.of(image, image.fp, mode, at)
        except UnidentifiedImageError:  # a TIFF, perhaps, that only tifffile knows
            with contextlib.nullcontext(file) if not isinstance(file, str) else open(file, "rb") as opened:
                return Metadata.of(Image.new("L", (1, 1)), opened, mode, at)
    except Exception:  # as in count_pixels
        return nothing


def _directory_of(source: Any) -> int | None:
    """Where in a TIFF the directory of a page lies; None of the first, and of frames, which have none of their own."""
    if not isinstance(source, Page) or source.number == 1:
        return None
    with open_page(_file(source.source)[0], source.number, is_known=False) as page:
        return None if page is None or isinstance(page, int) else int(page.offset)


def check_pixels(size: tuple[int, int], name: str, max_pixels: int | None) -> None:
    """Raise the ImageError of `read_image` for a picture of more than so many pixels."""
    if max_pixels is not None and size[0] * size[1] > max_pixels:
        raise over_limit(name, (size[1], size[0]), max_pixels)


def over_limit(name: object, size: tuple[int, int], limit: int, more: str = "") -> ImageError:
    """What is raised for a picture of that height and width; ``more`` is said of what would help, too."""
    height, width = size
    pixels = f"{width} x {height} pixels is over the limit of {limit}"
    return ImageError(f"cannot read {name}: {pixels}; max_pixels (--max-pixels) raises it{more}")


def _decode(
    image: Image.Image,
    name: str,
    max_pixels: int | None,
    convert: Convert[T],
    again: Any = None,
) -> T:
    """An open image, of whose source, if it is given `again`, the lower bytes are read, too."""
    check_pixels(image.size, name, max_pixels)
    colors = signalled(image)  # before the file is let go of
    _log_range(colors, name)
    stored: Stored
    try:
        with _LIMIT_LOCK:
            most = Image.MAX_IMAGE_PIXELS
        over = most is not None and image.width * image.height > most
        # Only a large image needs the limit lifted, and with it the lock, while it is decoded.
        with _without_pillow_limit() if over else contextlib.nullcontext(), _unmapped(image):
            if again is not None and isinstance(image, ImageFile.ImageFile):
                with _open(_file(source_of(again))[0]) as other:
                    if isinstance(again, Page):
                        _turn_to(other, again)
                    with _unmapped(other):
                        stored = both_bytes(image, other)
            else:
                packing, key = Packing.of(image), key_of(image)
                image.load()
                if key != image.info.get("transparency"):
                    image = image.copy()
                    image.info["transparency"] = key
                stored = image, packing
        result = convert(stored, colors)
    except Exception as error:  # as in read_image
        raise _unreadable(name, cause(error)) from error
    turn = 1
    with contextlib.suppress(Exception):  # damaged metadata is no reason to refuse the picture
        turn = image.getexif().get(0x0112, 1)
    return upright(result, turn)


def upright(result: T, orientation: int) -> T:
    """What was read, turned by its EXIF orientation."""
    if isinstance(result, Samples):
        return result.upright(orientation)
    return result if (turn := _TURNS.get(orientation)) is None else result.transpose(turn)


@contextlib.contextmanager
def _unmapped(image: Image.Image) -> Iterator[None]:
    """Have a TIFF read, not mapped: of an uncompressed one that is to be turned by 90° Pillow would mix up the rows."""
    name = getattr(image, "filename", None)
    if image.format != "TIFF" or not name:
        yield
        return
    image.filename = ""  # type: ignore[attr-defined]
    try:
        yield
    finally:
        image.filename = name  # type: ignore[attr-defined]


def _log_range(colors: Signalled, name: str) -> None:
    if isinstance(colors, Colorspace) and colors.curve is not None:
        _log.info("%s is HDR, %s of up to %g cd/m2: tone-mapped to sRGB", name, colors.curve, colors.peak)


@contextlib.contextmanager
def _without_pillow_limit() -> Iterator[None]:
    """Lift Pillow's limit on pixels, which is one for the whole process; ours is per call."""
    with _LIMIT_LOCK:
        saved = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = saved


def _unreadable(name: str, reason: str) -> ImageError:
    return ImageError(f"cannot read {name}: {reason}; name an intact image, such as a PNG or JPEG")


def cause(error: Exception) -> str:
    """What went wrong, in the words of whoever found it."""
    return str(getattr(error, "strerror", None) or error) or type(error).__name__
