from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adain._utils.errors import InputError
from adain.batch import FolderOptions, Manifest, stylize_folder
from adain.batch.pages import described, further, paged
from adain.batch.plan import find, plan_jobs
from adain.image import Page, read_image
from adain.metrics.pairs import read_triples
from adain.options import Unfit
from adain.stylizer.stylizer import Stylizer
from tests.animations import pages, write_pages
from tests.conftest import noise_image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A scan of two pages, an animation of three frames, and a photograph."""
    (tmp_path / "photos").mkdir()
    write_pages(tmp_path / "photos" / "scan.tif", pages(2))
    write_pages(tmp_path / "photos" / "anim.gif", pages(3), duration=50)
    noise_image(40, 36).save(tmp_path / "photos" / "one.png")
    return tmp_path / "photos"


def test_results_are_called_after_their_pages(folder: Path) -> None:
    found = find([folder])
    assert paged(found, 1) == found
    names = [job.output.name for job in plan_jobs(paged(found, "all"), ["w"], folder)]
    assert names == [
        *(f"anim-p{k}_stylized_w.png" for k in (1, 2, 3)),
        "one_stylized_w.png",
        *(f"scan-p{k}_stylized_w.tif" for k in (1, 2)),
    ]
    assert [each.path.number for each in paged(found, 2)] == [2, 2, 2]
    assert plan_jobs(paged(found, 2), ["w"], folder)[2].output.name == "scan-p2_stylized_w.tif"
    with pytest.raises(InputError, match="also an input"):
        plan_jobs(paged(find([folder / "scan.tif"]), 2), ["w"], folder / "scan.tif")
    with pytest.raises(InputError, match="one file for 2 results: give a folder"):
        plan_jobs(paged(find([folder / "scan.tif"]), "all"), ["w"], folder / "x.tif")


def test_what_is_left(folder: Path) -> None:
    assert further(folder / "scan.tif") == {"pages": 2}
    assert further(folder / "anim.gif") == {"frames": 3}
    assert further(folder / "one.png") == further(folder / "none.png") == {}
    assert described(Page(folder / "scan.tif", 2)) == {"content": str(folder / "scan.tif"), "page": 2}
    assert described(folder / "one.png") == {"content": str(folder / "one.png")}


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_every_page_is_a_result(folder: Path, art: Path, stylizer: Stylizer, jobs: int) -> None:
    how = {"stylizer": stylizer} if jobs == 1 else {"jobs": jobs, "device": "cpu"}
    out = folder.parent / "out"
    results = stylize_folder(folder, art, out, page="all", style_size=32, **how)  # type: ignore[arg-type]
    assert [r.status for r in results] == ["done"] * 6
    assert not any({"pages", "frames"} & r.details.keys() for r in results)
    assert [r.details.get("page") for r in results] == [1, 2, 3, None, 1, 2]
    if jobs == 1:
        alone = stylizer.stylize(Page(folder / "scan.tif", 2), art, style_size=32)
        made = read_image(out / f"scan-p2_stylized_{art.stem}.tif")
        assert (np.asarray(made) == np.asarray(alone)).all()
    again = stylize_folder(folder, art, out, page="all", style_size=32, **how)  # type: ignore[arg-type]
    assert [r.status for r in again] == ["skipped"] * 6
    one = stylize_folder(folder / "scan.tif", art, f"{out}/", page=2, style_size=32, **how)  # type: ignore[arg-type]
    assert [(r.output.name, r.details["page"]) for r in one] == [(f"scan-p2_stylized_{art.stem}.tif", 2)]
    assert Manifest(out).has(out / f"scan-p2_stylized_{art.stem}.tif")


def test_a_photograph_without_that_page_stops_no_other(folder: Path, art: Path, stylizer: Stylizer) -> None:
    results = stylize_folder(folder, art, folder.parent / "out", page=3, style_size=32, stylizer=stylizer)
    assert [r.status for r in results] == ["done", "failed", "failed"]
    assert [str(r.error).partition(": ")[2] for r in results[1:]] == [
        "it has 1 frame; --page takes 1 alone",
        "it has 2 pages; --page takes 1 to 2",
    ]


def test_the_first_says_what_it_is_the_first_of(folder: Path, art: Path, stylizer: Stylizer) -> None:
    results = stylize_folder(folder, art, folder.parent / "out", style_size=32, stylizer=stylizer)
    left = [{k: v for k, v in r.details.items() if k in ("pages", "frames")} for r in results]
    assert left == [{"frames": 3}, {}, {"pages": 2}]


def test_refining_takes_the_page(folder: Path, art: Path, stylizer: Stylizer) -> None:
    from adain.refinement import refine

    def start(**more: object) -> object:
        how = {"steps": 1, "style_size": 32, "stylizer": stylizer, "start": "content", **more}
        return np.asarray(refine(content, art, **how)).mean()  # type: ignore[call-overload]

    content: object = folder / "scan.tif"
    first, second = start(), start(page=2)
    assert second > first + 20
    with pytest.raises(Unfit, match="page all makes a picture of each page"):
        start(page="all")
    content = Page(folder / "scan.tif", 2)
    assert start() == second
    content = noise_image(40, 36)
    with pytest.raises(Unfit, match="page is for files of several pages"):
        start(page=2)


@pytest.mark.parametrize("value", ["0", "two", -1, 0, 1.5, "1-3"])
def test_bad_pages(value: object) -> None:
    with pytest.raises(Unfit, match="page"):
        FolderOptions(page=value)  # type: ignore[arg-type]


def test_evaluation_leaves_single_pages_out(folder: Path, art: Path, stylizer: Stylizer) -> None:
    out, told = folder.parent / "out", list[str]()
    stylize_folder(folder, art, out, page="all", style_size=32, stylizer=stylizer)
    pairs = read_triples(out / "manifest.jsonl", warn=told.append)
    assert [pair.content.name for pair in pairs] == ["one.png"]
    assert told == [
        f"5 results of single pages are left out, such as anim-p1_stylized_{art.stem}.png: "
        "only first pages are read here"
    ]
