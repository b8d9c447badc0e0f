from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from adain._utils.errors import InputError
from adain.control.style import Style, blend, normalize_weights
from adain.nn.adain import adaptive_instance_norm


def styles(count: int) -> list[Style]:
    g = torch.Generator().manual_seed(0)
    shape = (1, 6, 1, 1)
    return [Style(torch.randn(shape, generator=g), torch.rand(shape, generator=g) + 0.1, f"s{k}") for k in range(count)]


def test_blend_equals_interpolated_features() -> None:
    """Equation 15: the decoder is fed Σ w_k AdaIN(c, s_k)."""
    a, b, c = styles(3)
    weights = [0.2, 0.5, 0.3]
    content = torch.randn(1, 6, 5, 5)
    features = [adaptive_instance_norm(content, s.mean, s.std) for s in (a, b, c)]
    expected = sum(w * f for w, f in zip(weights, features, strict=True))
    mixed = blend([a, b, c], weights)
    torch.testing.assert_close(adaptive_instance_norm(content, mixed.mean, mixed.std), expected)


def test_one_and_zero_is_the_first_style() -> None:
    a, b = styles(2)
    assert blend([a, b], [1, 0]) is a
    assert blend([a], [5]) is a


def test_only_ratios_count() -> None:
    a, b = styles(2)
    one, other = blend([a, b], [3, 1]), blend([a, b], [0.75, 0.25])
    assert torch.equal(one.mean, other.mean)
    assert torch.equal(one.std, other.std)


def test_equal_by_default() -> None:
    a, b = styles(2)
    torch.testing.assert_close(blend([a, b]).mean, (a.mean + b.mean) / 2)


def test_a_batch_and_a_single_style() -> None:
    a, b = styles(2)
    batch = Style(a.mean.repeat(3, 1, 1, 1), a.std.repeat(3, 1, 1, 1), "batch")
    assert blend([batch, b]).mean.shape == (3, 6, 1, 1)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=6).filter(lambda w: sum(w) > 1e-3))
def test_weights_sum_to_one(weights: list[float]) -> None:
    shares = normalize_weights(weights)
    assert math.isclose(sum(shares), 1.0, rel_tol=1e-9)
    assert all(s >= 0 for s in shares)


@pytest.mark.parametrize("weights", [[0, 0], [-1, 2], [math.nan, 1], [math.inf, 1], []])
def test_bad_weights(weights: list[float]) -> None:
    with pytest.raises(InputError, match="style weights must be"):
        normalize_weights(weights)


def test_counts() -> None:
    with pytest.raises(InputError, match="2 styles need 2 weights, not 3"):
        blend(styles(2), [1, 1, 1])
    with pytest.raises(InputError, match="at least one"):
        blend([])


def test_readable() -> None:
    assert repr(styles(1)[0]) == "Style('s0', channels=6, device=cpu)"


def test_only_encoded_styles_blend() -> None:
    with pytest.raises(InputError, match=r"encoded Style is needed here, not str: Stylizer\.encode_style makes it"):
        blend(["wave.jpg"])  # type: ignore[list-item]


def same(style: Style, other: Style) -> None:
    """The same numbers, of whatever kind."""
    for one, two in zip(_parts(style), _parts(other), strict=True):
        assert (one is None) == (two is None)
        if one is not None:
            np.testing.assert_array_equal(np.asarray(one), np.asarray(two), strict=True)


def _parts(style: Style) -> tuple[Any, Any, Any]:
    return style.mean, style.std, style.fine_std


def is_array(style: Style) -> bool:
    return all(part is None or isinstance(part, np.ndarray) for part in _parts(style))


def test_arrays_and_back() -> None:
    style = Style(*_parts(styles(1)[0])[:2], "s0", torch.rand(1, 6, 1, 1))
    arrays = style.to(None)
    assert is_array(arrays)
    assert arrays.to(None).mean is arrays.mean
    assert arrays.name == "s0"
    assert repr(arrays) == "Style('s0', channels=6, arrays)"
    same(arrays, style)
    back = arrays.to("cpu")
    assert isinstance(back.fine_std, torch.Tensor)
    same(back, style)
    wanted = Style(style.mean.clone().requires_grad_(), style.std)
    same(wanted.to(None), Style(style.mean, style.std))


