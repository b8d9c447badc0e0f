"""Pictures into files: in the format that a name says, 8 or 16 bits deep, always sRGB and upright."""

from __future__ import annotations

import io
import logging
import os
import sys
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from PIL import Image

from .._utils.errors import ImageError, InputError
from .._utils.files import atomic_path, check_writable
from ..options import FileOptions, MetadataMode
from .io import ImageInput, cause, metadata_of, read_image
from .levels import PLAIN, Levels
from .listing import WRITABLE
from .modes import srgb_profile
from .sixteen import encode_png, encode_tiff

_log = logging.getLogger(__name__)

# libjpeg stops a little short of the 65535 of the JPEG format.
_LONGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383}


def save_image(
    image: ImageInput,
    path: str | os.PathLike[str],
    *,
    quality: int = FileOptions.quality,
    bits: int = FileOptions.bits,
    dither: bool = FileOptions.dither,
    metadata: MetadataMode = FileOptions.metadata,
    origin: Any = None,
) -> Path:
    """Write `image`, whatever `read_image` takes, with an sRGB profile, in the format that the suffix of `path` names.

    The formats are those of `WRITABLE`; `quality`, 1 to 100, is for JPEG (without chroma subsampling) and WebP. An
    alpha is kept, except in JPEG, where white shows through. The image is first brought to the form that `read_image`
    gives. The file appears complete or not at all.

    Floats, in tensors and arrays, and uint16 arrays may keep more: `bits` of 16 are for PNG and TIFF, and of 8 `dither`
    lets every patch of pixels have the mean that it had, as :mod:`adain.image.levels` says. What is read as an image
    has 8 bits, and is written with them as 257 times those levels.

    Of `origin`, the photograph that it was made of, given as to `read_image`, it takes over the `metadata`: "basic" its
    date, author, copyright and description; "keep" all of EXIF and XMP that is still true, the place where it was taken
    included; "none" nothing.

    Returns the path. Raises ImageError for another suffix or an image too large for the format, and InputError for a
    bad quality, bits that the format has not, or where the file cannot be written.
    """
    check_output_path(path)
    how: dict[str, Any] = {"quality": quality, "bits": bits, "dither": dither}
    encoded = encode_image(image, path, **how, metadata=metadata, origin=origin)
    with atomic_path(path) as temporary:
        temporary.write_bytes(encoded)
    _log.info("wrote %s: %.1f kB", path, len(encoded) / 1e3)
    return Path(path)


def encode_image(
    image: ImageInput,
    path: str | os.PathLike[str],
    *,
    quality: int = FileOptions.quality,
    bits: int = FileOptions.bits,
    dither: bool = FileOptions.dither,
    metadata: MetadataMode = FileOptions.metadata,
    origin: Any = None,
) -> memoryview:
    """The bytes that `save_image` would write to `path`, which is only asked for its suffix; raises likewise."""
    file_format = format_of(path)
    if not 1 <= quality <= 100:
        raise InputError(f"expected a quality from 1 to 100, not {quality}")
    levels = Levels(bits, dither)
    check_bits(path, bits)
    values = None if levels == PLAIN else levels.taken(image)
    if bits == 16:
        if values is None:
            values = np.asarray(read_image(image, max_pixels=None), np.uint16) * np.uint16(257)
        size = values.shape[1::-1]
        encoded = memoryview((encode_png if file_format == "PNG" else encode_tiff)(values, srgb_profile()))
    else:
        image = image if values is None else Image.fromarray(values)
        image = image if _is_plain(image) else read_image(image, max_pixels=None)
        size, encoded = image.size, _encode(image, path, quality)
    if origin is None or (told := metadata_of(origin, metadata)).is_empty:
        return encoded
    return memoryview(told.embedded(bytes(encoded), file_format, size))


def _encode(image: Image.Image, path: str | os.PathLike[str], quality: int) -> memoryview:
    """The file of a plain image."""
    file_format = format_of(path)
    check_side(path, file_format, image.size)
    if file_format == "JPEG" and image.mode == "RGBA":
        white = Image.new("RGB", image.size, "white")
        image = Image.composite(image.convert("RGB"), white, image.getchannel("A"))
    # No optimize=True: Pillow then needs the JPEG to fit a buffer that noise overflows.
    lossy = {"quality": quality, "subsampling": 0}
    options: dict[str, Any] = {"compression": "tiff_adobe_deflate"} if file_format == "TIFF" else lossy
    # In memory first: encoders writing to a file do not say why the file could not be written.
    encoded = io.BytesIO()
    try:
        image.save(encoded, file_format, icc_profile=srgb_profile(), **options)
    except Exception as error:
        raise ImageError(f"cannot write {path}: {cause(error)}; use another format") from error
    return encoded.getbuffer()


def _is_plain(image: ImageInput) -> TypeGuard[Image.Image]:
    """Whether `read_image` would give no more than a copy."""
    return isinstance(image, Image.Image) and image.mode in ("RGB", "RGBA") and not image.info and not image.getexif()


def check_output_path(path: str | os.PathLike[str]) -> None:
    """Raise now, before long work, the error `save_image` would raise for this path."""
    format_of(path)
    check_writable(path)


def check_bits(path: str | os.PathLike[str], bits: int) -> None:
    """Raise InputError if the format that a path names has not so many bits."""
    if bits != 8 and (found := format_of(path)) not in ("PNG", "TIFF"):
        raise InputError(
            f"cannot write {path} in {bits} bits, which {found} has not: let its name end in .png or .tif, in a folder "
            "by suffix (--suffix .png)"
        )


def check_side(path: str | os.PathLike[str], file_format: str, size: tuple[int, int]) -> None:
    """ImageError, if a format does not hold a picture of that width and height."""
    if max(size) > (longest := _LONGEST_SIDE.get(file_format, sys.maxsize)):
        raise ImageError(
            f"cannot write {path}: {file_format} allows {longest} pixels a side and the image has"
            f" {size[0]} x {size[1]}; use .png or .tif"
        )


def format_of(path: str | os.PathLike[str]) -> str:
    """Pillow's name of the format that a suffix names; ImageError, if that is none that can be written."""
    if (found := WRITABLE.get(Path(path).suffix.lower())) is None:
        raise ImageError(f"cannot write {path}: its name must end in one of {', '.join(WRITABLE)}")
    return found
