"""Whole runs: what they leave, what they refuse, and how they go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from adain import InputError, MissingFileError, Style, Stylizer, TrainingError, specialise
from adain.special import SpecialOptions
from adain.special import run as runs
from adain.special.figures import Figures, Judged
from adain.special.run import Specialiser, working_precision
from adain.training import Reporter
from tests.conftest import noise_image

STEPS = 4


class Notes(Reporter):
    """Ends the process, as it were, at a step."""

    def __init__(self, die_at: int = 0) -> None:
        self.die_at = die_at
        self.records: list[dict[str, Any]] = []

    def advance(self, step: int) -> None:
        if step == self.die_at:
            raise KeyboardInterrupt

    def record(self, record: dict[str, Any]) -> None:
        self.records.append(record)


@pytest.fixture
def options(photographs: Path) -> SpecialOptions:
    return SpecialOptions(
        model="fast", contents=[photographs], steps=STEPS, patch=64, batch_size=1, rank=2, style_size=0,
        device="cpu", precision="fp32", preview_every=2,
    )  # fmt: skip


def test_a_run_leaves_a_style_and_figures(
    artwork: Path, options: SpecialOptions, tmp_path: Path, shipped_fast: Stylizer
) -> None:
    result = specialise(artwork, tmp_path / "wave.style.safetensors", options)
    assert result.reason == "finished"
    assert result.output == tmp_path / "wave.style.safetensors"
    style = Style.load(result.output)
    assert style.change is not None
    assert (style.name, style.change.model, style.change.weights) == ("wave.png", "fast", shipped_fast.weights)
    known = shipped_fast.encode_style(artwork, size=0)
    torch.testing.assert_close(style.mean, known.mean)
    torch.testing.assert_close(style.std, known.std)
    assert (result.steps, result.photographs, result.unseen) == (STEPS, 3, False)
    assert result.general is not None
    assert result.special is not None
    assert result.general != result.special
    left = {path.name for path in (tmp_path / "wave.style.run").iterdir()}
    assert {"run.json", "log.jsonl", "previews", "style.safetensors", "report.json", "sheet.jpg"} <= left
    assert not {"checkpoints", "cache"} & left
    report = json.loads((tmp_path / "wave.style.run" / "report.json").read_text())
    assert report["special"]["style_residual"] == result.special.style_residual
    assert len([*(tmp_path / "wave.style.run" / "previews").iterdir()]) == 2


def test_a_run_whose_checkpoints_are_damaged(artwork: Path, options: SpecialOptions, tmp_path: Path) -> None:
    output = tmp_path / "a.safetensors"
    folder = tmp_path / "a.run" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "step-00000002.pt").write_bytes(b"PK")
    with pytest.raises(TrainingError, match="can be read: leave out --resume to begin anew") as caught:
        specialise([], output, SpecialOptions(resume=True))
    assert "--init-from" not in str(caught.value)
    assert specialise(artwork, output, options).reason == "finished"


@pytest.mark.slow
def test_a_run_that_dies_goes_on_to_the_same_bytes(
    artwork: Path, options: SpecialOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = specialise(artwork, tmp_path / "whole.safetensors", options)
    again = specialise(artwork, tmp_path / "again.safetensors", options)
    assert whole.output is not None
    assert again.output is not None
    assert whole.output.read_bytes() == again.output.read_bytes()
    monkeypatch.setattr(runs, "CHECKPOINT_MINUTES", 1e-9)
    broken = tmp_path / "broken.safetensors"
    with pytest.raises(KeyboardInterrupt):
        specialise(artwork, broken, options.change(reporter=Notes(die_at=3)))
    assert not broken.exists()
    with pytest.raises(InputError, match=r"broken.run holds a run that was broken off: add --resume"):
        specialise(artwork, broken, options)
    notes = Notes()
    result = specialise([], broken, SpecialOptions(resume=True, reporter=notes))
    assert result.reason == "finished"
    assert broken.read_bytes() == whole.output.read_bytes()


@pytest.mark.slow
def test_it_learns(artwork: Path, options: SpecialOptions, tmp_path: Path) -> None:
    result = specialise(artwork, tmp_path / "a.safetensors", options.change(steps=10, lr=0.02, rank=8))
    assert result.general is not None
    assert result.special is not None
    assert result.special.style_residual < 0.97 * result.general.style_residual


@pytest.mark.parametrize(("lost", "power", "strength"), [(0.1, 1, 0.3), (0.02, 1, 1.0), (0.12, 2, 0.5)])
def test_a_change_that_loses_too_much_is_weakened(
    artwork: Path,
    options: SpecialOptions,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    lost: float,
    power: float,
    strength: float,
) -> None:
    """To where it loses 0.03 in all, whether it costs in proportion, or less at first."""

    def judged(stylizer: Stylizer, judge: object, style: Style, *_: object) -> Judged:
        share = sum(style.change.shares) if style.change is not None else 0.0
        return Judged(Figures(0.1 - 0.01 * share, 1.0 + lost * share**power), [noise_image(64, 64)] * 3)

    monkeypatch.setattr(runs, "judge_style", judged)
    result = specialise(artwork, tmp_path / "a.safetensors", options.change(steps=1, preview_every=0))
    assert result.output is not None
    style = Style.load(result.output)
    assert style.change is not None
    assert style.change.shares == [pytest.approx(strength, rel=0.031)]
    assert lost * strength**power <= 0.03 + 1e-6
    assert result.strength == style.change.shares[0]
    strength = result.strength
    assert result.special == Figures(pytest.approx(0.1 - 0.01 * strength), pytest.approx(1.0 + lost * strength**power))


def test_time_ends_a_run(artwork: Path, options: SpecialOptions, tmp_path: Path) -> None:
    result = specialise(artwork, tmp_path / "a.safetensors", options.change(steps=None, minutes=0.01))
    assert result.reason == "finished"
    assert result.steps >= 1


def test_several_artworks_are_their_mean(
    artwork: Path, art: Path, options: SpecialOptions, tmp_path: Path, shipped_fast: Stylizer
) -> None:
    result = specialise([artwork, art], tmp_path / "a.safetensors", options.change(steps=1))
    assert result.output is not None
    style = Style.load(result.output)
    one, other = (shipped_fast.encode_style(path, size=0) for path in (artwork, art))
    torch.testing.assert_close(style.mean, (one.mean + other.mean) / 2)
    assert style.name == "wave.png + art.png"


def test_what_may_change_when_it_goes_on(
    artwork: Path, options: SpecialOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "CHECKPOINT_MINUTES", 1e-9)
    output = tmp_path / "a.safetensors"
    with pytest.raises(KeyboardInterrupt):
        specialise(artwork, output, options.change(reporter=Notes(die_at=2)))
    with pytest.raises(InputError, match="rank was 2 in this run and stays so"):
        specialise(artwork, output, SpecialOptions(resume=True, rank=3))
    with pytest.raises(InputError, match=r"is a run for wave\.png"):
        specialise(tmp_path / "other.png", output, SpecialOptions(resume=True))
    run = Specialiser([], output, SpecialOptions(resume=True, minutes=2))
    assert run.options.steps is None
    assert run.options.rank == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"minutes": 1, "steps": 2}, "minutes and steps each say how long"),
        ({"patch": 100}, "patch must be a multiple of 8"),
        ({"onnx": "model"}, "onnx does not go with the training"),
        ({"alpha": 0.5}, "alpha does not go with the training of a decoder"),
        ({"precision": "fp16"}, "precision cannot be 'fp16'"),
        ({"rank": 0}, "rank must be a whole number, at least 1"),
        ({"minutes": 0}, "minutes must be a number, more than 0"),
    ],
)
def test_options_that_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        SpecialOptions(**changes)


def test_what_cannot_be_trained_or_written(artwork: Path, options: SpecialOptions, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a style's file must end in \.safetensors"):
        specialise(artwork, tmp_path / "a.png", options)
    with pytest.raises(MissingFileError, match="no such file"):
        specialise(tmp_path / "nix.png", tmp_path / "a.safetensors", options)
    with pytest.raises(InputError, match="no artwork given"):
        specialise([], tmp_path / "a.safetensors", options)
    (tmp_path / "weights.safetensors").write_bytes(b"mine")
    with pytest.raises(InputError, match="is there and holds no style"):
        specialise(artwork, tmp_path / "weights.safetensors", options)
    assert (tmp_path / "weights.safetensors").read_bytes() == b"mine"
    Style(torch.zeros(1, 8, 1, 1), torch.ones(1, 8, 1, 1)).save(tmp_path / "s.safetensors")
    with pytest.raises(InputError, match="holds statistics, and a decoder is trained with the artwork itself"):
        specialise(tmp_path / "s.safetensors", tmp_path / "b.safetensors", options)
    with pytest.raises(InputError, match=r"1\.5 MB is the most: give --rank 39"):
        specialise(artwork, tmp_path / "b.safetensors", options.change(model="vgg19", rank=64))


def test_precision_follows_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    for known, wanted in (({"avx512_bf16": True}, "bf16"), ({"avx2": True}, "fp32"), ({"amx_bf16": True}, "bf16")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda known=known: known, raising=False)
        assert working_precision(SpecialOptions(), cpu) == wanted
        assert working_precision(SpecialOptions(precision="fp32"), cpu) == "fp32"
    assert working_precision(SpecialOptions(), torch.device("cuda")) == "auto"
