"""TIFF files whose samples Pillow does not know, or reads as other numbers: by tifffile."""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .modes import white_of
from .samples import Samples

if TYPE_CHECKING:
    from tifffile import TiffPage

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# TIFF 6.0: PhotometricInterpretation, and its ExtraSamples, section 18.
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _INKS, _LAB = 0, 1, 2, 3, 5, 8
_MODES = {_WHITE_IS_ZERO: "L", _BLACK_IS_ZERO: "L", _RGB: "RGB", _PALETTE: "RGB", _INKS: "CMYK", _LAB: "LAB"}
_PREMULTIPLIED, _ALPHA = 1, 2
_UINT, _INT, _FLOAT = 1, 2, 3
_SEPARATE = 2
_UNCOMPRESSED = 1

# Without one, a library that logs would be heard on stderr.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


@contextlib.contextmanager
def open_page(file: str | IO[bytes], number: int = 1, *, is_known: bool) -> Iterator[TiffPage | int | None]:
    """A page of a TIFF file that is to be read here; how many there are, if there is none of that number.

    Args:
        file: its path, or the open file.
        number: from 1, of those that are no smaller copies and no masks of others.
        is_known: whether Pillow knows the file: then only what it would read wrongly is read here, or cannot come to.

    Yields:
        None of any other file, and of a damaged one: Pillow says what is wrong with it.
    """
    if not _is_tiff(file):
        yield None
        return
    import tifffile

    with contextlib.ExitStack() as stack:
        found: Any = None
        with contextlib.suppress(Exception):
            every = stack.enter_context(tifffile.TiffFile(file)).pages
            pages = (page for page in every if isinstance(page, tifffile.TiffPage) and not page.subfiletype & 0b101)
            first = [*itertools.islice(pages, max(number, 1))]
            # Pillow comes to a page by way of those before it.
            if not (is_known and all(map(_is_pillows, first))):
                found = first[number - 1] if 1 <= number <= len(first) else len(first) + sum(1 for _ in pages)
            if isinstance(found, tifffile.TiffPage) and not all(
                isinstance(side, int) for side in (found.imagewidth, found.imagelength)
            ):
                found = None  # damaged: there are several
        yield found


def _is_tiff(file: str | IO[bytes]) -> bool:
    try:
        if isinstance(file, str):
            with open(file, "rb") as opened:
                return opened.read(4) in _MAGIC
        file.seek(0)
        is_tiff = file.read(4) in _MAGIC
        file.seek(0)
        return is_tiff
    except (OSError, ValueError):
        return False


def _is_pillows(page: TiffPage) -> bool:
    """Whether Pillow gives the numbers that a file holds, by its header.

    It gives others for integers and floats of more than 8 bits in big-endian order once they are compressed, signed
    integers of 8 bits, unsigned ones of 32, deep colours in separate planes, and alphas there.
    """
    bits, extras = _bits(page), tuple(page.extrasamples)
    if page.sampleformat not in (_UINT, None):
        is_grey = page.samplesperpixel == 1 and int(page.photometric) == _BLACK_IS_ZERO
        has_order = page.parent.byteorder == "<" or int(page.compression) == _UNCOMPRESSED
        return is_grey and bits in (16, 32) and has_order and (int(page.sampleformat), bits) != (_FLOAT, 16)
    if int(page.planarconfig or 1) == _SEPARATE and page.samplesperpixel > 1:
        return bits == 8 and not extras
    if bits <= 8:
        return True
    if bits != 16:
        return False
    kind = int(page.photometric)
    if kind == _BLACK_IS_ZERO:
        return page.samplesperpixel == 1
    return kind in (_RGB, _INKS) and extras in ((), (_ALPHA,)) and page.samplesperpixel - len(extras) in (3, 4)


