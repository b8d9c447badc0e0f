from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from adain._utils.errors import ImageError, InputError
from adain.control.labels import (
    UNLABELLED,
    check_labels,
    label_masks,
    open_label_map,
    parse_label,
    present_labels,
    read_label_map,
    unstyled_labels,
)

MAP = np.array([[0, 1, 1], [2, 2, 5]], np.uint8)
COLOURS = np.array([[[255, 0, 0], [0, 0, 255]], [[0, 0, 0], [1, 2, 3]]], np.uint8)


@pytest.mark.parametrize(
    ("text", "label"),
    [("1", 1), (" 07 ", 7), (5, 5), ("#ff0000", 0xFF0000), ("#F00", 0xFF0000), ("#0000ff", 255), (0xFFFFFF, 0xFFFFFF)],
)
def test_parse_label(text: int | str, label: int) -> None:
    assert parse_label(text) == label


@pytest.mark.parametrize("text", ["", "sky", "-1", "1.5", "#ff00", "#gg0000", "4294967296", "٣", -1])
def test_labels_that_are_none(text: int | str) -> None:
    with pytest.raises(InputError, match="a label is a number, such as 1, or a colour"):
        parse_label(text)


@pytest.mark.parametrize("kind", ["P.png", "P.tif", "L.png", "I;16.png", "I;16.tif", "L.tif"])
def test_labels_of_files(tmp_path: Path, kind: str) -> None:
    mode, suffix = kind.split(".")
    image = Image.fromarray(MAP.astype(np.uint16) * 300 if mode == "I;16" else MAP)
    if mode == "P":
        image = Image.fromarray(MAP, "P")
        image.putpalette([7, 7, 7] * 6)  # equal colours, other labels
    path = tmp_path / f"map.{suffix}"
    image.save(path)
    labels = read_label_map(path)
    assert labels.dtype == torch.int64
    assert labels.tolist() == (MAP.astype(int) * (300 if mode == "I;16" else 1)).tolist()


def test_one_bit_maps_hold_0_and_1(tmp_path: Path) -> None:
    Image.fromarray(MAP > 1).save(tmp_path / "map.png")
    assert read_label_map(tmp_path / "map.png").tolist() == [[0, 0, 0], [1, 1, 1]]


def test_colours_are_labels(tmp_path: Path) -> None:
    Image.fromarray(COLOURS).save(tmp_path / "map.png")
    labels = read_label_map(tmp_path / "map.png")
    assert labels.tolist() == [[0xFF0000, 0x0000FF], [0, 0x010203]]
    red, blue = label_masks(labels, ["#ff0000", "#00f"])
    assert red.tolist() == [[[[1, 0], [0, 0]]]]
    assert blue.tolist() == [[[[0, 1], [0, 0]]]]


def test_colours_of_palette_and_grey_maps() -> None:
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    palette.putpalette([255, 0, 0, 0, 0, 255])
    assert read_label_map(palette, colors=True).tolist() == [[0xFF0000, 0x0000FF]]
    assert read_label_map(Image.new("L", (1, 1), 255), colors=True).tolist() == [[0xFFFFFF]]


def test_transparent_pixels_have_no_label() -> None:
    image = Image.fromarray(COLOURS)
    image.putalpha(Image.fromarray(np.array([[255, 0], [127, 128]], np.uint8)))
    labels = read_label_map(image)
    assert labels.tolist() == [[0xFF0000, UNLABELLED], [UNLABELLED, 0x010203]]
    assert present_labels(labels) == [0x010203, 0xFF0000]
    check_labels(labels, ["#ff0000", "#010203"])


