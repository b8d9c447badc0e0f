"""Colour modes, profiles and transparency: whatever an image stores, as 8-bit sRGB "RGB" and an "L" alpha."""

from __future__ import annotations

import contextlib
import functools
import io
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from .colorspace import Colorspace
from .signalled import Signalled

# Only exact names: "sRGB-elle-V2-g10.icc", for one, is linear. One that is sRGB under another is converted for nothing.
_SRGB_NAMES = frozenset({"sRGB", "sRGB built-in", "sRGB IEC61966-2.1"})

Painted = TypeVar("Painted", Image.Image, npt.NDArray[np.uint16], "Image.Image | npt.NDArray[np.uint16]")

_BAND = 256  # rows that are in floating point together


def normalise(image: Image.Image, colors: Signalled) -> Image.Image:
    """A loaded image, and what its file says of its colours, as a new "RGB" or "RGBA" image in sRGB."""
    is_declared = image.mode == "P" or "transparency" in image.info
    image, alpha = separate(image)
    if is_declared and alpha is not None and alpha.getextrema() == (255, 255):
        alpha = None  # a colour that no pixel has, as most GIFs declare one
    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image)
        if isinstance(colors, Colorspace) and values.dtype.kind == "u":
            image, colors = Image.fromarray(colors.greys_to_srgb(values, np.uint8)), None  # before 8 bits are left
        else:
            image = Image.fromarray(to_levels(values))
    rgb = _to_srgb(image, colors)
    if alpha is not None:
        rgb.putalpha(alpha)
    rgb.info = {}
    return rgb


def separate(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """A loaded image without its transparency, and that as an "L" alpha; None if it has none.

    A palette is looked up and bits become "L"; other modes stay.
    """
    key = image.info.get("transparency")
    alpha: Image.Image | None = None
    if image.mode in ("P", "PA"):
        # A copy, because converting writes the transparency into the palette of the original.
        image = image.copy().convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.mode in ("RGBa", "La", "1"):
        image = image.convert({"RGBa": "RGBA", "La": "LA", "1": "L"}[image.mode])
    elif image.mode == "RGBA" and image.format == "BMP" and image.getchannel("A").getextrema() == (0, 0):
        image = image.convert("RGB")  # the fourth byte is only said to be an alpha, and was left at 0
    if image.mode in ("RGBA", "LA"):
        alpha = image.getchannel("A")
        image = image.convert(image.mode[:-1])
    elif key is not None:
        alpha = _alpha_of_key(np.asarray(image), key)
    return image, alpha


def _alpha_of_key(values: npt.NDArray[Any], key: object) -> Image.Image | None:
    """Alpha that is 0 where `values` has the transparent colour `key` of a PNG, 255 elsewhere."""
    if values.ndim == 2 and isinstance(key, int):
        matches = values == key
    elif values.ndim == 3 and isinstance(key, tuple) and len(key) == 3:
        # Pillow reduces 16-bit RGB to its high bytes, but not the colour that goes with it.
        matches = (values == [k >> 8 if max(key) > 255 else k for k in key]).all(axis=2)
    else:
        return None
    return Image.fromarray(np.where(matches, np.uint8(0), np.uint8(255)))


def to_unit(values: npt.NDArray[Any], white: float | None = None) -> npt.NDArray[np.float32]:
    """Samples of more than 8 bits, or floating, as 0 to 1 by the rule that `read_image` states."""
    white = white_of(values) if white is None else white
    wide = np.float64 if values.dtype.itemsize > 4 else np.float32  # what is huge there has no place in fewer bits
    scaled: npt.NDArray[np.float32] = (np.clip(values, 0, None).astype(wide) / wide(white)).astype(np.float32)
    return scaled


def to_levels(values: npt.NDArray[Any], white: float | None = None) -> npt.NDArray[np.uint8]:
    """The same in 256 levels, without the whole in floating point."""
    white, levels = white_of(values) if white is None else white, np.empty(values.shape, np.uint8)
    for top in range(0, len(values), _BAND):
        levels[top : top + _BAND] = np.rint(to_unit(values[top : top + _BAND], white) * np.float32(255))
    return levels


def white_of(values: npt.NDArray[Any]) -> float:
    """White by that rule; ValueError for values that are NaN or infinite."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError("it holds NaN or infinite values")
    return max(1.0 if values.dtype.kind == "f" else 65535.0, float(values.max()))


def _to_srgb(image: Image.Image, colors: Signalled) -> Image.Image:
    if isinstance(colors, Colorspace) and image.mode in ("L", "RGB"):
        return colors.converted(image)
    if image.mode not in ("L", "RGB", "CMYK"):
        image = image.convert("RGB")
    if isinstance(colors, bytes):
        # What a profile raises that is damaged or, as happens, not for the mode of the image.
        with contextlib.suppress(OSError, TypeError, ValueError):
            opened = ImageCms.ImageCmsProfile(io.BytesIO(colors))
            if opened.profile.profile_description not in _SRGB_NAMES:
                srgb = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
                # Intent and flags: what browsers and picture editors do by default.
                args = (opened, srgb, image.mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC)
                flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
                if image.mode == "L":  # where the optimised table is too coarse for dark greys
                    flags |= ImageCms.Flags.NOOPTIMIZE
                return ImageCms.ImageCmsTransform(*args, flags=flags).apply(image)
    return image.convert("RGB")


@functools.cache
def srgb_profile() -> bytes:
    """The profile that every written file gets."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # Bytes 24 to 35 are the time of creation; a constant one makes equal images equal files.
    return profile[:24] + b"\x07\xd0\0\1\0\1\0\0\0\0\0\0" + profile[36:]


def split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Split `image` into its "RGB" colours and its "L" alpha, None if it has no alpha.

    Fully transparent pixels get the alpha-weighted mean colour of the visible ones: the colour stored there is
    arbitrary, usually black, and would otherwise enter the statistics of the style and bleed over the edges. Where no
    pixel is visible the colours stay as they are.
    """
    if image.mode != "RGBA":
        return (image if image.mode == "RGB" else image.convert("RGB")), None
    rgb, alpha = image.convert("RGB"), image.getchannel("A")
    lowest, highest = alpha.getextrema()
    if lowest == 0 and highest != 0:
        weights = np.asarray(alpha)
        # Integers, as a float32 sum over a large image would lose the small terms.
        sums = np.einsum("hw,hwc->c", weights, np.asarray(rgb), dtype=np.int64)
        red, green, blue = (round(s / int(weights.sum(dtype=np.int64))) for s in sums.tolist())
        rgb.paste((red, green, blue), mask=alpha.point(lambda a: 255 if a == 0 else 0))
    return rgb, alpha


def with_alpha(image: Painted, alpha: Image.Image | None) -> Painted:
    """Return `image` with the "L" image `alpha`, resized to it, as its alpha; None: `image`."""
    if alpha is None:
        return image
    if alpha.size != (size := image.size if isinstance(image, Image.Image) else image.shape[1::-1]):
        # Lanczos would ring: faint seams in what is fully transparent or fully opaque.
        alpha = alpha.resize(size, Image.Resampling.BILINEAR)
    if not isinstance(image, Image.Image):
        return np.dstack([image, np.asarray(alpha, np.uint16) * np.uint16(257)])
    result = image.convert("RGBA")
    result.putalpha(alpha)
    return result
