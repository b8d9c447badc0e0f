from __future__ import annotations

import json
from pathlib import Path

import pytest

from adain._utils.errors import AdainError, InputError, MissingFileError
from adain.image import list_images
from adain.metrics.pairs import Pair, pair_up, read_triples, with_outputs
from tests.conftest import noise_image

from .conftest import Folders


def every(folders: Folders) -> list[Pair]:
    return pair_up(list_images(folders.content), list_images(folders.style))


def test_product_and_zip() -> None:
    contents, styles = [Path("a"), Path("b"), Path("c")], [Path("x"), Path("y")]
    product = [(p.content.name, p.style.name) for p in pair_up(contents, styles)]
    assert product == [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y"), ("c", "x"), ("c", "y")]
    assert [(p.content.name, p.style.name) for p in pair_up(contents, styles, "zip")] == [
        ("a", "x"),
        ("b", "y"),
        ("c", "x"),
    ]
    with pytest.raises(InputError):
        pair_up([], styles)


def test_outputs_are_found_by_name(folders: Folders) -> None:
    noise_image(20, 20).save(folders.output / "unrelated.png")
    joined = with_outputs(every(folders), {"mine": folders.output})
    assert [p.outputs["mine"].name for p in joined] == [
        "a_stylized_aa.png", "a_stylized_bb.png", "b_stylized_aa.png", "b_stylized_bb.png",
    ]  # fmt: skip
    (folders.output / "a_stylized_bb.png").unlink()
    assert len(with_outputs(every(folders), {"mine": folders.output})) == 3


def test_several_rows(folders: Folders, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    noise_image(20, 20).save(other / "b_stylized_aa.jpg")
    joined = with_outputs(every(folders), {"mine": folders.output, "other": other})
    assert [sorted(p.outputs) for p in joined] == [["mine"], ["mine"], ["mine", "other"], ["mine"]]


def test_outputs_that_cannot_be_told(folders: Folders, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"such as a_stylized_aa\.\*"):
        with_outputs(every(folders), {"mine": folders.content})
    with pytest.raises(InputError, match="rows of their own"):
        with_outputs(every(folders), {"identity": folders.output})
    with pytest.raises(MissingFileError):
        with_outputs(every(folders), {"mine": tmp_path / "none"})
    noise_image(20, 20).save(folders.output / "a_stylized_aa.jpg")
    with pytest.raises(InputError, match="differ in their suffix"):
        with_outputs(every(folders), {"mine": folders.output})


def test_a_table(tmp_path: Path) -> None:
    for name in ("c.png", "s.png", "o.png"):
        (tmp_path / name).touch()
    table = tmp_path / "pairs.csv"
    table.write_text("content,style,output,row\nc.png,s.png,o.png,\nc.png,s.png,/elsewhere/o.png,other\n", "utf-8")
    (pair,) = read_triples(table)
    assert pair == Pair(
        tmp_path / "c.png", tmp_path / "s.png", {"output": tmp_path / "o.png", "other": Path("/elsewhere/o.png")}
    )


def test_a_manifest(tmp_path: Path) -> None:
    lines: list[object] = [
        {"output": "1.png", "content": "/in/a.png", "style": "wave", "status": "failed"},
        {"output": "1.png", "content": "/in/a.png", "style": "wave", "status": "done", "seed": 3},
        {"output": "2.png", "content": "/in/b.png", "style": "/in/s.png", "status": "writing"},
        {"output": "3.png", "status": "failed"},
    ]
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"output": "4.p', "utf-8")
    (pair,) = read_triples(manifest, [Path("/art/wave.jpg")])
    assert pair == Pair(Path("/in/a.png"), Path("/art/wave.jpg"), {"output": Path("1.png")})


def test_paths_of_a_manifest_are_those_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("photos/a.png", "art/wave.jpg", "out/a.png", "out/photos/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    line = {"content": "photos/a.png", "style": "wave", "styles": ["art/wave.jpg"], "output": "a.png", "status": "done"}
    manifest = tmp_path / "out" / "manifest.jsonl"
    manifest.write_text(json.dumps(line), "utf-8")
    monkeypatch.chdir(tmp_path)
    (pair,) = read_triples("out/manifest.jsonl")
    assert pair == Pair(Path("photos/a.png"), Path("art/wave.jpg"), {"output": Path("out/a.png")})
    monkeypatch.chdir("/")
    (pair,) = read_triples(manifest)
    assert pair.style == tmp_path / "art/wave.jpg"
    manifest.write_text(json.dumps({**line, "styles": None}), "utf-8")
    with pytest.raises(InputError, match="names the style 'wave', not its file"):
        read_triples(manifest)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.csv", "content,output\na,b\n", "line 2: expected content, style and output"),
        ("t.csv", "content,style,output\n", "names no output"),
        ("t.jsonl", "[1]\n{}\n", "line 1 is no JSON object"),
        ("t.jsonl", "nonsense\n{}\n", "line 1 is no JSON object"),
        ("t.csv", "content,style,output,row\na,b,c,style\n", "rows of their own"),
        ("t.jsonl", None, "is not a file"),
        ("t.jsonl", b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_bad_tables(tmp_path: Path, name: str, text: str | bytes | None, message: str) -> None:
    if text is not None:
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(AdainError) as caught:
        read_triples(tmp_path / name)
    assert message in str(caught.value)
