"""Whole runs of the fast model: their files, their log, their phases, and how they are resumed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from safetensors.torch import load_file

from adain._utils.errors import InputError, MissingFileError, TrainingError, WeightsError
from adain.nn.fast import FastDecoder, FastEncoder
from adain.nn.pretrained import load_decoder, load_encoder, registry
from adain.stylizer.stylizer import Stylizer
from adain.training import loop
from adain.training.checkpoint import CheckpointStore, State
from adain.training.config import TrainingConfig
from adain.training.networks import FastNet
from adain.training.report import RunLog, plot_losses
from adain.training.trainer import Trainer, read_decoder, read_fast
from tests.conftest import noise_image, one_line_error

from .test_distributed import torchrun
from .test_trainer import Run, StopAt, log, newest, same_outcome

CONFIG = TrainingConfig(
    model="fast",
    max_iter=6,
    warmup_iter=3,
    warmup_crop=32,
    freeze_iter=2,
    teacher_weight=1.0,
    loss_size=32,
    batch_size=2,
    crop=48,
    lr_warmup=2,
    identity_share=0.25,
    log_every=2,
    checkpoint_every=4,
    preview_every=0,
)
FILES = ("encoder.safetensors", "decoder.safetensors")


@pytest.fixture(scope="module")
def run(content_dir: Path, style_dir: Path, cache_dir: Path) -> Run:
    return Run(content_dir, style_dir, cache_dir)


@pytest.fixture(scope="module")
def straight(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nothing interrupted."""
    output = tmp_path_factory.mktemp("straight") / "run"
    result = run.new(output, CONFIG).run()
    assert (result.reason, result.progress.step) == ("finished", 9)
    assert (result.encoder, result.decoder) == tuple(output / name for name in FILES)
    return output


def test_both_files_are_the_average(straight: Path) -> None:
    assert {p.name for p in straight.iterdir()} == {"checkpoints", "log.jsonl", "run.json", *FILES}
    average = newest(straight)["learner"]["average"]
    for part, name, load in zip(("encoder", "decoder"), FILES, (load_encoder, load_decoder), strict=True):
        loaded = load(straight / name).state_dict()
        assert all(torch.equal(t, average[f"{part}.{key}"].half().float()) for key, t in loaded.items())
        assert all(t.dtype == torch.float16 for t in load_file(straight / name).values())
    assert sum((straight / name).stat().st_size for name in FILES) < 1e6
    made = Stylizer.from_pretrained(encoder=straight / FILES[0], decoder=straight / FILES[1], device="cpu")
    assert made.stylize(noise_image(40, 32), noise_image(32, 32, 2), style_size=32).size == (40, 32)


def test_the_log_tells_the_distance_of_the_warmup(straight: Path) -> None:
    records = log(straight)
    assert [r["step"] for r in records] == [2, 3, 4, 6, 8, 9]
    assert [r["phase"] for r in records] == ["warmup"] * 2 + ["style"] * 4
    for record in records[:2]:
        assert record["loss"] == pytest.approx(record["content"] + 20 * record["identity"], rel=1e-4)
        assert record["style"] is None
    assert all(r["style"] > 0 and r["content"] > 0 for r in records[2:])


def test_its_log_can_be_drawn(straight: Path, tmp_path: Path) -> None:
    plot_losses(RunLog(straight / "log.jsonl").read(), tmp_path / "loss.png")
    assert (tmp_path / "loss.png").stat().st_size > 1000


# In the warm-up, at its end, while the encoder rests, and when both are tuned.
@pytest.mark.parametrize("step", [1, 3, 4, 7])
def test_interrupted_and_resumed_is_the_same_bit_for_bit(run: Run, straight: Path, tmp_path: Path, step: int) -> None:
    output = tmp_path / "run"
    result = run.new(output, CONFIG, reporter=StopAt(step)).run()
    assert (result.reason, result.progress.step) == ("SIGINT", step)
    result = Trainer.resume(output, device="cpu").run()
    assert (result.reason, result.progress.step) == ("finished", 9)
    same_outcome(straight, output)
    assert all((straight / name).read_bytes() == (output / name).read_bytes() for name in FILES)


