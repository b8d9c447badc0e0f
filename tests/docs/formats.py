"""What of a picture or a video is kept, found out format by format by files made for it; the tables of docs/formats.md.

``python -m tests.docs.formats`` prints them.
"""

from __future__ import annotations

import contextlib
import io
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import imagecodecs
import numpy as np
import numpy.typing as npt
import pillow_heif
import tifffile
from PIL import Image, ImageCms

from adain.image import count_pictures, jxl, read_image, save_image
from adain.image.directories import EXIF
from adain.image.io import metadata_of, read_stored
from adain.video import stylize_video
from tests.conftest import noise_image
from tests.image.test_guests import EXACT, corners, packed_jpeg, pixels_alone, turned
from tests.image.test_io import bmp, linear_rgb
from tests.image.test_metadata import TAKEN
from tests.image.test_signalled import jp2
from tests.video.engines import MosaicStylizer
from tests.video.ranges import greys, write_range
from tests.video.test_alpha import write as write_transparent
from tests.video.videos import read_video, scene, write_video

NO, YES = "–", "yes"

Make = Callable[..., bytes]


def _pillow(kind: str, **fixed: Any) -> Make:
    def make(image: Image.Image, **more: Any) -> bytes:
        file = io.BytesIO()
        image.save(file, kind, **{**fixed, **more})
        return file.getvalue()

    return make


def _heic(image: Image.Image, **more: Any) -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, **EXACT, **more)
    return file.getvalue()


def _jxl(image: Image.Image, **more: Any) -> bytes:
    """Of pixels; with a profile or EXIF by way of a JPEG, as no encoder here takes them otherwise."""
    if not more:
        return bytes(imagecodecs.jpegxl_encode(np.asarray(image), lossless=True))
    jxl.require()
    import pillow_jxl  # noqa: F401

    return pixels_alone(packed_jpeg(image, **more)) if "icc_profile" in more else packed_jpeg(image, **more)


def _jp2(image: Image.Image, **more: Any) -> bytes:
    if profile := more.get("icc_profile"):
        return jp2(b"\2\0\0" + profile, color=image.getpixel((0, 0)))
    return _pillow("JPEG2000")(image)


READ: dict[str, Make] = {
    "JPEG": _pillow("JPEG", quality=100, subsampling=0),
    "PNG": _pillow("PNG"),
    "WebP": _pillow("WEBP", lossless=True, exact=True),
    "TIFF": _pillow("TIFF"),
    "BMP": _pillow("BMP"),
    "GIF": _pillow("GIF"),
    "PPM, PGM": _pillow("PPM"),
    "JPEG 2000": _jp2,
    "AVIF": _pillow("AVIF", quality=100, subsampling="4:4:4"),
    "HEIC": _heic,
    "JPEG XL": _jxl,
}
"""What makes a file of each format that is read, of a picture and of what else is asked for."""


# Reading


def _ramp(top: int) -> npt.NDArray[np.uint16]:
    """Colours in which each number up to ``top``, or every so many, is found."""
    values = np.linspace(0, top, 64 * 64).round().astype(np.uint16).reshape(64, 64)
    return np.stack([values, values.T, values[::-1]], axis=2)


def _deep_png(bits: int) -> bytes:
    return bytes(imagecodecs.png_encode(_ramp((1 << bits) - 1)))


def _deep_tiff(bits: int) -> bytes:
    file = io.BytesIO()
    values = _ramp(65535) if bits == 16 else _ramp(65535).astype(np.float32) / 65535
    tifffile.imwrite(file, values, photometric="rgb")
    return file.getvalue()


def _deep_heic(bits: int) -> bytes:
    file = io.BytesIO()
    try:
        pillow_heif.options.SAVE_HDR_TO_12_BIT = bits == 12
        pillow_heif.encode("RGB;16", (64, 64), _ramp(65535).tobytes(), file, **EXACT)
    finally:
        pillow_heif.options.SAVE_HDR_TO_12_BIT = False
    return file.getvalue()


def _deep_jxl(bits: int) -> bytes:
    values: Any = _ramp(65535) if bits == 16 else _ramp(65535).astype(np.float32) / 65535
    return bytes(imagecodecs.jpegxl_encode(values, lossless=True, effort=1))


def _deep_pgm(_: int) -> bytes:
    return b"P6\n64 64\n65535\n" + _ramp(65535).astype(">u2").tobytes()


