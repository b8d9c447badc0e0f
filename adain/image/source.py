"""Opening pictures at the size asked for, before anything is computed; free of torch."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from .._utils.errors import ImageError
from . import io as images

_log = logging.getLogger(__name__)


class OpenedImage(NamedTuple):
    """A picture of the size asked for.

    Attributes:
        image: of mode ``RGB``.
        opacity: its alpha channel (mode ``L``) if it has one.
        uncropped: height and width before the central square was cut out; its own without a crop.
    """

    image: Image.Image
    opacity: Image.Image | None
    uncropped: tuple[int, int]


def open_image(
    source: str | os.PathLike[str] | Image.Image,
    *,
    size: int = 0,
    crop: bool = False,
    max_pixels: int | None = images.DEFAULT_MAX_PIXELS,
) -> OpenedImage:
    """Read, resize and crop a picture; arguments and errors as :func:`adain.image.inputs.open_picture`."""
    picture = images.resize_shorter(images.read_image(source, max_pixels=max_pixels), size)
    uncropped = (picture.height, picture.width)
    picture = images.center_crop_square(picture) if crop else picture
    _log.info("%s at %d x %d px", input_name(source) or "a picture", *picture.size)
    return OpenedImage(*images.split_alpha(picture), uncropped)


def check_least(size: tuple[int, int], least: int, name: str) -> None:
    """Nothing, if height and width are ``least`` pixels or more.

    Raises:
        ImageError: if they are not; ``name`` is that of the picture.
    """
    height, width = size
    if min(height, width) < least:
        raise ImageError(
            f"{name or 'the image'} is {width}x{height} px: at least {least} px a side are "
            f"needed, enlarge it or ask for a larger size"
        )


def input_name(source: Any) -> str:
    """The file name of an input, for messages; empty if it has none."""
    if isinstance(source, (str, os.PathLike)):
        return Path(source).name
    return Path(str(getattr(source, "filename", ""))).name
