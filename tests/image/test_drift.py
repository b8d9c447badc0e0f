"""Drift of edges against what is known of it: shifts of exact pictures, and what moves nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adain._utils.errors import InputError
from adain.image import drift as module
from adain.image.box import Box
from adain.image.drift import Drift, Edges, drift_of_boxes, edge_drift
from tests.edges import SIDE, Pixels, step, waves


def disc(size: float, side: int = 128, down: float = 0.0, right: float = 0.0) -> Pixels:
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    return 0.2 + 0.6 / (1 + np.exp((np.hypot(y - down, x - right) - size) / 0.8))


def test_nothing_moves_in_the_picture_itself() -> None:
    found = edge_drift(waves(0), waves(0))
    assert found.count > 300
    assert found.lost == 0.0
    assert found.median < 0.02
    assert found.high < 0.05
    assert found.half == pytest.approx(found.median, abs=0.01)
    assert found.offset == pytest.approx((0, 0), abs=0.01)


@pytest.mark.parametrize("shift", [-7.0, -3.0, -1.0, -0.5, 0.25, 0.1, 1.6, 4.0, 6.75])
def test_a_step_moves_by_what_it_was_moved(shift: float) -> None:
    found = edge_drift(step(47.3), step(47.3 + shift))
    assert found.lost == 0.0
    assert np.allclose(found.moved * found.normals[:, 1], shift, atol=0.05)
    assert found.median == pytest.approx(abs(shift), abs=0.05)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 99), down=st.floats(-3, 3), right=st.floats(-3, 3))
def test_a_shift_is_found_in_any_picture(seed: int, down: float, right: float) -> None:
    found = edge_drift(waves(seed), waves(seed, down, right))
    assert found.lost < 0.25
    assert found.offset == pytest.approx((down, right), abs=0.15)


@pytest.mark.parametrize(
    "changed",
    [
        lambda p: 1 - p,
        lambda p: 0.5 + 0.1 * (p - 0.5),
        lambda p: p[..., ::-1],
        lambda p: np.rint(p * 255).astype(np.uint8),
        lambda p: np.rint(p * 65535).astype(np.uint16),
    ],
    ids=["inverted", "faint", "channels swapped", "8 bits", "16 bits"],
)
def test_contrast_and_its_sign_move_nothing(changed: object) -> None:
    for picture in (waves(1), np.dstack([disc(40)] * 3)):
        found = edge_drift(picture, changed(picture))  # type: ignore[operator]
        assert found.lost < 0.1
        assert found.median < 0.2


def test_an_edge_of_colour_alone_is_an_edge() -> None:
    """Red against a green of the same luma: grey has no edge there."""
    luma = np.array([0.299, 0.587, 0.114])
    red, green = np.array([0.8, 0.1, 0.2]), np.array([0.1, 0.0, 0.2])
    green[1] = (red - green) @ luma / luma[1]
    mix = ((step(47.3) - 0.2) / 0.6)[..., None]
    picture = red * (1 - mix) + green * mix
    assert np.ptp(picture @ luma) < 1e-9
    moved = np.roll(picture, 2, axis=1)[:, 8:-8]
    found = edge_drift(picture[:, 8:-8], moved)
    assert found.count > 50
    assert found.median == pytest.approx(2, abs=0.05)


def test_a_blur_moves_straight_edges_nowhere() -> None:
    found = edge_drift(step(47.3), step(47.3, width=2.5))
    assert found.lost == 0.0
    assert found.median < 0.03
    assert edge_drift(disc(45), disc(45)).half < 0.03


@pytest.mark.parametrize("kind", ["grey", "colour"])
def test_noise_loses_the_edges(kind: str) -> None:
    """What is found in it by chance does not pass for a small drift."""
    noise = np.random.default_rng(2).random((SIDE, SIDE, 1 if kind == "grey" else 3)) * np.ones(3)
    found = edge_drift(waves(2), noise)
    assert found.lost > 0.9
    assert found.half == math.inf
    assert not found.percentile(25) < 1.0


def test_what_is_found_in_other_pictures_lies_anywhere() -> None:
    """In one that is as smooth as this, much looks like much; the median of chance is half the radius."""
    found = edge_drift(waves(3), waves(4))
    assert found.lost > 0.1
    assert found.median == pytest.approx(module.RADIUS / 2, abs=0.8)


def test_a_disc_that_grows_moves_everywhere_outwards_and_as_a_whole_nowhere() -> None:
    found = edge_drift(disc(40), disc(42.5))
    assert found.median == pytest.approx(2.5, abs=0.1)
    assert found.offset == pytest.approx((0, 0), abs=0.1)
    assert edge_drift(disc(40), disc(40, down=1.5, right=-2.0)).offset == pytest.approx((1.5, -2.0), abs=0.05)


def test_a_photograph_without_edges_has_none_that_move() -> None:
    flat = np.full((40, 50, 3), 0.5)
    for result in (flat, waves(0)[:40, :50]):
        found = edge_drift(flat, result)
        assert (found.count, found.lost, found.median, found.half) == (0, 0.0, 0.0, 0.0)
        assert all(map(math.isnan, found.offset))
    lost = edge_drift(waves(0), np.full((SIDE, SIDE, 3), 0.5))
    assert lost.lost == 1.0
    assert lost.median == lost.half == math.inf


def test_half_counts_what_is_lost_as_far_away() -> None:
    places, normals = np.zeros((4, 2), np.float32), np.tile(np.float32([1, 0]), (4, 1))
    for moved, half in (([1, -2, 3, 4], 2), ([1, 2, np.nan, np.nan], 2), ([1, np.nan, np.nan, np.nan], math.inf)):
        assert Drift(places, normals, np.float32(moved)).half == half


def test_large_pictures_are_the_same_in_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    photograph, result = waves(5), waves(5, 1.2, -0.7)
    whole = edge_drift(photograph, result)
    monkeypatch.setattr(module, "_SIDE", 70)
    parts = edge_drift(photograph, result)
    assert np.allclose(parts.places, whole.places, atol=1e-3)
    assert np.allclose(parts.moved, whole.moved, atol=1e-3, equal_nan=True)


def test_small_pictures_and_odd_sides() -> None:
    for height, width in ((16, 16), (17, 33), (32, 32)):
        photograph = waves(6, side=48)[:height, :width]
        assert edge_drift(photograph, photograph).half < 0.05
        shifted = waves(6, 0.0, 1.0, side=48)[:height, :width]
        assert edge_drift(photograph, shifted).median == pytest.approx(edge_drift(photograph, shifted).half, abs=1.0)


def test_edges_serve_any_number_of_results() -> None:
    edges = Edges.of(waves(7), most=100)
    assert len(edges.places) == 100
    assert edges.drift(waves(7, 2, 0)).offset == pytest.approx((2, 0), abs=0.2)
    assert edges.drift(waves(7, 0, 2)).offset == pytest.approx((0, 2), abs=0.2)


def test_another_size_is_refused() -> None:
    with pytest.raises(InputError, match=r"edges of a photograph of 40x30 px cannot be looked for in 41x30 px"):
        edge_drift(np.zeros((30, 40, 3)), np.zeros((30, 41, 3)))


def rectangle(top: float, left: float, bottom: float, right: float, side: int = 128) -> Pixels:
    """A light box with soft sides, which lie between pixels where the numbers are whole."""

    def between(low: float, high: float) -> Pixels:
        x = np.arange(side) + 0.5
        return 1 / (1 + np.exp(-(x - low) / 0.7)) - 1 / (1 + np.exp(-(x - high) / 0.7))

    return 0.2 + 0.6 * np.outer(between(top, bottom), between(left, right))


def test_the_sides_of_a_box_move_each_by_itself() -> None:
    box = Box(30, 40, 80, 100)
    edges = Edges.of(rectangle(*box), most=4000)
    found = edges.drift(rectangle(31.5, 38.0, 80.5, 100.0))
    assert found.sides(box) == pytest.approx((1.5, -2.0, 0.5, 0.0), abs=0.05)
    far = Box(5, 5, 20, 20)
    sides = drift_of_boxes(found, [box, far])
    assert sides.shape == (2, 4)
    assert np.isnan(sides[1]).all()
    assert drift_of_boxes(found, []).shape == (0, 4)
