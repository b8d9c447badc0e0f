"""Free memory as different systems tell it, and the tiles that follow from it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from adain import defaults
from adain._utils import memory
from adain._utils.errors import InputError
from adain._utils.memory import BYTES_PER_PIXEL, SHARE, choose_tile, free_memory
from adain.nn.fast import FastEncoder

CPU = torch.device("cpu")
GIB = 1 << 30


def write(path: Path, text: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


def test_this_machine() -> None:
    assert 0 < free_memory(CPU) < 1 << 50


def test_of_the_kernel(tmp_path: Path) -> None:
    write(tmp_path / "proc/meminfo", "MemTotal: 999 kB\nMemAvailable:  2048 kB\nSwapFree: 5 kB")
    assert free_memory(CPU, root=tmp_path) == 2 << 20


@pytest.mark.parametrize("path", ["/", "/a/b", "/not/here"])
def test_of_a_control_group(tmp_path: Path, path: str) -> None:
    """Also where the group's path is the host's, and where the limit is an ancestor's."""
    write(tmp_path / "proc/meminfo", f"MemAvailable: {8 << 20} kB")
    write(tmp_path / "proc/self/cgroup", f"0::{path}")
    group = tmp_path / "sys/fs/cgroup"
    write(group / "memory.max", 2 * GIB)
    write(group / "memory.current", GIB)
    write(group / "memory.stat", f"anon 5\ninactive_file {GIB // 4}\nactive_file {GIB // 8}")
    write(group / "a/b/memory.max", "max")
    assert free_memory(CPU, root=tmp_path) == GIB + GIB // 4 + GIB // 8


def test_of_a_control_group_of_version_1(tmp_path: Path) -> None:
    write(tmp_path / "proc/meminfo", f"MemAvailable: {8 << 20} kB")
    write(tmp_path / "proc/self/cgroup", "5:cpu:/x\n4:memory:/x")
    group = tmp_path / "sys/fs/cgroup/memory/x"
    write(group / "memory.limit_in_bytes", 3 * GIB)
    write(group / "memory.usage_in_bytes", GIB)
    write(group / "memory.stat", f"inactive_file 7\ntotal_inactive_file {GIB // 2}\ntotal_active_file 0")
    assert free_memory(CPU, root=tmp_path) == 2 * GIB + GIB // 2


def test_where_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(memory.os, "sysconf", raising=False)
    assert free_memory(CPU, root=tmp_path) == memory.ASSUMED


def test_small_pictures_are_not_tiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda device: 4 * GIB)
    room = int(4 * GIB * SHARE) // BYTES_PER_PIXEL
    assert choose_tile("auto", room, CPU) is None
    assert choose_tile("auto", room + 1, CPU) == defaults.TILE_SIDE
    assert choose_tile("auto", room + 1, torch.device("cuda")) == defaults.GPU_TILE_SIDE
    assert choose_tile("off", 10**12, CPU) is None
    assert choose_tile(100, 1, CPU) == 100


@pytest.mark.parametrize(("free", "tile"), [(600 << 20, 512), (300 << 20, 256), (80 << 20, 128), (1 << 20, 64)])
def test_tiles_shrink_with_memory(monkeypatch: pytest.MonkeyPatch, free: int, tile: int) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda device: free)
    assert choose_tile("auto", 10**9, CPU) == tile
    assert tile == 64 or (tile + 64) ** 2 * BYTES_PER_PIXEL <= free * SHARE


def test_unusable() -> None:
    with pytest.raises(InputError, match="at least 64 px"):
        choose_tile(32, 100, CPU)


def test_a_smaller_model_needs_tiles_later(monkeypatch: pytest.MonkeyPatch) -> None:
    assert FastEncoder.pass_bytes < BYTES_PER_PIXEL
    monkeypatch.setattr(memory, "free_memory", lambda device: int(1e6 * BYTES_PER_PIXEL / SHARE))
    for pixels, wanted in ((999_999, (None, None)), (2_000_000, (512, None)), (100_000_000, (512, 512))):
        found = [choose_tile("auto", pixels, CPU, each) for each in (BYTES_PER_PIXEL, FastEncoder.pass_bytes)]
        assert tuple(found) == wanted
