from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from adain.image import read_image
from adain.image.colorspace import srgb_numbers
from adain.image.io import read_stored
from tests.image.test_io import LINEAR, icc, linear_rgb, png, shorts

PURE = (200, 40, 40)
P3 = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
SRGB_PRIMARIES = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
PQ_203 = 0.58068


def gamma(value: float) -> bytes:
    return struct.pack(">I", round(1e5 * value))


def shown(data: bytes) -> Any:
    return np.asarray(read_image(data).convert("RGB"))[0, 0].tolist()


def one(**chunks: bytes) -> bytes:
    """A PNG of one pixel with these chunks."""
    return png(8, 2, bytes(PURE), 1, **chunks)


def near(*levels: int) -> object:
    return pytest.approx(list(levels), abs=1)


def zipped_profile(profile: bytes) -> bytes:
    import zlib

    return b"x\0\0" + zlib.compress(profile)


# PNG


def test_png_gamma_and_primaries() -> None:
    assert shown(one(gAMA=gamma(1))) == near(229, 110, 110)
    assert shown(one(gAMA=gamma(1 / 1.8))) == near(210, 53, 53)
    assert shown(one(cHRM=P3)) == near(218, 0, 26)
    assert shown(one(gAMA=gamma(1), cHRM=SRGB_PRIMARIES)) == near(229, 110, 110)
    assert shown(one(gAMA=gamma(1), cHRM=bytes(32))) == near(229, 110, 110)


@pytest.mark.parametrize(
    "chunks",
    [
        {"gAMA": gamma(0.45455)},
        {"gAMA": gamma(0.45455), "cHRM": SRGB_PRIMARIES},
        {"gAMA": gamma(1), "cHRM": P3, "sRGB": b"\0"},
        {"gAMA": gamma(0)},
        {"cHRM": bytes(32)},
        {"cICP": b"\x01\x0d\0\x01"},
        {"cICP": b"\x02\x02\0\x01"},
        {"cICP": b"\x09\x10\x09\x01"},  # a matrix, which the standard does not allow
        {"cICP": b"\x09\x10\0"},
    ],
)
def test_png_that_is_srgb_stays_as_it_is(chunks: dict[str, bytes]) -> None:
    assert shown(one(**chunks)) == list(PURE)


def test_png_code_points() -> None:
    assert shown(one(cICP=b"\x0c\x0d\0\x01")) == near(218, 0, 26)  # P3
    assert shown(one(cICP=b"\x09\x0e\0\x01")) == near(249, 0, 27)  # BT.2020
    assert shown(one(cICP=b"\x01\x08\0\x01")) == near(229, 110, 110)
    # 16 to 235 become 0 to 255.
    assert shown(one(cICP=b"\x01\x0d\0\0")) == near(214, 28, 28)


def test_png_precedence() -> None:
    profile = zipped_profile(linear_rgb())
    assert shown(one(cICP=b"\x0c\x0d\0\x01", iCCP=profile, gAMA=gamma(1))) == near(218, 0, 26)
    assert shown(one(iCCP=profile, gAMA=gamma(1 / 1.8), cHRM=P3)) == near(229, 110, 110)
    assert shown(one(cICP=b"\x0c\x0d\0\x01", sRGB=b"\0")) == near(218, 0, 26)


def hdr(number: float, transfer: int = 16, **chunks: bytes) -> Any:
    row = shorts(*[round(65535 * number)] * 3)
    return shown(png(16, 2, row, 1, cICP=bytes([9, transfer, 0, 1]), **chunks))[0]


def test_png_of_high_dynamic_range() -> None:
    """203 cd/m² comes at 208, or at 229 where the file says that it holds no more than 1000."""
    assert hdr(PQ_203) == pytest.approx(208, abs=1)
    assert hdr(PQ_203, cLLI=struct.pack(">II", 10_000_000, 0)) == pytest.approx(229, abs=1)
    assert hdr(PQ_203, mDCV=bytes(16) + struct.pack(">II", 10_000_000, 50)) == pytest.approx(229, abs=1)
    assert hdr(PQ_203, mDCV=bytes(16) + struct.pack(">II", 10_000_000, 50), cLLI=bytes(8)) == pytest.approx(229, abs=1)
    assert hdr(0.75, 18) == pytest.approx(229, abs=1)
    rising = [hdr(n) for n in (0.0, 0.2, 0.4, PQ_203, 0.65, 0.7, 0.75183)]
    assert rising == sorted(set(rising))
    assert rising[-1] < 252
    rising = [hdr(n, 18) for n in np.linspace(0, 1, 9)]
    assert rising == sorted(set(rising))
    assert rising[-1] == 255


def test_high_dynamic_range_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "adain"):
        hdr(PQ_203)
    assert "HDR, PQ of up to 4000 cd/m2" in caplog.text


