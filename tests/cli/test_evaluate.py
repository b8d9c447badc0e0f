from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from click.testing import Result

from tests.conftest import noise_image, one_line_error
from tests.metrics.conftest import Folders, folders

__all__ = ["folders"]

Run = Callable[..., Result]
FAST = ("--size", "32", "--device", "cpu")
FEW = ("--metrics", "style-residual,ssim", *FAST)


def test_outputs(run_cli: Run, folders: Folders, tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    result = run_cli("evaluate", folders.content, folders.style, "-o", folders.output, "--csv", path, *FAST)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    lines = [line.split() for line in result.stdout.splitlines()]
    assert [line[0] for line in lines[1:4]] == ["output", "identity", "style"]
    assert "style-residual ↓" in result.stdout
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    assert {row["style-residual"] for row in rows if row["row"] == "identity"} == {"1.0"}
    again = tmp_path / "again.csv"
    run_cli("evaluate", folders.content, folders.style, "-o", folders.output, "--csv", again, *FAST)
    assert again.read_bytes() == path.read_bytes()


def test_json_of_pictures_made_now(run_cli: Run, folders: Folders) -> None:
    args = ("-c", folders.content, "-s", folders.style, "--pairs", "zip", "--alpha", "0.5", "--json")
    result = run_cli("evaluate", *args, "--metrics", "style-residual,ms,alpha_falls".replace("_", "-"), *FAST)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [row["row"] for row in found["rows"]] == ["adain", "identity", "style"]
    assert [row["pairs"] for row in found["rows"]] == [2, 2, 2]
    made, identity, style = (row["measures"] for row in found["rows"])
    assert style["style-residual"]["mean"] == 0.0 < made["style-residual"]["mean"]
    assert identity["style-residual"]["mean"] == 1.0
    assert made["ms"]["n"] == made["alpha-falls"]["n"] == 2
    assert "ms" not in identity


def test_several_tools_side_by_side(run_cli: Run, folders: Folders, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs=x"
    shutil.copytree(folders.output, theirs)
    args = ("-o", f"mine={folders.output}", "-o", theirs, "--stylize", *FEW)
    result = run_cli("evaluate", folders.content, folders.style, *args)
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines()[1:]]
    assert [row[0] for row in rows] == ["mine", "theirs=x", "adain", "identity", "style"]
    assert rows[0][1:] == rows[1][1:] != rows[2][1:]


def test_triples(run_cli: Run, folders: Folders) -> None:
    records = [
        {
            "content": str(folders.content / "a.png"),
            "style": style,
            "output": f"a_stylized_{style}.png",
            "status": status,
        }
        for style, status in (("aa", "done"), ("bb", "failed"))
    ]
    manifest = folders.output / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(record) + "\n" for record in records))
    result = run_cli("evaluate", "--triples", manifest, "-s", folders.style, *FEW)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1].split()[:2] == ["output", "1"]


def test_what_stylize_wrote_is_found(run_cli: Run, folders: Folders, tmp_path: Path) -> None:
    out = tmp_path / "new"
    made = run_cli("stylize", folders.content, folders.style, "-o", out, "--style-size", "32", "--device", "cpu")
    assert made.exit_code == 0
    result = run_cli("evaluate", folders.content, folders.style, "-o", out, "--json", *FEW)
    assert json.loads(result.stdout)["rows"][0]["pairs"] == 4


def test_the_manifest_that_stylize_wrote(run_cli: Run, folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folders.content.parent)
    look = ("--style-size", "32", "--device", "cpu")
    assert run_cli("stylize", "photos/", "styles/", "-o", "new/", *look).exit_code == 0
    found = run_cli("evaluate", "--triples", "new/manifest.jsonl", "--json", *FEW)
    assert found.exit_code == 0, found.output
    assert (found.stderr, json.loads(found.stdout)["rows"][0]["pairs"]) == ("", 4)
    by_name = json.loads(run_cli("evaluate", "photos/", "styles/", "-o", "new/", "--json", *FEW).stdout)
    assert json.loads(found.stdout)["rows"] == by_name["rows"]
    monkeypatch.chdir(folders.style)  # paths as they were given are found from elsewhere, too
    again = run_cli("evaluate", "--triples", "../new/manifest.jsonl", "--json", *FEW)
    assert json.loads(again.stdout)["rows"] == by_name["rows"]


