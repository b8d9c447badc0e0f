from __future__ import annotations

import struct
import threading
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from adain import image as images
from adain._utils.errors import AdainError, ImageError, MissingFileError
from adain.image import read_image
from adain.image.io import read_stored

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def pixels(image: Image.Image) -> Any:
    return np.asarray(image).tolist()


def random_image(mode: str = "RGB", size: tuple[int, int] = (7, 5), seed: int = 0) -> Image.Image:
    shape = (size[1], size[0], len(mode))[: 2 if mode == "L" else 3]
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


def one_line(caught: pytest.ExceptionInfo[AdainError], *parts: str) -> None:
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    for part in parts:
        assert part in message


def png(depth: int, kind: int, row: bytes, width: int, height: int = 1, **chunks: bytes) -> bytes:
    """A PNG made by hand, as Pillow does not write all that it reads."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    extra = b"".join(chunk(name.encode(), data) for name, data in chunks.items())
    data = chunk(b"IDAT", zlib.compress(b"\0" + row))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + data + chunk(b"IEND", b"")


def shorts(*values: int) -> bytes:
    return struct.pack(f">{len(values)}H", *values)


def icc(space: bytes, tags: dict[bytes, bytes], pcs: bytes = b"XYZ ", name: bytes = b"test") -> bytes:
    """An ICC version 2 profile holding `tags`, for a medium as white as D65."""
    d50, d65 = (struct.pack(">3i", *(round(65536 * v) for v in w)) for w in (D50, D65))
    name += b"\0"
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(name)) + name + bytes(78),
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": b"XYZ " + bytes(4) + d65,
        **tags,
    }
    table, body = struct.pack(">I", len(tags)), b""
    for tag, data in tags.items():
        data += bytes(-len(data) % 4)
        table += tag + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(data))
        body += data
    kind = b"prtr" if space == b"CMYK" else b"mntr"
    head = struct.pack(">I4sI", 128 + len(table) + len(body), bytes(4), 0x02100000)
    head += kind + space + pcs + shorts(2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + d50
    return head.ljust(128, b"\0") + table + body


D50, D65 = (0.9642, 1, 0.8249), (0.9505, 1, 1.0891)
LINEAR = b"curv" + bytes(8)


def linear_rgb(order: bytes = b"rgb", name: bytes = b"test") -> bytes:
    """The primaries of sRGB in the given order, with a linear tone curve."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    (count,) = struct.unpack_from(">I", data, 128)
    found = {}
    for i in range(count):
        tag, offset, size = struct.unpack_from(">4sII", data, 132 + 12 * i)
        found[tag] = data[offset : offset + size]
    tags = {b"%cXYZ" % c: found[b"%cXYZ" % o] for c, o in zip(b"rgb", order, strict=True)}
    return icc(b"RGB ", tags | {b"%cTRC" % c: LINEAR for c in b"rgb"}, name=name)


def srgb_curve(level: int) -> int:
    x = level / 255
    return round(255 * (12.92 * x if x <= 0.0031308 else 1.055 * x ** (1 / 2.4) - 0.055))


def cmyk_profile() -> bytes:
    """White without ink, black with full K, mid grey (L* = 128 / 2.55) with full C alone."""
    identity = bytes(range(256))
    grid = {(0, 0, 0, 0): 255, (1, 0, 0, 0): 128}
    clut = b"".join(bytes([grid.get((i >> 3 & 1, i >> 2 & 1, i >> 1 & 1, i & 1), 0), 128, 128]) for i in range(16))
    unit = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + unit + identity * 4 + clut + identity * 3
    return icc(b"CMYK", {b"A2B0": lut, b"A2B1": lut}, pcs=b"Lab ")


# Modes: each is written to a real file where some format holds it, and the values are exact.


def test_one_bit(tmp_path: Path) -> None:
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "a.png")
    assert pixels(read_image(tmp_path / "a.png")) == [[[0] * 3, [255] * 3]]
    (tmp_path / "key.png").write_bytes(png(1, 0, b"\x80", 2, tRNS=shorts(1)))
    assert pixels(read_image(tmp_path / "key.png")) == [[[255, 255, 255, 0], [0, 0, 0, 255]]]


