from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import adain
from adain._utils.errors import InputError
from adain.augment import StyleBank
from adain.batch import Folder, FolderOptions
from adain.stylizer.stylizer import Stylizer
from tests.batch.test_folder import pixels
from tests.conftest import noise_image


@pytest.fixture
def bank(stylizer: Stylizer, tmp_path: Path) -> StyleBank:
    """Three styles, two of which have one name in the end."""
    styles = []
    for k, name in enumerate(("monet/lilies", "monet-lilies", "wave.jpg")):
        style = stylizer.encode_style(noise_image(32, 32, 40 + k), size=32)
        styles.append(type(style)(style.mean, style.std, name))
    for k in range(4):
        path = tmp_path / "photos" / f"{k}.png"
        path.parent.mkdir(exist_ok=True)
        noise_image(24, 20, k).save(path)
    return StyleBank.save(tmp_path / "bank.safetensors", styles, stylizer)


def test_styles_of_a_bank(bank: StyleBank, stylizer: Stylizer, tmp_path: Path) -> None:
    """They are as many styles as it holds, each with its name, beside artworks or without."""
    noise_image(24, 20, 9).save(tmp_path / "own.png")
    how: dict[str, Any] = {"stylizer": stylizer, "pairs": "random", "styles_per_content": 9}
    made = adain.stylize_folder(tmp_path / "photos", [bank.path, tmp_path / "own.png"], tmp_path / "out", **how)
    assert len(made) == 16
    named = {"own": stylizer.encode_style(tmp_path / "own.png"), "monet-lilies": bank[0], "monet-lilies-2": bank[1],
             "wave": bank[2]}  # fmt: skip
    for result in made:
        content = tmp_path / "photos" / f"{result.output.name[0]}.png"
        assert pixels(result.output) == stylizer.stylize(content, named[result.details["style"]]).tobytes()
    assert {
        r.status for r in adain.stylize_folder(tmp_path / "photos", bank.path, tmp_path / "all", stylizer=stylizer)
    } == {"done"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"style_size": 64}, "encoded already: leave out style_size"),
        ({"preview": True}, "encoded already: leave out preview"),
        ({"weights": (1, 1, 1)}, "weights brings a few styles together"),
        ({"color": "linear"}, "color recolours the artworks"),
    ],
)
def test_what_does_not_go_with_a_bank(bank: StyleBank, tmp_path: Path, options: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Folder.plan(tmp_path / "photos", bank.path, tmp_path / "out", FolderOptions(**options))


def test_a_bank_of_another_model(bank: StyleBank, fast: Stylizer, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="another encoder is in use"):
        adain.stylize_folder(tmp_path / "photos", bank.path, tmp_path / "out", stylizer=fast)
    assert not list((tmp_path / "out").glob("*.png"))


def test_a_bank_without_styles(stylizer: Stylizer, tmp_path: Path) -> None:
    noise_image(24, 20).save(tmp_path / "a.png")
    bank = StyleBank.save(tmp_path / "empty.safetensors", [], stylizer)
    with pytest.raises(InputError, match="holds a distribution and no styles"):
        Folder.plan(tmp_path / "a.png", bank.path, tmp_path / "out", FolderOptions())
