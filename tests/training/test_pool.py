"""Crops that are cut on the device: the same as those of the host."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from adain._utils.memory import free_memory
from adain.training import pool
from adain.training.cache import ImageCache
from adain.training.checkpoint import CheckpointStore
from adain.training.config import TrainingConfig
from adain.training.crops import BatchMaker, to_images
from adain.training.pool import BLOCK, PooledMaker, fits
from adain.training.report import Reporter
from adain.training.trainer import Trainer

CPU = torch.device("cpu")
CONFIG = TrainingConfig(batch_size=4, crop=64, identity_share=0.5, warmup_iter=2, warmup_crop=32)


@pytest.mark.parametrize("size", [32, 64, 80, 96])  # crops of 23 to 108 px: reduced, enlarged, and some as they are
@pytest.mark.parametrize("scale", [(0.1, 1.0), (1.0, 1.0)])
def test_crops_are_those_of_the_host(
    contents: ImageCache, styles: ImageCache, size: int, scale: tuple[float, float]
) -> None:
    config = replace(CONFIG, crop_scale=scale).resolved(from_scratch=True)
    host = BatchMaker(config, contents, styles)
    make = PooledMaker(host, CPU)
    flips = 0
    for step in (0, 2, 3, BLOCK - 1, BLOCK, 3 * BLOCK + 1, 3):
        wanted, identity = to_images(host(step), size, CPU)
        batch = make(step)
        found = make.pool.cut(batch.rows, size)
        assert found.shape == wanted.shape
        assert float((found - wanted).abs().max()) < 1e-5  # of the range; rounding alone
        assert found.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(batch.identity, identity)
        flips += int(batch.rows[:, 3].sum())
    assert flips > 0


def test_a_crop_of_the_size_asked_for_is_copied(contents: ImageCache, styles: ImageCache) -> None:
    make = PooledMaker(BatchMaker(CONFIG.resolved(from_scratch=True), contents, styles), CPU)
    image = styles.image(1)
    start = len(contents.pixels) + 3 * int(styles.sizes[0].prod())
    stride = 3 * image.shape[1]
    rows = torch.tensor([[start + 5 * stride + 6, stride, 32, 0], [start + 5 * stride + 6, stride, 32, 1]])
    plain, mirrored = make.pool.cut(rows, 32).mul(255)
    wanted = torch.from_numpy(np.array(image[5:37, 2:34])).permute(2, 0, 1).float()
    assert float((plain - wanted).abs().max()) < 1e-3
    assert float((mirrored - wanted.flip(2)).abs().max()) < 1e-3


def test_a_constant_stays_constant() -> None:
    # Weights sum to 1, at the border, too.
    for side, size in ((72, 32), (40, 64), (33, 32)):
        weights = pool._weights(torch.tensor([side]), torch.tensor([0]), size, 80)
        assert torch.allclose(weights.sum(2), torch.ones(1, size))
        assert float(weights[..., side:].abs().max()) == 0


def test_mixes_are_those_of_the_host(contents: ImageCache, styles: ImageCache) -> None:
    from adain.training.crops import draw_mix

    config = replace(CONFIG, alpha_low=0.2, blend_share=0.5, warmup_iter=0).resolved(from_scratch=True)
    make = PooledMaker(BatchMaker(config, contents, styles), CPU)
    for step in (0, 5):
        batch = make(step)
        wanted = draw_mix(config, step, 0, batch.identity)
        for mine, other in zip(batch.mix, wanted, strict=True):
            assert mine is not None
            assert other is not None
            assert torch.equal(mine, other)


def test_what_fits(contents: ImageCache, styles: ImageCache, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fits(CONFIG, contents, styles, CPU) is (free_memory(CPU) > 1e8)
    monkeypatch.setattr(pool, "free_memory", lambda _: len(contents.pixels))
    assert not fits(CONFIG, contents, styles, CPU)


def start(config: TrainingConfig, content_dir: Path, style_dir: Path, output: Path, **more: object) -> Trainer:
    where = {"device": "cpu", "init_from": "fast", "cache_dir": output.parent / "c"}
    return Trainer(config, [content_dir], [style_dir], output, **where, **more)  # type: ignore[arg-type]


def test_a_run_with_either_is_the_same_within_rounding_and_resumes(
    content_dir: Path, style_dir: Path, tmp_path: Path
) -> None:
    config = replace(
        CONFIG, model="fast", crop=32, batch_size=2, warmup_iter=2, max_iter=4, log_every=1, checkpoint_every=2,
        preview_every=0, lr_warmup=0, lr=1e-5,
    )  # fmt: skip

    class Stop(Reporter):
        def advance(self, step: int) -> None:
            if step == 5:
                raise KeyboardInterrupt

    for name in ("host", "device"):
        start(replace(config, crops_on=name), content_dir, style_dir, tmp_path / name).run()  # type: ignore[arg-type]
    host, device = (
        [json.loads(line) for line in (tmp_path / name / "log.jsonl").read_text().splitlines()]
        for name in ("host", "device")
    )
    assert len(host) == 6
    for one, two in zip(host, device, strict=True):
        assert one["loss"] == pytest.approx(two["loss"], rel=1e-4)
    with pytest.raises(KeyboardInterrupt):
        start(replace(config, crops_on="device"), content_dir, style_dir, tmp_path / "again", reporter=Stop()).run()
    Trainer.resume(tmp_path / "again", device="cpu").run()
    one, two = (
        CheckpointStore(tmp_path / name / "checkpoints").load_latest()["learner"]["network"]
        for name in ("device", "again")
    )
    assert all(torch.equal(tensor, two[name]) for name, tensor in one.items())


def test_auto_is_the_host_on_a_cpu(content_dir: Path, style_dir: Path, tmp_path: Path, contents: ImageCache) -> None:
    for setting, wanted in (("auto", False), ("host", False), ("device", True)):
        config = replace(CONFIG, crops_on=setting)  # type: ignore[arg-type]
        assert (
            start(replace(config, model="fast"), content_dir, style_dir, tmp_path / "x")._wants_pool(contents, contents)
            is wanted
        )


def test_too_many_pictures_for_a_gpu_are_told(
    content_dir: Path, style_dir: Path, tmp_path: Path, contents: ImageCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []
    trainer = start(replace(CONFIG, model="fast"), content_dir, style_dir, tmp_path / "x")
    trainer.device = torch.device("cuda:0")
    monkeypatch.setattr(trainer.reporter, "note", notes.append)
    monkeypatch.setattr(pool, "free_memory", lambda _: 1e12)
    assert trainer._wants_pool(contents, contents)
    monkeypatch.setattr(pool, "free_memory", lambda _: 1e3)
    assert not trainer._wants_pool(contents, contents)
    assert notes == ["the pictures do not fit into half of cuda:0's memory: the host cuts crops"]