DEEP: dict[str, tuple[Callable[[int], bytes], tuple[int, ...]]] = {
    "PNG": (_deep_png, (16,)),
    "TIFF": (_deep_tiff, (16, 32)),
    "PPM, PGM": (_deep_pgm, (16,)),
    "JPEG 2000": (lambda _: bytes(imagecodecs.jpeg2k_encode(_ramp(65535), level=0, codecformat="jp2")), (16,)),
    "AVIF": (lambda bits: bytes(imagecodecs.avif_encode(_ramp(1023), level=100, bitspersample=bits)), (10,)),
    "HEIC": (_deep_heic, (10, 12)),
    "JPEG XL": (_deep_jxl, (16, 32)),
}
"""By format, colours of more than 8 bits, and how many there can be; 32 are floats."""

DEEP_GREY: dict[str, Callable[[], bytes]] = {
    "PPM, PGM": lambda: b"P5\n64 64\n65535\n" + _ramp(65535)[..., 0].astype(">u2").tobytes(),
    "JPEG 2000": lambda: _pillow("JPEG2000", irreversible=False)(Image.fromarray(_ramp(65535)[..., 0])),
}
"""Where colours lose some: grey of 16 bits."""


def bits_read(name: str) -> str:
    """The bits of colours of which none are lost."""
    make, depths = DEEP.get(name, (None, ()))
    found = ["8"]
    for bits in depths:
        assert make is not None
        levels = len(np.unique(read_stored(make(bits)).values[..., 0]))
        if levels > 900:
            found.append("floats" if bits == 32 else str(bits))
    if found == ["8"] and name in DEEP_GREY and len(np.unique(read_stored(DEEP_GREY[name]()).values)) > 900:
        found.append("16 of grey")
    return ", ".join(found)


def profile_read(name: str) -> str:
    """Whether an ICC profile changes what is read."""
    flat = Image.new("RGB", (32, 32), (200, 100, 50))
    plain = np.asarray(read_image(READ[name](flat)), int)
    with contextlib.suppress(Exception):
        other = np.asarray(read_image(READ[name](flat, icc_profile=linear_rgb())), int)
        if np.abs(plain[4, 4] - other[4, 4]).max() > 20:
            return YES
    return NO


def _clear_bmp() -> bytes:
    """With a mask for a fourth channel, which Pillow does not write."""
    return bmp(bytes([1, 2, 3, 0, 4, 5, 6, 9]), struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000))


CLEAR: dict[str, Callable[[], bytes]] = {
    "BMP": _clear_bmp,
    "GIF": lambda: _pillow("GIF", transparency=7)(Image.fromarray(np.arange(100, dtype=np.uint8).reshape(10, 10), "P")),
}
"""Pictures with an alpha, where that takes another way."""


def alpha_read(name: str) -> str:
    clear = noise_image(32, 32, 3)
    clear.putalpha(Image.linear_gradient("L").resize((32, 32)))
    try:
        found = read_image(CLEAR[name]() if name in CLEAR else READ[name](clear))
    except OSError:  # Pillow writes no alpha there
        return NO
    if found.mode != "RGBA":
        return NO
    levels = set(np.unique(np.asarray(found)[..., 3]).tolist())
    return YES if levels - {0, 255} else "on or off"


def turned_read(name: str) -> str:
    """Whether what a camera stored on its side is upright."""
    stored, exif = turned(corners(), 6)
    for more in ({"exif": exif},) if name != "JPEG 2000" else ():
        with contextlib.suppress(TypeError):
            picture = read_image(READ[name](stored, **more))
            if picture.size == (64, 48) and np.abs(np.asarray(picture, int) - np.asarray(corners())).max() < 12:
                return YES
    return NO


def pages_read(name: str) -> str:
    """What there may be several of, of which one is chosen."""
    images = [noise_image(32, 32, k) for k in range(3)]
    data = None
    with contextlib.suppress(Exception):
        data = READ[name](images[0], save_all=True, append_images=images[1:])
    if data is None or name in ("HEIC", "JPEG XL"):
        return "the first" if name == "JPEG XL" else "the primary" if name == "HEIC" else NO
    count, unit = count_pictures(data)
    return f"{unit}s" if count == 3 else NO


def metadata_read(name: str) -> str:
    exif = Image.Exif()
    exif.get_ifd(EXIF)[0x9003] = TAKEN
    with contextlib.suppress(Exception):
        entries = metadata_of(READ[name](noise_image(32, 32), exif=exif.tobytes()), "basic").entries
        if entries[EXIF][0x9003].data == TAKEN.encode() + b"\0":
            return YES
    return NO


