"""What training does on CUDA alone, compared with what it does on a CPU."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from adain._utils.memory import free_memory
from adain.nn.decoder import Decoder
from adain.nn.pretrained import load_decoder
from adain.nn.vgg import VGGEncoder
from adain.training.aside import Readings
from adain.training.cache import ImageCache
from adain.training.checkpoint import CheckpointStore
from adain.training.config import TrainingConfig
from adain.training.crops import BatchMaker, to_images
from adain.training.distributed import Ranks, Team
from adain.training.learner import Learner
from adain.training.networks import FastNet
from adain.training.plan import TrainingPlan, TrainingStage
from adain.training.pool import PooledMaker
from adain.training.rates import matrix_rate
from adain.training.report import Reporter
from adain.training.selfcheck import check
from adain.training.trainer import Trainer, fast_arithmetic, read_fast

pytestmark = pytest.mark.gpu

CPU, CUDA = torch.device("cpu"), torch.device("cuda:0")
CONFIG = TrainingConfig(
    batch_size=2, crop=128, warmup_iter=0, identity_share=0.5, structure_weight=8.0, lattice_weight=10.0, lr_warmup=0,
    grid_weight=100.0, calm_weight=500.0, style_form="sum", style_weight=0.1, preview_every=0,
)  # fmt: skip


@pytest.fixture
def quick() -> Iterator[None]:
    with fast_arithmetic(CUDA):
        yield


def network(model: str) -> Decoder | FastNet:
    return read_fast("fast") if model == "fast" else load_decoder()


def learner(config: TrainingConfig, encoder: VGGEncoder, device: torch.device) -> Learner:
    settled = config.resolved(from_scratch=False)
    return Learner(settled, copy.deepcopy(encoder), network(config.model), device, Team(Ranks()), note=pytest.fail)


def test_crops_are_those_of_the_cpu(contents: ImageCache, styles: ImageCache, quick: None) -> None:
    host = BatchMaker(CONFIG.resolved(from_scratch=False), contents, styles)
    make = PooledMaker(host, CUDA)
    for step in (0, 7, 70):
        batch = make(step)
        wanted, identity = to_images(host(step), 64, CPU)
        assert float((make.pool.cut(batch.rows, 64).cpu() - wanted).abs().max()) < 2 / 255
        assert torch.equal(batch.identity.cpu(), identity)


@pytest.mark.parametrize("model", ["vgg19", "fast"])
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-3), ("bf16", 3e-2)])
def test_losses_are_those_of_the_cpu(
    encoder: VGGEncoder, contents: ImageCache, styles: ImageCache, model: str, precision: str, tolerance: float
) -> None:
    config = replace(CONFIG, model=model, precision=precision)  # type: ignore[arg-type]
    batch = BatchMaker(config, contents, styles)(0)
    there = learner(config, encoder, CUDA).step(0, batch).cpu()
    here = learner(replace(config, precision="fp32"), encoder, CPU).step(0, batch)
    assert there[:3].tolist() == pytest.approx(here[:3].tolist(), rel=tolerance)


@pytest.mark.parametrize("model", ["vgg19", "fast"])
def test_compiled_it_is_the_same(
    encoder: VGGEncoder, contents: ImageCache, styles: ImageCache, model: str, quick: None
) -> None:
    torch._dynamo.reset()
    found = []
    for compiled in (False, True):
        config = replace(CONFIG, model=model, compile=compiled)  # type: ignore[arg-type]
        mine, make = learner(config, encoder, CUDA), PooledMaker(BatchMaker(config, contents, styles), CUDA)
        found.append(mine.step(0, make(0)).cpu()[:3].tolist())
    assert found[0] == pytest.approx(found[1], rel=3e-2)


@pytest.mark.parametrize("model", ["vgg19", "fast"])
def test_no_step_waits_for_the_device(
    encoder: VGGEncoder, contents: ImageCache, styles: ImageCache, model: str, quick: None
) -> None:
    config = replace(CONFIG, model=model, alpha_low=0.5, blend_share=0.5)  # type: ignore[arg-type]
    mine, make = learner(config, encoder, CUDA), PooledMaker(BatchMaker(config, contents, styles), CUDA)
    mine.step(0, make(0))
    readings = Readings()
    batches = [make(step) for step in range(1, 4)]
    torch.cuda.set_sync_debug_mode("error")
    try:
        for step, batch in enumerate(batches, 1):
            readings.add(mine.step(step, batch), step)
            list(readings.arrived())
    finally:
        torch.cuda.set_sync_debug_mode("default")
    late = [about for _, about in readings.arrived(all_of_them=True)]
    assert late == sorted(late)


@pytest.mark.parametrize("model", ["vgg19", "fast"])
def test_a_run_resumes(content_dir: Path, style_dir: Path, tmp_path: Path, model: str) -> None:
    class Stop(Reporter):
        def advance(self, step: int) -> None:
            if step == 3:
                raise KeyboardInterrupt

    config = replace(CONFIG, model=model, max_iter=5, checkpoint_every=2, log_every=1)  # type: ignore[arg-type]
    trainer = Trainer(config, [content_dir], [style_dir], tmp_path, init_from=model, reporter=Stop())
    assert trainer.device.type == "cuda"
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    assert CheckpointStore(tmp_path / "checkpoints").load_latest()["step"] == 2
    result = Trainer.resume(tmp_path).run()
    assert (result.reason, result.progress.step) == ("finished", 5)
    records = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [r["step"] for r in records] == [1, 2, 3, 4, 5]
    assert all(r["loss"] > 0 for r in records)


def test_the_device_is_checked() -> None:
    plan = TrainingPlan((TrainingStage("only", CONFIG, "vgg19", 1.0),))
    forecast = check(plan, "auto", minutes=1)
    assert forecast.device == torch.cuda.get_device_name(0)
    assert forecast.dtype == "bfloat16"
    assert forecast.stages[0].measured_with == 2
    assert (forecast.stages[0].peak_gib or 0) > 0
    assert matrix_rate(CUDA, torch.bfloat16) > matrix_rate(CPU, torch.float32)
    assert free_memory(CUDA) > 0
