"""The store of feature maps: in memory and in a file alike, and what happens when there is no room."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch

from adain._utils import mapped
from adain._utils.errors import InputError
from adain.image.box import Box
from adain.stylizer import store as featurestore
from adain.stylizer.store import FeatureStore

SHAPE = (2, 5, 7, 6)


@pytest.fixture(autouse=True)
def in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(featurestore, "IN_MEMORY", 0)


@pytest.mark.parametrize("limit", [0, 1 << 20])
def test_keeps_what_was_put(tmp_path: Path, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(featurestore, "IN_MEMORY", limit)
    store = FeatureStore(SHAPE, folder=tmp_path)
    assert (store._map is not None) == (limit == 0)
    assert store.features.shape == SHAPE
    assert store.features.is_contiguous(memory_format=torch.channels_last)
    values = torch.randn(SHAPE)
    for top, left in ((0, 0), (0, 3), (4, 0), (4, 3)):
        box = Box(top, left, min(top + 4, 7), left + 3)
        store.put(box, values[(..., *box.slices)])
        store.release()
    torch.testing.assert_close(store.features, values, rtol=0, atol=0)
    assert list(tmp_path.iterdir()) == []  # the file has no name that could be left behind


def test_features_outlive_the_store(tmp_path: Path) -> None:
    features = FeatureStore((1, 4, 2, 2), folder=tmp_path).features
    features.fill_(3.0)
    assert float(features.sum()) == 48.0


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs /proc")
def test_release_gives_memory_back(tmp_path: Path) -> None:
    def resident() -> int:
        text = Path("/proc/self/smaps").read_text()
        return sum(
            int(block.split("Rss:")[1].split()[0]) << 10 for block in text.split("VmFlags:") if str(tmp_path) in block
        )

    store = FeatureStore((1, 512, 64, 64), folder=tmp_path)
    store.features.fill_(1.0)
    assert resident() >= 8 << 20
    store.release()
    assert resident() < 1 << 20
    assert float(store.features.sum()) == 512 * 64 * 64


def test_full_disk_is_told_before_anything_is_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(
        InputError, match=r"1\.2 GB of features in .*no space left on device; free some space"
    ) as caught:
        FeatureStore((1, 512, 600, 1000), folder=tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "TMPDIR" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_more_than_the_disk_has(tmp_path: Path) -> None:
    """A real refusal: no disk has an exabyte."""
    with pytest.raises(InputError, match=r"cannot keep .* GB of features"):
        FeatureStore((1, 512, 1 << 24, 1 << 24), folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or directory; choose a folder you may write to"):
        FeatureStore((1, 4, 4, 4), folder=tmp_path / "none")


def test_reserving_without_posix_fallocate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    monkeypatch.setattr(mapped, "_CHUNK", 100)
    store = FeatureStore((1, 4, 9, 9), folder=tmp_path)
    assert float(store.features.abs().sum()) == 0.0


def test_folders_in_memory(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"dev / ext4 rw 0 0\ntmpfs {tmp_path.resolve()} tmpfs rw 0 0\ndev {tmp_path}/disk ext4 rw 0 0\n")
    assert mapped._is_in_memory(str(tmp_path / "a"), mounts)
    assert not mapped._is_in_memory(str(tmp_path / "disk" / "a"), mounts)
    assert not mapped._is_in_memory("/", mounts)
    assert not mapped._is_in_memory("/", tmp_path / "none")
