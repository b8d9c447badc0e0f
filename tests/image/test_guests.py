"""HEIC and JPEG XL: files of phones, made here by the packages that read them."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

import adain
from adain._utils.errors import ImageError
from adain.image import jxl, read_image
from adain.image.guests import kind_of, open_guest
from adain.image.io import count_pixels, read_stored
from tests.conftest import noise_image, one_line_error, python
from tests.image.test_io import linear_rgb

heif = pytest.importorskip("pillow_heif")
imagecodecs = pytest.importorskip("imagecodecs")
pytest.importorskip("pillow_jxl")

EXACT: dict[str, Any] = {"quality": -1, "chroma": 444, "matrix_coefficients": 0}
"""What pillow-heif writes without loss."""

ORIENTATION = 0x0112


def corners(width: int = 64, height: int = 48) -> Image.Image:
    """A picture that tells every turn: red, green, blue and grey quarters."""
    picture = Image.new("RGB", (width, height), "gray")
    half = (width // 2, height // 2)
    for color, at in (("red", (0, 0)), ("lime", (half[0], 0)), ("blue", (0, half[1]))):
        picture.paste(color, (*at, at[0] + half[0], at[1] + half[1]))
    return picture


def turned(picture: Image.Image, orientation: int) -> tuple[Image.Image, bytes]:
    """What a camera stores of an upright picture, and the EXIF that says so."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    picture.getexif()[ORIENTATION] = orientation
    inverse = {5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, orientation)
    stored = picture.copy()
    stored.getexif()[ORIENTATION] = inverse
    return ImageOps.exif_transpose(stored), exif.tobytes()


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names of boxes, and all that they are."""
    at = 0
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        yield name, data[at : at + (length or len(data) - at)]
        at += length or len(data) - at


def packed_jpeg(picture: Image.Image, **more: Any) -> bytes:
    """A JPEG XL file of a JPEG, from which that can be had again."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=100, subsampling=0, **more)
    encoder = sys.modules["pillow_jxl"].Encoder(
        mode="RGB", lossless=True, quality=100, decoding_speed=0, effort=3, use_container=True,
        use_original_profile=False, num_threads=1,
    )  # fmt: skip
    data: bytes = encoder(file.getvalue(), picture.width, picture.height, jpeg_encode=True)
    return data


def pixels_alone(data: bytes) -> bytes:
    """The same without what makes a JPEG of it again: it is decoded to pixels then."""
    return b"".join(box for name, box in boxes(data) if name != b"jbrd")


def difference(first: Image.Image, second: Image.Image) -> int:
    assert first.size == second.size
    assert first.mode == second.mode
    return int(np.abs(np.asarray(first).astype(int) - np.asarray(second)).max())


# HEIC


@pytest.mark.parametrize("orientation", range(1, 9))
def test_heic_is_turned_once(tmp_path: Path, orientation: int) -> None:
    """The file says it twice, by a property and in EXIF; the former counts."""
    upright = corners()
    stored, exif = turned(corners(), orientation)
    heif.from_pillow(stored).save(tmp_path / "a.heic", exif=exif, **EXACT)
    assert read_image(tmp_path / "a.heic").size == (64, 48)
    assert difference(read_image(tmp_path / "a.heic"), upright) == 0
    assert count_pixels(tmp_path / "a.heic") == 64 * 48


def test_heic_without_loss(tmp_path: Path) -> None:
    noise, alpha = noise_image(66, 46, 3), noise_image(66, 46, 4, "L")
    clear = noise.copy()
    clear.putalpha(alpha)
    for picture in (noise, clear):
        heif.from_pillow(picture).save(tmp_path / "a.heic", **EXACT)
        for source in (tmp_path / "a.heic", (tmp_path / "a.heic").read_bytes(), (tmp_path / "a.heic").open("rb")):
            assert difference(read_image(source), picture) == 0
    stored = read_stored(tmp_path / "a.heic")
    assert (stored.values == np.asarray(noise)).all()
    assert stored.alpha is not None
    assert (np.rint(stored.alpha * 255) == np.asarray(alpha)).all()


def test_heic_of_grey(tmp_path: Path) -> None:
    grey = noise_image(66, 46, 3, "L")
    heif.from_pillow(grey).save(tmp_path / "a.heic", quality=-1)
    assert difference(read_image(tmp_path / "a.heic"), grey.convert("RGB")) <= 1


