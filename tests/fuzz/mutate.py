"""Small files of every kind that is read, and damage of every kind that files meet."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.conftest import noise_image


def pictures() -> dict[str, bytes]:
    """A picture in every format and packing, by its suffix and what is special about it."""
    found: dict[str, bytes] = {}

    def add(name: str, image: Image.Image, kind: str, **more: Any) -> None:
        file = io.BytesIO()
        image.save(file, kind, **more)
        found[name] = file.getvalue()

    plain = noise_image(40, 32, 1)
    clear = plain.copy()
    clear.putalpha(noise_image(40, 32, 2, "L"))
    grey = noise_image(40, 32, 3, "L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "Ann"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    told = {"exif": exif.tobytes()}
    add("plain.jpg", plain, "JPEG", **told)
    add("progressive.jpg", plain, "JPEG", progressive=True, subsampling=2)
    add("cmyk.jpg", plain.convert("CMYK"), "JPEG")
    add("plain.png", plain, "PNG", **told)
    add("clear.png", clear, "PNG")
    add("palette.png", plain.convert("P"), "PNG", transparency=3)
    add("deep.png", deep, "PNG")
    add("bits.png", grey.convert("1"), "PNG")
    add("plain.webp", plain, "WEBP", **told)
    add("clear.webp", clear, "WEBP", lossless=True)
    add("moving.webp", plain, "WEBP", save_all=True, append_images=[clear, grey.convert("RGB")])
    add("plain.tif", plain, "TIFF", **told)
    add("deflate.tif", clear, "TIFF", compression="tiff_adobe_deflate")
    add("lzw.tif", plain, "TIFF", compression="tiff_lzw")
    add("jpeg.tif", plain, "TIFF", compression="jpeg")
    add("group4.tif", grey.convert("1"), "TIFF", compression="group4")
    add("float.tif", Image.fromarray(np.asarray(grey, np.float32) / 255), "TIFF", compression="tiff_adobe_deflate")
    add("pages.tif", plain, "TIFF", save_all=True, append_images=[grey])
    add("plain.bmp", plain, "BMP")
    add("palette.bmp", plain.convert("P"), "BMP")
    add("plain.gif", plain, "GIF")
    add("moving.gif", plain, "GIF", save_all=True, append_images=[grey, clear])
    add("plain.ppm", plain, "PPM")
    add("deep.pgm", deep.convert("I"), "PPM")
    add("plain.jp2", plain, "JPEG2000")
    add("clear.avif", clear, "AVIF")
    return found | _deep() | _guests(plain, clear)


def _deep() -> dict[str, bytes]:
    """TIFF that only tifffile reads."""
    import tifffile

    found = {}
    colors = np.asarray(noise_image(40, 32, 4)).astype(np.uint16) * 257
    for name, values, more in (
        ("sixteen.tif", colors, {"photometric": "rgb", "compression": "deflate"}),
        ("signed.tif", (colors[..., 0] // 2).astype(np.int16), {"photometric": "minisblack"}),
        ("double.tif", colors[..., 0] / 65535, {"photometric": "minisblack", "compression": "deflate"}),
        ("tiles.tif", colors, {"photometric": "rgb", "tile": (16, 16)}),
        ("big.tif", colors, {"photometric": "rgb", "planarconfig": "contig", "bigtiff": True}),
    ):
        file = io.BytesIO()
        options: Any = {key: value for key, value in more.items() if key != "bigtiff"}
        with tifffile.TiffWriter(file, bigtiff="bigtiff" in more) as writer:
            writer.write(values, **options)
        found[name] = file.getvalue()
    return found


def _guests(plain: Image.Image, clear: Image.Image) -> dict[str, bytes]:
    import imagecodecs
    import pillow_heif

    found = {}
    for name, image in (("plain.heic", plain), ("clear.heic", clear)):
        file = io.BytesIO()
        pillow_heif.from_pillow(image).save(file, quality=80)
        found[name] = file.getvalue()
    found["plain.jxl"] = bytes(imagecodecs.jpegxl_encode(np.asarray(plain)))
    found["deep.jxl"] = bytes(imagecodecs.jpegxl_encode(np.asarray(clear).astype(np.uint16) * 257, lossless=True))
    return found


def videos(folder: Path) -> dict[str, bytes]:
    """A few frames in every container, with and without sound."""
    from tests.video.videos import scene, write_video

    frames = scene(6, 48, 32)
    found = {}
    for name, codec, more in (
        ("a.mp4", "libx264", {"sound": True}),
        ("c.mkv", "ffv1", {"options": {"g": "1"}}),
        ("d.webm", "libvpx-vp9", {}),
        ("f.mkv", "libx264", {"sound": True}),
    ):
        path = folder / name
        try:
            write_video(path, frames, codec=codec, **more)
        except Exception:  # an encoder that this FFmpeg was built without
            continue
        found[name] = path.read_bytes()
    moving = {name: data for name, data in pictures().items() if name.startswith("moving")}
    return found | moving


def damaged(data: bytes, random_: random.Random) -> bytes:
    """A file with damage of one kind."""
    return random_.choice(DAMAGES)(bytearray(data), random_)


def _flipped(data: bytearray, chance: random.Random) -> bytes:
    """Some bits are others, as on a bad disk."""
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def _beginning_flipped(data: bytearray, chance: random.Random) -> bytes:
    """The same where sizes and types stand."""
    for _ in range(chance.choice((1, 2, 4))):
        data[chance.randrange(min(len(data), 200))] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))
    return bytes(data)


def _cut(data: bytearray, chance: random.Random) -> bytes:
    """The rest is missing, as after a copy that broke off."""
    return bytes(data[: chance.randrange(1, len(data))])


def _holed(data: bytearray, chance: random.Random) -> bytes:
    """A part is zero, as after a loss of power."""
    start = chance.randrange(len(data))
    end = min(len(data), start + chance.choice((4, 64, 512)))
    data[start:end] = bytes(end - start)
    return bytes(data)


def _shuffled(data: bytearray, chance: random.Random) -> bytes:
    """A piece is twice there, is missing, or stands elsewhere."""
    start = chance.randrange(len(data))
    piece = data[start : start + chance.choice((1, 4, 12, 100))]
    place = chance.randrange(len(data))
    kind = chance.randrange(3)
    if kind:
        del data[start : start + len(piece)]
    if kind != 1:
        data[place:place] = piece
    return bytes(data)


def _foreign(data: bytearray, chance: random.Random) -> bytes:
    """Lengths and offsets that no file has."""
    place = chance.randrange(max(1, len(data) - 4))
    data[place : place + 4] = chance.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\x80\0\0\0"))
    return bytes(data)


def _followed(data: bytearray, chance: random.Random) -> bytes:
    """Something comes behind the end."""
    return bytes(data) + chance.randbytes(chance.choice((1, 100, 3000)))


DAMAGES: tuple[Callable[[bytearray, random.Random], bytes], ...] = (
    _flipped, _flipped, _beginning_flipped, _cut, _holed, _shuffled, _foreign, _followed,
)  # fmt: skip


def series(files: dict[str, bytes], count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """So many damaged files, of each in turn."""
    chance, names = random.Random(seed), sorted(files)
    for number in range(count):
        name = names[number % len(names)]
        yield name, damaged(files[name], chance)
