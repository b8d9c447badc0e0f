from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from adain._utils.errors import TrainingError
from adain.nn.decoder import Decoder
from adain.nn.pretrained import load_decoder
from adain.training.checkpoint import (
    CheckpointStore,
    random_state,
    restore_random_state,
    save_weights,
)


def test_the_newest_comes_back(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "checkpoints")
    for step in (2, 10):
        store.save(step, {"weights": torch.full((2,), float(step)), "run": {"name": "x"}})
    state = store.load_latest()
    assert state["step"] == 10
    assert state["weights"].tolist() == [10, 10]


def test_old_ones_are_removed(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=2)
    for step in range(5):
        store.save(step, {})
    assert [p.name for p in store.paths()] == ["step-00000003.pt", "step-00000004.pt"]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", ["cut", "empty", "garbage", "format"])
def test_a_damaged_one_is_set_aside_for_the_one_before(tmp_path: Path, damage: str) -> None:
    store = CheckpointStore(tmp_path)
    store.save(1, {"x": 1})
    newest = store.save(2, {"x": torch.rand(1000)})
    if damage == "format":
        torch.save({"format": 99}, newest)
    else:
        data = newest.read_bytes()
        newest.write_bytes({"cut": data[: len(data) // 2], "empty": b"", "garbage": b"x" * 99}[damage])
    warnings: list[str] = []
    assert store.load_latest(warnings.append)["x"] == 1
    (warning,) = warnings
    assert "step-00000002.pt is damaged" in warning
    assert "\n" not in warning
    assert [p.name for p in store.paths()] == ["step-00000001.pt"]
    assert (tmp_path / "step-00000002.pt.damaged").exists()


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "run" / "checkpoints")
    with pytest.raises(TrainingError, match="no checkpoint to resume from: leave out --resume"):
        store.load_latest()
    store.save(1, {}).write_bytes(b"")
    with pytest.raises(TrainingError, match="can be read: start a new run"):
        store.load_latest()


def test_pickled_objects_are_not_executed(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "owned"),)

    store = CheckpointStore(tmp_path)
    torch.save({"format": 1, "x": Evil()}, store.path(1))
    with pytest.raises(TrainingError):
        store.load_latest()
    assert not (tmp_path / "owned").exists()


def test_the_decoder_file_is_what_load_decoder_takes(tmp_path: Path) -> None:
    decoder = Decoder().to(memory_format=torch.channels_last)
    path = tmp_path / "decoder.safetensors"
    save_weights(decoder, path)
    assert path.stat().st_size < 7.1e6
    assert all(t.dtype == torch.float16 for t in load_file(path).values())
    loaded = load_decoder(path).state_dict()
    assert all(torch.equal(loaded[k], v.half().float()) for k, v in decoder.state_dict().items())


def test_random_state() -> None:
    state = random_state()
    first = torch.rand(3)
    restore_random_state(state)
    assert torch.equal(torch.rand(3), first)
