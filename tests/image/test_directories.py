from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from adain.image import directories
from adain.image.directories import EXIF, GPS, Tag

WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8, 11: 4, 12: 8}
ENTRIES = st.sampled_from(sorted(WIDTHS)).flatmap(
    lambda kind: st.binary(min_size=1, max_size=9).map(lambda data: Tag(kind, data * WIDTHS[kind]))
)
DIRECTORY = st.dictionaries(st.integers(1, 0xFFFF).filter(lambda tag: tag not in (EXIF, GPS)), ENTRIES, max_size=8)


@settings(deadline=None)
@given(first=DIRECTORY, exif=DIRECTORY, gps=DIRECTORY)
def test_what_is_packed_is_read_again(first: dict[int, Tag], exif: dict[int, Tag], gps: dict[int, Tag]) -> None:
    written = {0: first, EXIF: exif, GPS: gps}
    read = directories.read_exif(b"Exif\0\0" + directories.pack(written))
    assert read == {tag: entries for tag, entries in written.items() if entries or tag == 0}


@settings(deadline=None)
@given(first=DIRECTORY, exif=DIRECTORY)
def test_a_tiff_keeps_its_picture_and_takes_more(first: dict[int, Tag], exif: dict[int, Tag]) -> None:
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "TIFF", compression="tiff_adobe_deflate", icc_profile=b"profile")
    own = directories.read(file)[0]
    # What says how a picture lies in the file; and XMP, which Pillow does not open a picture with if its type is text.
    left = {*range(0xFE, 0x160), 0x2BC, *own}
    more = {tag: entry for tag, entry in first.items() if tag not in left}
    made = directories.appended(file.getvalue(), {0: more, EXIF: exif})
    read = directories.read(io.BytesIO(made))
    assert read[0] == {**own, **more}
    assert read.get(EXIF, {}) == exif
    with Image.open(io.BytesIO(made)) as image:
        assert (np.asarray(image) == pixels).all()
        assert image.info["icc_profile"] == b"profile"


def test_the_order_of_bytes_is_read_as_it_is_said() -> None:
    """Shorts, longs, fractions and bytes, as cameras of either kind write them; and what Pillow makes of them."""
    exif = Image.Exif()
    exif[0x0112], exif[0x011A], exif[0x013B] = 6, (300, 7), "Ann"
    exif.get_ifd(EXIF)[0x9003] = "2024:05:06 07:08:09"
    exif.get_ifd(GPS)[2] = (48.0, 30.0, 15.5)
    exif.endian = "<"
    little = directories.read_exif(exif.tobytes())
    exif.endian = ">"
    big = directories.read_exif(exif.tobytes())
    assert little == big
    assert big[0][0x0112] == Tag(3, b"\6\0")
    assert big[0][0x013B] == Tag(2, b"Ann\0")
    assert struct.unpack("<6I", big[GPS][2].data) == (48, 1, 30, 1, 31, 2)


def test_bigtiff() -> None:
    head = b"II+\0\x08\0\0\0" + struct.pack("<Q", 16)
    lines = struct.pack("<HHQ", 0x013B, 2, 4) + b"Ann\0\0\0\0\0" + struct.pack("<HHQQ", 0x8298, 2, 9, 76)
    data = head + struct.pack("<Q", 2) + lines + struct.pack("<Q", 0)
    data = data.ljust(76, b"\0") + b"copyright"
    assert directories.read(io.BytesIO(data)) == {0: {0x013B: Tag(2, b"Ann\0"), 0x8298: Tag(2, b"copyright")}}
    made = directories.appended(data, {0: {1: Tag(1, b"x" * 9), 2: Tag(1, b"12345678")}, EXIF: {3: Tag(1, b"y" * 9)}})
    assert made[16:].startswith(data[16:])
    own = directories.read(io.BytesIO(data))[0]
    assert directories.read(io.BytesIO(made)) == {
        0: {**own, 1: Tag(1, b"x" * 9), 2: Tag(1, b"12345678")},
        EXIF: {3: Tag(1, b"y" * 9)},
    }


@pytest.mark.parametrize("bigtiff", [False, True])
def test_what_is_appended_others_read(bigtiff: bool) -> None:
    """Pages, too, of which the second stays as it is."""
    pixels, file = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3), io.BytesIO()
    with tifffile.TiffWriter(file, bigtiff=bigtiff) as writer:
        for page in pixels:
            writer.write(page, photometric="rgb", metadata=None)
    texts = {0x013B: Tag.text("Ann of the long name"), 0x8298: Tag.text("Ann")}
    made = directories.appended(file.getvalue(), {0: texts, EXIF: {0x9003: Tag.text("2024:05:06 07:08:09")}})
    with tifffile.TiffFile(io.BytesIO(made)) as found:
        assert found.is_bigtiff == bigtiff
        first = found.pages[0].tags  # type: ignore[union-attr]
        assert (first[0x013B].value, first[0x8298].value) == ("Ann of the long name", "Ann")
        assert first[EXIF].value == {"DateTimeOriginal": "2024:05:06 07:08:09"}
        assert 0x013B not in found.pages[1].tags  # type: ignore[union-attr]
        assert (np.stack([page.asarray() for page in found.pages]) == pixels).all()


@settings(deadline=None)
@given(data=st.binary(max_size=200), cut=st.integers(0, 120))
def test_damage_leads_to_no_more_than_an_error(data: bytes, cut: int) -> None:
    whole = directories.pack({0: {0x013B: Tag.text("Ann" * 9)}, EXIF: {0x9003: Tag.text("2024")}})
    for damaged in (whole[:cut], whole[:8] + data, whole[:cut] + data + whole[cut:]):
        try:
            found = directories.read_exif(damaged)
        except (ValueError, KeyError, struct.error):
            continue
        assert sum(len(entry.data) for entries in found.values() for entry in entries.values()) < 100_000


def test_a_directory_that_leads_to_itself_ends() -> None:
    loop = b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, EXIF, 4, 1, 8) + bytes(4)
    assert EXIF in directories.read_exif(loop)
    with pytest.raises(ValueError, match="60000 entries"):
        directories.read_exif(b"II*\0\x08\0\0\0" + struct.pack("<H", 60_000))
