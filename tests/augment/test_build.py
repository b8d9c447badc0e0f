"""Banks made of pictures: found wherever they lie, named, told of where unreadable, and never encoded twice."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from adain import DiskFullError, InputError, MissingFileError, Options
from adain.augment import BankOptions, BuildProgress, StyleBank, build_bank
from adain.augment.build import PARTIAL
from adain.stylizer.stylizer import Stylizer
from tests.conftest import noise_image

SIZE = 32
SIZES = Options(style_size=SIZE)


@pytest.fixture(autouse=True)
def _threads(one_thread: None) -> None:
    pass


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five artworks in two classes and in none."""
    root = tmp_path / "art"
    for k, name in enumerate(("klee/a.png", "klee/b.png", "monet/early/a.png", "monet/c.png", "d.png")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        noise_image(40, 36, k).save(root / name)
    return root


@pytest.fixture
def build(tmp_path: Path, fast: Stylizer) -> Callable[..., tuple[StyleBank, list[BuildProgress]]]:
    def build(*paths: Path, output: str = "bank.safetensors", **more: object) -> tuple[StyleBank, list[BuildProgress]]:
        told: list[BuildProgress] = []
        how = {"sizes": SIZES, "progress": told.append} | more
        return build_bank(paths, tmp_path / output, fast, **how), told  # type: ignore[arg-type]

    return build


Build = Callable[..., tuple[StyleBank, list[BuildProgress]]]


def test_a_folder(folder: Path, build: Build, fast: Stylizer) -> None:
    bank, told = build(folder)
    assert list(bank.names) == ["d", "klee/a", "klee/b", "monet/c", "monet/early/a"]
    assert list(bank.labels) == ["", "klee", "klee", "monet", "monet"]
    assert bank.style_size == SIZE
    assert [(event.done, event.total) for event in told] == [(k, 5) for k in range(1, 6)]
    expected = fast.encode_style(folder / "klee/b.png", size=SIZE)
    np.testing.assert_allclose(bank["klee/b"].std.numpy(), expected.std.numpy(), rtol=1e-3)
    bank.check(fast)
    assert bank.distribution.rank == 4
    assert not Path(f"{bank.path}{PARTIAL}").exists()


def test_tar_and_parquet_hold_the_same(folder: Path, tmp_path: Path, build: Build) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = sorted(path for path in folder.rglob("*.png"))
    names = [path.relative_to(folder).as_posix() for path in files]
    plain, packed, table = tmp_path / "art.tar", tmp_path / "art.tar.gz", tmp_path / "art.parquet"
    for path, mode in ((plain, "w"), (packed, "w:gz")):
        with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
            archive.addfile(tarfile.TarInfo("readme.txt"), io.BytesIO())
            for file, name in zip(files, names, strict=True):
                archive.add(file, name)
    rows = {"image": [path.read_bytes() for path in files], "name": names}
    pq.write_table(pa.table(rows), table, row_group_size=2)
    expected, _ = build(folder, output="folder.safetensors")
    for source in (plain, packed, table):
        bank, _ = build(source, output=f"{source.name}.safetensors")
        assert sorted(bank.names) == sorted(expected.names)
        assert all(bank[name].mean.equal(expected[name].mean) for name in expected.names)
        assert bank.labels[bank.index("klee/a")] == "klee"
    together, _ = build(plain, packed, output="both.safetensors")
    assert len(set(together.names)) == 10


def test_what_cannot_be_read_is_named_and_left_out(folder: Path, build: Build) -> None:
    (folder / "klee" / "broken.png").write_bytes(b"no picture")
    bank, told = build(folder)
    assert len(bank) == 5
    skipped = [event for event in told if event.error]
    assert [event.name for event in skipped] == [str(folder / "klee" / "broken.png")]
    assert "not an image" in str(skipped[0].error)
    noise_image(20, 20).save(folder / "klee" / "broken.png")
    assert "klee/broken" in build(folder)[0]


def test_nothing_that_can_be_read(tmp_path: Path, build: Build) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="none of 1 pictures could be read"):
        build(tmp_path / "a.png")
    assert not (tmp_path / "bank.safetensors").exists()
    assert not (tmp_path / f"bank.safetensors{PARTIAL}").exists()
    with pytest.raises(MissingFileError, match="no such file or folder"):
        build(tmp_path / "nowhere")
    (tmp_path / "bad.tar").write_bytes(b"no archive")
    with pytest.raises(InputError, match="no intact tar"):
        build(tmp_path / "bad.tar")
    with tarfile.open(tmp_path / "half.tar", "w") as archive:
        for name in ("x.png", "y.png"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    data = bytearray((tmp_path / "half.tar").read_bytes())
    data[data.index(b"y.png")] = 0
    (tmp_path / "half.tar").write_bytes(data)
    with pytest.raises(InputError, match=r"no intact tar archive .no header at byte 512"):
        build(tmp_path / "half.tar")


def test_the_same_again_encodes_nothing(folder: Path, build: Build) -> None:
    first = build(folder)[0].path.read_bytes()
    bank, told = build(folder)
    assert all(event.is_known for event in told)
    again, before = StyleBank.open(bank.path), first
    assert len(before) == bank.path.stat().st_size
    noise_image(40, 36, 9).save(folder / "d.png")
    noise_image(40, 36, 10).save(folder / "e.png")
    changed, told = build(folder)
    assert [Path(event.name).name for event in told if not event.is_known] == ["d.png", "e.png"]
    assert not changed["d"].mean.equal(again["d"].mean)
    assert changed["klee/a"].mean.equal(again["klee/a"].mean)


@pytest.mark.parametrize("cut", [0, 5, 17], ids=["whole", "a stamp cut short", "a stamp that is not there yet"])
def test_it_goes_on_where_it_was_broken_off(folder: Path, tmp_path: Path, build: Build, cut: int) -> None:
    expected = build(folder, output="whole.safetensors")[0].path.read_bytes()

    def stop(event: BuildProgress) -> None:
        if event.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(folder, progress=stop)
    assert not (tmp_path / "bank.safetensors").exists()
    stamps = tmp_path / f"bank.safetensors{PARTIAL}" / "stamps"
    stamps.write_bytes(stamps.read_bytes()[: stamps.stat().st_size - cut])
    bank, told = build(folder)
    assert sum(event.is_known for event in told) == (3 if cut == 0 else 2)
    assert bank.path.read_bytes() == expected


def test_other_settings_begin_anew_and_replace_no_bank(folder: Path, tmp_path: Path, build: Build) -> None:
    def stop(event: BuildProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(folder, progress=stop)
    bank, told = build(folder, sizes=Options(style_size=24))
    assert not any(event.is_known for event in told)
    assert [event.note for event in told if event.note] == [
        "begun anew: 1 picture in bank.safetensors.partial had been encoded by another model or with other options"
    ]
    with pytest.raises(InputError, match="a bank of another model, size or back end"):
        build(folder)
    assert bank.style_size == 24
    (tmp_path / "style.safetensors").write_bytes(b"somebody's own")
    with pytest.raises(InputError, match="something else than a bank"):
        build(folder, output="style.safetensors")
    with pytest.raises(InputError, match="must end in"):
        build(folder, output="bank.bin")
    with pytest.raises(InputError, match="also an input"):
        build(bank.path)


def test_what_leaves_a_bank_is_told(folder: Path, build: Build) -> None:
    build(folder)
    (folder / "klee" / "a.png").unlink()
    noise_image(40, 36, 9).save(folder / "d.png")  # changed, and still there
    bank, told = build(folder)
    assert list(bank.names) == ["d", "klee/b", "monet/c", "monet/early/a"]
    assert [event.note for event in told if event.note] == [
        "left out, as the pictures are no longer there: klee/a (1 style)"
    ]
    assert not any(event.note for event in build(folder)[1])


def test_two_at_once(folder: Path, build: Build) -> None:
    refused: list[str] = []

    def again(event: BuildProgress) -> None:
        if event.done == 2:
            with pytest.raises(InputError, match=r"another process is making .*bank\.safetensors: wait") as caught:
                build(folder)
            refused.append(str(caught.value))

    bank, _ = build(folder, progress=again)
    assert len(refused) == 1
    assert len(bank) == 5
    assert not Path(f"{bank.path}{PARTIAL}").exists()


def test_a_file_in_the_place_of_what_is_kept_meanwhile(folder: Path, tmp_path: Path, build: Build) -> None:
    (tmp_path / f"bank.safetensors{PARTIAL}").write_text("mine")
    with pytest.raises(InputError, match=rf"cannot write .*bank\.safetensors{PARTIAL}: "):
        build(folder)
    assert (tmp_path / f"bank.safetensors{PARTIAL}").read_text() == "mine"


def test_a_full_disk(folder: Path, build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    expected = build(folder, output="whole.safetensors")[0].path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("adain.augment.layout.np.ascontiguousarray", full)
        with pytest.raises(DiskFullError, match="free some space"):
            build(folder)
    bank, told = build(folder)
    assert all(event.is_known for event in told)
    assert bank.path.read_bytes() == expected


@pytest.mark.parametrize("ending", [".tsv", ".csv"])
def test_sources(folder: Path, tmp_path: Path, build: Build, ending: str) -> None:
    rows = [("Filename", "url", "License"), ("klee/a.png", "https://a", "CC0-1.0"), ("c.png", "https://c", "")]
    table = tmp_path / f"sources{ending}"
    table.write_text("\n".join(("\t" if ending == ".tsv" else ",").join(row) for row in rows), encoding="utf-8-sig")
    bank, _ = build(folder, options=BankOptions(sources=table, licence="unknown"))
    told = {name: (bank.sources[k], bank.licences[k]) for k, name in enumerate(bank.names)}
    assert told["klee/a"] == ("https://a", "CC0-1.0")
    assert told["monet/c"] == ("https://c", "unknown")
    assert told["d"] == ("", "unknown")
    table.write_text("file\tyear\na\t1900\n")
    with pytest.raises(InputError, match="it needs file, and source"):
        build(folder, output="other.safetensors", options=BankOptions(sources=table))


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills as POSIX does")
def test_killed(folder: Path, tmp_path: Path, fast_files: tuple[Path, Path]) -> None:
    output = tmp_path / "bank.safetensors"
    command = [sys.executable, "-m", "adain", "bank", "build", folder, "-o", output, "--style-size", "256",
               "--encoder", fast_files[0], "--decoder", fast_files[1], "--backend", "torch"]  # fmt: skip
    for k in range(5, 30):
        noise_image(40, 36, k).save(folder / f"{k}.png")
    process = subprocess.Popen([str(part) for part in command], stderr=subprocess.DEVNULL)
    stamps = Path(f"{output}{PARTIAL}") / "stamps"
    while process.poll() is None and (not stamps.exists() or stamps.read_bytes().count(b"\n") < 4):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    kept = stamps.read_bytes().count(b"\n") - 1
    model = Stylizer.from_pretrained(encoder=fast_files[0], decoder=fast_files[1], device="cpu")
    told: list[BuildProgress] = []
    bank = build_bank([folder], output, model, sizes=Options(style_size=256), progress=told.append)
    assert len(bank) == 30
    assert sum(event.is_known for event in told) == kept >= 3