def test_another_seed_is_another_model(run: Run, straight: Path, tmp_path: Path) -> None:
    run.new(tmp_path / "run", replace(CONFIG, max_iter=1, seed=5)).run()
    assert (tmp_path / "run" / FILES[0]).read_bytes() != (straight / FILES[0]).read_bytes()


def test_previews(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "PREVIEW_SIZE", 64)
    run.new(tmp_path / "run", replace(CONFIG, max_iter=1, warmup_iter=1, preview_every=1)).run()
    assert len(list((tmp_path / "run" / "previews").iterdir())) == 2
    assert (tmp_path / "run" / "loss.png").stat().st_size > 1000


def test_starting_from_a_run(run: Run, straight: Path, tmp_path: Path) -> None:
    """Both ends go on; there is no warm-up unless it is asked for."""
    start = read_fast(straight)
    assert all(
        torch.equal(tensor, load(straight / name).state_dict()[key])
        for end, load, name in ((start.encoder, load_encoder, FILES[0]), (start.decoder, load_decoder, FILES[1]))
        for key, tensor in end.state_dict().items()
    )
    trainer = run.new(tmp_path / "run", replace(CONFIG, warmup_iter=None, max_iter=1), init_from=straight)
    assert trainer.config.warmup_steps == 0
    result = trainer.run()
    assert result.progress.step == 1
    # The encoder rests in the first step of style training, and its average with it.
    before, after = (load_file(folder / FILES[0]) for folder in (straight, tmp_path / "run"))
    assert all(torch.equal(before[key], after[key]) for key in before)
    before, after = (load_file(folder / FILES[1]) for folder in (straight, tmp_path / "run"))
    assert not all(torch.equal(before[key], after[key]) for key in before)
    assert Trainer.resume(tmp_path / "run", device="cpu").config == trainer.config


