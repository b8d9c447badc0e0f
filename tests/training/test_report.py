from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from adain.nn.pretrained import load_decoder
from adain.nn.vgg import VGGEncoder
from adain.training import report
from adain.training.cache import ImageCache
from adain.training.config import TrainingConfig
from adain.training.distributed import Ranks, Team
from adain.training.learner import Learner
from adain.training.report import RunLog, paint_preview, plot_losses, save_preview


def record(step: int, phase: str = "style") -> dict[str, object]:
    values = {"content": 1.0, "style": 2.0} if phase == "style" else {"content": None, "style": None}
    return {"step": step, "phase": phase, "loss": 5.0 / step, "identity": 0.0, **values}


def test_the_log_forgets_what_is_done_again(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "log.jsonl")
    assert log.read() == []
    for step in (2, 4, 6):
        log.append(record(step))
    with log.path.open("a") as file:
        file.write('{"step": 8, "lo')  # killed while writing
    log.truncate(4)
    assert [r["step"] for r in log.read()] == [2, 4]
    log.append(record(6))
    assert [json.loads(line)["step"] for line in log.path.read_text().splitlines()] == [2, 4, 6]


def test_the_plot(tmp_path: Path) -> None:
    path = tmp_path / "loss.png"
    plot_losses([], path)
    assert not path.exists()
    plot_losses([record(1, "warmup"), record(2), record(3)], path)
    assert Image.open(path).size[0] > 500


def test_a_machine_without_matplotlib_does_without_the_plot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'matplotlib'", name=wanted)

    monkeypatch.setattr(report, "plot_curves", missing)
    wanted = "matplotlib.figure"
    assert plot_losses([record(1)], tmp_path / "loss.png") is False
    wanted = "numpy"
    with pytest.raises(ModuleNotFoundError):
        plot_losses([record(1)], tmp_path / "loss.png")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_preview_shows_contents_by_styles(
    tmp_path: Path, encoder: VGGEncoder, contents: ImageCache, styles: ImageCache, precision: str
) -> None:
    config = TrainingConfig.from_json(json.dumps({"precision": precision}))
    team = Team(Ranks())
    learner = Learner(config, encoder, load_decoder(), torch.device("cpu"), team)
    save_preview(paint_preview(learner, contents, styles, 48), 48, tmp_path / "deep" / "a.jpg")
    with Image.open(tmp_path / "deep" / "a.jpg") as sheet:
        rows, columns = report.PREVIEW_CONTENTS + 1, report.PREVIEW_STYLES + 1
        assert sheet.width / sheet.height == pytest.approx(columns / rows, rel=0.02)
        assert sheet.width > 48 * columns
