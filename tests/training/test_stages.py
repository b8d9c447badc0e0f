"""Whole plans: straight, broken off in every stage, short of memory, spoilt, out of time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from safetensors.torch import load_file

from adain._utils.errors import InputError, TrainingError
from adain.metrics import content_distance, style_residual
from adain.nn.pretrained import load_decoder, load_encoder
from adain.nn.vgg import CONTENT_LAYER, STYLE_LAYERS
from adain.training import stages
from adain.training.crops import Batch
from adain.training.learner import Learner
from adain.training.networks import paint
from adain.training.plan import plan_path, read_plan
from adain.training.report import Reporter
from adain.training.scores import Judge
from adain.training.stages import PlanRun, PlanSources
from adain.training.trainer import fast_arithmetic, read_decoder
from tests.conftest import noise_image, one_line_error

PLAN = """
[settings]
crop = 32
batch_size = 2
max_iter = 3
lr_schedule = "cosine"
log_every = 1
checkpoint_every = 2
preview_every = 0

[[stages]]
name = "base"

[[stages]]
name = "quick"
model = "fast"
lr = 1e-3

[[stages]]
name = "more"
model = "fast"
"""
NAMES = ("base", "quick", "more")


@pytest.fixture(scope="module")
def sources(
    content_dir: Path, style_dir: Path, cache_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> PlanSources:
    pairs = tmp_path_factory.mktemp("eval")
    for kind, seed in (("content", 1), ("style", 5)):
        (pairs / kind).mkdir()
        for k in range(2):
            noise_image(48, 40, seed + k).save(pairs / kind / f"{k}.png")
    return PlanSources((str(content_dir),), (str(style_dir),), str(pairs), 32, str(cache_dir))


def run(sources: PlanSources, output: Path, text: str = PLAN, **more: Any) -> PlanRun:
    return PlanRun(text, sources, output, **{"minutes": 60, "device": "cpu"} | more)


@pytest.fixture(scope="module")
def straight(sources: PlanSources, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("plan") / "run"
    result = run(sources, output).run()
    assert [s.outcome for s in result.stages] == ["finished"] * 3
    assert result.reason == "finished"
    return output


def weights(output: Path) -> dict[str, torch.Tensor]:
    return {
        f"{path.relative_to(output)} {name}": tensor
        for path in sorted(output.rglob("*.safetensors"))
        for name, tensor in load_file(path).items()
    }


def test_a_plan_leaves_small_files_and_a_report(straight: Path) -> None:
    files = {str(p.relative_to(straight)): p.stat().st_size for p in straight.rglob("*") if p.is_file()}
    assert set(files) == {
        "plan.toml", "plan.json", "report.json", "report.md",
        *(f"pictures/{name}.jpg" for name in NAMES),
        *(f"{name}/{file}" for name in NAMES for file in ("decoder.safetensors", "log.jsonl", "run.json")),
        "quick/encoder.safetensors", "more/encoder.safetensors",
    }  # fmt: skip
    assert max(files.values()) <= 16e6
    report = json.loads((straight / "report.json").read_text())
    assert report["pairs"] == 18
    assert report["matrix_tflops"] > 0
    for stage in report["stages"]:
        assert (stage["steps"], stage["pairs"]) == (3, 6)
        assert stage["pairs_per_second"] > 0
        assert stage["rate_share"] > 0
        assert stage["losses"]["style"] > 0
        assert 0 < stage["after"]["style_residual"] <= stage["after"]["style_residual_worst"]
        assert stage["before"]["pairs"] == stage["after"]["pairs"] == 4
    assert "| base | finished | 6 |" in (straight / "report.md").read_text()
    # What a stage begins with is what the one before it has left.
    _, quick, more = report["stages"]
    assert more["before"] == quick["after"]
    assert more["settings"]["model"] == "fast"


@pytest.mark.slow
@pytest.mark.parametrize("broken", range(3))
def test_broken_off_in_any_stage_it_goes_on(sources: PlanSources, straight: Path, tmp_path: Path, broken: int) -> None:
    class Killed(Reporter):
        def __init__(self) -> None:
            self.left = 3 * broken + 3

        def advance(self, step: int) -> None:
            self.left -= 1
            if not self.left:
                raise RuntimeError("as if by SIGKILL")

    output = tmp_path / "run"
    with pytest.raises(RuntimeError, match="SIGKILL"):
        run(sources, output, reporter=Killed()).run()
    done = [s["outcome"] for s in json.loads((output / "plan.json").read_text())["stages"]]
    assert done == ["finished"] * broken + ["waiting"] * (3 - broken)
    result = PlanRun.resume(output, device="cpu").run()
    assert result.reason == "finished"
    mine, wanted = weights(output), weights(straight)
    assert mine.keys() == wanted.keys()
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in mine.items())
    assert not list(output.rglob("checkpoints"))


def test_a_signal_ends_the_plan_and_not_only_the_stage(sources: PlanSources, tmp_path: Path) -> None:
    import os
    import signal

    class Interrupts(Reporter):
        def advance(self, step: int) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    result = run(sources, tmp_path / "run", reporter=Interrupts()).run()
    assert result.reason == "SIGTERM"
    assert [s.outcome for s in result.stages] == ["waiting"] * 3


def test_a_stage_that_was_not_scored_yet_is_scored_when_it_goes_on(
    sources: PlanSources, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, healthy, calls = tmp_path / "run", Judge.__call__, []

    def broken(self: Judge, *networks: Any) -> Any:
        calls.append(networks)
        if len(calls) == 2:
            raise RuntimeError("as if by SIGKILL")
        return healthy(self, *networks)

    monkeypatch.setattr(Judge, "__call__", broken)
    with pytest.raises(RuntimeError, match="SIGKILL"):
        run(sources, output).run()
    assert (output / "base" / "checkpoints").exists()
    result = PlanRun.resume(output, device="cpu").run()
    assert result.stages[0].after == json.loads((straight / "report.json").read_text())["stages"][0]["after"]
    assert (output / "pictures" / "base.jpg").exists()
    assert not list(output.rglob("checkpoints"))


def test_a_run_can_be_taken_up_from_elsewhere(
    sources: PlanSources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(sources.contents[0]).parent)
    relative = PlanSources((Path(sources.contents[0]).name,), sources.styles, sources.evaluation, 32, "cache")
    mine = run(relative, tmp_path / "run")
    assert mine.sources.contents == sources.contents
    assert mine.sources.cache_dir == str(Path.cwd() / "cache")


def test_too_little_memory_halves_the_batch(
    sources: PlanSources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy, notes = Learner.step, []

    def tight(self: Learner, step: int, batch: Batch, share: float) -> torch.Tensor:
        if len(batch.identity) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return healthy(self, step, batch, share)

    class Notes(Reporter):
        def note(self, message: str) -> None:
            notes.append(message)

    monkeypatch.setattr(Learner, "step", tight)
    result = run(sources, tmp_path / "run", PLAN, given={"batch_size": 4, "max_iter": 1}, reporter=Notes()).run()
    assert [s.settings["batch_size"] for s in result.stages] == [1, 1, 1]
    assert [s.pairs for s in result.stages] == [1, 1, 1]
    assert "stage base: memory is too small for 2 pairs of 32 px: going on with batches of 1" in notes


def test_a_stage_that_fails_takes_only_those_with_it_that_start_from_it(
    sources: PlanSources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy = Learner.step

    def spoilt(self: Learner, step: int, batch: Batch, share: float) -> torch.Tensor:
        if self.config.model == "fast":
            batch = batch._replace(identity=torch.full_like(batch.identity, float("nan")))
        return healthy(self, step, batch, share)

    monkeypatch.setattr(Learner, "step", spoilt)
    text = PLAN.replace("preview_every = 0", "preview_every = 0\nidentity_share = 0.5")
    result = run(sources, tmp_path / "run", text + '\n[[stages]]\nname = "last"\n').run()
    assert [s.outcome for s in result.stages] == ["finished", "failed", "failed", "finished"]
    assert "not finite at step 1" in str(result.stages[1].error)
    assert result.stages[2].error == "stage quick has left no weights to start from"


def test_a_gpu_need_not_have_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[int | None] = []
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: chosen.append(device.index))
    for name in ("cuda", "cuda:1", "cpu"):
        with fast_arithmetic(torch.device(name)):
            pass
    assert chosen == [1]


def test_shares_are_of_what_is_left(sources: PlanSources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(stages.time, "monotonic", lambda: now[0])
    mine = run(sources, tmp_path / "run", PLAN, minutes=10)
    first, second, third = mine.plan.stages
    kept = stages.MARGIN_SECONDS + stages.MARGIN_SHARE * 600
    assert mine._allowed(first, None) == pytest.approx((600 - kept) / 3)
    now[0] += 300
    mine.reports["base"].outcome = "time"
    assert mine._allowed(second, None) == pytest.approx((300 - kept) / 2)
    now[0] += 295
    assert mine._allowed(third, None) < 0


def test_no_time_is_told_and_more_can_be_given(sources: PlanSources, tmp_path: Path) -> None:
    output = tmp_path / "run"
    result = run(sources, output, minutes=1e-3).run()
    assert result.reason == "time"
    assert {s.outcome for s in result.stages} == {"waiting"}
    assert result.stages[0].error == "no time was left for it"
    with pytest.raises(InputError, match="are spent: give it more with --minutes"):
        PlanRun.resume(output, device="cpu")
    assert PlanRun.resume(output, device="cpu", minutes=60).run().reason == "finished"


def test_scores_are_those_of_the_metrics(sources: PlanSources) -> None:
    assert sources.evaluation is not None
    judge = Judge(Path(sources.evaluation), torch.device("cpu"), 32)
    encoder, decoder = load_encoder(upto=CONTENT_LAYER), load_decoder()
    scores = judge(encoder, decoder)
    from adain.image import to_tensor

    residuals, distances = [], []
    with torch.no_grad():
        for content in map(to_tensor, judge.contents):
            for style in map(to_tensor, judge.styles):
                output = paint(encoder, decoder, content, style).clamp(0, 1)
                o, c, s = (encoder(x, STYLE_LAYERS) for x in (output, content, style))
                residuals.append(float(style_residual(o, c, s)))
                distances.append(float(content_distance(o, c)))
    assert scores.pairs == 4
    assert scores.style_residual == pytest.approx(sum(residuals) / 4, rel=1e-5)
    assert scores.style_residual_worst == pytest.approx(max(residuals), rel=1e-5)
    assert scores.content_distance == pytest.approx(sum(distances) / 4, rel=1e-5)


def test_an_evaluation_leaves_out_what_would_take_too_long(sources: PlanSources) -> None:
    assert sources.evaluation is not None
    judge = Judge(Path(sources.evaluation), torch.device("cpu"), 32, seconds=0.0)
    encoder = load_encoder(upto=CONTENT_LAYER)
    assert judge(encoder, load_decoder()).pairs == 1
    judge.seconds = 1e9
    assert judge(encoder, read_decoder("classic", "classic")).pairs == 1  # the same ones for all


def test_what_a_run_is_refused_for(sources: PlanSources, straight: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds a run already: add --resume"):
        run(sources, straight)
    for minutes in (0, -1, float("nan"), float("inf")):
        with pytest.raises(InputError, match="--minutes must be above 0"):
            run(sources, tmp_path / "run", minutes=minutes)
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(TrainingError, match=r"plan\.json is damaged"):
        PlanRun.resume(tmp_path)


def test_the_plan_that_ships_trains_every_model_from_what_ships() -> None:
    plan = read_plan(plan_path("shipped"))
    assert [(s.config.model, s.start) for s in plan.stages] == [("vgg19", "vgg19"), ("fast", "fast")]
    assert all(s.config.crop == 256 and s.config.lr_schedule == "time" for s in plan.stages)


def test_from_the_command_line(run_cli: Callable[..., Result], sources: PlanSources, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(PLAN)
    output = tmp_path / "run"
    data = ("--content-dir", sources.contents[0], "--style-dir", sources.styles[0], "-o", output, "--device", "cpu")
    plan = ("--plan", tmp_path / "plan.toml", "--minutes", 30)
    checked = run_cli("train", "--check", *plan, "--device", "cpu", "--crop", 40)
    assert checked.exit_code == 0, checked.output
    told = [line.split()[1] for line in checked.stdout.splitlines() if line.startswith("stage")]
    assert told == [f"{name}:" for name in NAMES]
    for flags, words in (
        (plan[:2], "--plan needs --minutes"),
        (plan[2:], "--minutes is for --plan: a run without one has --max-minutes"),
        ((*plan, "--init-from", "vgg19"), "a stage says what it starts from"),
        ((*plan, "--model", "fast"), "--model is not for a plan"),
        ((*plan, "--max-minutes", "3"), "--max-minutes is not for a plan"),
        ((*plan, "--resume"), "leave out one of them"),
        ((*plan, "--crop", "100"), "stage base: --crop must be a multiple of 8"),
        (("--plan", "gone.toml", "--minutes", 1), "gone.toml does not exist"),
        ((*plan, "--eval-dir", tmp_path), "--eval-dir is a folder with pictures in content/ and style/"),
    ):
        assert words in one_line_error(run_cli("train", *data, *flags)), flags
    result = run_cli("train", *data, *plan, "--max-iter", 1, "--log-every", 2, "-q")
    assert result.exit_code == 0, result.output
    assert result.stdout.split() == [
        f"{output}/{name}" for name in (
            "base/decoder.safetensors", "quick/decoder.safetensors", "quick/encoder.safetensors",
            "more/decoder.safetensors", "more/encoder.safetensors",
        )
    ]  # fmt: skip
    assert not (output / "cache").exists()
    assert "holds a run already" in one_line_error(run_cli("train", *data, *plan))
    for flags in (("--lr", "1e-3"), ("--content-dir", "x"), ("--cache-dir", "x"), ("--eval-size", 64)):
        changed = run_cli("train", "-o", output, "--resume", *flags, "--device", "cpu")
        assert f"{flags[0]} cannot be changed in a plan's run" in one_line_error(changed)
    again = run_cli("train", "-o", output, "--resume", "--device", "cpu", "--json")
    assert [s["outcome"] for s in json.loads(again.stdout)["stages"]] == ["finished"] * 3
