from __future__ import annotations

import torch

from adain.losses import ContentLoss, StyleLoss, content_loss, feature_stats, mean_std_distance, style_loss
from adain.vgg import STYLE_LAYERS


def features(seed: int, b: int = 2, dtype: torch.dtype = torch.float64) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    return {
        layer: torch.randn(b, 4 * (k + 1), 8 >> k, 8 >> k, generator=g, dtype=torch.float64).to(dtype)
        for k, layer in enumerate(STYLE_LAYERS)
    }


def test_content_closed_form() -> None:
    x = torch.zeros(1, 2, 3, 3)
    torch.testing.assert_close(content_loss(x, x + 2.0), torch.tensor(4.0))


def test_style_plain_torch() -> None:
    """Equation 13, channel by channel."""
    out, style = features(0), features(1)
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
    assert float(content_loss(f["relu4_1"], f["relu4_1"])) == 0.0


def test_modules_are_their_functions() -> None:
    out, target = features(0), features(1)
    torch.testing.assert_close(
        ContentLoss(target["relu4_1"], 3.0)(out), 3.0 * content_loss(out["relu4_1"], target["relu4_1"])
    )
    layers = ("relu1_1", "relu3_1")
    expected = 0.5 * style_loss({k: out[k] for k in layers}, feature_stats({k: target[k] for k in layers}))
    module = StyleLoss(target, 0.5, layers)
    torch.testing.assert_close(module(out), expected)
    assert repr(module) == "StyleLoss(weight=0.5, layers=relu1_1, relu3_1)"
    assert not list(module.state_dict())  # targets belong to a picture, not to a checkpoint


def test_half_precision_is_finite() -> None:
    big = {k: (v * 4000).to(torch.float16) for k, v in features(0).items()}
    small = feature_stats(features(1))
    loss = style_loss(big, small)
    assert loss.dtype == torch.float32 or loss.dtype == torch.float64
    assert bool(loss.isfinite())


def test_gradients() -> None:
    target = features(1, b=1)
    for layer in STYLE_LAYERS:
        x = features(2, b=1)[layer].requires_grad_()
        stats = feature_stats({layer: target[layer]})
        assert torch.autograd.gradcheck(lambda f, k=layer, s=stats: style_loss({k: f}, s), (x,))
    x = features(2, b=1)["relu4_1"].requires_grad_()
    assert torch.autograd.gradcheck(lambda f: content_loss(f, target["relu4_1"]), (x,))