def test_grey(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 77, 255]], np.uint8))
    image.save(tmp_path / "a.png")
    assert pixels(read_image(tmp_path / "a.png")) == [[[0] * 3, [77] * 3, [255] * 3]]
    image.save(tmp_path / "key.png", transparency=77)
    result = read_image(tmp_path / "key.png")
    assert pixels(result) == [[[0, 0, 0, 255], [77, 77, 77, 0], [255] * 4]]
    grey_alpha = Image.merge("LA", (image, image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)))
    grey_alpha.save(tmp_path / "la.png")
    expected = [[[0, 0, 0, 255], [77] * 4, [255, 255, 255, 0]]]
    assert pixels(read_image(tmp_path / "la.png")) == expected
    assert pixels(read_image(Image.new("LA", (1, 1), (100, 51)).convert("La"))) == [[[100] * 3 + [51]]]


def test_palette(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.save(tmp_path / "a.png")
    assert pixels(read_image(tmp_path / "a.png")) == [[[10, 20, 30], [40, 50, 60], [70, 80, 90]]]
    image.save(tmp_path / "index.gif", transparency=1)
    assert np.asarray(read_image(tmp_path / "index.gif"))[0, :, 3].tolist() == [255, 0, 255]
    image.save(tmp_path / "bytes.png", transparency=bytes([0, 100, 255]))
    result = read_image(tmp_path / "bytes.png")
    assert pixels(result) == [[[10, 20, 30, 0], [40, 50, 60, 100], [70, 80, 90, 255]]]
    # Opaque everywhere, though transparency is declared: for a colour that no pixel has, as GIFs mostly do, or none.
    image.save(tmp_path / "opaque.png", transparency=bytes([255, 255, 255]))
    image.save(tmp_path / "unused.gif", transparency=7)
    for name in ("opaque.png", "unused.gif"):
        with Image.open(tmp_path / name) as opened:
            assert opened.has_transparency_data
        assert pixels(read_image(tmp_path / name)) == [[[10, 20, 30], [40, 50, 60], [70, 80, 90]]]
    both = image.convert("PA")
    both.putalpha(Image.fromarray(np.array([[5, 6, 7]], np.uint8)))
    assert both.mode == "PA"
    assert pixels(read_image(both)) == [[[10, 20, 30, 5], [40, 50, 60, 6], [70, 80, 90, 7]]]


@pytest.mark.parametrize(("depth", "step"), [(1, 255), (2, 85), (4, 17), (8, 1)])
def test_transparent_grey_of_few_bits(tmp_path: Path, depth: int, step: int) -> None:
    count = min(2**depth, 16)
    row = np.packbits(np.unpackbits(np.arange(count, dtype=np.uint8)[:, None], axis=1)[:, -depth:]).tobytes()
    for key in range(count):
        data = png(depth, 0, row, count, tRNS=shorts(key))
        found = np.asarray(read_image(data))[0]
        assert found[:, 0].tolist() == [step * level for level in range(count)]
        assert found[:, 3].tolist() == [0 if level == key else 255 for level in range(count)]
        stored = read_stored(data)
        assert (stored.values if stored.indices is None else stored.indices).tolist() == [[*range(count)]]


def bmp(pixels: bytes, masks: bytes = b"") -> bytes:
    """Two pixels of 32 bits."""
    header = struct.pack(
        "<IiiHHIIiiII", 40 + len(masks) if masks else 40, 2, 1, 1, 32, 3 if masks else 0, 8, 0, 0, 0, 0
    )
    start = 14 + len(header) + len(masks)
    return b"BM" + struct.pack("<IHHI", start + 8, 0, 0, start) + header + masks + pixels


@pytest.mark.parametrize("masks", [b"", struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)])
def test_a_bmp_of_32_bits(masks: bytes) -> None:
    assert pixels(read_image(bmp(bytes([1, 2, 3, 0, 4, 5, 6, 0]), masks))) == [[[3, 2, 1], [6, 5, 4]]]
    if masks:
        assert pixels(read_image(bmp(bytes([1, 2, 3, 0, 4, 5, 6, 9]), masks))) == [[[3, 2, 1, 0], [6, 5, 4, 9]]]


