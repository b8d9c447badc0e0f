"""What a photograph says of itself, in every format that is read, and in every one that is written."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin, TiffImagePlugin

from adain import InputError
from adain.image import Page, read_image, save_image
from adain.image.directories import EXIF, GPS, read_exif
from adain.image.io import metadata_of
from adain.options import MetadataMode
from tests.conftest import noise_image

TAKEN, ARTIST, RIGHTS, SHOWN = "2024:05:06 07:08:09", "Zoë Ångström", "© Zoë", "Möwen"
NAMES = {0x013B: ARTIST, 0x8298: RIGHTS, 0x010E: SHOWN}
PLACE = (48.0, 30.0, 15.5)
XMP = (
    b"<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF>"
    b'<rdf:Description tiff:Orientation="6" exif:PixelXDimension=\'4000\' dc:creator="Zo\xc3\xab" hdrgm:Version="1.0">'
    b"<tiff:Orientation>6</tiff:Orientation><dc:title>Gulls</dc:title></rdf:Description>"
    b"</rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
)
WRITTEN = ("jpg", "png", "webp", "tif")
READ = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "tif": "TIFF", "avif": "AVIF"}


def exif() -> Image.Exif:
    """Of a photograph taken on its side, by a camera that knows where it is."""
    made = Image.Exif()
    made[0x0112], made[0x010F], made[0x0110] = 6, "Maker", "Model 1"
    # Pillow writes text in ASCII alone, and bytes as they are.
    for tag, text in NAMES.items():
        made[tag] = text.encode()
    made[0x0132] = "2024:05:07 00:00:00"
    inner = made.get_ifd(EXIF)
    inner[0x9003], inner[0x9011], inner[0x9291] = TAKEN, "+02:00", "42"
    inner[0xA001], inner[0xA002], inner[0xA003] = 65535, 4000, 3000
    inner[0x829A], inner[0x927C], inner[0xA434] = TiffImagePlugin.IFDRational(1, 250), b"maker's own", "Lens"
    inner[0xA005] = {1: "R03"}
    made.get_ifd(GPS)[1], made.get_ifd(GPS)[2] = "N", PLACE
    return made


def photograph(path: Path, **more: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    kind = READ[path.suffix[1:]]
    options: dict[str, Any] = {"exif": exif().tobytes(), "xmp": XMP, **more}
    if kind in ("TIFF", "AVIF"):  # where Pillow writes text anew, in ASCII
        more = exif()
        for tag, text in NAMES.items():
            more[tag] = chr(tag % 26 + 97) * len(text.encode())
        if kind == "AVIF":
            del more[0x0112]  # which it has in a box, and Pillow puts into EXIF again
        else:
            more[700] = XMP
        options["exif"] = more.tobytes()
    if kind == "PNG":
        texts = PngImagePlugin.PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options |= {"pnginfo": texts}
    noise_image(60, 40, 1).save(path, kind, **options)
    if kind in ("TIFF", "AVIF"):
        for tag, text in NAMES.items():
            placed = (chr(tag % 26 + 97) * len(text.encode())).encode()
            path.write_bytes(path.read_bytes().replace(placed, text.encode()))
    return path


def told(path: Path) -> dict[str, Any]:
    """What a result says: its tags by name and directory, read without our own code where Pillow can."""
    with Image.open(path) as image:
        image.load()
        raw = image.info.get("exif")
        xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
        if image.format == "TIFF":
            xmp = image.tag_v2.get(700, b"")  # type: ignore[attr-defined]
        found = image.getexif()
        first, inner, place = dict(found), dict(found.get_ifd(EXIF)), dict(found.get_ifd(GPS))
    if isinstance(raw, bytes):  # text as it is, not as Pillow decodes it
        entries = read_exif(raw)[0]
        first |= {tag: entries[tag].data.rstrip(b"\0").decode() for tag in (0x013B, 0x8298, 0x010E) if tag in entries}
    first.pop(EXIF, None)
    first.pop(GPS, None)
    return {"first": first, "exif": inner, "gps": place, "xmp": xmp.encode() if isinstance(xmp, str) else xmp}


@pytest.mark.parametrize("target", WRITTEN)
@pytest.mark.parametrize("source", READ)
def test_date_and_author_come_along_and_nothing_else(tmp_path: Path, source: str, target: str) -> None:
    photo = photograph(tmp_path / f"photo.{source}")
    out = save_image(noise_image(30, 20, 2), tmp_path / f"out.{target}", origin=photo)
    found = told(out)
    first = {tag: found["first"][tag] for tag in (0x0132, 0x010E, 0x013B, 0x8298)}
    if target == "tif":
        first = {t: v if isinstance(v, str) else v.decode() for t, v in first.items()}
        first = {t: v.encode("latin-1").decode() for t, v in first.items()}
    assert first == {0x0132: "2024:05:07 00:00:00", 0x010E: SHOWN, 0x013B: ARTIST, 0x8298: RIGHTS}
    assert found["exif"] == {0x9003: TAKEN, 0x9011: "+02:00", 0x9291: "42"}
    assert found["gps"] == {}
    assert found["xmp"] == b""
    assert not {0x0112, 0x010F, 0x0110} & set(found["first"])
    assert read_image(out).size == (30, 20)


@pytest.mark.parametrize("target", WRITTEN)
@pytest.mark.parametrize("source", READ)
def test_everything_that_is_still_true_is_kept(tmp_path: Path, source: str, target: str) -> None:
    photo = photograph(tmp_path / f"photo.{source}")
    out = save_image(noise_image(30, 20, 2), tmp_path / f"out.{target}", origin=photo, metadata="keep")
    found = told(out)
    assert (found["first"][0x010F], found["first"][0x0110]) == ("Maker", "Model 1")
    assert 0x0112 not in found["first"]
    inner = found["exif"]
    assert (inner[0x9003], inner[0xA434], inner[0x927C]) == (TAKEN, "Lens", b"maker's own")
    assert inner[0x829A] == pytest.approx(1 / 250)
    assert (inner[0xA001], inner[0xA002], inner[0xA003]) == (1, 30, 20)
    assert 0xA005 not in inner  # which would mean Adobe RGB
    assert found["gps"] == {1: "N", 2: PLACE}
    packet = found["xmp"]
    assert b'dc:creator="Zo\xc3\xab"' in packet
    assert b"<dc:title>Gulls</dc:title>" in packet
    for gone in (b"Orientation", b"PixelXDimension", b"hdrgm"):
        assert gone not in packet
    assert read_image(out).tobytes() == read_image(noise_image(30, 20, 2)).tobytes() or target in ("jpg", "webp")


@pytest.mark.parametrize("target", WRITTEN)
def test_nothing_is_kept_where_that_is_asked_for(tmp_path: Path, target: str) -> None:
    photo = photograph(tmp_path / "photo.jpg")
    plain = save_image(noise_image(30, 20, 2), tmp_path / f"plain.{target}").read_bytes()
    out = tmp_path / f"out.{target}"
    assert save_image(noise_image(30, 20, 2), out, origin=photo, metadata="none").read_bytes() == plain
    noise_image(60, 40).save(tmp_path / "silent.png")
    for silent in (tmp_path / "silent.png", noise_image(60, 40), np.zeros((9, 9, 3), np.uint8), tmp_path / "none.jpg"):
        assert save_image(noise_image(30, 20, 2), out, origin=silent, metadata="keep").read_bytes() == plain


def test_texts_of_a_png_are_taken_for_what_they_say(tmp_path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "Ann")
    texts.add_itxt("Copyright", RIGHTS)
    texts.add_text("Comment", "of no interest")
    noise_image(60, 40).save(tmp_path / "photo.png", pnginfo=texts)
    out = save_image(noise_image(30, 20), tmp_path / "out.jpg", origin=tmp_path / "photo.png")
    assert told(out)["first"] == {0x013B: "Ann", 0x8298: RIGHTS}


def test_an_older_way_of_png(tmp_path: Path) -> None:
    """What ImageMagick wrote before there was a chunk for it."""
    data = b"Exif\0\0" + exif().tobytes().removeprefix(b"Exif\0\0")
    texts = PngImagePlugin.PngInfo()
    text = data.hex()
    lines = "\n".join(text[at : at + 72] for at in range(0, len(text), 72))
    texts.add_text("Raw profile type exif", f"\nexif\n{len(data):8d}\n{lines}\n", zip=True)
    noise_image(60, 40).save(tmp_path / "photo.png", pnginfo=texts)
    assert metadata_of(tmp_path / "photo.png", "basic").entries[EXIF][0x9003].data == TAKEN.encode() + b"\0"


def test_photographs_of_phones(tmp_path: Path) -> None:
    heif, pillow_jxl = pytest.importorskip("pillow_heif"), pytest.importorskip("pillow_jxl")
    image = noise_image(64, 48)
    heif.from_pillow(image).save(tmp_path / "a.heic", exif=exif().tobytes(), xmp=XMP)
    assert pillow_jxl
    Image.init()
    if "JXL" not in Image.SAVE:
        pytest.skip("the plugin was there before")
    image.save(tmp_path / "b.jxl", "JXL", exif=exif().tobytes(), xmp=XMP, use_container=True)
    for name in ("a.heic", "b.jxl"):
        kept = metadata_of(tmp_path / name, "keep")
        assert kept.entries[EXIF][0x9003].data == TAKEN.encode() + b"\0"
        assert kept.entries[GPS][1].data == b"N\0"
        assert b"Gulls" in kept.xmp
        assert b"Orientation" not in kept.xmp


def test_a_jpeg_takes_no_more_than_a_segment_holds(tmp_path: Path) -> None:
    """A camera's own notes are let go of first; the other formats have room."""
    large = exif()
    large.get_ifd(EXIF)[0x927C] = bytes(70_000)
    noise_image(60, 40).save(tmp_path / "photo.webp", exif=large.tobytes(), xmp=b"x" * 70_000)
    how: dict[str, Any] = {"origin": tmp_path / "photo.webp", "metadata": "keep"}
    found = told(save_image(noise_image(30, 20), tmp_path / "out.jpg", **how))
    assert found["exif"][0x9003] == TAKEN
    assert 0x927C not in found["exif"]
    assert found["xmp"] == b""
    found = told(save_image(noise_image(30, 20), tmp_path / "out.png", **how))
    assert len(found["exif"][0x927C]) == 70_000
    assert len(found["xmp"]) == 70_000