@given(st.lists(st.floats(0.001, 9), min_size=2, max_size=5), st.booleans())
def test_arrays_blend_as_tensors_do(weights: list[float], has_fine: bool) -> None:
    several = styles(len(weights))
    if has_fine:
        several[-1] = Style(several[-1].mean, several[-1].std, "fine", several[-1].std * 2)
    expected = blend(several, weights)
    mixed = blend([style.to(None) for style in several], weights)
    assert is_array(mixed)
    assert mixed.name == expected.name
    for one, two in zip(_parts(mixed), _parts(expected), strict=True):
        if two is None:
            assert one is None
        else:
            assert one.dtype == np.float32
            torch.testing.assert_close(torch.from_numpy(one), two, atol=1e-6, rtol=1e-6)


def test_a_blend_is_of_the_first_kind() -> None:
    a, b = styles(2)
    expected = blend([a, b], [0.25, 0.75])
    assert is_array(blend([a.to(None), b]))
    assert not is_array(blend([a, b.to(None)]))
    same(blend([a, b.to(None)], [0.25, 0.75]), expected)
    assert is_array(blend([a, b.to(None), b.to(None)], [0, 1, 1]))  # the first that has a part in it
    batch = Style(np.repeat(a.mean.numpy(), 3, axis=0), np.repeat(a.std.numpy(), 3, axis=0))
    assert blend([batch, b]).mean.shape == (3, 6, 1, 1)


@pytest.mark.parametrize("has_fine", [True, False])
def test_files_are_the_same_whatever_wrote_them(tmp_path: Path, has_fine: bool) -> None:
    mean, std, _ = _parts(styles(1)[0])
    style = Style(mean, std, 'ein "Bild" \\ α\n', std * 2 if has_fine else None)
    strided = torch.cat([mean, mean], 1)[:, ::2]  # in one piece only in the file
    written = [
        one.save(tmp_path / f"{k}.safetensors").read_bytes()
        for k, one in enumerate([style, style, style.to(None), Style(strided, std), Style(strided.numpy(), std)])
    ]
    assert written[0] == written[1] == written[2]
    assert written[3] == written[4]
    for device, kind in ((None, np.ndarray), ("cpu", torch.Tensor)):
        back = Style.load(tmp_path / "2.safetensors", device)
        assert isinstance(back.mean, kind)
        assert back.name == style.name
        same(back, style)
    assert isinstance(Style.load(tmp_path / "2.safetensors").std, torch.Tensor)
    back.mean[:] = 0  # it is the caller's own
    # What safetensors itself makes of it, but for the order of the metadata, which is chance there.
    tensors = {"mean": mean, "std": std} | ({"fine_std": std * 2} if has_fine else {})
    save_file(tensors, tmp_path / "torch.safetensors", {"format": "adain-style-1", "name": style.name})
    theirs = (tmp_path / "torch.safetensors").read_bytes()
    assert len(theirs) == len(written[0])
    assert theirs[theirs.index(b"},") :] == written[0][written[0].index(b"},") :]
    with safe_open(tmp_path / "0.safetensors", framework="pt") as file:
        assert file.metadata() == {"format": "adain-style-1", "name": style.name}
    assert load_file(tmp_path / "0.safetensors").keys() == tensors.keys()
    same(Style.load(tmp_path / "torch.safetensors", None), style)


def test_names_that_are_no_unicode(tmp_path: Path) -> None:
    """What Python makes of a file name in another encoding."""
    style = styles(1)[0]
    Style(style.mean, style.std, "wave\udcff.jpg").save(tmp_path / "wave.safetensors")
    assert Style.load(tmp_path / "wave.safetensors").name == "wave?.jpg"


@pytest.mark.parametrize("device", ["cpu", None])
def test_files_that_hold_no_style(tmp_path: Path, device: str | None) -> None:
    path, (mean, std, _) = tmp_path / "style.safetensors", _parts(styles(1)[0])
    wrong: list[dict[str, torch.Tensor]] = [
        {"mean": mean},
        {"mean": mean, "std": std.bfloat16()},
        {"mean": mean.double(), "std": std.double()},
        {"mean": mean, "std": std, "fine_std": std.to(torch.float8_e4m3fn)},
        {"mean": mean, "std": std[:, :3]},
        {"mean": mean, "std": -std},
        {"mean": mean, "std": std, "fine_std": std * 0},
        {"mean": mean * math.inf, "std": std},
        {"mean": mean[0], "std": std[0]},
        {"mean": mean[:0], "std": std[:0]},
    ]
    for tensors in wrong:
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, path, {"format": "adain-style-1"})
        with pytest.raises(InputError, match="it holds no style"):
            Style.load(path, device)
    more = {"mean": mean, "std": std, "more": std.bfloat16()}
    save_file(more, path, {"format": "adain-style-1"})
    same(Style.load(path, device), Style(mean, std))