@pytest.mark.parametrize(("to_12_bit", "levels"), [(False, 1023), (True, 4095)])
def test_deep_heic_keeps_its_levels(tmp_path: Path, to_12_bit: bool, levels: int) -> None:
    ramp = np.linspace(0, 65535, 64 * 64).round().astype(np.uint16).reshape(64, 64)
    values = np.stack([ramp, ramp.T, 65535 - ramp], axis=2)
    try:
        heif.options.SAVE_HDR_TO_12_BIT = to_12_bit
        heif.encode("RGB;16", (64, 64), values.tobytes(), tmp_path / "a.heic", **EXACT)
    finally:
        heif.options.SAVE_HDR_TO_12_BIT = False
    stored = read_stored(tmp_path / "a.heic")
    assert stored.values.dtype == np.uint16
    assert stored.white == 65535
    expected = (values >> (6 - 2 * to_12_bit)) * (65535 / levels)
    assert np.abs(stored.values - expected).max() <= 0.501
    assert len(np.unique(stored.values[..., 0])) > 900
    assert np.abs(np.asarray(read_image(tmp_path / "a.heic")) - expected / 257).max() <= 0.51


def test_profiles_and_codes_of_heic_are_converted(tmp_path: Path) -> None:
    picture = Image.new("RGB", (64, 64), (200, 100, 50))
    heif.from_pillow(picture).save(tmp_path / "icc.heic", icc_profile=linear_rgb(), **EXACT)
    picture.save(tmp_path / "icc.png", icc_profile=linear_rgb())
    assert difference(read_image(tmp_path / "icc.heic"), read_image(tmp_path / "icc.png")) == 0
    assert read_image(tmp_path / "icc.heic").getpixel((0, 0)) != (200, 100, 50)
    # SMPTE EG 432-1, Display P3, with the curve of sRGB: 255, 0, 0 lies outside sRGB; grey stays.
    p3 = {"color_primaries": 12, "transfer_characteristics": 13}
    for color, expected in (((128, 128, 128), (128, 128, 128)), ((150, 100, 100), (159, 97, 99))):
        heif.from_pillow(Image.new("RGB", (64, 64), color)).save(tmp_path / "p3.heic", **EXACT, **p3)
        assert read_image(tmp_path / "p3.heic").getpixel((9, 9)) == pytest.approx(expected, abs=1)


def test_of_several_the_primary_picture_counts(tmp_path: Path) -> None:
    burst = heif.from_pillow(Image.new("RGB", (64, 64), "red"))
    burst.add_from_pillow(Image.new("RGB", (80, 64), "blue"))
    burst.save(tmp_path / "a.heic", primary_index=1, **EXACT)
    assert read_image(tmp_path / "a.heic").size == (80, 64)
    assert read_image(tmp_path / "a.heic").getpixel((0, 0)) == (0, 0, 255)


def test_a_thumbnail_is_not_taken_for_the_picture(tmp_path: Path) -> None:
    picture = noise_image(128, 96, 1)
    heif.from_pillow(picture).save(tmp_path / "a.heic", thumbnails=[32], **EXACT)
    assert difference(read_image(tmp_path / "a.heic"), picture) == 0


# JPEG XL