def test_results_of_several_styles_are_left_out(
    run_cli: Run, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folders.content.parent)
    stylize = ("stylize", "photos/", "styles/", "--style-size", "32", "--device", "cpu", "-o", "new/")
    assert run_cli(*stylize, "--style-weights", "1,2").exit_code == 0
    triples = ("evaluate", "--triples", "new/manifest.jsonl", "--json", *FEW)
    assert "no output that is done and of one style alone" in one_line_error(run_cli(*triples))
    assert run_cli(*stylize).exit_code == 0
    found = run_cli(*triples)
    assert (found.exit_code, json.loads(found.stdout)["rows"][0]["pairs"]) == (0, 4)
    assert "2 results of several styles are left out, such as a_stylized_aa+bb.png" in found.stderr


def test_a_broken_picture_does_not_stop_the_rest(run_cli: Run, folders: Folders, tmp_path: Path) -> None:
    (folders.output / "a_stylized_bb.png").write_text("no picture")
    args = (folders.content, folders.style, "-o", folders.output, "--csv", tmp_path / "p.csv", *FEW)
    result = run_cli("evaluate", *args)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1].split()[:2] == ["output", "3"]
    (line,) = result.stderr.splitlines()
    assert line.startswith("adain evaluate: error: cannot read ")
    for path in folders.output.iterdir():
        path.write_text("no picture")
    result = run_cli("evaluate", *args)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 4
    for path in list(folders.output.iterdir())[1:]:
        path.unlink()
    assert "cannot read" in one_line_error(run_cli("evaluate", *args))


@pytest.mark.slow
def test_lpips_and_artfid(run_cli: Run, folders: Folders, tmp_path: Path) -> None:
    torch.manual_seed(0)
    features = torchvision.models.alexnet(weights=None).features.state_dict()
    torch.save({f"features.{key}": value for key, value in features.items()}, tmp_path / "alexnet.pth")
    widths = (64, 192, 384, 256, 256)
    torch.save({f"lin{k}.model.1.weight": torch.rand(1, c, 1, 1) for k, c in enumerate(widths)}, tmp_path / "alex.pth")
    inception = torchvision.models.inception_v3(weights=None, init_weights=False)
    for parameter in inception.parameters():  # as after training: activations neither vanish nor grow
        if parameter.ndim == 4:
            torch.nn.init.kaiming_normal_(parameter)
    torch.save(inception.state_dict(), tmp_path / "art.pth")
    files = ("--lpips-backbone", tmp_path / "alexnet.pth", "--lpips-weights", tmp_path / "alex.pth")
    args = (folders.content, folders.style, "-o", folders.output, "--size", "75", "--device", "cpu", "--json")
    result = run_cli("evaluate", *args, *files, "--artfid-inception", tmp_path / "art.pth", "--metrics", "artfid")
    assert result.exit_code == 0, result.output
    mine, identity, style = (row["measures"] for row in json.loads(result.stdout)["rows"])
    assert identity["lpips"]["mean"] == 0.0 < mine["lpips"]["mean"]
    assert style["fid"]["value"] == pytest.approx(0.0, abs=1e-3)
    expected = (1 + mine["lpips"]["mean"]) * (1 + mine["fid"]["value"])
    assert mine["artfid"]["value"] == pytest.approx(expected)
    assert "75 px" in one_line_error(
        run_cli("evaluate", *args[:4], "--size", "64", *files, "--artfid-inception", tmp_path / "art.pth")
    )


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--metrics", "simm"), "did you mean 'ssim'"),
        (("--metrics", "ms"), "add --stylize"),
        (("--metrics", ","), "no measure was named"),
        (("--metrics", "lpips"), "--lpips-backbone"),
        (("--lpips-backbone", "x.pth"), "needs both"),
        (("--lpips-backbone", "x.pth", "--lpips-weights", "y.pth"), "x.pth is not a file"),
        (("--artfid-inception", "x.pth"), "x.pth is not a file"),
        (("--alpha", "0.5"), "--alpha is for pictures that are made now"),
        (("--decoder", "d.safetensors"), "--decoder is for pictures that are made now"),
        (("--size", "8"), "--size"),
        (("--size", "16"), "use 17 or more"),
        (("--size", "99999"), "99999 x 99999 pixels"),
        (("--csv", "/proc/x.csv"), "cannot write /proc/x.csv"),
        (("--triples", "t.csv"), "leave out --content and --output"),
        (("-o", "style=out"), "rows of their own"),
        (("-o", "none"), "no such folder"),
    ],
)
def test_bad_options(run_cli: Run, folders: Folders, args: tuple[str, ...], message: str) -> None:
    result = run_cli("evaluate", folders.content, folders.style, "-o", folders.output, *args)
    assert message in one_line_error(result)


