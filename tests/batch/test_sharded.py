from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import adain
from adain._utils.errors import ImageError, InputError
from adain.batch.run import Result
from adain.batch.shards import Member
from adain.stylizer.stylizer import Stylizer
from tests.conftest import ROOT, noise_image

LABELS = {"cls": b"7", "json": b'{"bbox": [1.50, 2, 3, 4]}\r\n', "txt": b"0 0.5 0.5 0.2 0.2\n", "xml": b"<a>\x00</a>"}


def encoded(k: int, size: tuple[int, int] = (24, 20), mode: str = "RGB", kind: str = "PNG") -> bytes:
    data = io.BytesIO()
    noise_image(*size, k, mode).save(data, kind)
    return data.getvalue()


def write(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as file:
        for k, (name, data) in enumerate(members.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.uname, info.mode = len(data), 1_700_000_000.25 + k, "me", 0o640
            file.addfile(info, io.BytesIO(data))
    return path


def read(path: Path) -> dict[str, bytes]:
    with tarfile.open(path, "r:") as file:
        return {info.name: file.extractfile(info).read() for info in file}  # type: ignore[union-attr]


def shard(first: int, count: int) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    for k in range(first, first + count):
        members[f"c{k % 2}/{k:04d}.png"] = encoded(k)
        members |= {f"c{k % 2}/{k:04d}.{ending}": data for ending, data in LABELS.items()}
        members[f"c{k % 2}/{k:04d}.seg.png"] = encoded(k, mode="L")
    return members


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for k in range(2):
        write(tmp_path / "shards" / f"train-{k:04d}.tar", shard(3 * k, 3))
    for name in ("wave", "two.words"):
        noise_image(32, 32, len(name)).save(tmp_path / f"{name}.png")
    return tmp_path


Make = Callable[..., list[Result]]


@pytest.fixture
def make(data: Path, stylizer: Stylizer) -> Make:
    def run(contents: Any = None, styles: Any = None, out: str = "out", **more: Any) -> list[Result]:
        how = {"stylizer": stylizer, "style_size": 32} | more
        given = f"{data}/shards/train-{{0000..0001}}.tar" if contents is None else contents
        return adain.stylize_folder(given, data / "wave.png" if styles is None else styles, data / out, **how)

    return run


def states(results: list[Result]) -> str:
    return "".join(result.status[0] for result in results)


def test_all_but_the_pictures_is_the_same(make: Make, data: Path, stylizer: Stylizer) -> None:
    results = make()
    assert states(results) == "dddddd"
    assert results[0].output == data / "out" / "train-0000.tar" / "c0/0000.png"
    assert sorted(os.listdir(data / "out")) == ["manifest.jsonl", "train-0000.tar", "train-0001.tar"]
    style = stylizer.encode_style(data / "wave.png", size=32)
    for name in ("train-0000.tar", "train-0001.tar"):
        before, after = read(data / "shards" / name), read(data / "out" / name)
        assert [*before] == [*after]
        for member, content in before.items():
            if member.count(".") == 1 and member.endswith(".png"):
                with Image.open(io.BytesIO(after[member])) as image, Image.open(io.BytesIO(content)) as photo:
                    assert image.tobytes() == stylizer.stylize(photo, style).tobytes()
            else:
                assert after[member] == content
        with tarfile.open(data / "shards" / name) as one, tarfile.open(data / "out" / name) as two:
            for a, b in zip(one, two, strict=True):
                assert (a.name, a.mtime, a.mode, a.uname) == (b.name, b.mtime, b.mode, b.uname)
    kept = (data / "out" / "train-0000.tar").read_bytes()
    assert states(make()) == "ssssss"
    assert states(make(data / "shards", existing="redo")) == "dddddd"
    assert (data / "out" / "train-0000.tar").read_bytes() == kept
    assert states(make(alpha=0.5, existing="skip")) == "ssssss"
    assert [r.details["replaced"] for r in make(alpha=0.5)] == [True] * 6


def test_webdataset_reads_them(make: Make, data: Path) -> None:
    import webdataset

    make(styles=[data / "wave.png", data / "two.words.png"])
    url = f"{data}/out/train-{{0000..0001}}.tar"
    found = [*webdataset.WebDataset(url, shardshuffle=False).decode("pil")]
    assert [sample["__key__"] for sample in found[:4]] == [
        "c0/0000-wave", "c0/0000-two_words", "c1/0001-wave", "c1/0001-two_words"
    ]  # fmt: skip
    assert len(found) == 12
    for sample in found:
        assert sample["png"].size == (24, 20)
        assert sample["cls"] == 7
        assert set(sample) >= {"png", "cls", "json", "txt", "xml", "seg.png"}


def test_pairs_at_random(make: Make, data: Path) -> None:
    """The same ones in whatever company a shard is, and of all results of a picture different ones."""
    arts = []
    for k in range(5):
        arts.append(data / f"art{k}.png")
        noise_image(20, 20, 50 + k).save(arts[-1])
    how: dict[str, Any] = {"styles": arts, "pairs": "random", "styles_per_content": 2, "seed": 4}
    both = make(**how)
    assert len({r.output for r in both}) == 12
    alone = make(data / "shards" / "train-0001.tar", out="alone", **how)
    assert [r.details["style"] for r in alone] == [r.details["style"] for r in both[6:]]
    assert read(data / "alone" / "train-0001.tar") == read(data / "out" / "train-0001.tar")
    keys = [*read(data / "out" / "train-0001.tar")]
    assert len(keys) == 2 * 3 * 6
    assert {name.rpartition("-")[2].partition(".")[0] for name in keys} <= {f"art{k}" for k in range(5)}


@pytest.mark.parametrize(
    ("kind", "mode", "ending"), [("JPEG", "L", "jpg"), ("JPEG", "CMYK", "JPEG"), ("PNG", "RGBA", "png"),
                                 ("BMP", "RGB", "bmp"), ("TIFF", "I;16", "tif")]
)  # fmt: skip
def test_formats(make: Make, data: Path, kind: str, mode: str, ending: str) -> None:
    picture = noise_image(37, 19, 3, "L" if mode == "I;16" else mode)
    if mode == "I;16":
        picture = picture.point(lambda v: v * 257, "I").convert("I;16")
    content = io.BytesIO()
    picture.save(content, kind)
    source = write(data / "one.tar", {f"a.b.{ending}": b"label", f"a.{ending}": content.getvalue(), "a.cls": b"1"})
    make(source)
    made = read(data / "out" / "one.tar")
    name = "a.png" if ending == "bmp" else f"a.{ending}"
    assert [*made] == [f"a.b.{ending}", name, "a.cls"]
    with Image.open(io.BytesIO(made[name])) as image:
        assert image.size == (37, 19)
        assert image.mode == ("RGBA" if mode == "RGBA" else "RGB")


def test_a_bad_sample_is_left_out_and_tried_again(make: Make, data: Path) -> None:
    members = shard(0, 3) | {"c1/0001.png": encoded(1)[:200]}
    source = write(data / "bad.tar", members)
    results = make(source)
    assert states(results) == "dfd"
    assert "bad.tar:c1/0001.png" in str(results[1].error)
    made = read(data / "out" / "bad.tar")
    assert [*made] == [name for name in members if "0001" not in name]
    kept = (data / "out" / "bad.tar").read_bytes()
    assert states(make(source)) == "sfs"
    assert (data / "out" / "bad.tar").read_bytes() == kept


def test_what_failed_for_once_comes_into_its_place(make: Make, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Member.opened

    def short_of_memory(member: Member, page: int = 1) -> Any:
        if "0001" in member.name:
            raise MemoryError
        return opened(member, page)

    source = data / "shards" / "train-0000.tar"
    with monkeypatch.context() as patched:
        patched.setattr(Member, "opened", short_of_memory)
        assert states(make(source)) == "dfd"
    assert states(make(source)) == "sds"
    made = (data / "out" / "train-0000.tar").read_bytes()
    assert states(make(source, out="calm")) == "ddd"
    assert (data / "calm" / "train-0000.tar").read_bytes() == made
    assert sorted(os.listdir(data / "out")) == ["manifest.jsonl", "train-0000.tar"]


def test_what_belongs_to_no_sample_and_what_has_no_picture(make: Make, data: Path) -> None:
    source = data / "odd.tar"
    with tarfile.open(source, "w") as file:
        for name in ("__meta__", "dir", "a.png", "README", "a.cls", "link", "b.txt"):
            info = tarfile.TarInfo(name)
            content = encoded(0) if name.endswith(".png") else name.encode()
            if name == "dir":
                info.type, content = tarfile.DIRTYPE, b""
            if name == "link":
                info.type, info.linkname, content = tarfile.SYMTYPE, "a.cls", b""
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    make(source)
    with tarfile.open(data / "out" / "odd.tar") as file:
        assert file.getnames() == ["__meta__", "dir", "a.png", "README", "a.cls", "link", "b.txt"]
        assert file.getmember("dir").isdir()
        assert file.getmember("link").linkname == "a.cls"
    make(source, styles=[data / "wave.png", data / "two.words.png"], out="several")
    with tarfile.open(data / "several" / "odd.tar") as file:
        assert file.getnames() == ["__meta__", "dir", "a-wave.png", "README", "a-wave.cls", "link",
                                   "a-two_words.png", "a-two_words.cls", "b.txt"]  # fmt: skip


def test_names_that_are_those_of_no_file(make: Make, data: Path) -> None:
    """Nothing is written outside the folder of results, and long names, and such as no file may have, are kept."""
    names = ["../../up.png", "/root.png", "x" * 300 + ".png", "caf\udce9.png"]
    source = write(data / "odd.tar", {name: encoded(k) for k, name in enumerate(names)})
    before = sorted(path for path in data.rglob("*"))
    assert states(make(source, out="out")) == "dddd"
    assert [*read(data / "out" / "odd.tar")] == names
    assert sorted(path for path in data.rglob("*") if data / "out" not in (path, *path.parents)) == before


def test_results_among_the_shards(make: Make, data: Path) -> None:
    how: dict[str, Any] = {"contents": data / "shards", "out": "shards/out", "recursive": True}
    assert states(make(**how)) == "dddddd"
    assert states(make(**how)) == "ssssss"


def test_what_does_not_go_together(make: Make, data: Path) -> None:
    for options, message in (
        ({"naming": "dash"}, "naming does not go with shards"),
        ({"copy_labels": True}, "copy_labels does not go with shards"),
        ({"strips": "on"}, "strips on is for files"),
        ({"page": "all"}, "all pages are for files"),
        ({"out": "x.tar"}, "shards go into a folder"),
        ({"out": "shards"}, "is also an input and would be replaced"),
        ({"image_key": "webp"}, "holds no pictures"),
    ):
        with pytest.raises((InputError, ImageError), match=message):
            make(**options)
    with pytest.raises(InputError, match="image_key is of shards"):
        make(data / "wave.png", image_key="png")
    source = write(data / "same.tar", {"a.png": encoded(0), "a-wave.txt": b""})
    with pytest.raises(InputError, match=r"two samples of .* would have the key a-wave"):
        make(source, styles=[data / "wave.png", data / "two.words.png"])
    with pytest.raises(InputError, match="two shards would be called"):
        make([data / "shards" / "train-0000.tar", write(data / "other" / "train-0000.tar", shard(0, 1))])


def start(*args: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "adain", "stylize", *map(str, args), "--model", "fast", "--style-size", "32"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends signals")
def test_killed_again_and_again(data: Path) -> None:
    """300 pictures, killed at random moments: the very bytes of a run of two processes that nobody disturbed."""
    for k in range(2):
        members: dict[str, bytes] = {}
        for n in range(150 * k, 150 * k + 150):
            members |= {f"{n:04d}.png": encoded(n, (16, 16)), f"{n:04d}.cls": b"%d" % n}
        write(data / "big" / f"t-{k}.tar", members)
    arts = data / "arts"
    arts.mkdir()
    for k in range(12):
        noise_image(24, 24, 90 + k).save(arts / f"{k}.png")
    command = (data / "big", arts, "--pairs", "random", "--seed", "2", "-o", data / "out")
    rng, out, kills = random.Random(5), data / "out", 0
    manifest = out / "manifest.jsonl"
    while True:
        size = manifest.stat().st_size if manifest.exists() else 0
        process = start(*command)
        wanted = size + rng.randint(4_000, 18_000)
        while process.poll() is None and kills < 5 and not (manifest.exists() and manifest.stat().st_size > wanted):
            time.sleep(0.002)
        if process.poll() is None and kills < 5:
            process.kill()
            kills += 1
            process.communicate()
            continue
        _, errors = process.communicate()
        assert process.returncode == 0, errors
        break
    assert kills == 5
    how: dict[str, Any] = {"pairs": "random", "seed": 2, "model": "fast", "style_size": 32, "jobs": 2}
    assert {r.status for r in adain.stylize_folder(data / "big", arts, data / "calm", **how)} == {"done"}
    assert sorted(os.listdir(out)) == ["manifest.jsonl", "t-0.tar", "t-1.tar"]
    for name in ("t-0.tar", "t-1.tar"):
        assert (out / name).read_bytes() == (data / "calm" / name).read_bytes()
    records = [json.loads(line) for line in manifest.read_text().splitlines()]
    done = [record["content"] for record in records if record["status"] == "done" and "content" in record]
    assert len(set(done)) == 300