def decode(page: TiffPage) -> Samples:
    """The samples of a page.

    Raises:
        ValueError: if its compression needs a package that is not installed, or its colours are of a kind that is not
            read.
    """
    kind, bits = int(page.photometric), _bits(page)
    mode = _MODES.get(kind)
    if mode is None or page.imagedepth > 1 or (kind == _LAB and bits not in (8, 16)):
        raise ValueError(f"colours stored as {page.photometric!s} of {bits} bits are not read here; save it as RGB")
    count = {"L": 1, "CMYK": 4}.get(mode, 3) if kind != _PALETTE else 1
    if page.samplesperpixel < count:
        raise ValueError(f"it has {page.samplesperpixel} samples a pixel where {mode} takes {count}")
    values = _samples(page)
    colors, white = values[..., :count], _white(page)
    indices = None
    if kind == _PALETTE:
        indices, white = values[..., 0], 255.0
        # The upper byte, as Pillow has it: of those who write 8 bits, not all repeat them in the lower.
        colors = (np.moveaxis(np.asarray(page.colormap), 0, -1)[indices] >> 8).astype(np.uint8)
    alpha, is_premultiplied = _alpha(page, values, count)
    if alpha is not None and is_premultiplied:
        # No colour is brighter than the white of those that are stored: what is divided by next to nothing may come
        # out as anything.
        white = white_of(colors) if white is None else white
        visible = np.maximum(alpha, np.finfo(np.float32).tiny)[..., None]
        divided = np.where(alpha[..., None] > 0, colors / visible, 0).clip(None, white)
        colors = divided.astype(np.float32) if values.dtype.kind == "f" else np.rint(divided).astype(values.dtype)
    colors = colors[..., 0] if mode == "L" else colors
    return Samples(colors, mode, white, alpha, kind == _WHITE_IS_ZERO, indices)


def orientation(page: TiffPage) -> int:
    """How it is to be turned, as EXIF says it."""
    found = page.tags.valueof(274)
    return int(found) if isinstance(found, int) else 1


def _bits(page: TiffPage) -> int:
    bits: Any = page.bitspersample
    return int(max(bits)) if isinstance(bits, tuple) else int(bits)


def _white(page: TiffPage) -> float | None:
    """The white of integers of fewer than 16 bits; of others the rule of ``read_image`` says it."""
    bits = _bits(page)
    if page.sampleformat == _INT and bits == 8:
        return 127.0
    return float(2**bits - 1) if page.sampleformat in (_UINT, None) and bits < 16 else None


def _samples(page: TiffPage) -> npt.NDArray[Any]:
    """``(H, W, samples)`` in the byte order of this machine."""
    try:
        planes: npt.NDArray[Any] = page.asarray(squeeze=False)[:, 0]
    except Exception as error:
        if isinstance(error, ImportError) or "imagecodecs" in str(error):
            raise ValueError(
                f'how it is packed, {_packing(page)}, takes a package: pip install "adain[tiff]"'
            ) from error
        raise
    values = np.moveaxis(planes, 0, 2)[..., 0] if len(planes) > 1 else planes[0]
    if values.dtype.kind not in "buif":
        raise ValueError(f"samples of {values.dtype} are no light; save it as RGB")
    if page.photometric == _LAB and values.dtype == np.uint8:
        values = values ^ np.array([0, 128, 128] + [0] * (values.shape[2] - 3), np.uint8)  # signed, as Pillow has them
    values = values.view(np.uint8) if values.dtype == np.bool_ else values
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _packing(page: TiffPage) -> str:
    """Its compression and predictor in words."""
    import tifffile

    predictor = "" if page.predictor == 1 else f", predictor {page.predictor}"
    return f"{tifffile.COMPRESSION(page.compression).name} of {_bits(page)} bits{predictor}"


def alpha_at(page: TiffPage, count: int) -> tuple[int, bool] | None:
    """Which sample is the alpha beside so many of colours, and whether these are multiplied by it."""
    extras = tuple(int(extra) for extra in page.extrasamples)
    if not extras and page.samplesperpixel == count + 1 and count != 4:
        extras = (_ALPHA,)  # as Pillow takes what does not say what it is
    for number, kind in enumerate(extras[: page.samplesperpixel - count], start=count):
        if kind in (_PREMULTIPLIED, _ALPHA):
            return number, kind == _PREMULTIPLIED
    return None


def to_opacity(plane: npt.NDArray[Any], white: float | None = None) -> npt.NDArray[np.float32]:
    """An alpha in ``[0, 1]``, of samples whose white is that, or else what their type says."""
    white = 1.0 if plane.dtype.kind == "f" else (white or float(np.iinfo(plane.dtype).max))
    alpha: npt.NDArray[np.float32] = np.clip(plane / np.float64(white), 0, 1).astype(np.float32)
    return np.nan_to_num(alpha, copy=False)


def _alpha(page: TiffPage, values: npt.NDArray[Any], count: int) -> tuple[npt.NDArray[np.float32] | None, bool]:
    """The alpha in ``[0, 1]``, and whether the colours are multiplied by it."""
    found = alpha_at(page, count)
    if found is None:
        return None, False
    return to_opacity(values[..., found[0]], _white(page)), found[1]