@pytest.mark.parametrize(("kind", "samples"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_png_of_16_bits_keeps_both_bytes(kind: int, samples: int) -> None:
    values = np.random.default_rng(kind).integers(0, 65536, (1, 9, samples), dtype=np.uint16)
    data = png(16, kind, values.astype(">u2").tobytes(), 9)
    found, stored = np.asarray(read_image(data)), read_stored(data)
    colors = values[..., : samples - 1] if kind in (4, 6) else values
    assert np.array_equal(stored.values.reshape(colors.shape), colors)
    assert np.array_equal(found[..., :3], np.broadcast_to(np.rint(colors / 257), (1, 9, 3)))
    if kind in (4, 6):
        assert stored.alpha is not None
        assert np.allclose(stored.alpha, values[..., -1] / 65535)
        assert np.array_equal(found[..., 3], np.rint(values[..., -1] / 257))


def test_rgb(tmp_path: Path) -> None:
    image = random_image()
    image.save(tmp_path / "a.png")
    assert pixels(read_image(tmp_path / "a.png")) == pixels(image)
    image.save(tmp_path / "key.png", transparency=image.getpixel((3, 2)))
    result = read_image(tmp_path / "key.png")
    assert pixels(result.convert("RGB")) == pixels(image)
    assert np.argwhere(np.asarray(result)[..., 3] != 255).tolist() == [[2, 3]]
    row = shorts(0xFFFF, 0x1234, 0x00FF, 0x8000, 0x7FFF, 0)
    (tmp_path / "deep.png").write_bytes(png(16, 2, row, 2))
    assert pixels(read_image(tmp_path / "deep.png")) == [[[255, 0x12, 1], [0x80, 0x7F, 0]]]
    (tmp_path / "key16.png").write_bytes(png(16, 2, row, 2, tRNS=row[:6]))
    assert pixels(read_image(tmp_path / "key16.png")) == [[[255, 18, 1, 0], [128, 127, 0, 255]]]
    # One that differs in a lower byte alone is another colour; a smaller one is no colour of 8 bits.
    (tmp_path / "near.png").write_bytes(png(16, 2, shorts(9, 0x1234, 1, 9, 0x1235, 1), 2, tRNS=shorts(9, 0x1235, 1)))
    assert np.asarray(read_image(tmp_path / "near.png"))[0, :, 3].tolist() == [255, 0]
    (tmp_path / "none.png").write_bytes(png(16, 2, row, 2, tRNS=shorts(0xFFFF, 0x1233, 0x00FF)))
    assert read_image(tmp_path / "none.png").mode == "RGB"
    # Of 16 bits of a key those count that the samples have.
    (tmp_path / "wide.png").write_bytes(png(8, 2, bytes([1, 2, 3, 4, 5, 6]), 2, tRNS=shorts(0x0101, 0xFF02, 3)))
    assert np.asarray(read_image(tmp_path / "wide.png"))[0, :, 3].tolist() == [0, 255]


def test_rgba(tmp_path: Path) -> None:
    image = random_image("RGBA")
    image.save(tmp_path / "a.png")
    assert pixels(read_image(tmp_path / "a.png")) == pixels(image)
    image.putalpha(255)
    image.save(tmp_path / "opaque.png")
    assert read_image(tmp_path / "opaque.png").mode == "RGBA"
    premultiplied = Image.new("RGBA", (1, 1), (100, 50, 0, 51)).convert("RGBa")
    assert pixels(read_image(premultiplied)) == [[[100, 50, 0, 51]]]


def test_cmyk(tmp_path: Path) -> None:
    inks = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    inks.save(tmp_path / "a.tif")
    inks.save(tmp_path / "adobe.jpg", quality=100)  # Pillow writes and reads these inverted
    assert b"Adobe" in (tmp_path / "adobe.jpg").read_bytes()
    for name in ("a.tif", "adobe.jpg"):
        assert np.asarray(read_image(tmp_path / name))[0, 0].tolist() == [0, 255, 255]
    for ink, level in (((0, 0, 0, 0), 255), ((255, 0, 0, 0), 119), ((0, 0, 0, 255), 0)):
        path = tmp_path / "profile.tif"
        Image.new("CMYK", (1, 1), ink).save(path, icc_profile=cmyk_profile())
        # L* = 50.2 is 119.5 in sRGB.
        assert np.abs(np.asarray(read_image(path)).astype(int) - level).max() <= 1


def test_ycbcr_lab_hsv(tmp_path: Path) -> None:
    Image.new("YCbCr", (8, 8), (100, 128, 128)).save(tmp_path / "a.jpg", quality=100)
    assert np.asarray(read_image(tmp_path / "a.jpg"))[4, 4].tolist() == [100, 100, 100]
    assert pixels(read_image(Image.new("YCbCr", (1, 1), (76, 85, 255)))) == [[[254, 0, 0]]]
    # L* = 50.2, and a* = b* = 0, is 119.5 in sRGB.
    Image.new("LAB", (1, 1), (128, 128, 128)).save(tmp_path / "lab.tif")
    grey = np.asarray(read_image(tmp_path / "lab.tif")).astype(int)
    assert np.abs(grey - 119).max() <= 1
    assert pixels(read_image(Image.new("HSV", (1, 1), (0, 255, 255)))) == [[[255, 0, 0]]]


DEEP = [(0, 0), (128, 0), (129, 1), (257, 1), (32767, 127), (32768, 128), (65535, 255)]


def test_sixteen_bits(tmp_path: Path) -> None:
    values = np.array([[v for v, _ in DEEP]], np.uint16)
    expected = [[[level] * 3 for _, level in DEEP]]
    little = Image.fromarray(values)
    assert little.mode == "I;16"
    little.save(tmp_path / "a.png")
    little.save(tmp_path / "little.tif")
    big = Image.frombytes("I;16B", little.size, values.astype(">u2").tobytes())
    big.save(tmp_path / "big.tif")
    wide = Image.fromarray(values.astype(np.int32))
    assert wide.mode == "I"
    wide.save(tmp_path / "wide.tif")
    for name in ("a.png", "little.tif", "big.tif", "wide.tif"):
        assert pixels(read_image(tmp_path / name)) == expected, name
    key = png(16, 0, shorts(0, 32768), 2, tRNS=shorts(32768))
    (tmp_path / "key.png").write_bytes(key)
    assert pixels(read_image(tmp_path / "key.png")) == [[[0, 0, 0, 255], [128, 128, 128, 0]]]
    assert pixels(read_image(Image.fromarray(np.array([[32767]], np.uint16)))) == [[[127] * 3]]
    beyond = Image.fromarray(np.array([[-5, 65535, 131070]], np.int32))
    assert np.asarray(read_image(beyond))[0, :, 0].tolist() == [0, 128, 255]


def test_deep_images_are_reduced_in_bands_of_one_scale() -> None:
    values = np.random.default_rng(0).random((600, 3)).astype(np.float32)
    values[500] = 2.0  # the largest value, which all bands are divided by, is in the last one
    found = np.asarray(read_image(Image.fromarray(values)))[..., 0]
    assert found.tolist() == np.rint(values / np.float32(2.0) * np.float32(255)).astype(int).tolist()


def test_floats(tmp_path: Path) -> None:
    def levels(*values: float) -> list[int]:
        Image.fromarray(np.array([values], np.float32)).save(tmp_path / "a.tif")
        return [p[0] for p in pixels(read_image(tmp_path / "a.tif"))[0]]

    assert levels(0, 0.25, 0.5, 0.6) == [0, 64, 128, 153]
    assert levels(-1, 1, 2, 4) == [0, 64, 128, 255]
    with pytest.raises(ImageError) as caught:
        levels(0, float("nan"))
    one_line(caught, "a.tif", "NaN")


# Orientation and colour profiles.


NAMED = "top left, top right, bottom right, bottom left, left top, right top, right bottom, left bottom"
SIDES = {n: sides.split() for n, sides in enumerate(NAMED.split(", "), start=1)}


@pytest.mark.parametrize("orientation", SIDES)
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_orientation(tmp_path: Path, orientation: int, suffix: str) -> None:
    scene = Image.new("RGB", (32, 16))
    for x, y, colour in ((0, 0, RED), (16, 0, GREEN), (0, 8, BLUE), (16, 8, WHITE)):
        scene.paste(colour, (x, y, x + 16, y + 8))
    # By the Exif standard, the first row and the first column of the stored image are these
    # sides of the upright one.
    row, column = SIDES[orientation]
    stored = np.asarray(scene)
    stored = stored[::-1] if "bottom" in (row, column) else stored
    stored = stored[:, ::-1] if "right" in (row, column) else stored
    stored = stored.swapaxes(0, 1) if row in ("left", "right") else stored
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    options: dict[str, Any] = {"lossless": True, "subsampling": 0, "quality": 100}
    if suffix == "tif":
        options = {}
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif, **options)
    result = read_image(path)
    assert result.size == (32, 16)
    difference = np.asarray(result).astype(int) - np.asarray(scene).astype(int)
    assert np.abs(difference).max() <= (1 if suffix == "jpg" else 0)
    if suffix != "tif":  # which Pillow itself turns while reading
        with Image.open(path) as opened:
            assert opened.getexif()[0x0112] == orientation
            assert pixels(ImageOps.exif_transpose(opened)) == pixels(result)
    assert 0x0112 not in read_image(result).getexif()


def test_damaged_exif(tmp_path: Path) -> None:
    random_image().save(tmp_path / "a.png", exif=b"Exif\0\0XX")
    assert pixels(read_image(tmp_path / "a.png")) == pixels(random_image())
    # A negative width, which Pillow reads but cannot write; the orientation 6 counts all the same.
    width, turned = (
        struct.pack(">HHIi", 0x0100, 9, 1, -1),
        struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0),
    )
    exif = b"Exif\0\0MM\0*\0\0\0\x08" + shorts(2) + width + turned + bytes(4)
    random_image().save(tmp_path / "b.png", exif=exif)
    turned_image = random_image().transpose(Image.Transpose.ROTATE_270)
    assert pixels(read_image(tmp_path / "b.png")) == pixels(turned_image)