def test_damaged_metadata_is_no_reason_to_fail(tmp_path: Path) -> None:
    whole = exif().tobytes()
    for damaged in (whole[:40], b"Exif\0\0II*\0" + struct.pack("<I", 1 << 30), b"nonsense"):
        noise_image(60, 40).save(tmp_path / "photo.jpg", exif=damaged)
        out = save_image(noise_image(30, 20), tmp_path / "out.jpg", origin=tmp_path / "photo.jpg", metadata="keep")
        assert read_image(out).size == (30, 20)


def test_a_result_with_alpha_and_one_in_memory(tmp_path: Path) -> None:
    clear = noise_image(30, 20)
    clear.putalpha(90)
    data = photograph(tmp_path / "photo.jpg").read_bytes()
    for target in ("png", "webp", "tif"):
        for origin in (data, io.BytesIO(data)):
            out = save_image(clear, tmp_path / f"out.{target}", origin=origin)
            assert read_image(out).getpixel((0, 0))[3] == 90  # type: ignore[index]
            assert told(out)["exif"][0x9003] == TAKEN


def write_described_pages(path: Path, *, is_pillows: bool) -> Path:
    """Three pages that each say what they show and when; of samples that Pillow knows or does not."""
    tifffile = pytest.importorskip("tifffile")
    values = np.full((20, 30, 3), 90, np.uint8 if is_pillows else np.uint32)
    with tifffile.TiffWriter(path) as file:
        for number in (1, 2, 3):
            more = [(0x0132, 2, 20, f"2024:05:0{number} 00:00:00", True), (700, 1, 1, f"{number}".encode(), True)]
            description = f"page {number}"
            file.write(
                values, photometric="rgb", description=description, metadata=None, extratags=more, software=False
            )
    return path