def test_png_modes_and_alpha() -> None:
    grey = png(8, 0, bytes([200]), 1, gAMA=gamma(1))
    assert shown(grey) == near(229, 229, 229)
    palette = png(8, 3, b"\0", 1, gAMA=gamma(1), PLTE=bytes(PURE), tRNS=b"\x50")
    image = read_image(palette)
    assert image.getpixel((0, 0)) == (229, 110, 110, 0x50)
    rgba = png(8, 6, bytes((*PURE, 7)), 1, cICP=b"\x0c\x0d\0\x01")
    assert read_image(rgba).getpixel((0, 0)) == (218, 0, 26, 7)


def test_png_of_16_bits_keeps_its_dark_levels() -> None:
    """Light as it is, of which 8 bits have few levels where it is dark."""
    light = [16, 100, 400, 2000, 40_000]
    expected = [round(255 * float(srgb_numbers(np.array(x / 65535)))) for x in light]
    assert expected == [1, 5, 18, 49, 205]
    for kind, repeats in ((0, 1), (2, 3)):
        data = png(16, kind, shorts(*np.repeat(light, repeats)), len(light), gAMA=gamma(1))
        assert np.asarray(read_image(data))[0, :, 1].tolist() == expected
    alpha = np.stack([light, [65535] * len(light)], axis=1).ravel()
    data = png(16, 4, shorts(*alpha), len(light), gAMA=gamma(1))
    assert np.asarray(read_image(data))[0, :, 1].tolist() == expected


def test_png_that_pillow_has_loaded(tmp_path: Path) -> None:
    """What Pillow keeps is known even then; a file that it has open is read, and left where it was."""
    (tmp_path / "a.png").write_bytes(one(cICP=b"\x0c\x0d\0\x01"))
    with Image.open(tmp_path / "a.png") as opened:
        assert read_image(opened).getpixel((0, 0)) == (218, 0, 26)
    with Image.open(io.BytesIO(one(gAMA=gamma(1)))) as opened:
        opened.load()
        assert read_image(opened).getpixel((0, 0)) == (229, 110, 110)