def test_orientation(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for image in (Image.fromarray(np.rot90(MAP).copy()), Image.fromarray(np.rot90(MAP).copy(), "P")):
        if image.mode == "P":
            image.putpalette([0, 0, 0] * 6)
        image.save(tmp_path / "map.png", exif=exif)
        assert read_label_map(tmp_path / "map.png").tolist() == MAP.tolist()


def test_tensors() -> None:
    for shape in ((2, 3), (1, 2, 3), (1, 1, 2, 3)):
        assert read_label_map(torch.from_numpy(MAP).reshape(shape)).tolist() == MAP.tolist()
    for wrong in (torch.zeros(3, dtype=torch.long), torch.zeros(3, 2, 2, dtype=torch.long), torch.zeros(2, 2)):
        with pytest.raises(InputError, match="a label map tensor must"):
            read_label_map(wrong)


def test_arrays_and_open_files() -> None:
    file = io.BytesIO()
    Image.fromarray(MAP.astype(np.uint8)).save(file, "png")
    arrays = [MAP.astype(kind) for kind in (np.uint8, np.uint16, np.int32, np.int64)]
    for source in (*arrays, file, file.getvalue()):
        assert read_label_map(source).tolist() == MAP.tolist()
    colours = np.array([[[255, 0, 0], [0, 0, 2]]], np.uint8)
    assert read_label_map(colours).tolist() == [[0xFF0000, 2]]
    assert read_label_map(np.array([[False, True]])).tolist() == [[0, 1]]
    with pytest.raises(ImageError, match="a label map is"):
        read_label_map(np.zeros((2, 2)))


def test_other_modes() -> None:
    for mode in ("F", "CMYK"):
        with pytest.raises(ImageError, match="save it as PNG"):
            read_label_map(Image.new(mode, (2, 2)))


def test_masks_of_all_labels_cover() -> None:
    labels = read_label_map(Image.fromarray(MAP))
    masks = label_masks(labels, present_labels(labels))
    assert all(mask.shape == (1, 1, 2, 3) and mask.dtype == torch.float32 for mask in masks)
    assert bool((torch.cat(masks).sum(0) == 1).all())


def test_absent_labels() -> None:
    labels = read_label_map(Image.fromarray(MAP))
    with pytest.raises(InputError, match=r"^the label map has no label 3: it holds 0, 1, 2, 5$"):
        label_masks(labels, [1, "3"])
    with pytest.raises(InputError, match=r"no label #00ff00: it holds #000000, #0000ff, #010203, #ff0000$"):
        label_masks(read_label_map(Image.fromarray(COLOURS)), ["#0f0"])
    many = torch.arange(100)[None]
    with pytest.raises(InputError, match=r"0, 1, .*, 11 and 88 more \(was it saved as JPEG, or resized\?\)$"):
        label_masks(many, [100])
    with pytest.raises(InputError, match=r"it holds none$"):
        label_masks(torch.full((1, 1), UNLABELLED), [1])


def test_labels_without_a_style() -> None:
    labels = read_label_map(Image.fromarray(MAP))
    assert unstyled_labels(labels, ["1", 5]) == [0, 2]
    with pytest.raises(InputError, match=r"^2 labels have no style, 0, 2: give each a style or name it as background$"):
        check_labels(labels, ["1", 5])
    with pytest.raises(InputError, match=r"^1 label has no style, 0:"):
        check_labels(labels, [1, 2, 5])
    check_labels(labels, [1, 2, 5], background=[0, 9])
    check_labels(labels, [0, 1, 2, 5])


@pytest.mark.parametrize(("styled", "background"), [([1, "1"], []), ([1], ["1"])])
def test_labels_given_twice(styled: list[int | str], background: list[int | str]) -> None:
    with pytest.raises(InputError, match=r"^label 1 is given twice"):
        check_labels(torch.ones(2, 2, dtype=torch.long), styled, background=background)


def test_without_torch_maps_are_arrays(tmp_path: Path) -> None:
    Image.fromarray(COLOURS).save(tmp_path / "map.png")
    frozen = MAP.astype(np.int64)[:, ::-1]
    frozen.flags.writeable = False
    clear = Image.fromarray(MAP)
    clear.putalpha(Image.fromarray(np.array([[0, 255, 255]] * 2, np.uint8)))
    for source in (tmp_path / "map.png", MAP, MAP.astype(np.uint16), frozen, MAP > 1, Image.fromarray(MAP, "P"), clear):
        labels = open_label_map(source)
        assert isinstance(labels, np.ndarray)
        assert labels.dtype == np.int64
        assert torch.equal(read_label_map(source), torch.from_numpy(labels))
    assert isinstance(open_label_map(torch.from_numpy(MAP)), torch.Tensor)


@given(st.sampled_from([3, 300, 0xFFFFFF, 2**40]), st.integers(-2, 0), st.integers(1, 9), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_arrays_hold_what_tensors_do(top: int, low: int, side: int, seed: int) -> None:
    labels = np.random.default_rng(seed).integers(low, top, (side, 7), endpoint=True)
    tensor = torch.from_numpy(labels)
    present = present_labels(labels)
    assert present == present_labels(tensor) == sorted({*labels.ravel().tolist()} - {UNLABELLED})
    assert unstyled_labels(labels, [0, 1]) == unstyled_labels(tensor, [0, 1])
    named = [label for label in present if 0 <= label <= 0xFFFFFF]
    for array, mask in zip(label_masks(labels, named), label_masks(tensor, named), strict=True):
        assert isinstance(array, np.ndarray)
        assert (array.shape, array.dtype) == ((1, 1, side, 7), np.float32)
        assert torch.equal(torch.from_numpy(array), mask)


def test_errors_of_arrays() -> None:
    labels = open_label_map(MAP)
    with pytest.raises(InputError, match=r"^the label map has no label 3: it holds 0, 1, 2, 5$"):
        label_masks(labels, [1, "3"])
    with pytest.raises(InputError, match=r"^2 labels have no style, 0, 2:"):
        check_labels(labels, ["1", 5])
    check_labels(labels, [0, 1, 2, 5])
    assert present_labels(np.full((2, 2), UNLABELLED)) == []


def test_numbers_are_those_of_the_file(tmp_path: Path) -> None:
    """Of grey files of few bits, of many, of a stretched PGM and of one where 0 is white."""
    import tifffile

    few = np.array([[0, 1, 2, 3]], np.uint8)
    wide = np.array([[0, 70_000, 2**31 + 5, 2**32 - 1]], np.uint32)
    tifffile.imwrite(tmp_path / "4.tif", few, bitspersample=4, metadata=None)
    tifffile.imwrite(tmp_path / "white.tif", few, photometric="miniswhite", metadata=None)
    tifffile.imwrite(tmp_path / "white16.tif", few.astype(np.uint16), photometric="miniswhite", metadata=None)
    (tmp_path / "a.pgm").write_bytes(b"P5 4 1 20\n" + few.tobytes())
    (tmp_path / "b.pgm").write_bytes(b"P5 4 1 1000\n" + few.astype(">u2").tobytes())
    for name in ("4.tif", "white.tif", "white16.tif", "a.pgm", "b.pgm"):
        assert read_label_map(tmp_path / name).tolist() == few.tolist(), name
    tifffile.imwrite(tmp_path / "32.tif", wide, metadata=None)
    labels = read_label_map(tmp_path / "32.tif")
    assert labels.tolist() == wide.tolist()
    assert present_labels(labels) == wide[0].tolist()
    masks = label_masks(labels, ["0", "70000", str(2**31 + 5), str(2**32 - 1)])
    assert torch.cat(masks)[:, 0, 0].tolist() == np.eye(4).tolist()


def test_colours_of_16_bits_have_a_name_of_8(tmp_path: Path) -> None:
    import tifffile

    colours = COLOURS.astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "map.tif", colours, photometric="rgb", metadata=None)
    assert read_label_map(tmp_path / "map.tif").tolist() == read_label_map(COLOURS).tolist()
    colours[0, 0, 0] -= 1
    tifffile.imwrite(tmp_path / "map.tif", colours, photometric="rgb", metadata=None)
    with pytest.raises(ImageError, match="has colours between those: save it as an RGB PNG of 8 bits"):
        read_label_map(tmp_path / "map.tif")
