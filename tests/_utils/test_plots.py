from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adain._utils import plots
from adain._utils.errors import InputError
from adain._utils.plots import Curve, plot_curves


def drawn(path: Path) -> bool:
    with Image.open(path) as image:
        return len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) > 20


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_formats(tmp_path: Path, suffix: str, start: bytes) -> None:
    path = tmp_path / "new" / f"loss{suffix}"
    plot_curves(path, [Curve("total", [1, 2, 3], [3.0, 2.0, 1.0])], xlabel="step", ylabel="loss")
    assert path.read_bytes().startswith(start)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_what_cannot_be_on_a_logarithmic_axis_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "loss.png"
    curves = [
        Curve("content", [1, 2, 3], [0.0, 1.0, 2.0]),
        Curve("never", [1, 2], [0.0, -1.0]),
        Curve("gone", [1, 2], [math.nan, 1.0]),
    ]
    plot_curves(path, curves, xlabel="step")
    assert drawn(path)
    plot_curves(path, [], xlabel="step")
    assert path.exists()


def test_smooth_curves(tmp_path: Path) -> None:
    path = tmp_path / "loss.png"
    values = [5.0, 1.0] * 20
    curves = [Curve("a", range(40), values, smooth=True), Curve("a", range(40, 44), values[:4], color=3)]
    plot_curves(path, curves, xlabel="step")
    assert drawn(path)
    smoothed = plots._smoothed(values)
    assert smoothed[0] == pytest.approx(5.0)
    assert smoothed[-1] == pytest.approx(3.0, abs=0.2)
    assert plots._smoothed([2.0] * 5) == pytest.approx([2.0] * 5)


def test_lengths_have_to_agree(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shorter"):
        plot_curves(tmp_path / "loss.png", [Curve("a", [1, 2], [1.0])], xlabel="step")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError):
        plot_curves(tmp_path / "file" / "loss.png", [Curve("a", [1], [1.0])], xlabel="step")


def test_smoothing_leaves_a_constant_alone() -> None:
    assert plots._smoothed([3.0] * 5) == pytest.approx([3.0] * 5)
    assert plots._smoothed([0.0, 1.0])[1] == pytest.approx(0.05 / (1 - 0.95**2))