def test_what_it_cannot_start_from(run: Run, straight: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    base = tmp_path / "base"
    base.mkdir()
    (base / FILES[1]).write_bytes(registry()["vgg19"].decoder.path.read_bytes())
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    (mixed / FILES[0]).write_bytes((straight / FILES[0]).read_bytes())
    (mixed / FILES[1]).write_bytes((base / FILES[1]).read_bytes())
    cases: list[tuple[object, type[Exception], str]] = [
        (tmp_path / "empty", MissingFileError, r"empty/encoder\.safetensors does not exist"),
        (base, MissingFileError, r"base/encoder\.safetensors does not exist"),
        (mixed, WeightsError, "holds no fast model: --model fast starts from the folder of a run"),
        (straight / FILES[1], WeightsError, "is a file, and the fast model needs two: --model fast starts from"),
        ("vgg19", WeightsError, "vgg19 holds no fast model"),
        ("vgg91", WeightsError, "no model 'vgg91'"),
    ]
    for source, error, message in cases:
        with pytest.raises(error, match=message) as caught:
            run.new(tmp_path / "run", CONFIG, init_from=source)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_the_other_way_round(run: Run, straight: Path, tmp_path: Path) -> None:
    for source in (straight, straight / FILES[1]):
        with pytest.raises(WeightsError, match="holds the decoder of the fast model: train that with --model fast"):
            read_decoder(source, "vgg19")
    with pytest.raises(InputError, match="--model is fast in this run and cannot be changed to vgg19"):
        Trainer.resume(straight, given={"model": "vgg19"}, device="cpu")


def test_errors_name_what_it_can_start_from(
    run: Run, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder, which serves either model."""
    output = tmp_path / "run"
    run.new(output, replace(CONFIG, max_iter=1, warmup_iter=1)).run()
    for path in CheckpointStore(output / "checkpoints").paths():
        path.write_bytes(b"")
    with pytest.raises(TrainingError, match=f"--init-from {output}$"):
        Trainer.resume(output, device="cpu")
    assert isinstance(read_fast(output), FastNet)


def test_validation() -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"model": "slow"}, "--model must be one of vgg19, classic, fast"),
        ({"freeze_iter": 5}, "--freeze-iter must be 0 without --model fast"),
        ({"teacher_weight": 1.0}, "--teacher-weight must be 0 without --model fast"),
        ({"loss_size": 64}, "--loss-size must be 0 without --model fast"),
        ({"model": "fast", "freeze_iter": -1}, "--freeze-iter must be 0 or more"),
        ({"model": "fast", "teacher_weight": float("nan")}, "--teacher-weight must be 0 or more"),
        ({"model": "fast", "loss_size": 24}, "--loss-size must be 0, or a multiple of 8 from 32 to --crop"),
        ({"model": "fast", "loss_size": 36}, "--loss-size must be"),
        ({"model": "fast", "loss_size": 264}, "--loss-size must be"),
    ]
    for values, message in wrong:
        with pytest.raises(InputError, match=message):
            TrainingConfig(**values).validate()
    right = TrainingConfig(model="fast", freeze_iter=3, teacher_weight=2.0, loss_size=256).validate()
    assert TrainingConfig.from_json(right.to_json()) == right
    assert right.resolved(from_scratch=True).warmup_steps == 2000


def test_settings_of_before_are_the_base_models() -> None:
    settings = json.loads(TrainingConfig().to_json())
    for name in ("model", "freeze_iter", "teacher_weight", "loss_size"):
        del settings[name]
    assert TrainingConfig.from_json(json.dumps(settings)) == TrainingConfig()


def test_command_line(run_cli: Callable[..., Result], run: Run, tmp_path: Path) -> None:
    data = ("--content-dir", run.content_dir, "--style-dir", run.style_dir, "--cache-dir", run.cache_dir)
    small = ("--crop", 32, "--batch-size", 1, "--device", "cpu", "--preview-every", 0)
    output = tmp_path / "run"
    steps = ("--warmup-iter", 1, "--max-iter", 1, "--warmup-crop", 32)
    result = run_cli("train", *data, "--model", "fast", "-o", output, *small, *steps)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [str(output / name) for name in FILES]
    result = run_cli("train", "-o", output, "--resume", "--max-iter", 2, "--device", "cpu", "--json")
    record = json.loads(result.stdout)
    assert (record["step"], record["encoder"], record["decoder"]) == (3, *(str(output / name) for name in FILES))
    line = one_line_error(run_cli("train", *data, "-o", tmp_path / "other", "--init-from", output, *small))
    assert "train that with --model fast" in line
    assert "one of" in one_line_error(run_cli("train", *data, "-o", tmp_path / "other", "--model", "slow"))


@pytest.mark.slow
def test_two_processes_train_and_resume_as_one(tmp_path: Path, content_dir: Path, style_dir: Path) -> None:
    common = [
        *("--content-dir", content_dir, "--style-dir", style_dir, "--device", "cpu", "--cache-dir", tmp_path / "cache"),
        *("--model", "fast", "--freeze-iter", 1, "--warmup-iter", 2, "--warmup-crop", 32, "--max-iter", 3),
        *("--crop", 32, "--batch-size", 1, "--log-every", 1, "--preview-every", 0, "--json"),
    ]
    straight = torchrun(*common, "-o", tmp_path / "a")
    assert straight.returncode == 0, straight.stderr
    assert json.loads(straight.stdout)["samples"] == 10
    stopped = torchrun(*common, "-o", tmp_path / "b", "--max-minutes", 1e-6)
    assert stopped.returncode == 0, stopped.stderr
    assert json.loads(stopped.stdout)["step"] == 1
    resumed = torchrun("-o", tmp_path / "b", "--resume", "--max-minutes", 0, "--device", "cpu")
    assert resumed.returncode == 0, resumed.stderr
    states: list[State] = [CheckpointStore(tmp_path / name / "checkpoints").load_latest() for name in "ab"]
    assert [state["step"] for state in states] == [5, 5]
    one, two = (state["learner"]["network"] for state in states)
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert [
        type(end) for end in (load_encoder(tmp_path / "a" / FILES[0]), load_decoder(tmp_path / "a" / FILES[1]))
    ] == [
        FastEncoder,
        FastDecoder,
    ]