READING: dict[str, Callable[[str], str]] = {
    "bits": bits_read, "ICC profile": profile_read, "alpha": alpha_read, "turned upright": turned_read,
    "of several": pages_read, "EXIF": metadata_read,
}  # fmt: skip


# Writing


WRITE = {"JPEG": ".jpg", "PNG": ".png", "WebP": ".webp", "TIFF": ".tif"}


@contextlib.contextmanager
def _saved(name: str, image: Any, **more: Any) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield save_image(image, Path(folder) / f"a{WRITE[name]}", **more)


def bits_written(name: str) -> str:
    found = ["8"]
    with contextlib.suppress(ValueError), _saved(name, _ramp(65535), bits=16) as path:
        if len(np.unique(read_stored(path).values[..., 0])) > 900:
            found.append("16")
    return ", ".join(found)


def profile_written(name: str) -> str:
    with _saved(name, noise_image(32, 32)) as path, Image.open(path) as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        return "sRGB" if "sRGB" in profile.profile.profile_description else NO


def alpha_written(name: str) -> str:
    clear = noise_image(32, 32, 3)
    clear.putalpha(0)
    with _saved(name, clear) as path:
        found = read_image(path)
    return YES if found.mode == "RGBA" else "white behind" if found.getpixel((3, 3)) == (255, 255, 255) else NO


def turned_written(name: str) -> str:
    """Whether a result lies as its photograph is seen, and says no more of it."""
    stored, exif = turned(corners(), 6)
    photo = READ["JPEG"](stored, exif=exif)
    with _saved(name, read_image(photo), origin=photo, metadata="keep") as path, Image.open(path) as image:
        return YES if image.size == (64, 48) and image.getexif().get(0x0112, 1) == 1 else NO


def metadata_written(name: str) -> str:
    exif = Image.Exif()
    exif.get_ifd(EXIF)[0x9003] = TAKEN
    photo = READ["JPEG"](noise_image(32, 32), exif=exif.tobytes())
    with _saved(name, noise_image(32, 32), origin=photo) as path, Image.open(path) as image:
        return YES if image.getexif().get_ifd(EXIF).get(0x9003) == TAKEN else NO


WRITING: dict[str, Callable[[str], str]] = {
    "bits": bits_written, "ICC profile": profile_written, "alpha": alpha_written, "lies upright": turned_written,
    "EXIF": metadata_written,
}  # fmt: skip


# Videos, read and written


VIDEOS = {
    "MP4": ".mp4", "QuickTime": ".mov", "Matroska": ".mkv", "WebM": ".webm", "GIF": ".gif", "APNG": ".png",
    "WebP, animated": ".webp",
}  # fmt: skip


def _painted(name: str, source: Path, **more: Any) -> Path:
    art = source.with_name("art.png")
    noise_image(32, 32).save(art)
    out = source.with_name(f"out{VIDEOS[name]}")
    stylize_video(source, art, out, stylizer=MosaicStylizer(), alpha=0.0, **more)
    return out


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _again(name: str, path: Path) -> Path:
    """A video once more, from the format that it was written in: what is lost is lost in reading or in writing."""
    if path.suffix != VIDEOS[name]:
        path = _painted(name, path)
    moved = path.rename(path.with_name(f"again{path.suffix}"))
    return _painted(name, moved)


def bits_video(name: str) -> str:
    found = ["8"]
    with _folder() as folder, contextlib.suppress(ValueError):
        source = write_range(folder / "in.mkv", greys([1, 10, 100, 200, 500, 1000]))
        out = _painted(name, source, hdr="keep")
        with av.open(str(out)) as container:
            if any("10" in frame.format.name for frame in container.decode(video=0)):
                found.append("10 of HDR")
    return ", ".join(found)


def alpha_video(name: str) -> str:
    with _folder() as folder:
        out = _again(name, write_transparent(folder / "png.mov"))
        shown = _first_alpha(out)
    if shown is None or shown.min() > 250:
        return "white behind"
    return YES if len(np.unique(shown)) > 2 else "on or off"