def test_profile_changes_pixels(tmp_path: Path) -> None:
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    colour = Image.merge("RGB", (ramp, ramp.point(lambda v: 255 - v), ramp.point(lambda v: v // 2)))
    curve = np.array([srgb_curve(v) for v in range(256)])
    for order, channels in ((b"rgb", [0, 1, 2]), (b"gbr", [2, 0, 1])):
        colour.save(tmp_path / "a.png", icc_profile=linear_rgb(order))
        result = np.asarray(read_image(tmp_path / "a.png")).astype(int)
        expected = curve[np.asarray(colour)][..., channels]
        assert np.abs(result - expected).max() <= 1
    clear = colour.copy()
    clear.putalpha(ramp)
    clear.save(tmp_path / "alpha.png", icc_profile=linear_rgb())
    result = np.asarray(read_image(tmp_path / "alpha.png")).astype(int)
    assert np.abs(result[..., :3] - curve[np.asarray(colour)]).max() <= 1
    assert result[0, :, 3].tolist() == list(range(256))
    ramp.save(tmp_path / "grey.png", icc_profile=icc(b"GRAY", {b"kTRC": LINEAR}))
    result = np.asarray(read_image(tmp_path / "grey.png")).astype(int)
    assert np.abs(result - curve[None, :, None]).max() <= 1


def test_profiles_that_change_nothing(tmp_path: Path) -> None:
    image = random_image(size=(64, 64))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    grey = icc(b"GRAY", {b"kTRC": LINEAR})
    # Not what its name says, but that shows that it was not applied.
    named = linear_rgb(name=b"sRGB IEC61966-2.1")
    for profile in (srgb, named, grey, b"no profile", b"", linear_rgb()[:200]):
        image.save(tmp_path / "a.png", icc_profile=profile)
        assert pixels(read_image(tmp_path / "a.png")) == pixels(image)
    image.save(tmp_path / "a.png", icc_profile=linear_rgb(name=b"sRGB-elle-V2-g10.icc"))
    assert pixels(read_image(tmp_path / "a.png")) != pixels(image)


# Sources that cannot be read, or not as they are.


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "gif"])
def test_truncated(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    random_image(size=(64, 64)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ImageError) as caught:
        read_image(path)
    one_line(caught, str(path), "cannot read")


def test_unreadable(tmp_path: Path) -> None:
    (tmp_path / "zero.png").touch()
    random_image().save(tmp_path / "a.ico")
    random_image().save(tmp_path / "a.eps")
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "b").mkdir()
    reasons = {"zero.png": "file is empty", "text.png": "not an image", "b": "it is a folder"}
    for name, reason in (reasons | {"a.ico": "known format", "a.eps": "known format"}).items():
        with pytest.raises(ImageError) as caught:
            read_image(tmp_path / name)
        one_line(caught, str(tmp_path / name), reason, "name an intact image")
    for name in ("none.png", "two\nlines.png", "nul\0.png"):
        with pytest.raises(MissingFileError) as caught_missing:
            read_image(str(tmp_path / name))
        one_line(caught_missing, "no such file", name.split("\n")[-1])


@pytest.mark.parametrize("suffix", sorted({*images.SUFFIXES} - {".heic", ".heif", ".hif", ".jxl"}))
def test_suffixes(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    random_image().convert("L" if suffix == ".pgm" else "RGB").save(path)
    assert read_image(path).size == (7, 5)


def test_max_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    random_image().save(path)
    assert read_image(path, max_pixels=35).size == (7, 5)
    with pytest.raises(ImageError) as caught:
        read_image(path, max_pixels=34)
    one_line(caught, "7 x 5", "34", "max_pixels", "--max-pixels", str(path))
    with pytest.raises(ImageError, match="7 x 5"):
        read_image(random_image(), max_pixels=34)
    # Its 30 GB of pixels are not there, so this is found in the header or not at all.
    (tmp_path / "bomb.png").write_bytes(png(8, 2, b"", 100_000, 100_000))
    with pytest.raises(ImageError) as caught:
        read_image(tmp_path / "bomb.png")
    one_line(caught, "100000 x 100000", str(images.DEFAULT_MAX_PIXELS))


def test_pillow_limit_does_not_apply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / f"a.{s}" for s in ("png", "jpg", "webp", "tif", "gif", "bmp")]
    for path in paths:
        random_image().save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    sizes: list[tuple[int, int]] = []

    def read() -> None:
        sizes.extend(images.center_crop_square(read_image(path)).size for path in paths * 5)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(Image.DecompressionBombError), Image.open(paths[0]):
            pass
        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sizes == [(5, 5)] * 120
    assert Image.MAX_IMAGE_PIXELS == 10


def test_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, GREEN)]
    for name in ("a.gif", "a.png", "a.tif", "a.webp"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], lossless=True)
        with Image.open(tmp_path / name) as opened:
            assert getattr(opened, "n_frames", 1) == 2
        assert pixels(read_image(tmp_path / name).convert("RGB")) == [[list(RED)] * 4] * 4


