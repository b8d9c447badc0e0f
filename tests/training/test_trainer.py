"""Whole runs: straight, interrupted, killed, spoilt, resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from adain._utils.errors import InputError, MissingFileError, TrainingError, WeightsError
from adain.nn.pretrained import load_decoder
from adain.training import loop
from adain.training.checkpoint import CheckpointStore, State
from adain.training.config import TrainingConfig
from adain.training.crops import Batch
from adain.training.learner import Learner
from adain.training.report import Record, Reporter
from adain.training.trainer import Trainer, read_decoder
from tests.conftest import ROOT

CONFIG = TrainingConfig(
    max_iter=13,
    warmup_iter=3,
    warmup_crop=32,
    batch_size=2,
    crop=32,
    lr_warmup=5,
    identity_share=0.25,
    log_every=2,
    checkpoint_every=4,
    preview_every=0,
)
TIMES = ("seconds", "samples_per_s")


class Run:
    """Makes trainers on the same data."""

    def __init__(self, content_dir: Path, style_dir: Path, cache_dir: Path) -> None:
        self.content_dir = content_dir
        self.style_dir = style_dir
        self.cache_dir = cache_dir

    def new(self, output: Path, config: TrainingConfig = CONFIG, **more: Any) -> Trainer:
        sources = [self.content_dir], [self.style_dir]
        return Trainer(config, *sources, output, device="cpu", cache_dir=self.cache_dir, **more)

    def command(self, output: Path) -> list[str]:
        options = {
            "content-dir": self.content_dir,
            "style-dir": self.style_dir,
            "output": output,
            "cache-dir": self.cache_dir,
            "device": "cpu",
            "max-iter": CONFIG.max_iter,
            "warmup-iter": CONFIG.warmup_iter,
            "warmup-crop": CONFIG.warmup_crop,
            "batch-size": CONFIG.batch_size,
            "crop": CONFIG.crop,
            "lr-warmup": CONFIG.lr_warmup,
            "identity-share": CONFIG.identity_share,
            "log-every": CONFIG.log_every,
            "checkpoint-every": CONFIG.checkpoint_every,
            "preview-every": CONFIG.preview_every,
        }
        flags = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        return [sys.executable, "-m", "adain", "train", *flags]


@pytest.fixture(scope="module")
def run(content_dir: Path, style_dir: Path, cache_dir: Path) -> Run:
    return Run(content_dir, style_dir, cache_dir)


@pytest.fixture(scope="module")
def straight(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nothing interrupted."""
    output = tmp_path_factory.mktemp("straight") / "run"
    result = run.new(output).run()
    assert (result.reason, result.progress.step, result.progress.samples) == ("finished", 16, 32)
    return output


