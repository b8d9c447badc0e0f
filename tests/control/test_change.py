"""The low-rank change of a decoder: arithmetic, blends and files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adain import InputError, Style, WeightsError, blend
from adain._utils.plain import dump, load
from adain.control.change import Change, mixed
from adain.control.style import FORMAT, SPECIAL_FORMAT, is_style_file, stem_of

SHAPES = {"conv2_1": (4, 6, 3, 3), "skip": (5, 4, 1, 1)}


def factors(seed: int, rank: int = 2) -> dict[str, np.ndarray]:
    rng, made = np.random.default_rng(seed), {}
    for name, (out, *rest) in SHAPES.items():
        made[f"{name}.up"] = rng.standard_normal((out, rank)).astype(np.float16)
        made[f"{name}.down"] = rng.standard_normal((rank, *rest)).astype(np.float16)
        made[f"{name}.bias"] = rng.standard_normal(out).astype(np.float16)
    return made


def state(seed: int = 9) -> dict[str, np.ndarray]:
    rng, made = np.random.default_rng(seed), {}
    for name, shape in SHAPES.items():
        made[f"{name}.weight"] = rng.standard_normal(shape).astype(np.float32)
        made[f"{name}.bias"] = rng.standard_normal(shape[0]).astype(np.float32)
    return made


def change(seed: int = 0, weights: str = "w" * 64) -> Change:
    return Change("base", weights, ((1.0, factors(seed)),))


def special(seed: int, **more: str) -> Style:
    rng = np.random.default_rng(seed)
    mean, std = rng.random((2, 1, 8, 1, 1)).astype(np.float32) + 0.1
    return Style(mean, std, f"s{seed}", change=change(seed, **more))


def test_weights_are_those_of_plain_torch() -> None:
    own, before = change(1).scaled(0.7), state()
    assert own is not None
    after = own.applied(before)
    for name, shape in SHAPES.items():
        up, down, bias = (torch.from_numpy(factors(1)[f"{name}.{part}"]).float() for part in ("up", "down", "bias"))
        weight = torch.from_numpy(before[f"{name}.weight"]) + 0.7 * torch.einsum("or,rihw->oihw", up, down)
        assert weight.shape == shape
        torch.testing.assert_close(torch.from_numpy(after[f"{name}.weight"]), weight, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(
            torch.from_numpy(after[f"{name}.bias"]), torch.from_numpy(before[f"{name}.bias"]) + 0.7 * bias
        )


def test_no_change_gives_the_weights_to_the_bit() -> None:
    nothing = {
        name: np.zeros_like(value) if name.endswith((".up", ".bias")) else value for name, value in factors(3).items()
    }
    after = Change("base", "w", ((1.0, nothing),)).applied(before := state())
    assert all(np.array_equal(after[name], before[name]) for name in before)
    assert change().scaled(0.0) is None


@settings(max_examples=20, deadline=None)
@given(st.floats(0.01, 0.99), st.floats(0.0, 1.0))
def test_changes_blend_linearly(share: float, strength: float) -> None:
    blended = blend([special(1), special(2)], [share, 1 - share])
    assert blended.change is not None
    scaled = blended.change.scaled(strength)
    found = state() if scaled is None else scaled.applied(state())
    one, other = (change(seed).applied(state()) for seed in (1, 2))
    for name, before in state().items():
        wanted = before + strength * (share * (one[name] - before) + (1 - share) * (other[name] - before))
        np.testing.assert_allclose(found[name], wanted, atol=1e-4)


def test_a_blend_with_a_plain_style_takes_a_share_of_the_change() -> None:
    plain = dataclasses.replace(special(2), change=None)
    blended = blend([special(1), plain], [0.25, 0.75])
    assert blended.change is not None
    assert blended.change.shares == [0.25]
    assert blend([plain, plain]).change is None
    assert blend([special(1), plain], [1, 0]).change is not None


def test_changes_of_different_weights_do_not_blend() -> None:
    with pytest.raises(InputError, match="specialised for different weights cannot be blended"):
        blend([special(1), special(2, weights="v" * 64)])


def test_the_key_tells_changes_apart() -> None:
    assert change(1).key == change(1).key
    half = change(1).scaled(0.5)
    assert half is not None
    assert len({change(1).key, change(2).key, half.key, change(1, "v").key}) == 4
    assert mixed([1.0], [None]) is None


def test_a_file_gives_back_a_blend_to_the_bit(tmp_path: Path) -> None:
    style = blend([special(1), special(2)], [0.3, 0.7])
    path = style.save(tmp_path / "both.style.safetensors")
    again = Style.load(path, None)
    assert again.change is not None
    assert style.change is not None
    assert again.change.key == style.change.key
    assert (again.change.model, again.change.weights) == ("base", "w" * 64)
    assert path.read_bytes() == again.save(tmp_path / "again.safetensors").read_bytes()
    assert "specialised for base" in repr(again)


def test_styles_without_a_change_keep_their_format(tmp_path: Path) -> None:
    plain = dataclasses.replace(special(1), change=None)
    assert FORMAT.encode() in plain.save(tmp_path / "plain.safetensors").read_bytes()
    assert SPECIAL_FORMAT.encode() in special(1).save(tmp_path / "special.safetensors").read_bytes()
    assert Style.load(tmp_path / "plain.safetensors").change is None


@pytest.mark.parametrize("damage", ["missing", "nan", "rank", "shares"])
def test_a_damaged_change_is_refused(tmp_path: Path, damage: str) -> None:
    wrong = factors(1)
    shares = 1.0
    if damage == "missing":
        del wrong["skip.bias"]
    elif damage == "nan":
        wrong["skip.up"][0, 0] = np.nan
    elif damage == "rank":
        wrong["skip.up"] = wrong["skip.up"][:, :1]
    else:
        shares = float("nan")
    style = dataclasses.replace(special(1), change=Change("base", "w", ((shares, wrong),)))
    path = style.save(tmp_path / "x.safetensors")
    with pytest.raises(InputError, match="its change of the decoder is damaged; make it anew"):
        Style.load(path)


def test_a_change_of_other_filters_is_refused() -> None:
    before = state()
    before["skip.weight"] = before["skip.weight"][:, :2]
    with pytest.raises(WeightsError, match="wave changes filters of other shapes"):
        change().applied(before, "wave")


def test_it_can_be_written_down_as_json() -> None:
    again = load(dump(special(1), "style"))
    assert again.change.key == special(1).change.key  # type: ignore[union-attr]


def test_names_of_files(tmp_path: Path) -> None:
    assert is_style_file("a/Wave.SAFETENSORS")
    assert is_style_file(tmp_path / "w.safetensors")
    assert not is_style_file("wave.jpg")
    assert not is_style_file(special(1))
    assert stem_of("a/wave.style.safetensors") == "wave"
    assert stem_of("wave.safetensors") == "wave"
    assert stem_of("my.style.jpg") == "my.style"
