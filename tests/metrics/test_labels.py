"""What labels become: closed forms of overlap and boundaries, and a segmentation of the user's in an evaluation."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from adain._utils.errors import InputError, MissingFileError
from adain.image import list_images
from adain.image.drift import Drift, Edges
from adain.metrics.evaluation import evaluate
from adain.metrics.judges import Judges
from adain.metrics.labels import Segmentation, boundary_f, boundary_recall, load_segment, mean_iou
from adain.metrics.making import path_length
from adain.metrics.pairs import pair_up, with_outputs
from tests.edges import step

from .conftest import SIZE, Folders


def halves(at: int, height: int = 40, width: int = 40) -> Any:
    """0 left of a column, 1 from it on."""
    return np.broadcast_to((np.arange(width) >= at).astype(np.int64), (height, width))


def test_overlap_of_halves() -> None:
    assert mean_iou(halves(20), halves(20)) == 1.0
    # Of 40 columns 0 has 10 in common of 20, and 1 has 20 of 30.
    assert mean_iou(halves(10), halves(20)) == pytest.approx((10 / 20 + 20 / 30) / 2)
    assert mean_iou(1 - halves(20), halves(20)) == 0.0
    # A label that is found where there is none counts as one with nothing in common.
    assert mean_iou(np.where(halves(39) == 1, 7, 0), np.zeros((40, 40), int)) == pytest.approx((39 / 40 + 0) / 2)


def test_what_does_not_count() -> None:
    wanted = np.where(np.arange(40)[:, None] < 20, 255, halves(20))
    found = np.where(np.arange(40)[:, None] < 20, 3, halves(20))
    assert mean_iou(found, wanted, (255,)) == 1.0
    assert boundary_f(found, wanted, (255,)) == 1.0
    assert mean_iou(found, wanted) < 1
    assert math.isnan(mean_iou(found, np.full((40, 40), -1)))
    assert math.isnan(boundary_f(found, np.zeros((40, 40), int)))


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_overlap_is_that_of_sets(seed: int, labels: int) -> None:
    found, wanted = np.random.default_rng(seed).integers(0, labels, (2, 9, 7)) * 1000
    each = []
    for label in {*found.flat, *wanted.flat}:
        ours, theirs = (set(np.flatnonzero(side == label)) for side in (found, wanted))
        each.append(len(ours & theirs) / len(ours | theirs))
    assert mean_iou(found, wanted) == pytest.approx(sum(each) / len(each))


@pytest.mark.parametrize(("shift", "tolerance", "score"), [(0, 0.5, 1.0), (3, 3.0, 1.0), (3, 2.9, 0.0), (-2, 2.0, 1.0)])
def test_boundaries_within_the_tolerance(shift: int, tolerance: float, score: float) -> None:
    assert boundary_f(halves(20 + shift), halves(20), tolerance=tolerance) == score


def test_half_a_boundary() -> None:
    """Found in the upper half alone: all of it is right, and half of what is wanted is there."""
    found = halves(20).copy()
    found[20:] = 0
    # The lower end of the found region is a boundary as well, of 20 px, wrong but for what is near the column.
    score = boundary_f(found, halves(20), tolerance=0.5)
    right, wanted, more = 20, 40, 20
    expected = []
    for extra in (more, more - 1):  # of 0, which has the row below the region, and of 1, whose corner counts once
        precision, recall = right / (right + extra), right / wanted
        expected.append(2 * precision * recall / (precision + recall))
    assert score == pytest.approx(sum(expected) / 2, abs=0.02)


def test_the_default_tolerance_is_a_part_of_the_diagonal() -> None:
    size = 400  # whose diagonal is 565.7 px: 4.24 px
    assert boundary_f(halves(104, size, size), halves(100, size, size)) == 1.0
    assert boundary_f(halves(105, size, size), halves(100, size, size)) == 0.0


def test_shapes_that_differ() -> None:
    for measure in (mean_iou, boundary_f):
        with pytest.raises(InputError, match=r"label maps of shapes \(40, 40\) and \(41, 40\) cannot be compared"):
            measure(halves(20), halves(20, 41))


def test_boundaries_that_stay() -> None:
    side = 96
    photograph = step(47.5, side) + 0.3 * (
        step(80.5, side) - 0.2
    )  # an edge at 48 that is labelled, and one that is not
    edges = Edges.of(photograph, most=4000)
    labels = halves(48, side, side)
    assert boundary_recall(edges.drift(photograph), labels) == 1.0
    assert boundary_recall(edges.drift(np.roll(photograph, 1, axis=1)), labels) == 1.0
    assert boundary_recall(edges.drift(np.roll(photograph, 4, axis=1)), labels) == 0.0
    assert boundary_recall(edges.drift(np.full((side, side), 0.5)), labels) == 0.0
    assert math.isnan(boundary_recall(edges.drift(photograph), np.zeros((side, side), int)))
    none = Drift(np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32), np.zeros(0, np.float32))
    assert math.isnan(boundary_recall(none, labels))


def layers(angle: float) -> dict[str, torch.Tensor]:
    """Features of unit length, turned by an angle at every layer alike."""
    from adain.metrics.content import DISTANCE_LAYERS

    one = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64).reshape(1, 2, 1, 1)
    return {layer: one.expand(1, 2, 3, 3) for layer in DISTANCE_LAYERS}


@pytest.mark.parametrize("count", [2, 5, 9])
def test_the_length_of_an_arc(count: int) -> None:
    """Features that turn at a constant rate: a chord of 2 sin(Δ/2) for each step, whatever their number."""
    total, step_ = 0.8, 1 / (count - 1)
    found = float(path_length([layers(total * k * step_) for k in range(count)], step_))
    assert found == pytest.approx((2 * math.sin(total * step_ / 2) / step_) ** 2, rel=1e-6)
    assert found == pytest.approx(total**2, rel=0.06)


def test_a_jump_is_longer_than_the_same_way_in_even_steps() -> None:
    even = path_length([layers(0.1 * k) for k in range(5)], 0.25)
    jump = path_length([layers(angle) for angle in (0, 0, 0, 0, 0.4)], 0.25)
    assert float(path_length([layers(0.3)] * 4, 0.25)) == 0.0
    assert float(jump) == pytest.approx(4 * float(even), rel=0.05)
    with pytest.raises(InputError, match="at least two"):
        path_length([layers(0)], 0.25)


def threshold(pixels: Any) -> Any:
    return (pixels[..., 0] > 127).astype(np.uint8)


def measured(folders: Folders, names: list[str], segmentation: Segmentation) -> Any:
    pairs = with_outputs(pair_up(list_images(folders.content), list_images(folders.style)), {"mine": folders.output})
    return evaluate(pairs, size=SIZE, device="cpu", names=names, judges=Judges(segmentation=segmentation))


def test_a_segmentation_of_ones_own(folders: Folders) -> None:
    found = measured(folders, ["miou", "boundary-f", "boundary-recall"], Segmentation(threshold))
    assert not found.failures
    identity = [entry.values for entry in found.entries if entry.row == "identity"]
    assert all(values["miou"] == values["boundary-f"] == 1.0 for values in identity)
    mine = [entry.values["miou"] for entry in found.entries if entry.row == "mine"]
    assert all(0 <= value < 1 for value in mine)


def test_label_maps_of_files(folders: Folders, tmp_path: Path) -> None:
    """They may have another size, and are cropped as the photographs are."""
    maps = tmp_path / "maps"
    maps.mkdir()
    for name in "ab":
        Image.fromarray(np.repeat(np.repeat(np.uint8([[0, 1]]), 72, 0), 44, 1)).save(maps / f"{name}.png")
    found = measured(folders, ["miou", "boundary-recall"], Segmentation(lambda p: halves(SIZE // 2, SIZE, SIZE), maps))
    assert not found.failures
    assert all(entry.values["miou"] == 1.0 for entry in found.entries)
    (maps / "a.png").unlink()
    lacking = measured(folders, ["miou"], Segmentation(threshold, maps))
    assert [str(error) for error in lacking.failures] == [f"{maps} has no label map of a.png: name it a.png"]
    assert isinstance(lacking.failures[0], MissingFileError)


@pytest.mark.parametrize("wrong", [lambda p: p, lambda p: p[..., 0] / 255, lambda p: p[:-1, :, 0]])
def test_what_is_no_label_map(folders: Folders, wrong: Any) -> None:
    found = measured(folders, ["miou"], Segmentation(wrong))
    assert "a segmentation gives the label of every pixel, integers of shape (32, 32), not" in str(found.failures[0])


def test_a_segmentation_that_fails_and_one_that_paints(folders: Folders) -> None:
    def fail(pixels: Any) -> Any:
        raise ValueError("no memory\nat all")

    def paint(pixels: Any) -> Any:
        found = threshold(pixels)
        pixels[:] = 0
        return found

    assert str(measured(folders, ["miou"], Segmentation(fail)).failures[0]) == (
        "the segmentation failed: ValueError: no memory at all"
    )
    names = ["miou", "boundary-recall"]
    found, expected = (measured(folders, names, Segmentation(each)) for each in (paint, threshold))
    assert [entry.values for entry in found.entries] == [entry.values for entry in expected.entries]


def test_measures_that_lack_their_labels(folders: Folders) -> None:
    with pytest.raises(InputError, match="miou needs a segmentation: give --segment"):
        measured(folders, ["miou"], Segmentation())
    with pytest.raises(InputError, match="boundary-recall needs label maps: give --label-maps or --segment"):
        measured(folders, ["boundary-recall"], Segmentation())


def test_a_function_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_for_a_test.py").write_text("def segment(pixels):\n    return pixels[..., 0] * 0\nnumber = 3\n")
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "with_classes.py").write_text(
        "from __future__ import annotations\nimport dataclasses\n@dataclasses.dataclass\nclass A:\n    x: int\n"
        "def segment(pixels):\n    return pixels[..., 0] * A(0).x\n"
    )
    monkeypatch.chdir(tmp_path)
    for name in ("mine_for_a_test:segment", f"{tmp_path}/mine_for_a_test.py:segment", "with_classes.py:segment"):
        assert not load_segment(name)(np.ones((2, 2, 3), np.uint8)).any()
    for name, message in (
        ("segment", "is named as module:function or file.py:function, not segment"),
        ("mine_for_a_test:other", "cannot import mine_for_a_test:other: AttributeError"),
        ("no_such_module_here:f", "ModuleNotFoundError"),
        ("missing.py:f", "FileNotFoundError"),
        ("broken.py:f", "ZeroDivisionError: division by zero"),
        ("mine_for_a_test:number", "is no function, but of type int"),
    ):
        with pytest.raises(InputError, match=message):
            load_segment(name)
