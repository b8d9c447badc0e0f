from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from adain import InputError, MissingFileError, Stylizer
from adain.augment import RandomStyle, StyleBank, probe, saving
from adain.augment.gaussian import Gaussian, coordinates
from adain.augment.sources import GaussianStyles
from tests.augment.made import samples, styles

pytestmark = pytest.mark.usefixtures("one_thread")


def write_bank(path: Path, count: int, *, gaussian: bool = True) -> Path:
    """A bank of the fast model with so many styles, and with the Gaussian of seven."""
    model = Stylizer.from_pretrained("fast", device="cpu", precision="fp32")
    means, stds = (np.concatenate([getattr(s, part).reshape(1, -1) for s in styles(7)]) for part in ("mean", "std"))
    names = [style.name for style in styles(7)][:count]
    rows = saving.Rows(means[:count], stds[:count], names, names, names, [""] * count)
    fitted = Gaussian.fit(lambda: [coordinates(means, stds)], 3) if gaussian else None
    saving.save(path, rows, saving.Origin("fast", probe.statistics(model), 64), fitted)
    return path


def test_a_bank_gives_what_the_list_of_its_styles_gives(tmp_path: Path) -> None:
    path = write_bank(tmp_path / "bank.safetensors", 7)
    bank = StyleBank.open(path)
    images = samples(5)
    wanted = RandomStyle([*bank], p=1, seed=1, blend=(0, 1))(images)
    for given in (bank, path, str(path)):
        style = RandomStyle(given, p=1, seed=1, blend=(0, 1))
        assert style.options.model == "fast"
        assert torch.equal(style(images), wanted)
        assert torch.equal(pickle.loads(pickle.dumps(style))(images), wanted)
        assert len(pickle.dumps(style)) < 8000


@pytest.mark.parametrize(("count", "spread"), [(0, None), (0, 1.0), (7, 1.0)])
def test_a_gaussian_gives_each_sample_a_style_of_its_own(tmp_path: Path, count: int, spread: float | None) -> None:
    path = write_bank(tmp_path / "bank.safetensors", count)
    style = RandomStyle(path, p=1, seed=1, spread=spread)
    images = samples(5)
    draw = style.draw(images)
    means, stds = style.source.statistics(draw.first.tolist())
    assert means.shape == stds.shape == (5, 384, 1, 1)
    assert means.dtype == torch.float32
    assert len({tuple(row) for row in means.flatten(1).tolist()}) == 5
    assert torch.equal(pickle.loads(pickle.dumps(style))(images), style(images))
    for k, number in enumerate(draw.first.tolist()):
        assert torch.equal(StyleBank.open(path).random_style(1, number).mean, means[k : k + 1])


def test_a_spread_of_0_is_the_mean_style(tmp_path: Path) -> None:
    style = RandomStyle(write_bank(tmp_path / "bank.safetensors", 7), spread=0)
    mean, std = style.source.statistics([1, 2])
    assert torch.equal(mean[0], mean[1])
    assert torch.equal(std[0], std[1])


def test_a_bank_of_another_model_is_refused(tmp_path: Path) -> None:
    path = write_bank(tmp_path / "bank.safetensors", 3)
    with pytest.raises(InputError, match="choose that model"):
        RandomStyle(path, p=1, model="classic")(samples(1))


def test_a_bank_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        RandomStyle(tmp_path / "none.safetensors")


def test_without_a_bank_styles_come_from_the_gaussian_that_ships() -> None:
    style = RandomStyle(p=1, seed=0)
    images = samples(3, 32)
    assert style.options.model == "fast"
    assert isinstance(style.source, GaussianStyles)
    assert torch.equal(pickle.loads(pickle.dumps(style))(images), style(images))
