from __future__ import annotations

import copy
import itertools
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adain.image import center_crop_square, read_image, to_tensor
from adain.nn.adain import adaptive_instance_norm
from adain.nn.decoder import MIRRORED
from adain.nn.pretrained import load_decoder
from adain.nn.statistics import channel_mean_std
from adain.nn.vgg import CONTENT_LAYER, VGGEncoder
from adain.training.cache import ImageCache
from adain.training.config import TrainingConfig
from adain.training.crops import BatchMaker
from adain.training.distributed import Ranks, Team
from adain.training.learner import METRICS, Learner
from adain.training.networks import ADAPTED, FastNet, mirrored_decoder
from adain.training.objective import (
    PIXEL_WEIGHT,
    distil_objective,
    shrink,
    style_objective,
    warmup_objective,
)
from tests.conftest import sample


@pytest.fixture
def images() -> torch.Tensor:
    coarse = torch.rand(2, 3, 8, 8)
    return F.interpolate(coarse, size=(48, 48), mode="bilinear").clamp(0, 1)


def test_every_layer_starts_with_the_documented_mean_and_deviation(encoder: VGGEncoder, images: torch.Tensor) -> None:
    decoder = mirrored_decoder(encoder, images)
    seen: dict[str, torch.Tensor] = {}
    for spec in MIRRORED:
        decoder.get_submodule(spec.name).register_forward_hook(
            # A copy, because the ReLU behind it works in place.
            lambda _module, _args, output, name=spec.name: seen.update({name: output.clone()})
        )
    with torch.no_grad():
        output = decoder(encoder(images)[CONTENT_LAYER])
    for spec in MIRRORED[:-1]:
        torch.testing.assert_close(seen[spec.name].mean(dim=(0, 2, 3)), torch.zeros(spec.c_in), rtol=0, atol=1e-3)
        assert float(seen[spec.name].std(correction=0)) == pytest.approx(1, abs=1e-3)
    torch.testing.assert_close(output.mean(dim=(0, 2, 3)), torch.full((3,), 0.45), rtol=0, atol=1e-3)
    assert float(output.std(correction=0)) == pytest.approx(0.2, abs=1e-3)


def test_filters_are_the_mirrored_ones(encoder: VGGEncoder, images: torch.Tensor) -> None:
    decoder = mirrored_decoder(encoder, images)
    for spec in MIRRORED:
        mine = decoder.get_submodule(spec.name).get_parameter("weight")
        theirs = encoder.get_submodule(spec.name).get_parameter("weight")
        ratio = mine[1, 0, 0, 2] / theirs[0, 1, 2, 0]
        torch.testing.assert_close(mine, theirs.transpose(0, 1).flip(2, 3) * ratio, rtol=1e-3, atol=1e-6)
        assert ratio > 0


def test_it_learns_to_reconstruct_at_once(encoder: VGGEncoder) -> None:
    photos = (read_image(sample("content", name)) for name in ("astronaut", "chelsea", "montStMichel"))
    images = torch.cat([to_tensor(center_crop_square(p).resize((64, 64))) for p in photos])
    decoder = mirrored_decoder(encoder, images)
    optimizer = torch.optim.Adam(decoder.parameters(), lr=5e-4)
    errors = []
    for _ in range(20):
        error = warmup_objective(encoder, decoder, images).total
        optimizer.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        errors.append(float(error.detach()))
    # A decoder whose units have died answers grey: the variance of the images.
    assert errors[-1] < 0.7 * float(images.var())


def test_it_is_deterministic_and_trainable(encoder: VGGEncoder, images: torch.Tensor) -> None:
    one, two = (mirrored_decoder(encoder, images).state_dict() for _ in range(2))
    assert all(torch.equal(one[k], two[k]) for k in one)
    assert all(p.requires_grad for p in mirrored_decoder(encoder, images).parameters())


CPU = torch.device("cpu")
CONFIG = TrainingConfig(
    model="fast", batch_size=2, crop=48, warmup_iter=0, warmup_crop=32, lr=1e-3, lr_warmup=0, clip_norm=0
)


def learner(config: TrainingConfig, encoder: VGGEncoder, net: FastNet) -> Learner:
    teacher = load_decoder() if config.teacher_weight else None
    return Learner(config, encoder, net, CPU, Team(Ranks()), teacher)


def gradients(module: nn.Module) -> dict[str, Tensor | None]:
    return {name: None if p.grad is None else p.grad.clone() for name, p in module.named_parameters()}


def weights(module: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in module.named_parameters()}


