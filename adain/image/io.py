"""Reading and writing images: files, Pillow images and tensors, always 8-bit sRGB and upright."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from .. import defaults
from .._utils.errors import ImageError, InputError, MissingFileError
from .._utils.files import atomic_path, check_writable
from .arrays import to_array
from .formats import READABLE
from .formats import SUFFIXES as SUFFIXES
from .formats import WRITABLE as WRITABLE
from .listing import list_images as list_images

if TYPE_CHECKING:
    import torch

# A string, and torch imported where it is needed: the ONNX models run without it.
ImageInput: TypeAlias = "str | os.PathLike[str] | Image.Image | torch.Tensor"

# Twice Pillow's MAX_IMAGE_PIXELS: above this, Pillow by itself refuses an image.
DEFAULT_MAX_PIXELS = 178_956_970

# libjpeg stops a little short of the 65535 of the JPEG format.
_LONGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383}

# Only exact names: "sRGB-elle-V2-g10.icc", for one, is linear. A profile that is sRGB under
# another name is merely converted for nothing.
_SRGB_NAMES = frozenset({"sRGB", "sRGB built-in", "sRGB IEC61966-2.1"})
_LIMIT_LOCK = threading.Lock()
_log = logging.getLogger(__name__)

_BAND = 256  # rows that are in floating point together


def read_image(
    source: str | os.PathLike[str] | Image.Image | bytes, *, max_pixels: int | None = DEFAULT_MAX_PIXELS
) -> Image.Image:
    """Read `source`, a path, an image or the bytes of a file, as an upright 8-bit sRGB "RGB" or "RGBA" image.

    The EXIF orientation is applied, an embedded ICC profile converted (one that is damaged or of
    another colour space is ignored), and of several frames the first is taken. Any transparency,
    even if opaque everywhere, makes the result "RGBA". Integers of more than 8 bits are taken
    as 0 to 65535 and floats as 0 to 1, or up to the largest value in the image where that is
    larger; negative values become 0. The result is a new image without metadata; an image passed
    in is not modified, and its current frame is taken.

    Raises MissingFileError if there is no such file, and ImageError if `source` is a folder, an
    empty file, not an image or damaged, or has more than `max_pixels` pixels (None: no limit),
    which is found before decoding.
    """
    return _read(source, max_pixels, _normalise)


def read_stored(
    source: str | os.PathLike[str] | Image.Image, *, max_pixels: int | None = DEFAULT_MAX_PIXELS
) -> Image.Image:
    """Read `source` upright, but in its own mode and with the very numbers it stores.

    For masks and label maps, whose pixels are data and no colours: no ICC profile is applied and
    nothing is rounded to 8 bits. Of the metadata only the transparency stays in `info`. Raises as
    `read_image` does.
    """
    return _read(source, max_pixels, Image.Image.copy)


def _read(
    source: str | os.PathLike[str] | Image.Image | bytes,
    max_pixels: int | None,
    convert: Callable[[Image.Image], Image.Image],
) -> Image.Image:
    """Open `source` if need be, decode it, `convert` the stored image and turn it upright."""
    if isinstance(source, Image.Image):
        name = os.fsdecode(getattr(source, "filename", "") or "image")
        return _decode(source, name, max_pixels, convert)
    file: str | io.BytesIO = io.BytesIO(source) if isinstance(source, bytes) else os.fsdecode(source)
    name = file if isinstance(file, str) else "image"
    if isinstance(file, str) and not os.path.exists(file):
        raise MissingFileError(f"cannot read {name}: there is no such file; check the path")
    if isinstance(file, str) and os.path.isdir(file):
        raise _unreadable(name, "it is a folder")
    if not source or (isinstance(file, str) and os.path.isfile(file) and os.path.getsize(file) == 0):
        raise _unreadable(name, "the file is empty")
    try:
        with _without_pillow_limit():
            Image.init()
            image: Image.Image = Image.open(file, formats=[f for f in READABLE if f in Image.OPEN])
    except UnidentifiedImageError as error:
        raise _unreadable(name, "it is not an image of a known format") from error
    except Exception as error:  # Pillow's format readers let any kind of error through
        raise _unreadable(name, _cause(error)) from error
    with image:
        _log.debug("reading %s: %s of %d x %d px, mode %s", name, image.format, *image.size, image.mode)
        return _decode(image, name, max_pixels, convert)


def count_pixels(source: str | os.PathLike[str]) -> int:
    """The pixels of a file by its header; 0 for what `read_image` would refuse."""
    try:
        with _without_pillow_limit():
            Image.init()
            with Image.open(source, formats=[f for f in READABLE if f in Image.OPEN]) as image:
                return image.width * image.height
    except Exception:  # as in read_image, which tells of it
        return 0


def split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Split `image` into its "RGB" colours and its "L" alpha, None if it has no alpha.

    Fully transparent pixels get the alpha-weighted mean colour of the visible ones: the colour
    stored there is arbitrary, usually black, and would otherwise enter the statistics of the style
    and bleed over the edges. Where no pixel is visible the colours stay as they are.
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


def with_alpha(image: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """Return `image` with the "L" image `alpha`, resized to it, as its alpha; None: `image`."""
    if alpha is None:
        return image
    if alpha.size != image.size:
        # Lanczos would ring: faint seams in what is fully transparent or fully opaque.
        alpha = alpha.resize(image.size, Image.Resampling.BILINEAR)
    result = image.convert("RGBA")
    result.putalpha(alpha)
    return result


def to_tensor(image: Image.Image) -> torch.Tensor:
    """Convert "RGB" to float32 (1, 3, H, W) in [0, 1]; ImageError for any other mode."""
    import torch

    return torch.from_numpy(to_array(image))


def to_pil(tensor: torch.Tensor) -> Image.Image:
    """Convert a float tensor of shape (3, H, W) or (1, 3, H, W) to an "RGB" image.

    Values are clamped to [0, 1] and rounded to the nearest of the 256 levels. The tensor may be
    on any device and may require gradients. Raises ImageError for another shape or an integer
    type, and for values that are NaN or infinite.
    """
    import torch

    shape = tuple(tensor.shape)
    tensor = tensor[0] if len(shape) == 4 and shape[0] == 1 else tensor
    if tensor.ndim != 3 or tensor.shape[0] != 3 or 0 in shape or not tensor.is_floating_point():
        wanted = "a float tensor of shape (3, H, W) or (1, 3, H, W)"
        raise ImageError(f"expected {wanted}, not {tensor.dtype} of shape {shape}")
    if not bool(torch.isfinite(tensor).all()):
        raise ImageError("the tensor holds NaN or infinite values; expected values in [0, 1]")
    levels = tensor.detach().float().clamp(0, 1).mul_(255).round_().to(torch.uint8)
    return Image.fromarray(levels.permute(1, 2, 0).contiguous().cpu().numpy())


def resize_shorter(image: Image.Image, size: int) -> Image.Image:
    """Resize so that the shorter side is exactly `size` pixels and the aspect is kept.

    The filter is Lanczos, antialiased. 0 keeps the size; with nothing to do, `image` itself is
    returned. Raises InputError if `size` is negative.
    """
    if size < 0:
        raise InputError(f"expected a size of at least 1 pixel, or 0 to keep it, not {size}")
    shorter = min(image.size)
    if size in (0, shorter):
        return image
    width, height = ((side * size + shorter // 2) // shorter for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def center_crop_square(image: Image.Image) -> Image.Image:
    """Return the largest square at the centre of `image`, or `image` itself if it is square."""
    width, height = image.size
    if width == height:
        return image
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return cut(image, (left, top, left + side, top + side))


def cut(image: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    """Return the part of `image` from (left, top) on, up to and without (right, bottom)."""
    left, top, right, bottom = box
    # Not crop(): that applies Pillow's own pixel limit, which read_image has already replaced.
    return image.resize((right - left, bottom - top), Image.Resampling.NEAREST, box)


def save_image(image: Image.Image, path: str | os.PathLike[str], *, quality: int = defaults.JPEG_QUALITY) -> Path:
    """Write `image` with an sRGB profile, in the format that the suffix of `path` names.

    The formats are those of `WRITABLE`; `quality`, 1 to 100, is for JPEG (without chroma
    subsampling) and WebP. An alpha is kept, except in JPEG, where white shows through. The image
    is first brought to the form that `read_image` gives. The file appears complete or not at all.

    Returns the path. Raises ImageError for another suffix or an image too large for the format,
    and InputError for a bad quality or where the file cannot be written.
    """
    check_output_path(path)
    encoded = encode_image(image, path, quality=quality)
    with atomic_path(path) as temporary:
        temporary.write_bytes(encoded)
    _log.info("wrote %s: %d x %d px, %.1f kB", path, *image.size, len(encoded) / 1e3)
    return Path(path)


def encode_image(
    image: Image.Image, path: str | os.PathLike[str], *, quality: int = defaults.JPEG_QUALITY
) -> memoryview:
    """The bytes that `save_image` would write to `path`, which is only asked for its suffix; raises likewise."""
    check_suffix(path)
    file_format = WRITABLE[Path(path).suffix.lower()]
    if not 1 <= quality <= 100:
        raise InputError(f"expected a quality from 1 to 100, not {quality}")
    longest = _LONGEST_SIDE.get(file_format)
    if longest is not None and max(image.size) > longest:
        raise ImageError(
            f"cannot write {path}: {file_format} allows {longest} pixels a side and the image has"
            f" {image.width} x {image.height}; use .png or .tif"
        )
    image = read_image(image, max_pixels=None)
    if file_format == "JPEG" and image.mode == "RGBA":
        white = Image.new("RGB", image.size, "white")
        image = Image.composite(image.convert("RGB"), white, image.getchannel("A"))
    # No optimize=True: Pillow then needs the JPEG to fit a buffer that noise overflows.
    options: dict[str, Any] = {"quality": quality, "subsampling": 0}
    if file_format == "TIFF":
        options = {"compression": "tiff_adobe_deflate"}
    # In memory first: encoders writing to a file do not say why the file could not be written.
    encoded = io.BytesIO()
    try:
        image.save(encoded, file_format, icc_profile=_srgb_profile(), **options)
    except Exception as error:
        raise ImageError(f"cannot write {path}: {_cause(error)}; use another format") from error
    return encoded.getbuffer()


def check_output_path(path: str | os.PathLike[str]) -> None:
    """Raise now, before long work, the error `save_image` would raise for this path."""
    check_suffix(path)
    check_writable(path)


def check_suffix(path: str | os.PathLike[str]) -> None:
    """Raise ImageError if the suffix of `path` is none of `WRITABLE`."""
    if Path(path).suffix.lower() not in WRITABLE:
        raise ImageError(f"cannot write {path}: its name must end in one of {', '.join(WRITABLE)}")


def _decode(
    image: Image.Image, name: str, max_pixels: int | None, convert: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    _check_pixels(image, name, max_pixels)
    try:
        with _LIMIT_LOCK:
            limit = Image.MAX_IMAGE_PIXELS
        over = limit is not None and image.width * image.height > limit
        # Only a large image needs the limit lifted, and with it the lock, while it is decoded.
        with _without_pillow_limit() if over else contextlib.nullcontext():
            image.load()
        result = convert(image)
    except Exception as error:  # as in read_image
        raise _unreadable(name, _cause(error)) from error
    # What describes the file, its orientation above all, is no longer true of this image.
    result.info = {key: value for key, value in result.info.items() if key == "transparency"}
    with contextlib.suppress(Exception):  # damaged metadata is no reason to refuse the picture
        if (orientation := image.getexif().get(0x0112, 1)) != 1:
            # Nothing but this entry: Pillow writes all of them anew, and may fail at another.
            result.getexif()[0x0112] = orientation
            result = ImageOps.exif_transpose(result)
    return result


def _normalise(image: Image.Image) -> Image.Image:
    """A loaded image as a new "RGB" or "RGBA" image in sRGB."""
    profile = image.info.get("icc_profile")
    image, alpha = separate(image)
    if image.mode == "F" or image.mode.startswith("I"):
        image = Image.fromarray(_to_levels(np.asarray(image)))
    rgb = _to_srgb(image, profile)
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
    elif image.mode in ("RGBa", "La"):
        image = image.convert({"RGBa": "RGBA", "La": "LA"}[image.mode])
    elif image.mode == "1":
        image = image.convert("L")
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
    white = _white(values) if white is None else white
    scaled: npt.NDArray[np.float32] = np.clip(values, 0, None).astype(np.float32) / np.float32(white)
    return scaled


def _to_levels(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """The same in 256 levels, without the whole in floating point."""
    white, levels = _white(values), np.empty(values.shape, np.uint8)
    for top in range(0, len(values), _BAND):
        levels[top : top + _BAND] = np.rint(to_unit(values[top : top + _BAND], white) * np.float32(255))
    return levels


def _white(values: npt.NDArray[Any]) -> float:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError("it holds NaN or infinite values")
    return max(1.0 if values.dtype.kind == "f" else 65535.0, float(values.max()))


def _to_srgb(image: Image.Image, profile: object) -> Image.Image:
    if image.mode not in ("L", "RGB", "CMYK"):
        image = image.convert("RGB")
    if isinstance(profile, bytes):
        # What a profile raises that is damaged or, as happens, not for the mode of the image.
        with contextlib.suppress(OSError, TypeError, ValueError):
            opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if opened.profile.profile_description not in _SRGB_NAMES:
                srgb = ImageCms.ImageCmsProfile(io.BytesIO(_srgb_profile()))
                # Intent and flags: what browsers and picture editors do by default.
                args = (opened, srgb, image.mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC)
                flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
                if image.mode == "L":  # where the optimised table is too coarse for dark greys
                    flags |= ImageCms.Flags.NOOPTIMIZE
                return ImageCms.ImageCmsTransform(*args, flags=flags).apply(image)
    return image.convert("RGB")


@functools.cache
def _srgb_profile() -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # Bytes 24 to 35 are the time of creation; a constant one makes equal images equal files.
    return profile[:24] + b"\x07\xd0\0\1\0\1\0\0\0\0\0\0" + profile[36:]


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


def _check_pixels(image: Image.Image, name: str, max_pixels: int | None) -> None:
    if max_pixels is not None and image.width * image.height > max_pixels:
        size = f"{image.width} x {image.height} pixels"
        limit = f"the limit of {max_pixels}; max_pixels (--max-pixels) raises it"
        raise ImageError(f"cannot read {name}: {size} is over {limit}")


def _unreadable(name: str, reason: str) -> ImageError:
    return ImageError(f"cannot read {name}: {reason}; name an intact image, such as a PNG or JPEG")


def _cause(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error) or type(error).__name__