@pytest.mark.parametrize("is_pillows", [True, False])
def test_each_page_says_what_it_shows_itself(tmp_path: Path, is_pillows: bool) -> None:
    scan = write_described_pages(tmp_path / "scan.tif", is_pillows=is_pillows)
    for number in (1, 2, 3):
        for source in (scan, scan.read_bytes(), io.BytesIO(scan.read_bytes())):
            found = metadata_of(Page(source, number), "keep")
            assert found.entries[0][0x010E].data == f"page {number}\0".encode()
            assert found.entries[0][0x0132].data == f"2024:05:0{number} 00:00:00\0".encode()
            assert found.xmp == f"{number}".encode()
    assert metadata_of(scan, "basic").entries[0][0x010E].data == b"page 1\0"


@pytest.mark.parametrize("mode", ["basic", "keep"])
@pytest.mark.parametrize(
    "layout",
    [
        '{"shape": [20, 30, 3]}',
        "ImageJ=1.54f\nimages=3\n",
        '<?xml version="1.0" encoding="UTF-8"?><!-- Warning --><OME xmlns="x"><Image/></OME>',
    ],
)
def test_how_the_numbers_of_a_file_lie_is_no_description(tmp_path: Path, layout: str, mode: MetadataMode) -> None:
    """The result has numbers of its own: a reader that believed it would take them for another picture."""
    made = Image.Exif()
    made[0x010E], made[0x013B] = layout, "Ann"
    noise_image(30, 20).save(tmp_path / "photo.tif", exif=made.tobytes())
    with Image.open(tmp_path / "photo.tif") as image:
        assert image.tag_v2[0x010E] == layout  # type: ignore[attr-defined]
    out = save_image(noise_image(15, 10), tmp_path / "out.tif", origin=tmp_path / "photo.tif", metadata=mode)
    first = told(out)["first"]
    assert (first.get(0x010E), first[0x013B]) == (None, "Ann")


def test_an_unknown_mode_is_refused(tmp_path: Path) -> None:
    photo = photograph(tmp_path / "photo.jpg")
    with pytest.raises(InputError, match=r"^metadata is one of basic, keep, none, not all$"):
        save_image(noise_image(30, 20), tmp_path / "out.jpg", origin=photo, metadata="all")  # type: ignore[arg-type]
    assert not (tmp_path / "out.jpg").exists()
