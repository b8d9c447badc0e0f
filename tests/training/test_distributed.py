"""Two real processes under torchrun, and the parts that need none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from adain._utils.errors import TrainingError
from adain.training.checkpoint import CheckpointStore
from adain.training.distributed import Ranks, Team
from tests.conftest import ROOT


def torchrun(*args: object) -> subprocess.CompletedProcess[str]:
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run(
        [sys.executable, *launcher, "-m", "adain", "train", *map(str, args)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_ranks_from_the_environment() -> None:
    assert Ranks.from_environment({}) == Ranks(0, 1, 0)
    ranks = Ranks.from_environment({"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"})
    assert ranks == Ranks(3, 4, 1)
    assert not ranks.is_main
    with pytest.raises(TrainingError, match="RANK=x, WORLD_SIZE=2"):
        Ranks.from_environment({"RANK": "x", "WORLD_SIZE": "2"})


def test_alone_everything_is_free() -> None:
    with Team.assemble(Ranks(), torch.device("cpu")) as team:
        module = torch.nn.Linear(1, 1)
        assert team.agree(2) == 2
        assert team.mean(torch.tensor([3.0])).tolist() == [3.0]
        assert team.wrap(module, torch.device("cpu")) is module


@pytest.mark.slow
def test_two_processes_train_stop_and_resume_as_one(tmp_path: Path, content_dir: Path, style_dir: Path) -> None:
    common = [
        *("--content-dir", content_dir, "--style-dir", style_dir, "--device", "cpu", "--init-from", "vgg19"),
        *("--cache-dir", tmp_path / "cache"),
        *("--crop", 32, "--batch-size", 1, "--log-every", 1, "--preview-every", 0, "--json"),
    ]
    straight = torchrun(*common, "-o", tmp_path / "a", "--max-iter", 4)
    assert straight.returncode == 0, straight.stderr
    (line,) = straight.stdout.splitlines()  # only the first process speaks
    record = json.loads(line)
    assert (record["reason"], record["step"], record["samples"]) == ("finished", 4, 8)

    # With the images cached, time is up after the first step, for both.
    stopped = torchrun(*common, "-o", tmp_path / "b", "--max-iter", 4, "--max-minutes", 1e-6)
    assert stopped.returncode == 0, stopped.stderr
    assert json.loads(stopped.stdout)["step"] == 1
    resumed = torchrun("-o", tmp_path / "b", "--resume", "--max-minutes", 0, "--device", "cpu")
    assert resumed.returncode == 0, resumed.stderr
    states = [CheckpointStore(tmp_path / run / "checkpoints").load_latest() for run in "ab"]
    assert [s["step"] for s in states] == [4, 4]
    one, two = (s["learner"]["network"] for s in states)
    assert all(torch.equal(one[k], two[k]) for k in one)
    losses = [
        [json.loads(text)["loss"] for text in (tmp_path / run / "log.jsonl").read_text().splitlines()] for run in "ab"
    ]
    assert len(losses[0]) == 4
    assert losses[0] == losses[1]
