from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from adain._utils.errors import ImageError, InputError
from adain.image import Page, count_pictures, open_source, read_image
from adain.image.io import count_pixels, read_stored
from adain.image.pages import NEW_SUBFILE_TYPE
from adain.image.source import input_name
from tests.animations import pages, write_pages


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return write_pages(tmp_path / "scan.tif", pages(3))


def test_a_page_is_read_by_its_number(scan: Path) -> None:
    for number, page in enumerate(pages(3), start=1):
        for source in (scan, str(scan), scan.read_bytes(), io.BytesIO(scan.read_bytes())):
            assert (np.asarray(read_image(Page(source, number))) == np.asarray(page)).all()
    assert (np.asarray(read_image(scan)) == np.asarray(pages(1)[0])).all()
    assert open_source(Page(scan, 2), size=18).size == (18, 20)
    assert count_pictures(scan) == (3, "page")
    assert input_name(Page(scan, 2)) == "scan.tif"
    assert str(Page("a.tif", 2)) == "a.tif, page 2"


@pytest.mark.parametrize("number", [0, 4, 99, -1])
def test_there_is_no_such_page(scan: Path, number: int) -> None:
    with pytest.raises(ImageError, match=rf"^cannot read page {number} of .*scan.tif: it has 3 pages; .* 1 to 3$"):
        read_image(Page(scan, number))
    assert count_pixels(Page(scan, number)) == 0


def test_one_picture_has_one_page(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    pages(1)[0].save(path)
    assert count_pictures(path) == (1, "page")
    assert read_image(Page(path, 1)).size == (40, 36)
    with pytest.raises(ImageError, match=r"cannot read page 2 of .*a.jpg: it has 1 page; --page takes 1 alone"):
        read_image(Page(path, 2))


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
def test_frames_are_counted_and_composed(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (40, 36), color) for color in ("red", "lime", "blue")]
    frames[2].paste("lime", (0, 0, 20, 36))  # half of it is as before, and not stored
    path = write_pages(tmp_path / f"a{suffix}", frames, duration=100)
    assert count_pictures(path) == (3, "frame")
    last = read_image(Page(path, 3)).convert("RGB")
    assert (last.getpixel((5, 5)), last.getpixel((30, 5))) == ((0, 255, 0), (0, 0, 255))
    with pytest.raises(ImageError, match=r"cannot read frame 4 of .*: it has 3 frames; --page takes 1 to 3"):
        read_image(Page(path, 4))


def test_pages_have_their_own_size_depth_and_orientation(tmp_path: Path) -> None:
    turned = TiffImagePlugin.ImageFileDirectory_v2()
    turned[0x0112] = 6
    path = tmp_path / "mixed.tif"
    with TiffImagePlugin.AppendingTiffWriter(str(path), True) as file:
        Image.new("L", (20, 10), 7).save(file, "TIFF")
        file.newFrame()
        Image.fromarray(np.full((30, 40), 65535, np.uint16)).save(file, "TIFF", tiffinfo=turned)
        file.newFrame()
    assert read_image(Page(path, 1)).size == (20, 10)
    assert read_image(Page(path, 2)).size == (30, 40)
    assert read_image(Page(path, 2)).getpixel((0, 0)) == (255, 255, 255)
    assert read_stored(Page(path, 2)).values[0, 0] == 65535
    assert count_pixels(Page(path, 2)) == 1200
    with pytest.raises(ImageError, match="30 x 40 pixels is over the limit of 300"):
        read_image(Page(path, 2), max_pixels=300)


@pytest.mark.parametrize("kind", [1, 4])
def test_smaller_copies_and_masks_are_no_pages(tmp_path: Path, kind: int) -> None:
    extra = TiffImagePlugin.ImageFileDirectory_v2()
    extra[NEW_SUBFILE_TYPE] = kind
    path = tmp_path / "pyramid.tif"
    with TiffImagePlugin.AppendingTiffWriter(str(path), True) as file:
        for size, info in ((40, None), (20, extra), (32, None)):
            Image.new("L", (size, size), size).save(file, "TIFF", **({"tiffinfo": info} if info else {}))
            file.newFrame()
    assert count_pictures(path) == (2, "page")
    assert [read_image(Page(path, number)).size for number in (1, 2)] == [(40, 40), (32, 32)]


def test_what_a_camera_puts_behind_a_photograph_is_no_page(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    pages(1)[0].save(path, "MPO", save_all=True, append_images=pages(2)[1:])
    assert count_pictures(path) == (1, "page")
    assert read_image(path).size == (40, 36)


def test_damage_is_one_line(scan: Path) -> None:
    scan.write_bytes(scan.read_bytes()[:-200])
    assert count_pictures(scan)[0] in (1, 2, 3)
    with pytest.raises(ImageError, match=r"cannot read"):
        read_image(Page(scan, 3))
    assert count_pictures(scan.with_name("none.tif")) == (1, "page")


@pytest.mark.parametrize("number", ["2", 2.0, True, None])
def test_a_number_is_a_whole_number(number: object) -> None:
    with pytest.raises(InputError, match=r"^the number of a page is a whole number, from 1, not "):
        Page("scan.tif", number)  # type: ignore[arg-type]