def test_bad_paths(run_cli: Run, folders: Folders, tmp_path: Path) -> None:
    assert "no content or no style" in one_line_error(run_cli("evaluate"))
    assert "give CONTENT and STYLE" in one_line_error(run_cli("evaluate", folders.content))
    assert "no such folder" not in one_line_error(run_cli("evaluate", folders.content, tmp_path / "none.png", *FEW))
    assert "is not a file" in one_line_error(run_cli("evaluate", "--triples", tmp_path / "t.csv"))
    twice = ("-o", folders.output, "-o", folders.output)
    assert "two folders would be called 'out'" in one_line_error(
        run_cli("evaluate", folders.content, folders.style, *twice)
    )
    noise_image(20, 60).save(folders.output / "a_stylized_aa.png")
    args = (folders.content / "a.png", folders.style / "aa.png", "-o", folders.output)
    assert "not the shape of its content" in one_line_error(run_cli("evaluate", *args, *FEW))
    assert run_cli("evaluate", *args, "--fit", "stretch", *FEW).exit_code == 0


def test_list(run_cli: Run) -> None:
    result = run_cli("evaluate", "--list")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()][:2] == ["style-residual", "style-loss"]


def test_labels_by_a_segmentation_of_ones_own(run_cli: Run, folders: Folders, tmp_path: Path) -> None:
    code = "import numpy as np\ndef segment(pixels):\n    return (pixels[..., 0] > 127).astype(int) * 7\n"
    (tmp_path / "mine.py").write_text(code)
    segment = ("--segment", f"{tmp_path / 'mine.py'}:segment", "--metrics", "miou,boundary-f,boundary-recall", *FAST)
    result = run_cli("evaluate", folders.content, folders.style, "-o", folders.output, *segment, "--json")
    assert result.exit_code == 0, result.output
    rows = {row["row"]: row["measures"] for row in json.loads(result.stdout)["rows"]}
    assert rows["identity"]["miou"]["mean"] == rows["identity"]["boundary-f"]["mean"] == 1.0
    assert 0 < rows["output"]["miou"]["mean"] < 1
    without = run_cli("evaluate", folders.content, folders.style, "-o", folders.output, "--metrics", "miou", *FAST)
    assert "miou needs a segmentation: give --segment" in one_line_error(without)
    wrong = run_cli("evaluate", folders.content, folders.style, "-o", folders.output, "--segment", "nowhere:f", *FAST)
    assert "cannot import nowhere:f" in one_line_error(wrong)


def test_paths_of_pictures_made_now(run_cli: Run, folders: Folders) -> None:
    how = ("--pairs", "zip", "--model", "fast", "--metrics", "path-alpha,path-blend,edge-drift", "--json", *FAST)
    result = run_cli("evaluate", folders.content, folders.style, *how)
    assert result.exit_code == 0, result.output
    made = json.loads(result.stdout)["rows"][0]["measures"]
    assert made["path-alpha"]["mean"] > 0
    assert made["path-blend"]["mean"] > 0
