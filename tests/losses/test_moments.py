from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adain._utils.errors import InputError
from adain.losses import StyleLoss, feature_stats, mean_std_distance, style_loss
from adain.nn.vgg import STYLE_LAYERS

from . import (
    SIZE,
    box_guide,
    check_autocast,
    check_batch_is_mean,
    check_gradient,
    check_half,
    feature_map,
    features,
    soft_guide,
)


def test_plain_torch() -> None:
    """Equation 13, channel by channel."""
    out, style = features(0, 2), features(10, 2)
    expected = []
    for b in range(2):
        total = 0.0
        for layer in STYLE_LAYERS:
            per_channel = []
            for c in range(out[layer].shape[1]):
                p, q = out[layer][b, c].flatten(), style[layer][b, c].flatten()
                mean = (p.mean() - q.mean()) ** 2
                p_sd, q_sd = ((v.var(correction=0) + 1e-5).sqrt() for v in (p, q))
                per_channel.append(float(mean + (p_sd - q_sd) ** 2))
            total += sum(per_channel) / len(per_channel)
        expected.append(total)
    got = mean_std_distance(feature_stats(out), feature_stats(style))
    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float64))
    torch.testing.assert_close(style_loss(out, feature_stats(style)), got.mean())


def test_identical_features_cost_nothing() -> None:
    f = features(3)
    assert float(style_loss(f, feature_stats(f))) == 0.0
    assert float(StyleLoss(f)(f)) == 0.0


def test_module_is_its_function() -> None:
    out, target = features(0, 2), features(10, 2)
    layers = ("relu1_1", "relu3_1")
    expected = 0.5 * style_loss({k: out[k] for k in layers}, feature_stats({k: target[k] for k in layers}))
    torch.testing.assert_close(StyleLoss(target, 0.5, layers)(out), expected)
    weighted = StyleLoss(target, 0.5, {"relu1_1": 3.0})(out)
    torch.testing.assert_close(
        weighted, 1.5 * style_loss({"relu1_1": out["relu1_1"]}, feature_stats({"relu1_1": target["relu1_1"]}))
    )
    assert repr(StyleLoss(target, 0.5, layers)) == "StyleLoss(weight=0.5, layers=relu1_1, relu3_1)"


@pytest.mark.parametrize("guide", [None, soft_guide()], ids=["everywhere", "guided"])
@pytest.mark.parametrize("layer", STYLE_LAYERS)
def test_gradient(layer: str, guide: torch.Tensor | None) -> None:
    loss = StyleLoss(features(10), 2.0, layer, guide)
    check_gradient(lambda f: loss({layer: f}), features(0)[layer])


def test_guide() -> None:
    x, target = feature_map(0), feature_map(1, size=(10, 11))
    plain = StyleLoss({"a": target}, layers="a")
    assert torch.allclose(
        StyleLoss({"a": target}, layers="a", guide=torch.ones(1, 1, *SIZE))({"a": x}), plain({"a": x})
    )
    guided = StyleLoss(
        {"a": target}, layers="a", guide=box_guide(2, 3, 7, 4), target_guide=box_guide(1, 1, 5, 6, (10, 11))
    )
    cropped = StyleLoss({"a": target[..., 1:6, 1:7]}, layers="a")
    torch.testing.assert_close(guided({"a": x}), cropped({"a": x[..., 2:9, 3:7]}))


def test_batch() -> None:
    x = feature_map(0, b=3)
    one, many = StyleLoss({"a": feature_map(1)}, layers="a"), StyleLoss({"a": feature_map(1, b=3)}, layers="a")
    check_batch_is_mean(lambda f: one({"a": f}), x)
    single = [StyleLoss({"a": feature_map(1, b=3)[k : k + 1]}, layers="a")({"a": x[k : k + 1]}) for k in range(3)]
    torch.testing.assert_close(many({"a": x}), torch.stack(single).mean())


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(0.1, 10.0))
def test_laws(seed: int, scale: float) -> None:
    """Never negative, blind to where things are, and quadratic in the features (up to the ε of the deviation)."""
    x, target = feature_map(seed), feature_map(seed + 1)
    value = style_loss({"a": x}, feature_stats({"a": target}))
    assert float(value) >= 0.0
    shuffled = x.flatten(2)[..., torch.randperm(SIZE[0] * SIZE[1])].view_as(x)
    torch.testing.assert_close(style_loss({"a": shuffled}, feature_stats({"a": target})), value)
    scaled = style_loss({"a": scale * x}, feature_stats({"a": scale * target}))
    torch.testing.assert_close(scaled, scale**2 * value, rtol=1e-2, atol=1e-6)


def test_half_precision() -> None:
    target = feature_map(1, c=8).float()
    loss = StyleLoss({"a": target}, layers="a")
    check_half(lambda f: loss({"a": f}), feature_map(0, c=8))
    check_autocast(lambda f: loss({"a": f}), feature_map(0, c=8))
    # Above 255 the square of a float16 is infinite; of 4000 times a normal value most are.
    big = {k: (v * 4000).to(torch.float16) for k, v in features(0).items()}
    assert bool(style_loss(big, feature_stats(features(1))).isfinite())


def test_errors() -> None:
    stats = feature_stats({"a": feature_map(0)})
    with pytest.raises(InputError, match=r"no statistics of b$"):
        mean_std_distance({**stats, "b": stats["a"]}, stats)
    with pytest.raises(InputError, match=r"statistics \(1, 3, 1, 1\) cannot be compared with a target \(1, 4, 1, 1\)"):
        mean_std_distance(stats, feature_stats({"a": feature_map(0, c=4)}))
    with pytest.raises(InputError, match="StyleLoss needs b, which is not among a"):
        StyleLoss({"a": feature_map(0)}, layers="b")
    with pytest.raises(InputError, match="covers nothing at a"):
        StyleLoss({"a": feature_map(0)}, layers="a", target_guide=torch.zeros(1, 1, *SIZE))
    with pytest.raises(InputError, match="between 0 and 1"):
        StyleLoss({"a": feature_map(0)}, layers="a", target_guide=2 * torch.ones(1, 1, *SIZE))