@pytest.mark.parametrize("bits", [1, 5, 8, 9, 10, 12, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_jxl_without_loss(tmp_path: Path, bits: int, channels: int) -> None:
    """All widths of samples; white is the most that they hold."""
    top = (1 << bits) - 1
    kind = np.uint8 if bits <= 8 else np.uint16
    values = np.random.default_rng(bits).integers(0, top + 1, (20, 30, channels)).astype(kind)
    values[0, 0], values[0, 1] = 0, top
    data = imagecodecs.jpegxl_encode(values, lossless=True, effort=1, bitspersample=bits)
    (tmp_path / "a.jxl").write_bytes(data)
    stored = read_stored(tmp_path / "a.jxl")
    colors = values[..., 0] if channels <= 2 else values[..., :3]
    assert stored.white == (255 if bits == 8 else 65535)
    assert np.abs(stored.values - colors * (stored.white / top)).max() <= 0.501
    assert (stored.alpha is None) is (channels in (1, 3))
    if stored.alpha is not None:
        assert np.abs(stored.alpha - values[..., -1] / top).max() < 1e-6
    picture = np.asarray(read_image(tmp_path / "a.jxl"))
    assert picture.shape == (20, 30, 3 if channels in (1, 3) else 4)
    shown = (colors[..., None].repeat(3, 2) if channels <= 2 else colors) / top
    if bits > 8:  # of which the encoder says that they are linear
        shown = np.where(shown <= 0.0031308, 12.92 * shown, 1.055 * shown ** (1 / 2.4) - 0.055)
    bright = shown >= (0 if bits <= 8 else 0.3)
    assert np.abs(picture[..., :3] - shown * 255)[bright].max() <= (0.51 if bits <= 8 else 1.6)
    assert count_pixels(tmp_path / "a.jxl") == 600


def test_jxl_of_floats() -> None:
    values = np.random.default_rng(0).random((20, 30, 3), np.float32)
    data = imagecodecs.jpegxl_encode(values, lossless=True, effort=1)
    assert np.abs(read_stored(data).values - values).max() < 1e-6


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("keeps_jpeg", [True, False])
def test_jxl_is_turned_once(tmp_path: Path, orientation: int, keeps_jpeg: bool) -> None:
    """Of a JPEG that is had again by its EXIF, of pixels by the header, whatever EXIF says beside it."""
    jxl.require()
    import pillow_jxl  # noqa: F401

    stored, exif = turned(corners(), orientation)
    data = packed_jpeg(stored, exif=exif)
    (tmp_path / "a.jxl").write_bytes(data if keeps_jpeg else pixels_alone(data))
    assert (b"jbrd" in data) is True
    picture = read_image(tmp_path / "a.jxl")
    assert picture.size == (64, 48)
    assert difference(picture, corners()) <= 3


def test_profiles_of_jxl_are_converted(tmp_path: Path) -> None:
    jxl.require()
    import pillow_jxl  # noqa: F401

    color = Image.new("RGB", (32, 24), (200, 100, 50))
    data = packed_jpeg(color, icc_profile=linear_rgb())
    color.save(tmp_path / "a.png", icc_profile=linear_rgb())
    for each in (data, pixels_alone(data)):
        assert difference(read_image(each), read_image(tmp_path / "a.png")) <= 2


def test_of_an_animation_the_first_frame_counts() -> None:
    """What pillow-jxl-plugin gives is the last one."""
    frames = np.stack([np.full((20, 30, 3), value, np.uint8) for value in (200, 100, 50)])
    data = imagecodecs.jpegxl_encode(frames, lossless=True)
    assert read_image(data).getpixel((3, 3)) == (200, 200, 200)


SIDES = st.one_of(st.integers(1, 600), st.sampled_from([256, 264, 512, 513, 8192, 8193]))


@settings(deadline=None, max_examples=40)
@given(width=SIDES, height=st.integers(1, 600), ratio=st.sampled_from([(1, 1), (6, 5), (4, 3), (3, 2), (2, 1), None]))
def test_headers_of_jxl(width: int, height: int, ratio: tuple[int, int] | None) -> None:
    """Every way to say a size, in a codestream and in a container; cut off, it is damaged, and no more."""
    if ratio is not None:
        width = max(1, height * ratio[0] // ratio[1])
    for values, bits in ((np.zeros((height, width), np.uint8), 8), (np.zeros((height, width), np.uint16), 16)):
        data = imagecodecs.jpegxl_encode(values, lossless=True, effort=1)
        assert jxl.read_header(io.BytesIO(data)) == ((width, height), bits)
    for end in range(14):
        with pytest.raises(ValueError, match="header"):
            jxl.read_header(io.BytesIO(data[:end]))


# Both


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x14ftypmif1\0\0\0\0mif1", "HEIC"),
        (b"\0\0\0\x18ftypmsf1\0\0\0\0msf1hevc", "HEIC"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1miafavif", None),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", None),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", None),
        (b"\xff\x0a\0\0", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\xff\xd8\xff\xe0", None),
        (b"", None),
    ],
)
def test_files_are_told_by_their_beginning(head: bytes, kind: str | None) -> None:
    assert kind_of(head) == kind


def guests(folder: Path, width: int = 48, height: int = 40) -> dict[str, Path]:
    """A file of each format, by its name in messages."""
    heif.from_pillow(noise_image(width, height, 1)).save(folder / "a.heic", **EXACT)
    values = np.asarray(noise_image(width, height, 2))
    (folder / "b.jxl").write_bytes(imagecodecs.jpegxl_encode(values, lossless=True))
    return {"HEIC": folder / "a.heic", "JPEG XL": folder / "b.jxl"}


def test_sizes_are_checked_before_pixels_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(*_: Any) -> Any:
        raise AssertionError("decoded")

    monkeypatch.setattr("adain.image.guests._heif_samples", decoded)
    monkeypatch.setattr("adain.image.guests._jxl_samples", decoded)
    for path in guests(tmp_path).values():
        with pytest.raises(ImageError, match="48 x 40 pixels is over the limit of 1919"):
            read_image(path, max_pixels=1919)


def test_damaged_files_are_one_line(tmp_path: Path) -> None:
    for path in guests(tmp_path).values():
        whole = path.read_bytes()
        for cut in (30, 200, len(whole) // 2, len(whole) - 5):
            path.write_bytes(whole[:cut])
            with pytest.raises(ImageError, match=f"^cannot read .*{path.name}: .*intact image"):
                read_image(path)


@pytest.mark.parametrize("missing", ["pillow_heif", "pillow_jxl", "imagecodecs"])
def test_what_is_missing_is_named(tmp_path: Path, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files = guests(tmp_path)
    monkeypatch.setitem(sys.modules, missing, None)
    jxl._imported.cache_clear()
    extra = "heif" if missing == "pillow_heif" else "jxl"
    kind, packages = ("HEIC", "pillow-heif") if extra == "heif" else ("JPEG XL", "pillow-jxl-plugin and imagecodecs")
    with pytest.raises(ImageError) as caught:
        read_image(files[kind])
    install = f'{kind} needs {packages}, not installed here: pip install "adain[{extra}]"'
    assert str(caught.value) == f"cannot read {files[kind]}: {install}"
    monkeypatch.undo()
    jxl._imported.cache_clear()
    assert read_image(files[kind]).size == (48, 40)


def test_folders_name_what_they_cannot_read(
    run_cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A phone's folder without the packages: each file is told of, and the rest is made."""
    folder = tmp_path / "photos"
    folder.mkdir()
    files = guests(folder)
    noise_image(40, 40).save(folder / "c.png")
    noise_image(40, 40, 5).save(tmp_path / "art.png")
    command = ("stylize", folder, tmp_path / "art.png", "-o", tmp_path / "out", "--style-size", 32, "--device", "cpu")
    for name in ("pillow_heif", "pillow_jxl"):
        monkeypatch.setitem(sys.modules, name, None)
    jxl._imported.cache_clear()
    result = run_cli(*command)
    assert result.exit_code not in (0, 2)
    assert [path.name for path in (tmp_path / "out").glob("*.png")] == ["c_stylized_art.png"]
    lines = result.stderr.splitlines()
    assert [line for line in lines if "a.heic: HEIC needs pillow-heif" in line and 'pip install "adain[heif]"' in line]
    assert [line for line in lines if "b.jxl: JPEG XL needs" in line and 'pip install "adain[jxl]"' in line]
    assert len(lines) == 2
    one_line_error(run_cli("stylize", files["HEIC"], tmp_path / "art.png", "-o", tmp_path / "x.png"))
    monkeypatch.undo()
    jxl._imported.cache_clear()
    result = run_cli(*command)
    assert (result.exit_code, result.stderr) == (0, "")
    assert len([*(tmp_path / "out").glob("*.png")]) == 3


def test_pillow_stays_as_it_is(tmp_path: Path) -> None:
    """In the caller's program; and who imports the plugin afterwards, has it."""
    guests(tmp_path)
    found = python(f"""
import json
from PIL import Image
Image.init()
def tables(): return [sorted(map(str, t)) for t in (Image.OPEN, Image.SAVE, Image.EXTENSION, Image.MIME, Image.ID)]
before = tables()
from adain.image import read_image
import sys
lazy = not {{"pillow_heif", "pillow_jxl", "imagecodecs"}} & set(sys.modules)
read = [read_image({str(tmp_path)!r} + name).size for name in ("/a.heic", "/b.jxl")]
same = tables() == before
import pillow_jxl
with Image.open({str(tmp_path / "b.jxl")!r}) as image:
    size = image.size
print(json.dumps({{"lazy": lazy, "read": read, "same": same, "size": size}}))
""")
    assert found == {"lazy": True, "read": [[48, 40]] * 2, "same": True, "size": [48, 40]}


def test_a_photograph_of_a_phone_is_stylised(run_cli: Callable[..., Any], tmp_path: Path) -> None:
    files = guests(tmp_path)
    for kind, path in files.items():
        art = files["JPEG XL" if kind == "HEIC" else "HEIC"]
        out = tmp_path / "out.png"
        result = run_cli("stylize", path, art, "-o", out, "--style-size", 32, "--device", "cpu")
        assert result.exit_code == 0, result.output
        assert adain.read_image(out).size == (48, 40)


def test_what_is_no_guest_is_left_alone(tmp_path: Path) -> None:
    noise_image(9, 9).save(tmp_path / "a.png")
    assert open_guest(str(tmp_path / "a.png"), "a.png") is None
    with (tmp_path / "a.png").open("rb") as file:
        file.seek(3)
        assert open_guest(file, "a.png") is None


Array = npt.NDArray[Any]
