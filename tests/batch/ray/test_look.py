from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import adain
from adain._utils.errors import InputError
from adain.batch.ray.look import Look, each
from adain.stylizer.stylizer import Stylizer
from tests.conftest import noise_image

SMALL: Any = {"style_size": 32}


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    path = tmp_path / "mask.png"
    half = np.zeros((45, 70), np.uint8)
    half[:, :35] = 255
    Image.fromarray(half).save(path)
    return path


@pytest.mark.parametrize(
    "controls",
    [
        {},
        {"alpha": 0.5, "crop": True, "fine_style_size": 16},
        {"color": "luminance"},
        {"color": "linear"},
        {"color": adain.ColorPreservation("luminance", match_luma=True)},
        {"weights": [1, 3], "color": ["histogram", None]},
        {"masks": 2, "feather": 2.0, "alpha": [1.0, 0.5], "background": 1, "color": ["linear", "luminance"]},
        {"style_masks": 1},
    ],
)
def test_a_look_is_what_the_stylizer_makes(
    stylizer: Stylizer, photo: Path, art: Path, mask: Path, controls: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(art.parent)
    given: dict[str, Any] = {**SMALL, **controls}
    several = [Path(art.name), photo] if {"weights", "masks"} & set(controls) else [Path(art.name)]
    if "masks" in controls:
        given["masks"] = [mask.name, noise_image(70, 45, 5, "L")]
        given["background"] = art.name
    if "style_masks" in controls:
        given["style_masks"] = [noise_image(64, 48, 6, "L")]
    (look,) = each(several, **given)
    crop = given.get("crop", False)
    content = stylizer.encode_content(photo, crop=crop)
    expected = stylizer.stylize(photo, several, **given)
    assert isinstance(expected, Image.Image)
    sent = pickle.loads(pickle.dumps(look.encoded(stylizer).on("cpu")))
    monkeypatch.chdir("/")
    assert np.array_equal(np.asarray(sent.render(stylizer, content)), np.asarray(expected))


def test_gradient_and_grid(stylizer: Stylizer, photo: Path, art: Path, mask: Path) -> None:
    content = stylizer.encode_content(photo)
    styles = [stylizer.encode_style(path, size=32) for path in (art, photo)]
    for direction in ("radial", str(mask)):
        look = Look([art, photo], controls=SMALL, gradient=direction).encoded(stylizer)  # type: ignore[arg-type]
        expected = stylizer.stylize(content, adain.gradient(styles[0], styles[1], direction))  # type: ignore[arg-type]
        assert np.array_equal(np.asarray(look.render(stylizer, content)), np.asarray(expected))
    row = Look([art, photo], controls={**SMALL, "color": "linear"}, grid=3).encoded(stylizer)
    assert row.styles == (str(art), str(photo))  # recoloured for each photograph
    assert row.render(stylizer, content).width > 3 * 70


def test_names() -> None:
    assert Look(["a/wave.v2.jpg"]).name == "wave.v2"
    assert Look([Path("a.png"), Path("b.png")]).name == "a+b"
    assert Look([noise_image(32, 32)]).name == "style"
    assert [look.name for look in each(["a.png", Look(["b.png"], "own")])] == ["a", "own"]


def test_one_value_for_each_style() -> None:
    looks = each(["a.png", "b.png"], color=["luminance", None], style_masks=["m.png", None], alpha=0.5)
    assert [look.controls["color"] for look in looks] == [["luminance"], [None]]
    assert [look.controls["style_masks"] for look in looks] == [["m.png"], [None]]


@pytest.mark.parametrize(
    ("styles", "controls", "message"),
    [
        ([], {}, "no style given"),
        (["a.png"], {"alpha": 2}, "alpha must be between"),
        (["a.png", "b.png"], {"weights": [1]}, "as many weights"),
        (["a.png", "b.png"], {"color": ["linear"]}, "1 values of color for 2 styles"),
        ([Look(["a.png"])], {"alpha": 0.5}, "own controls"),
    ],
)
def test_contradictions(styles: list[Any], controls: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        each(styles, **controls)
    with pytest.raises(InputError, match="give two"):
        Look(["a.png"], gradient="radial")
    with pytest.raises(InputError):
        Look(["a.png"], grid=3)
