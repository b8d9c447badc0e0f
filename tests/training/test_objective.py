from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from adain.losses import CovarianceLoss, calm_loss, grid_loss, lattice_loss, total_variation
from adain.metrics import content_distance
from adain.nn.adain import adaptive_instance_norm
from adain.nn.decoder import Decoder
from adain.nn.layers import BASE, CLASSIC
from adain.nn.statistics import channel_mean_std
from adain.nn.vgg import CONTENT_LAYER, STYLE_LAYERS, VGGEncoder
from adain.training.config import TrainingConfig
from adain.training.crops import Mix
from adain.training.networks import grown
from adain.training.objective import COVARIANCE_LAYERS, style_objective, targets, warmup_objective


def mean_std(f: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return f.mean((2, 3), keepdim=True), (f.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    content, style = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    style[0] = content[0]
    return content, style, torch.tensor([1.0, 0.0]).view(2, 1, 1, 1)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_style_objective_is_the_papers(encoder: VGGEncoder, batch: tuple[torch.Tensor, ...], share: float) -> None:
    content, style, identity = batch
    config = TrainingConfig(content_weight=2.0, style_weight=5.0, identity_weight=7.0, identity_share=share)
    decoder = Decoder()
    losses = style_objective(config, encoder, decoder, None, content, style, identity)

    with torch.no_grad():
        c = encoder(content, STYLE_LAYERS)["relu4_1"]
        s = encoder(style, STYLE_LAYERS)
        (mc, dc), (ms, ds) = mean_std(c), mean_std(s["relu4_1"])
        t = ds * (c - mc) / dc + ms
        out = decoder(t)
        o = encoder(out, STYLE_LAYERS)
        l_content = ((o["relu4_1"] - t) ** 2).mean()
        l_style = torch.zeros(())
        for layer in STYLE_LAYERS:
            (mo, do), (mt, dt) = mean_std(o[layer]), mean_std(s[layer])
            l_style = l_style + ((mo - mt) ** 2).mean() + ((do - dt) ** 2).mean()
        l_identity = ((out[0] - content[0]) ** 2).mean() / 2 if share else torch.zeros(())
    torch.testing.assert_close(losses.content, l_content, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses.style, l_style, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses.identity, l_identity, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(losses.total, 2 * l_content + 5 * l_style + 7 * l_identity, rtol=1e-4, atol=1e-4)


def test_only_the_decoder_gets_gradients(encoder: VGGEncoder, batch: tuple[torch.Tensor, ...]) -> None:
    decoder = Decoder()
    losses = style_objective(TrainingConfig(), encoder, decoder, None, *batch)
    losses.total.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in decoder.parameters())
    assert all(p.grad is None for p in encoder.parameters())


def test_warmup_objective_is_the_pixel_error(encoder: VGGEncoder, batch: tuple[torch.Tensor, ...]) -> None:
    content = batch[0]
    decoder = Decoder()
    losses = warmup_objective(encoder, decoder, content)
    wanted = ((decoder(encoder(content)["relu4_1"]) - content) ** 2).mean()
    torch.testing.assert_close(losses.total, wanted)
    assert losses.total is losses.identity
    assert float(losses.content) == float(losses.style) == 0.0


def test_bfloat16_stays_close_to_float32(encoder: VGGEncoder, batch: tuple[torch.Tensor, ...]) -> None:
    decoder = Decoder()
    config = TrainingConfig(identity_share=0.5)
    exact = style_objective(config, encoder, decoder, None, *batch)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = style_objective(config, encoder, decoder, None, *batch)
    for a, b in zip(exact, rounded, strict=True):
        assert b.dtype == torch.float32
        torch.testing.assert_close(b, a, rtol=0.05, atol=1e-3)


def test_what_a_config_can_add(encoder: VGGEncoder, batch: tuple[torch.Tensor, ...]) -> None:
    """Each term by itself, recomputed."""
    decoder = Decoder()
    plain = style_objective(TrainingConfig(), encoder, decoder, None, *batch)
    wanted = targets(TrainingConfig(), encoder, *batch[:2])
    output = decoder(wanted.features)
    found = encoder(output, STYLE_LAYERS)

    def extra(**settings: float | str) -> float:
        config = TrainingConfig(**settings)  # type: ignore[arg-type]
        return float(style_objective(config, encoder, decoder, None, *batch).total - plain.total)

    structure = float(content_distance(found, encoder(batch[0])))
    torch.testing.assert_close(extra(structure_weight=50.0), 50.0 * structure, rtol=1e-2, atol=1e-3)
    torch.testing.assert_close(
        extra(tv_weight=3.0), 3.0 * float(total_variation(output, form="squared")), rtol=1e-2, atol=1e-3
    )
    covariance = sum(
        CovarianceLoss(encoder(batch[1], STYLE_LAYERS), layers=[name])(found) for name in COVARIANCE_LAYERS
    )
    torch.testing.assert_close(extra(covariance_weight=2.0), 2.0 * float(covariance), rtol=1e-2, atol=1e-3)
    summed = 0.0
    for layer in STYLE_LAYERS:
        (m, s), (mean, std) = channel_mean_std(found[layer]), wanted.stats[layer]
        summed += float(((m - mean).square() + (s - std).square()).sum(dim=1).mean())
    torch.testing.assert_close(
        extra(style_form="sum", style_weight=0.1) + 10.0 * float(plain.style), 0.1 * summed, rtol=1e-2, atol=1e-2
    )


def test_a_softened_blend_is_judged_by_what_it_was_made_of(
    encoder: VGGEncoder, batch: tuple[torch.Tensor, ...]
) -> None:
    content, style, _ = batch
    mix = Mix(torch.tensor([0.3, 1.0]).view(-1, 1, 1, 1), torch.tensor([0.5, 1.0]).view(-1, 1, 1, 1))
    wanted = targets(TrainingConfig(), encoder, content, style, mix)
    features, known = encoder(content)[CONTENT_LAYER], channel_mean_std(encoder(style)[CONTENT_LAYER])
    half = [0.5 * (t[0] + t[1]) for t in known]
    goal = 0.7 * features[:1] + 0.3 * adaptive_instance_norm(features[:1], *(h[None] for h in half))
    torch.testing.assert_close(wanted.features[:1], goal, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        wanted.stats[CONTENT_LAYER][0][:1], goal.mean(dim=(2, 3), keepdim=True), rtol=1e-3, atol=1e-3
    )
    torch.testing.assert_close(wanted.features[1:], adaptive_instance_norm(features[1:], *(t[1:] for t in known)))


def test_calm_can_be_weighed(encoder: VGGEncoder) -> None:
    """Of the output against the photograph, the style's own liveliness aside."""
    batch = 0.5 + 0.02 * torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32), torch.zeros(2, 1, 1, 1)

    def decoder(features: torch.Tensor) -> torch.Tensor:
        """A lively one, in cells of 8 px; a fresh one paints flat grey."""
        return F.interpolate(features[:, :3], scale_factor=8)

    output = decoder(targets(TrainingConfig(), encoder, *batch[:2]).features)
    plain, weighed = (
        style_objective(TrainingConfig(calm_weight=weight), encoder, decoder, None, *batch).total.detach()
        for weight in (0.0, 3000.0)
    )
    expected = 3000.0 * calm_loss(output, batch[0]).detach()
    assert float(expected) > 0.01 * float(plain)
    torch.testing.assert_close(weighed - plain, expected, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize(("name", "loss"), [("lattice_weight", lattice_loss), ("grid_weight", grid_loss)])
def test_what_repeats_can_be_weighed(
    encoder: VGGEncoder, name: str, loss: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    """Of the output, in float32 under autocast, too."""
    batch = torch.rand(2, 3, 128, 128), torch.rand(2, 3, 128, 128), torch.zeros(2, 1, 1, 1)
    decoder = Decoder()
    output = decoder(targets(TrainingConfig(), encoder, *batch[:2]).features)
    plain, weighed = (
        style_objective(TrainingConfig(**{name: weight}), encoder, decoder, None, *batch).total.detach()
        for weight in (0.0, 30.0)
    )
    torch.testing.assert_close(weighed - plain, 30.0 * loss(output).detach(), rtol=1e-2, atol=1e-3)
    exact = loss(output)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(loss(output), exact, rtol=1e-6, atol=1e-6)


def test_a_folded_layer_has_the_styles_statistics_too(encoder: VGGEncoder) -> None:
    """What the base model's decoder is trained with is what it is given when it stylises."""
    content, style = torch.rand(2, 3, 48, 40), torch.rand(2, 3, 32, 64)
    giving = encoder.giving(BASE.folded)
    wanted = targets(TrainingConfig(), encoder, content, style, folded=BASE.folded)
    goal = adaptive_instance_norm(giving.features(content), *channel_mean_std(giving.features(style)))
    torch.testing.assert_close(wanted.features, goal, rtol=1e-4, atol=1e-4)
    plain = targets(TrainingConfig(), encoder, content, style)
    torch.testing.assert_close(wanted.features[:, : CLASSIC.channels], plain.features, rtol=1e-4, atol=1e-4)
    assert wanted.stats.keys() == plain.stats.keys()
    losses = style_objective(
        TrainingConfig(), encoder, grown(Decoder()), None, content, style[..., :40], torch.zeros(2, 1, 1, 1),
        folded=BASE.folded,
    )  # fmt: skip
    losses.total.backward()  # type: ignore[no-untyped-call]
    assert bool(torch.isfinite(losses.total))