def log(output: Path) -> list[dict[str, Any]]:
    lines = (output / "log.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in TIMES} for line in lines]


def newest(output: Path) -> State:
    return CheckpointStore(output / "checkpoints").load_latest()


def same_outcome(one: Path, two: Path) -> None:
    """Bit for bit: weights, averages, optimiser, random state, the log, and the file that is used."""
    a, b = newest(one), newest(two)
    assert a["step"] == b["step"]
    for part in ("network", "average"):
        for name, tensor in a["learner"][part].items():
            assert torch.equal(tensor, b["learner"][part][name]), (part, name)
    for key, values in a["learner"]["optimizer"]["state"].items():
        for name, tensor in values.items():
            assert torch.equal(tensor, b["learner"]["optimizer"]["state"][key][name]), (key, name)
    assert torch.equal(a["window"]["sums"], b["window"]["sums"])
    assert log(one) == log(two)
    x, y = (load_file(o / "decoder.safetensors") for o in (one, two))
    assert all(torch.equal(x[k], y[k]) for k in x)


def test_a_run_leaves_what_it_promises(straight: Path) -> None:
    assert {p.name for p in straight.iterdir()} == {
        "checkpoints",
        "decoder.safetensors",
        "log.jsonl",
        "run.json",
    }
    steps = [p.name for p in CheckpointStore(straight / "checkpoints").paths()]
    assert steps == ["step-00000008.pt", "step-00000012.pt", "step-00000016.pt"]
    records = log(straight)
    # The last step of the warm-up ends a line, so that no line mixes two phases.
    assert [r["step"] for r in records] == [2, 3, 4, 6, 8, 10, 12, 14, 16]
    assert [r["phase"] for r in records] == ["warmup"] * 2 + ["style"] * 7
    assert records[0]["content"] is None
    assert all(r["loss"] > 0 and r["grad_norm"] > 0 for r in records)
    facts = json.loads((straight / "run.json").read_text())
    assert facts["config"]["batch_size"] == 2
    assert facts["images"] == [6, 5]


def test_the_saved_decoder_is_the_average(straight: Path) -> None:
    state = newest(straight)["learner"]
    loaded = load_decoder(straight / "decoder.safetensors").state_dict()
    assert all(torch.equal(v, state["average"][k].half().float()) for k, v in loaded.items())
    assert any(not torch.equal(v, state["network"][k].half().float()) for k, v in loaded.items())


def test_the_same_seed_gives_the_same_bits(run: Run, straight: Path, tmp_path: Path) -> None:
    run.new(tmp_path / "run").run()
    same_outcome(straight, tmp_path / "run")


class StopAt(Reporter):
    """Interrupts like Ctrl-C when so many steps are done."""

    def __init__(self, step: int, number: signal.Signals = signal.SIGINT) -> None:
        self.step = step
        self.number = number
        self.records: list[Record] = []

    def advance(self, step: int) -> None:
        if step == self.step:
            os.kill(os.getpid(), self.number)

    def record(self, record: Record) -> None:
        self.records.append(record)


@pytest.mark.parametrize("step", [1, 3, 9])
def test_interrupted_and_resumed_is_the_same_bit_for_bit(run: Run, straight: Path, tmp_path: Path, step: int) -> None:
    result = run.new(tmp_path / "run", reporter=StopAt(step)).run()
    assert (result.reason, result.progress.step) == ("SIGINT", step)
    assert result.checkpoint is not None
    assert result.checkpoint.name == f"step-{step:08d}.pt"
    result = Trainer.resume(tmp_path / "run", device="cpu").run()
    assert (result.reason, result.progress.step, result.progress.samples) == ("finished", 16, 32)
    same_outcome(straight, tmp_path / "run")


def test_a_run_of_before_there_were_models_goes_on(run: Run, straight: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    run.new(output, reporter=StopAt(9)).run()
    store = CheckpointStore(output / "checkpoints")
    state = store.load_latest()
    state["learner"]["decoder"] = state["learner"].pop("network")
    for group in state["learner"]["optimizer"]["param_groups"]:
        del group["is_encoder"]
    settings = json.loads(state["run"]["config"])
    for name in ("model", "freeze_iter", "teacher_weight", "loss_size", "style_form", "alpha_low", "blend_share"):
        del settings[name]
    state["run"]["config"] = json.dumps(settings)
    store.save(9, state)
    assert Trainer.resume(output, device="cpu").run().reason == "finished"
    same_outcome(straight, output)


def test_time_is_up_again_and_again(run: Run, straight: Path, tmp_path: Path) -> None:
    result = run.new(tmp_path / "run", replace(CONFIG, max_minutes=0.02)).run()
    while result.reason == "time" and result.progress.step < 8:
        result = Trainer.resume(tmp_path / "run", device="cpu").run()
    Trainer.resume(tmp_path / "run", given={"max_minutes": 0.0}, device="cpu").run()
    same_outcome(straight, tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
def test_a_killed_process_is_resumed_bit_for_bit(run: Run, straight: Path, tmp_path: Path, name: str) -> None:
    output = tmp_path / "run"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(run.command(output), cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    # Between two checkpoints, of which there is one every 4 steps.
    while process.poll() is None and time.monotonic() < deadline:
        if (output / "log.jsonl").exists() and len((output / "log.jsonl").read_text().splitlines()) >= 4:
            break
        time.sleep(0.005)
    process.send_signal(signal.Signals[name])
    _, errors = process.communicate(timeout=60)
    assert process.returncode == {"SIGTERM": 143, "SIGKILL": -signal.SIGKILL}[name], errors
    if name == "SIGTERM":
        assert "stopped by SIGTERM, saved at step" in errors
    assert newest(output)["step"] < 16
    with (output / "log.jsonl").open("a") as file:
        file.write('{"step": 15, "phase"')
    Trainer.resume(output, device="cpu").run()
    same_outcome(straight, output)
    assert not list((output / "checkpoints").glob(".adain-*"))


def test_a_damaged_checkpoint_costs_only_the_steps_since_the_one_before(
    run: Run, straight: Path, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    run.new(output, reporter=StopAt(9)).run()
    path = CheckpointStore(output / "checkpoints").path(9)
    path.write_bytes(path.read_bytes()[:-1000])
    notes: list[str] = []

    class Notes(Reporter):
        def note(self, message: str) -> None:
            notes.append(message)

    result = Trainer.resume(output, device="cpu", reporter=Notes()).run()
    assert "step-00000009.pt is damaged" in notes[0]
    assert result.progress.samples == 32
    same_outcome(straight, output)


def test_max_iter_may_grow_and_a_finished_run_stays_as_it_is(run: Run, straight: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    run.new(output, replace(CONFIG, max_iter=5)).run()
    before = (output / "decoder.safetensors").read_bytes()
    assert Trainer.resume(output, device="cpu").run().reason == "finished"
    assert (output / "decoder.safetensors").read_bytes() == before
    result = Trainer.resume(output, given={"max_iter": 13}, device="cpu").run()
    assert result.progress.step == 16
    assert json.loads((output / "run.json").read_text())["config"]["max_iter"] == 13
    same_outcome(straight, output)


def test_nan_names_the_step_and_the_last_good_checkpoint(
    run: Run, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "run"
    healthy = Learner.step

    def poisoned(self: Learner, step: int, batch: Batch, share: float) -> torch.Tensor:
        if step == 9:
            batch = batch._replace(identity=torch.full_like(batch.identity, float("nan")))
        return healthy(self, step, batch, share)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "step", poisoned)
        with pytest.raises(TrainingError, match=r"not finite at step 10: the last good .*step-00000008\.pt"):
            run.new(output).run()
    state = newest(output)
    assert state["step"] == 8
    assert all(bool(t.isfinite().all()) for t in state["learner"]["network"].values())
    assert all(bool(t.isfinite().all()) for t in load_file(output / "decoder.safetensors").values())
    Trainer.resume(output, device="cpu").run()
    same_outcome(straight, output)


def test_previews_and_plot_are_drawn(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "PREVIEW_SIZE", 64)
    config = replace(CONFIG, max_iter=2, warmup_iter=1, preview_every=2, log_every=1)
    run.new(tmp_path / "run", config).run()
    drawn = sorted(p.name for p in (tmp_path / "run" / "previews").iterdir())
    assert drawn == ["step-0000002.jpg", "step-0000003.jpg"]
    assert (tmp_path / "run" / "loss.png").stat().st_size > 1000


def test_what_was_left_out_is_told(run: Run, tmp_path: Path, style_dir: Path) -> None:
    bad = tmp_path / "in"
    bad.mkdir()
    (bad / "broken.jpg").write_bytes(b"x")
    Image.fromarray(np.zeros((80, 80, 3), np.uint8)).save(bad / "good.png")
    notes: list[str] = []

    class Notes(Reporter):
        def note(self, message: str) -> None:
            notes.append(message)

    config = replace(CONFIG, max_iter=1, warmup_iter=0)
    Trainer(config, [bad], [style_dir], tmp_path / "run", device="cpu", init_from="vgg19", reporter=Notes()).run()
    assert notes == ["content images left out: 1 damaged (broken.jpg)"]
    assert (tmp_path / "run" / "cache").is_dir()


def test_an_interrupt_while_decoding_leaves_no_run(run: Run, tmp_path: Path) -> None:
    class Interrupt(Reporter):
        def decoding(self, kind: str, count: int) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    trainer = run.new(tmp_path / "run", reporter=Interrupt())
    trainer.cache_dir = tmp_path / "cache"
    result = trainer.run()
    assert (result.reason, result.checkpoint, result.progress.step) == ("SIGINT", None, 0)
    assert not (tmp_path / "run").exists()
    assert list((tmp_path / "cache").iterdir()) == []
    assert run.new(tmp_path / "run", replace(CONFIG, max_iter=1)).run().reason == "finished"


def test_a_run_is_never_overwritten(run: Run, straight: Path) -> None:
    with pytest.raises(InputError, match="holds a run already: add --resume"):
        run.new(straight)


def test_a_run_goes_on_with_its_own_images_and_settings(
    run: Run, straight: Path, tmp_path: Path, style_dir: Path
) -> None:
    with pytest.raises(InputError, match=r"--lr is 0\.0001 in this run"):
        Trainer.resume(straight, given={"lr": 1e-3})
    with pytest.raises(InputError, match="6 and 5 contents and styles then, 5 and 5 now"):
        Trainer.resume(straight, contents=[style_dir], device="cpu").run()
    with pytest.raises(TrainingError, match="leave out --resume"):
        Trainer.resume(tmp_path)


def test_what_to_start_from(run: Run, straight: Path, tmp_path: Path) -> None:
    own = straight / "decoder.safetensors"
    plain = load_decoder("classic").state_dict()
    field = {}
    for index, name in enumerate(dict.fromkeys(k.rpartition(".")[0] for k in plain)):
        for kind in ("weight", "bias"):
            field[f"c.{index}.{kind}"] = plain[f"{name}.{kind}"].contiguous()
    save_file(field, tmp_path / "field.safetensors")
    grown_from = plain | {f"skip3_1.{kind}": torch.zeros(()) for kind in ("weight", "bias")}
    for source, model, wanted in (
        (own, "vgg19", load_decoder(own).state_dict()),
        (tmp_path / "field.safetensors", "classic", plain),
        (tmp_path / "field.safetensors", "vgg19", grown_from),
        ("classic", "vgg19", grown_from),
    ):
        read = read_decoder(source, model).state_dict()
        assert read.keys() == wanted.keys()
        assert all(bool((read[k] == v).all()) for k, v in wanted.items())
    with pytest.raises(WeightsError, match="takes in relu3_1, too: train that with --model vgg19"):
        read_decoder(own, "classic")
    assert run.new(tmp_path / "new", init_from=own).config.warmup_steps == CONFIG.warmup_steps
    assert run.new(tmp_path / "new", TrainingConfig(), init_from="vgg19").config.warmup_steps == 0
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match="holds no decoder"):
        read_decoder(tmp_path / "other.safetensors", "vgg19")
    with pytest.raises(MissingFileError):
        read_decoder(tmp_path / "gone.safetensors", "vgg19")
    with pytest.raises(WeightsError, match="no model 'vgg91'"):
        read_decoder("vgg91", "vgg19")


def test_missing_sources(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--style-dir is missing"):
        Trainer(CONFIG, ["x"], [], tmp_path / "run")
    with pytest.raises(MissingFileError, match="does not exist"):
        Trainer(CONFIG, [tmp_path / "x"], [tmp_path / "y"], tmp_path / "run", device="cpu").run()
    assert not (tmp_path / "run" / "checkpoints").exists()
