from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from adain.training.config import TrainingConfig, flag
from tests.conftest import noise_image, one_line_error

Run = Callable[..., Result]
SMALL = ("--crop", 32, "--batch-size", 1, "--device", "cpu", "--preview-every", 0, "--log-every", 1)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def data(tmp_path: Path) -> tuple[str, ...]:
    for kind, seed in (("photos", 1), ("artworks", 5)):
        (tmp_path / kind).mkdir()
        for k in range(2):
            noise_image(80, 72, seed + k).save(tmp_path / kind / f"{k}.png")
    return ("--content-dir", str(tmp_path / "photos"), "--style-dir", str(tmp_path / "artworks"))


def test_help_lists_every_setting_with_its_default(run_cli: Run) -> None:
    text = " ".join(run_cli("train", "--help").output.split())
    for setting in dataclasses.fields(TrainingConfig):
        assert flag(setting.name) in text
    assert "[default: 160000]" in text
    assert "[default: 2000; 0 with --init-from]" in text


def test_train_and_resume(run_cli: Run, tmp_path: Path, data: tuple[str, ...]) -> None:
    output = tmp_path / "run"
    first = run_cli("train", *data, "-o", output, "--init_from", "vgg19", "--max_iter", 2, *SMALL, "--json")
    assert first.exit_code == 0, first.output
    assert first.stderr == ""
    record = json.loads(first.stdout)
    assert record["reason"] == "finished"
    assert (record["step"], record["samples"]) == (2, 2)
    assert record["decoder"] == str(output / "decoder.safetensors")
    assert Path(record["checkpoint"]).is_file()
    assert record["loss"] > 0

    again = run_cli("train", *data, "-o", output, *SMALL)
    assert "holds a run already: add --resume" in one_line_error(again)

    second = run_cli("train", "-o", output, "--resume", "--max-iter", 3, "--device", "cpu")
    assert second.exit_code == 0, second.output
    assert second.stdout.strip() == str(output / "decoder.safetensors")
    steps = [json.loads(line)["step"] for line in (output / "log.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3]

    changed = run_cli("train", "-o", output, "--resume", "--lr", "1e-3")
    assert "--lr is 0.0001 in this run" in one_line_error(changed)
    default = run_cli("train", "-o", output, "--resume", "--crop", 256)
    assert "--crop is 32 in this run and cannot be changed to 256" in one_line_error(default)
    for flags in (("--minutes", 1), ("--eval-dir", "x"), ("--eval-size", 64)):
        planned = run_cli("train", "-o", output, "--resume", *flags)
        assert f"{flags[0]} is for --plan" in one_line_error(planned)
    both = run_cli("train", "-o", output, "--resume", "--init-from", "vgg19")
    assert "leave out one of them" in one_line_error(both)


def test_damaged_images_and_the_end_of_time_take_a_line_each(
    run_cli: Run, tmp_path: Path, data: tuple[str, ...]
) -> None:
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"x")
    output = tmp_path / "run"
    result = run_cli("train", *data, "-o", output, "--init-from", "vgg19", *SMALL, "--max-minutes", 1e-3)
    assert result.exit_code == 0, result.output
    left_out, stopped = result.stderr.splitlines()
    assert left_out == "adain train: content images left out: 1 damaged (broken.jpg)"
    assert stopped.startswith("adain train: time is up")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--crop", "100"), "--crop must be a multiple of 8"),
        (("--lr", "-1"), "--lr must be above 0"),
        (("--lr", "fast"), "'fast' is not a valid float"),
        (("--lr-schedule", "linear"), "'linear' is not one of"),
        (("--crop-scale", "0.9", "0.1"), "--crop-scale must be"),
        (("--precision", "fp8"), "'fp8' is not one of"),
        (("--max-iterations", "3"), "No such option"),
        (("--device", "tpu"), "tpu"),
        (("--init-from", "gone.safetensors"), "gone.safetensors is not a file"),
    ],
)
def test_bad_flags_end_in_one_line(
    run_cli: Run, tmp_path: Path, data: tuple[str, ...], flags: tuple[str, ...], words: str
) -> None:
    assert words in one_line_error(run_cli("train", *data, "-o", tmp_path / "run", *flags))
    assert not (tmp_path / "run").exists()


def test_missing_sources(run_cli: Run, tmp_path: Path, data: tuple[str, ...]) -> None:
    assert "--output" in one_line_error(run_cli("train", *data))
    assert "--style-dir is missing" in one_line_error(run_cli("train", *data[:2], "-o", tmp_path / "run"))
    nothing = run_cli("train", "-o", tmp_path / "run", "--resume")
    assert "no checkpoint to resume from: leave out --resume" in one_line_error(nothing)
    gone = run_cli("train", "--content", tmp_path / "x", "--style", tmp_path / "y", "-o", tmp_path / "run")
    assert "does not exist" in one_line_error(gone)


def test_interrupts_have_their_own_exit_codes(
    run_cli: Run, tmp_path: Path, data: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from adain.training.loop import TrainingProgress, TrainingResult
    from adain.training.trainer import Trainer

    for reason, code in (("SIGINT", 130), ("SIGTERM", 143)):
        outcome = TrainingResult(reason, TrainingProgress(step=7), None, tmp_path / "x.pt")  # type: ignore[arg-type]
        monkeypatch.setattr(Trainer, "run", lambda _self, outcome=outcome: outcome)
        result = run_cli("train", *data, "-o", tmp_path / "run", "--json")
        assert result.exit_code == code
        assert json.loads(result.stdout)["reason"] == reason
        (line,) = result.stderr.splitlines()
        assert line == (
            f"adain train: stopped by {reason}, saved at step 7; continue with "
            f"adain train -o {tmp_path / 'run'} --resume"
        )
