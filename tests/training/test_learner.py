from __future__ import annotations

import copy
import functools
import sys
from dataclasses import replace
from typing import Any, Literal

import pytest
import torch

from adain._utils.errors import InputError
from adain.nn.decoder import Decoder
from adain.nn.folded import BaseDecoder
from adain.nn.pretrained import load_decoder
from adain.nn.vgg import VGGEncoder
from adain.training.cache import ImageCache
from adain.training.config import TrainingConfig
from adain.training.crops import BatchMaker
from adain.training.distributed import Ranks, Team
from adain.training.learner import METRICS, Learner, wants_winograd, working_dtype
from adain.training.trainer import read_fast

CONFIG = TrainingConfig(batch_size=2, crop=32, warmup_iter=0, warmup_crop=32, lr=1e-3, lr_warmup=0, precision="fp32")
CPU = torch.device("cpu")


def learner(config: TrainingConfig, encoder: VGGEncoder, decoder: Decoder) -> Learner:
    return Learner(config, encoder, decoder, CPU, Team(Ranks()))


def weights(decoder: Decoder) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in decoder.parameters()])


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_twenty_steps_lower_the_loss(
    encoder: VGGEncoder, contents: ImageCache, styles: ImageCache, precision: Literal["fp32", "bf16"]
) -> None:
    config = replace(CONFIG, precision=precision)
    mine = learner(config, encoder, load_decoder())
    batch = BatchMaker(config, contents, styles)(0)
    losses = [float(mine.step(step, batch)[0]) for step in range(20)]
    assert losses[-1] < 0.7 * losses[0]
    assert mine.network.conv4_1.weight.dtype == torch.float32  # type: ignore[union-attr]


def test_warmup_lowers_the_pixel_error(encoder: VGGEncoder, contents: ImageCache, styles: ImageCache) -> None:
    config = replace(CONFIG, warmup_iter=20, warmup_lr=1e-3, lr_final_factor=1.0)
    mine = learner(config, encoder, load_decoder())
    batch = BatchMaker(config, contents, styles)(0)
    metrics = [dict(zip(METRICS, mine.step(step, batch).tolist(), strict=True)) for step in range(15)]
    assert metrics[-1]["loss"] < 0.8 * metrics[0]["loss"]
    assert metrics[0]["loss"] == metrics[0]["identity"]
    assert metrics[0]["style"] == 0


def test_average_follows_its_closed_form(encoder: VGGEncoder, contents: ImageCache, styles: ImageCache) -> None:
    config = replace(CONFIG, ema=0.15)
    mine = learner(config, encoder, load_decoder())
    make = BatchMaker(config, contents, styles)
    wanted = weights(mine.network).double()
    for step in range(4):
        mine.step(step, make(step))
        decay = min(0.15, (step + 1) / (step + 10))
        wanted = decay * wanted + (1 - decay) * weights(mine.network).double()
        torch.testing.assert_close(weights(mine.average).double(), wanted, rtol=1e-5, atol=1e-7)


def test_without_ema_the_average_is_the_decoder(encoder: VGGEncoder, contents: ImageCache, styles: ImageCache) -> None:
    config = replace(CONFIG, ema=0.0)
    mine = learner(config, encoder, load_decoder())
    mine.step(0, BatchMaker(config, contents, styles)(0))
    assert torch.equal(weights(mine.average), weights(mine.network))


def test_the_norm_is_clipped_and_reported_unclipped(
    encoder: VGGEncoder, contents: ImageCache, styles: ImageCache
) -> None:
    batch = BatchMaker(CONFIG, contents, styles)(0)
    norms = []
    for clip in (0.0, 1e-3):
        mine = learner(replace(CONFIG, clip_norm=clip), encoder, load_decoder())
        reported = float(mine.step(0, batch)[METRICS.index("grad_norm")])
        left = torch.cat([p.grad.flatten() for p in mine.network.parameters() if p.grad is not None]).norm()
        norms.append((reported, float(left)))
    assert norms[0][1] == pytest.approx(norms[0][0], rel=1e-4)
    assert norms[1] == pytest.approx((norms[0][0], 1e-3), rel=1e-3)


def test_state_brings_back_every_bit(encoder: VGGEncoder, contents: ImageCache, styles: ImageCache) -> None:
    make = BatchMaker(CONFIG, contents, styles)
    one = learner(CONFIG, encoder, load_decoder())
    for step in range(3):
        one.step(step, make(step))
    state = copy.deepcopy(one.state())
    after = [one.step(step, make(step)) for step in (3, 4)]
    two = learner(CONFIG, encoder, BaseDecoder())
    two.load(state)
    assert all(torch.equal(two.step(step, make(step)), after[step - 3]) for step in (3, 4))
    assert torch.equal(weights(two.network), weights(one.network))
    assert torch.equal(weights(two.average), weights(one.average))


def test_style_training_starts_with_fresh_moments(
    encoder: VGGEncoder, contents: ImageCache, styles: ImageCache
) -> None:
    config = replace(CONFIG, warmup_iter=2)
    mine = learner(config, encoder, load_decoder())
    make = BatchMaker(config, contents, styles)
    counts = []
    for step in range(4):
        mine.step(step, make(step))
        counts.append(int(next(iter(mine.optimizer.state.values()))["step"]))
    assert counts == [1, 2, 1, 2]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["vgg19", "fast"])