def _first_alpha(path: Path) -> npt.NDArray[Any] | None:
    from adain.video.reader import VideoReader

    if path.suffix in (".gif", ".png", ".webp"):
        picture = read_image(path)
        return np.asarray(picture)[..., 3] if picture.mode == "RGBA" else None
    with contextlib.closing(VideoReader(path, warn=lambda _: None)) as reader:
        frame = next(reader.frames())
        found = frame.opacity() if frame.opacity is not None else None
        return None if found is None else np.asarray(found)


def turned_video(name: str) -> str:
    with _folder() as folder:
        source = write_video(folder / "in.mp4", scene(2, 48, 32), change=lambda s: s.set_display_rotation(90))
        out = _again(name, source)
        with Image.open(out) if VIDEOS[name] in (".gif", ".png", ".webp") else av.open(str(out)) as opened:
            size = opened.size if isinstance(opened, Image.Image) else next(
                (f.width, f.height) for f in opened.decode(video=0) if f.rotation == 0
            )  # fmt: skip
    return YES if size == (32, 48) else NO


def times_video(name: str) -> str:
    """Whether frames that last 40, 80, 120 and 40 ms still do."""
    with _folder() as folder:
        step = Fraction(1, 25)
        source = write_video(
            folder / "in.mkv", scene(4, 48, 32), time_base=Fraction(1, 1000), pts=[0, 40, 120, 240], rate=1 / step
        )
        out = _again(name, source)
        if VIDEOS[name] in (".gif", ".png", ".webp"):
            with Image.open(out) as image:
                lasts = []
                for k in range(getattr(image, "n_frames", 1)):
                    image.seek(k)
                    image.load()
                    lasts.append(round(image.info["duration"]))
            return YES if lasts[:3] == [40, 80, 120] else NO
        times = read_video(out)[1]
    return YES if times == [0, step, 3 * step, 6 * step] else NO


def sound_video(name: str) -> str:
    with _folder() as folder:
        codec = "libvpx-vp9" if name == "WebM" else "libx264"
        source = folder / "in.mkv"
        if name == "WebM":
            return _sound_of_webm(folder, codec)
        write_video(source, scene(5, 48, 32), sound=True)
        out = _again(name, source)
        if VIDEOS[name] in (".gif", ".png", ".webp"):
            return NO
        with av.open(str(out)) as container:
            return YES if container.streams.audio else NO


def _sound_of_webm(folder: Path, codec: str) -> str:
    """WebM has Opus and Vorbis, and not AAC."""
    source = folder / "in.webm"
    with av.open(str(source), "w") as container:
        video: Any = container.add_stream(codec, rate=25)
        video.width, video.height, video.pix_fmt = 48, 32, "yuv420p"
        tone: Any = container.add_stream("libopus", rate=48000, layout="mono")
        for pixels in scene(5, 48, 32):
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")))
        container.mux(video.encode(None))
        for start in range(0, 9600, 960):
            block = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.int16), format="s16", layout="mono")
            block.sample_rate, block.pts, block.time_base = 48000, start, Fraction(1, 48000)
            container.mux(tone.encode(block))
        container.mux(tone.encode(None))
    with av.open(str(_again("WebM", source))) as made:
        return YES if made.streams.audio else NO


def metadata_video(name: str) -> str:
    """Whether a title still is one."""
    with _folder() as folder:
        source = write_video(
            folder / "in.mkv", scene(2, 48, 32), change=lambda s: s.container.metadata.update(title="Gulls")
        )
        out = _again(name, source)
        with av.open(str(out)) as made:
            return YES if {k.lower(): v for k, v in made.metadata.items()}.get("title") == "Gulls" else NO


MOVING: dict[str, Callable[[str], str]] = {
    "bits": bits_video, "alpha": alpha_video, "turned upright": turned_video, "times of frames": times_video,
    "sound": sound_video, "title": metadata_video,
}  # fmt: skip


TABLES = {"reading": (READ, READING), "writing": (WRITE, WRITING), "videos": (VIDEOS, MOVING)}
"""By the mark on the page: the formats, and what is found of each."""


def table(mark: str) -> str:
    """A table as it stands on the page."""
    formats, columns = TABLES[mark]
    rows = [["", *columns], ["---"] * (len(columns) + 1)]
    rows += [[name, *(find(name) for find in columns.values())] for name in formats]
    return "\n".join(f"| {' | '.join(row)} |".replace("|  |", "| |") for row in rows)


if __name__ == "__main__":
    for mark in sys.argv[1:] or TABLES:
        print(f"{mark}\n\n{table(mark)}\n")
