from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import adain
from adain._utils.errors import InputError
from adain.batch.labels import copy_labels, find_labels
from adain.batch.options import FolderOptions
from adain.batch.run import Result
from adain.stylizer.stylizer import Stylizer
from tests.conftest import noise_image

VOC = b"<annotation>\r\n\t<filename>a.png</filename><object><bndbox><xmin>1</xmin></bndbox></object></annotation>"
YOLO = b"0 0.50 0.5 0.25 0.2500\n\n"
COCO = json.dumps({"images": [{"file_name": "sub/b.png"}], "annotations": [{"bbox": [1.50, 2, 3, 4]}]}).encode() + b" "


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Photographs with annotations of three kinds, and what is none of them."""
    folder = tmp_path / "data"
    files = {"a.xml": VOC, "a.boxes.json": b"{}", "sub/b.txt": YOLO, "labels/sub/b.txt": b"1\n", "coco.json": COCO,
             "manifest.jsonl": b'{"output":', ".hidden.txt": b"x", "classes": b"dog\ncat"}  # fmt: skip
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    for k, name in enumerate(("a.png", "sub/b.png")):
        noise_image(24, 20, k).save(folder / name)
    noise_image(24, 20, 9).save(tmp_path / "art.png")
    return folder


Make = Callable[..., list[Result]]


@pytest.fixture
def make(data: Path, stylizer: Stylizer) -> Make:
    def run(out: str, **more: object) -> list[Result]:
        how = {"stylizer": stylizer, "style_size": 32, "recursive": True, "copy_labels": True} | more
        return adain.stylize_folder(data, data.parent / "art.png", data.parent / out, **how)

    return run


def files(folder: Path) -> dict[str, bytes]:
    """What is no picture."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".png")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if path.name != "manifest.jsonl"}


def test_results_called_as_photographs(make: Make, tmp_path: Path) -> None:
    """Then whatever refers to photographs by name holds of the results."""
    assert [r.output.relative_to(tmp_path / "out").as_posix() for r in make("out", naming="content")] == [
        "a.png",
        "sub/b.png",
    ]
    assert files(tmp_path / "out") == {
        "a.xml": VOC, "a.boxes.json": b"{}", "sub/b.txt": YOLO, "labels/sub/b.txt": b"1\n", "coco.json": COCO,
        "classes": b"dog\ncat",
    }  # fmt: skip
    (tmp_path / "out" / "a.xml").write_bytes(b"torn")
    assert {r.status for r in make("out", naming="content")} == {"skipped"}
    assert files(tmp_path / "out")["a.xml"] == VOC


def test_results_of_other_names(make: Make, data: Path, tmp_path: Path) -> None:
    """An annotation of one photograph goes with its results."""
    make("out", naming="dash")
    assert files(tmp_path / "out") == {
        "a-stylized-art.xml": VOC, "a-stylized-art.boxes.json": b"{}", "sub/b-stylized-art.txt": YOLO,
        "labels/sub/b.txt": b"1\n", "coco.json": COCO, "classes": b"dog\ncat",
    }  # fmt: skip
    make("flat", recursive=False)
    assert sorted(files(tmp_path / "flat")) == ["a_stylized_art.boxes.json", "a_stylized_art.xml", "classes",
                                               "coco.json"]  # fmt: skip


def test_results_among_the_photographs(make: Make, data: Path) -> None:
    before = files(data)
    assert [r.status for r in make("data/out", naming="content")] == ["done", "done"]
    assert [r.status for r in make("data/out", naming="content")] == ["skipped", "skipped"]
    kept = {name: content for name, content in files(data).items() if not name.startswith("out/")}
    assert kept == before
    assert files(data / "out") == {name: data for name, data in before.items() if name != ".hidden.txt"}


def test_what_cannot_be(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "coco.json").write_bytes(b"[]")
    with pytest.raises(InputError, match=r"would both be .*coco.json: stylise the folders apart"):
        find_labels([data, other], [], tmp_path / "out", FolderOptions(naming="content"))
    assert find_labels([other], [], other, FolderOptions(naming="content")) == {}
    assert find_labels([other / "coco.json"], [], tmp_path / "out", FolderOptions(naming="content")) == {}
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(InputError, match="cannot write"):
        copy_labels({tmp_path / "out" / "coco.json": other / "coco.json"})