@pytest.mark.parametrize("more", [{}, {"alpha_low": 0.5, "blend_share": 0.5, "identity_share": 0.5}])
def test_a_step_is_one_graph_for_a_compiler(
    encoder: VGGEncoder,
    contents: ImageCache,
    styles: ImageCache,
    monkeypatch: pytest.MonkeyPatch,
    model: str,
    more: dict[str, float],
) -> None:
    torch._dynamo.reset()
    weights = {"structure_weight": 8.0, "lattice_weight": 10.0, "grid_weight": 100.0, "calm_weight": 500.0}
    how: dict[str, Any] = {**weights, "winograd": "off", **more}
    plain = replace(CONFIG, crop=128, model=model, **how)
    compiler = functools.partial(torch.compile, backend="eager", fullgraph=True)
    monkeypatch.setattr(torch, "compile", compiler)
    found = []
    for config in (plain, replace(plain, compile=True)):
        network = read_fast("fast") if model == "fast" else load_decoder()
        mine = Learner(config, copy.deepcopy(encoder), network, CPU, Team(Ranks()), note=pytest.fail)
        make = BatchMaker(config, contents, styles)
        found.append(torch.stack([mine.step(step, make(step)) for step in range(2)]))
    assert torch.allclose(*found, rtol=1e-4)
    torch._dynamo.reset()


def test_without_a_compiler_a_run_goes_on(
    encoder: VGGEncoder, contents: ImageCache, styles: ImageCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no compiler\nwas found")

    monkeypatch.setattr(torch, "compile", lambda *_, **__: fails)
    notes: list[str] = []
    found = []
    for compiled in (False, True):
        config = replace(CONFIG, compile=compiled, winograd="off")
        mine = Learner(config, copy.deepcopy(encoder), load_decoder(), CPU, Team(Ranks()), note=notes.append)
        make = BatchMaker(config, contents, styles)
        found.append(torch.stack([mine.step(step, make(step)) for step in range(2)]))
    assert torch.equal(*found)
    assert notes == ["torch.compile does not work here (no compiler): going on without"]


def test_precision() -> None:
    cuda = torch.device("cuda")
    assert working_dtype(TrainingConfig(), CPU) == torch.float32
    assert working_dtype(TrainingConfig(), cuda) == torch.bfloat16
    assert working_dtype(TrainingConfig(precision="fp32"), cuda) == torch.float32
    assert working_dtype(TrainingConfig(precision="bf16"), CPU) == torch.bfloat16


@pytest.mark.parametrize("model", ["vgg19", "fast"])
def test_winograd_changes_rounding_alone(
    model: Literal["vgg19", "fast"], encoder: VGGEncoder, contents: ImageCache, styles: ImageCache
) -> None:
    pytest.importorskip("ncnn")
    found = []
    for wanted in ("off", "on"):
        # Adam's first steps are as large for a gradient that is nearly zero, whose sign is a matter of rounding.
        config = replace(CONFIG, lr=1e-5, model=model, winograd=wanted, structure_weight=8.0, identity_share=0.5)
        network = read_fast("fast") if model == "fast" else load_decoder()
        mine = Learner(config, copy.deepcopy(encoder), network, CPU, Team(Ranks()))
        make = BatchMaker(config, contents, styles)
        found.append(torch.stack([mine.step(step, make(step)) for step in range(3)]))
        painted = mine.paint(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32))
        assert bool(torch.isfinite(painted).all())
    torch.testing.assert_close(found[0], found[1], rtol=5e-4, atol=1e-4)


def test_winograd_is_for_float32_on_a_cpu() -> None:
    for more in ({"precision": "bf16"}, {"compile": True}):
        with pytest.raises(InputError, match="--winograd on is for --precision fp32 without --compile"):
            replace(CONFIG, winograd="on", **more).validate()
    config = replace(CONFIG, winograd="on")
    assert wants_winograd(config, CPU)
    with pytest.raises(InputError, match="--winograd on computes in float32 on a CPU, not on meta: leave it out"):
        wants_winograd(config, torch.device("meta"))
    assert not wants_winograd(replace(CONFIG, winograd="off"), CPU)
    assert not wants_winograd(replace(CONFIG, compile=True), CPU)
    assert not wants_winograd(replace(CONFIG, precision="bf16"), CPU)


def test_winograd_is_for_batches_that_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adain.training.learner.is_worthwhile", lambda *_: True)
    for batch_size, crop, expected in ((1, 64, False), (1, 96, True), (4, 48, True), (8, 256, True)):
        assert wants_winograd(replace(CONFIG, batch_size=batch_size, crop=crop), CPU) == expected


def test_winograd_needs_ncnn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ncnn", None)
    assert not wants_winograd(CONFIG, CPU)
    with pytest.raises(InputError, match="--winograd on needs ncnn: pip install ncnn, or leave it out"):
        wants_winograd(replace(CONFIG, winograd="on"), CPU)