def same(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@pytest.fixture
def net() -> FastNet:
    return FastNet.fresh(3)


def test_a_fresh_one_is_the_seeds() -> None:
    state = torch.get_rng_state()
    one, two, other = FastNet.fresh(1), FastNet.fresh(1), FastNet.fresh(2)
    assert same(weights(one), weights(two))
    assert not same(weights(one), weights(other))
    assert torch.equal(torch.get_rng_state(), state)
    deep = one.encoder.get_submodule(one.encoder.specs[-1].name).get_parameter("weight")
    assert float(deep.std()) == pytest.approx((2 / (9 * deep.shape[1])) ** 0.5, rel=0.05)  # He et al. 2015


def test_adaptors_join_layers_of_one_size(net: FastNet, encoder: VGGEncoder) -> None:
    image = torch.rand(1, 3, 40, 32)
    own, wanted = net.encoder(image, tuple(ADAPTED)), encoder(image, tuple(ADAPTED.values()))
    adapted, _ = net(image)
    for mine, theirs in ADAPTED.items():
        assert own[mine].shape[2:] == wanted[theirs].shape[2:]
        assert adapted[theirs].shape == wanted[theirs].shape


def test_distillation_in_closed_form(net: FastNet, encoder: VGGEncoder) -> None:
    images = torch.rand(2, 3, 32, 32)
    losses = distil_objective(encoder, net, images)
    own, theirs = net.encoder(images, tuple(ADAPTED)), encoder(images, tuple(ADAPTED.values()))
    distance = torch.zeros(())
    for mine, other in ADAPTED.items():
        linear = net.adaptors[mine]
        made = torch.einsum("oc,bchw->bohw", linear.weight[:, :, 0, 0], own[mine]) + linear.bias.view(1, -1, 1, 1)
        spread = (theirs[other] - theirs[other].mean()).square().sum() / (theirs[other].numel() - 1)
        distance = distance + (made - theirs[other]).square().mean() / spread
    error = (net.decoder(net.encoder.features(images)) - images).square().mean()
    torch.testing.assert_close(losses.content, distance, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses.identity, error, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(losses.total, distance + PIXEL_WEIGHT * error, rtol=1e-4, atol=1e-5)
    assert float(losses.style) == 0


def test_each_end_learns_from_its_own_term(net: FastNet, encoder: VGGEncoder) -> None:
    """The encoder and the adaptors from distillation, the decoder from the pixels."""
    images = torch.rand(2, 3, 32, 32)
    distil_objective(encoder, net, images).total.backward()
    together = {name: gradients(getattr(net, name)) for name in ("encoder", "adaptors", "decoder")}
    net.zero_grad()
    distil_objective(encoder, net, images).content.backward()
    assert all(grad is None for grad in gradients(net.decoder).values())
    for name in ("encoder", "adaptors"):
        for key, grad in gradients(getattr(net, name)).items():
            torch.testing.assert_close(together[name][key], grad, rtol=1e-4, atol=1e-5)
    net.zero_grad()
    distil_objective(encoder, net, images).identity.backward()
    assert all(grad is None for name in ("encoder", "adaptors") for grad in gradients(getattr(net, name)).values())
    for key, grad in gradients(net.decoder).items():
        assert grad is not None
        torch.testing.assert_close(together["decoder"][key], PIXEL_WEIGHT * grad, rtol=1e-4, atol=1e-3)
    assert all(p.grad is None for p in encoder.parameters())


def test_painting_is_its_own_adain(net: FastNet) -> None:
    content, style = torch.rand(2, 3, 32, 40), torch.rand(2, 3, 32, 32)
    wanted = channel_mean_std(net.encoder.features(style))
    expected = net.decoder(adaptive_instance_norm(net.encoder.features(content), *wanted))
    torch.testing.assert_close(net(content, style), expected)


@pytest.mark.parametrize("size", [0, 32, 48])
@pytest.mark.parametrize("teaches", [False, True])
def test_style_objective_with_a_size_and_a_teacher(net: FastNet, encoder: VGGEncoder, size: int, teaches: bool) -> None:
    config = replace(CONFIG, loss_size=size, teacher_weight=3.0 * teaches, identity_share=0.5, identity_weight=7.0)
    content, style = torch.rand(2, 3, 48, 48), torch.rand(2, 3, 48, 48)
    identity = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1)
    teacher = load_decoder()
    folded = teacher.network.folded
    judges = net, teacher if teaches else None
    losses = style_objective(config, encoder, *judges, content, style, identity, folded=folded if teaches else None)

    output = net(content, style)
    seen = [content, style, output]
    if size == 32:
        seen = [F.interpolate(x, size=(32, 32), mode="bilinear", antialias=True) for x in seen]
    small, art, made = seen
    # The paper's loss of this output, whatever is decoded.
    base = replace(config, model="vgg19")
    plain = style_objective(base, encoder, lambda _: made, None, small, art, identity)
    total = plain.total
    if teaches:
        giving = encoder.giving(folded)
        target = adaptive_instance_norm(giving.features(small), *channel_mean_std(giving.features(art)))
        total = total + 3.0 * (made - teacher(target).clamp(0, 1)).square().mean()
    for got, expected in zip(losses, (total, *plain[1:]), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
    losses.total.backward()
    for end in (net.encoder, net.decoder):
        assert all(p.grad is not None and bool(p.grad.any()) for p in end.parameters())
    assert all(p.grad is None for frozen in (net.adaptors, encoder, teacher) for p in frozen.parameters())


def test_shrinking_keeps_flat_colours_and_averages_checks() -> None:
    flat = torch.full((1, 3, 64, 64), 0.3)
    torch.testing.assert_close(shrink(flat, 32), torch.full((1, 3, 32, 32), 0.3))
    checks = (torch.arange(64) % 2).float().expand(1, 3, 64, 64)
    assert float((shrink(checks, 32)[..., 2:-2, 2:-2] - 0.5).abs().max()) < 0.13  # without antialiasing: 0.5
    assert shrink(flat.bfloat16(), 32).dtype == torch.float32


def test_warmup_steps_lower_both_terms(encoder: VGGEncoder, contents: ImageCache, styles: ImageCache) -> None:
    config = replace(CONFIG, warmup_iter=20, warmup_lr=1e-3, lr_final_factor=1.0)
    mine = learner(config, encoder, FastNet.fresh(0))
    batch = BatchMaker(config, contents, styles)(0)
    metrics = [dict(zip(METRICS, mine.step(step, batch).tolist(), strict=True)) for step in range(20)]
    for name in ("content", "identity"):
        assert metrics[-1][name] < 0.8 * metrics[0][name]
    first = metrics[0]
    assert first["loss"] == pytest.approx(first["content"] + PIXEL_WEIGHT * first["identity"], rel=1e-5)
    assert first["style"] == 0


def test_freezing_rests_the_encoder_alone(encoder: VGGEncoder, contents: ImageCache, styles: ImageCache) -> None:
    config = replace(CONFIG, freeze_iter=2, loss_size=32, teacher_weight=1.0)
    mine = learner(config, encoder, FastNet.fresh(0))
    net = mine.network
    assert isinstance(net, FastNet)
    make = BatchMaker(config, contents, styles)
    seen = [{name: weights(getattr(net, name)) for name in ("encoder", "decoder", "adaptors")}]
    for step in range(4):
        mine.step(step, make(step))
        seen.append({name: weights(getattr(net, name)) for name in ("encoder", "decoder", "adaptors")})
    assert [same(a["encoder"], b["encoder"]) for a, b in itertools.pairwise(seen)] == [
        True,
        True,
        False,
        False,
    ]
    assert not any(same(a["decoder"], b["decoder"]) for a, b in itertools.pairwise(seen))
    assert same(seen[0]["adaptors"], seen[-1]["adaptors"])


def test_state_brings_back_every_bit(encoder: VGGEncoder, contents: ImageCache, styles: ImageCache) -> None:
    config = replace(CONFIG, warmup_iter=2, freeze_iter=1, loss_size=32)
    make = BatchMaker(config, contents, styles)
    one = learner(config, encoder, FastNet.fresh(0))
    for step in range(3):
        one.step(step, make(step))
    state = copy.deepcopy(one.state())
    after = [one.step(step, make(step)) for step in (3, 4)]
    two = learner(config, encoder, FastNet.fresh(9))
    two.load(state)
    assert all(torch.equal(two.step(step, make(step)), after[step - 3]) for step in (3, 4))
    assert same(weights(one.network), weights(two.network))
    assert same(weights(one.average), weights(two.average))


def test_pictures_come_from_the_average(encoder: VGGEncoder, contents: ImageCache, styles: ImageCache) -> None:
    mine = learner(CONFIG, encoder, FastNet.fresh(0))
    mine.step(0, BatchMaker(CONFIG, contents, styles)(0))
    content, style = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    assert isinstance(mine.average, FastNet)
    painted = mine.paint(content, style)
    assert torch.equal(painted, mine.average(content, style))
    assert not torch.equal(painted, mine.network(content, style))