def test_what_is_written_is_not_converted_again(tmp_path: Path) -> None:
    from adain.image import save_image

    with Image.open(io.BytesIO(one(gAMA=gamma(1)))) as opened:
        save_image(opened, tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").getpixel((0, 0)) == (229, 110, 110)


def test_masks_and_label_maps_keep_their_numbers() -> None:
    for chunks in ({"gAMA": gamma(1)}, {"cICP": b"\x09\x10\0\x01"}):
        assert read_stored(one(**chunks)).values[0, 0].tolist() == [*PURE]


# ICC


def test_a_profile_of_pq_is_taken_by_its_code_points() -> None:
    tags = {b"%cXYZ" % c: b"XYZ " + struct.pack(">4i", 0, 28000, 20000, 20000) for c in b"rgb"}
    tags |= {b"%cTRC" % c: LINEAR for c in b"rgb"} | {b"cicp": b"cicp" + bytes(4) + bytes([9, 16, 0, 1])}
    image = Image.new("RGB", (1, 1), (148, 148, 148))
    file = io.BytesIO()
    image.save(file, "JPEG", icc_profile=icc(b"RGB ", tags), quality=100)
    assert shown(file.getvalue()) == near(208, 208, 208)


# EXIF


def exif(index: bytes, order: str = "<") -> bytes:
    """Blocks of EXIF: the first points to that of EXIF, which points to that of interoperability."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    first = struct.pack(order + "HHHIII", 1, 0x8769, 4, 1, 26, 0)
    second = struct.pack(order + "HHHIII", 1, 0xA005, 4, 1, 44, 0)
    third = struct.pack(order + "HHHI", 1, 1, 2, 4) + index.ljust(4, b"\0") + bytes(4)
    return b"Exif\0\0" + head + first + second + third


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP", "PNG", "AVIF"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_adobe_rgb_by_exif(file_format: str, order: str) -> None:
    def save(index: bytes, **options: Any) -> bytes:
        file = io.BytesIO()
        how = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(file_format, {})
        Image.new("RGB", (16, 16), PURE).save(file, file_format, exif=exif(index, order), **how, **options)
        return file.getvalue()

    if file_format == "AVIF":  # which says that it is sRGB, and that counts for more
        assert shown(save(b"R03")) == pytest.approx(list(PURE), abs=3)
        return
    assert shown(save(b"R03")) == pytest.approx([233, 35, 35], abs=2)
    assert shown(save(b"R98")) == pytest.approx(list(PURE), abs=2)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert shown(save(b"R03", icc_profile=srgb)) == pytest.approx(list(PURE), abs=2)


# AVIF


def avif(codes: tuple[int, int] | None, *, frames: int = 1, mode: str = "RGB") -> bytes:
    """A flat one, whose codes are changed in place, as Pillow writes those of sRGB."""
    file, images = io.BytesIO(), [Image.new("RGB", (16, 16), PURE).convert(mode)] * frames
    images[0].save(file, "AVIF", quality=100, subsampling="4:4:4", save_all=True, append_images=images[1:])
    data = file.getvalue()
    assert b"colrnclx" in data
    old = b"colrnclx" + struct.pack(">HH", 1, 13)
    new = b"colrnclx" + struct.pack(">HH", *codes) if codes else b"freeXXXX" + struct.pack(">HH", 1, 13)
    return data.replace(old, new)


@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_avif(frames: int, mode: str) -> None:
    assert shown(avif((1, 13), frames=frames, mode=mode)) == pytest.approx(list(PURE), abs=3)
    plain = np.array([[shown(avif((1, 13), frames=frames, mode=mode))]], np.uint8)
    for codes, change in {(12, 13): (218, 0, 26), (9, 1): (249, 0, 27), (1, 8): (229, 110, 110)}.items():
        from adain.image.colorspace import Colorspace

        space = Colorspace.of_codes(*codes)
        assert space is not None
        found = shown(avif(codes, frames=frames, mode=mode))
        assert found == near(*space.to_srgb(plain)[0, 0].tolist())
        assert found == pytest.approx(list(change), abs=4)
    assert shown(avif(None, frames=frames, mode=mode)) == pytest.approx(list(PURE), abs=3)


def test_avif_of_high_dynamic_range() -> None:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), (148, 148, 148)).save(file, "AVIF", quality=100)
    data = file.getvalue().replace(b"colrnclx\0\1\0\r", b"colrnclx\0\x09\0\x10")
    assert shown(data) == near(208, 208, 208)


def test_heif_by_what_pillow_heif_gives() -> None:
    image = Image.new("RGB", (1, 1), PURE)
    image.info["nclx_profile"] = {"color_primaries": 12, "transfer_characteristics": 13}
    assert read_image(image).getpixel((0, 0)) == (218, 0, 26)


def test_heic(tmp_path: Path) -> None:
    import pillow_heif

    picture = pillow_heif.from_pillow(Image.new("RGB", (64, 64), PURE))
    codes = {"color_primaries": 12, "transfer_characteristics": 13, "matrix_coefficients": 6, "full_range_flag": 1}
    picture.save(tmp_path / "a.heic", quality=100, chroma=444, **codes)
    assert shown((tmp_path / "a.heic").read_bytes()) == near(218, 0, 26)


# JPEG 2000


def jp2(colr: bytes, mode: str = "RGB", color: Any = PURE) -> bytes:
    """A flat one with another box of colours."""
    file = io.BytesIO()
    Image.new(mode, (16, 16), color).save(file, "JPEG2000")
    data = file.getvalue()
    at, start = data.index(b"jp2h") - 4, data.index(b"colr") - 4
    (header,), (old,) = struct.unpack_from(">I", data, at), struct.unpack_from(">I", data, start)
    box = struct.pack(">I4s", 8 + len(colr), b"colr") + colr
    head = struct.pack(">I", header + len(box) - old) + data[at + 4 : start] + box
    return data[:at] + head + data[start + old :]


def test_jpeg_2000() -> None:
    srgb = jp2(b"\1\0\0" + struct.pack(">I", 16))
    assert shown(srgb) == list(PURE)
    assert shown(jp2(b"\2\0\0" + linear_rgb())) == near(229, 110, 110)
    assert shown(jp2(b"\3\0\0" + linear_rgb())) == near(229, 110, 110)
    grey = icc(b"GRAY", {b"kTRC": LINEAR})
    assert shown(jp2(b"\2\0\0" + grey, "L", 200)) == near(229, 229, 229)
    assert shown(jp2(b"\5\0\0" + struct.pack(">HHHB", 12, 13, 0, 0x80))) == near(218, 0, 26)
    assert shown(jp2(b"\1\0\0" + struct.pack(">I", 21))) == near(255, 0, 49)
    assert shown(jp2(b"\2\0\0" + b"no profile")) == list(PURE)


@pytest.mark.parametrize(
    "make", [lambda: one(cICP=b"\x0c\x0d\0\x01"), lambda: avif((12, 13)), lambda: jp2(b"\2\0\0" + linear_rgb())]
)
def test_a_file_cut_short_or_changed_anywhere_raises_nothing_new(make: Callable[[], bytes]) -> None:
    from adain._utils.errors import ImageError

    data = make()
    random = np.random.default_rng(3)
    for _ in range(60):
        changed = bytearray(data)
        changed[int(random.integers(8, min(len(data), 400)))] = int(random.integers(256))
        with contextlib.suppress(ImageError):
            read_image(bytes(changed))