@pytest.mark.parametrize("mode", ["P", "RGB", "RGBA", "L"])
def test_source_is_not_modified(tmp_path: Path, mode: str) -> None:
    source = random_image().convert(mode)
    source.info |= {"icc_profile": linear_rgb(), "note": "x"}
    if mode == "P":
        source.info["transparency"] = bytes(range(256))
    source.getexif()[0x0112] = 6
    before = source.copy()
    palette = source.getpalette("RGBA")
    result = read_image(source)
    assert result.info == {}
    result.paste(0, (0, 0, *result.size))
    assert source.size == (7, 5)
    assert source.tobytes() == before.tobytes()
    assert source.getpalette("RGBA") == palette
    assert source.info == before.info


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", ["raw", "tiff_adobe_deflate"])
@pytest.mark.parametrize("opened", [False, True])
def test_tiffs_are_turned_upright_however_they_are_stored(
    tmp_path: Path, orientation: int, compression: str, opened: bool
) -> None:
    stored = random_image("L", (40, 30))
    exif = Image.Exif()
    exif[0x0112] = orientation
    reference = stored.copy()
    reference.getexif()[0x0112] = orientation
    stored.save(tmp_path / "a.tif", compression=compression, exif=exif)
    source: Any = Image.open(tmp_path / "a.tif") if opened else tmp_path / "a.tif"
    assert pixels(read_image(source)) == pixels(ImageOps.exif_transpose(reference).convert("RGB"))
