from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import adain
from adain._utils.errors import InputError
from adain.batch import Folder, Manifest, Result
from adain.batch.ray import RayOptions
from adain.batch.ray.sources import Group, Row, absolute, find, with_images
from adain.batch.ray.worker import RUN, Ledger, RayWorker, Settings, packed, unpacked
from adain.batch.run import by_content
from adain.image import Page, read_image
from adain.image.io import read_stored
from adain.stylizer.looks import Look, each
from adain.stylizer.stylizer import Stylizer
from tests.animations import pages, write_pages
from tests.conftest import noise_image
from tests.image.test_metadata import TAKEN, photograph, told

from .conftest import png, write_table

pa = pytest.importorskip("pyarrow")

SMALL: dict[str, Any] = {"style_size": 32, "alpha": 0.7, "recursive": True, "retries": 1}


@pytest.fixture
def worker(stylizer: Stylizer, art: Path, tmp_path: Path) -> Callable[..., RayWorker]:
    def make(ledger: Ledger | None = None, keeps: str = "lines", **changed: Any) -> RayWorker:
        options = RayOptions(**{**SMALL, **changed})
        (look,) = each([art], options)
        settings = Settings.of(options, {0: look.encoded(stylizer)}, str(tmp_path / "out"), keeps)
        return RayWorker(pickle.loads(pickle.dumps(settings)), ledger or Ledger(settings.folder), stylizer)

    return make


@pytest.fixture
def batch(art: Path, tmp_path: Path) -> Callable[..., Any]:
    def plan(contents: Path, **changed: Any) -> Any:
        options = RayOptions(**{**SMALL, **changed})
        planned = Folder.plan(contents, art, f"{tmp_path}/out/", options, search=find, place="ray")
        numbers = iter(range(planned.total))
        groups = [Group([(next(numbers), absolute(task)) for task in g]) for g in by_content(planned.tasks)]
        if isinstance(groups[0].content, Row):
            groups = [g for part in with_images(groups, (None, None), 100) for g in part]
        return packed(groups)

    return plan


def results(table: Any) -> list[Result]:
    return [pickle.loads(row["result"]) for row in table.to_pylist()]


def test_files(worker: Any, batch: Any, photos: Path, art: Path, tmp_path: Path, stylizer: Stylizer) -> None:
    table = worker()(batch(photos))
    made = results(table)
    assert [result.status for result in made] == ["failed"] + ["done"] * 5
    assert table["number"].to_pylist() == list(range(6))
    assert table["image"].null_count == 6
    assert "bad.jpg" in str(made[0].error)
    assert all((result.details["width"], result.details["height"]) == (40, 32) for result in made[1:])
    files = [p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.png")]
    assert sorted(files) == [*(f"p{k}_stylized_art.png" for k in range(4)), "sub/p0_stylized_art.png"]
    expected = stylizer.stylize(photos / "p1.png", art, style_size=32, alpha=0.7)
    with Image.open(tmp_path / "out" / "p1_stylized_art.png") as picture:
        assert np.array_equal(np.asarray(picture), np.asarray(expected))
    before = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*.png")}
    worker()(batch(photos))
    assert before == {p: p.read_bytes() for p in (tmp_path / "out").rglob("*.png")}


@pytest.mark.parametrize("keeps", ["lines", "bytes"])
def test_date_and_author_come_along(worker: Any, batch: Any, tmp_path: Path, keeps: str) -> None:
    """Of photographs that lie in a table, and of files, into files and into tables."""
    data = photograph(tmp_path / "photos" / "a.jpg").read_bytes()
    table = write_table(tmp_path / "t" / "t.parquet", {"image": [data], "name": ["a.jpg"]})
    for contents in (table, tmp_path / "photos"):
        for mode in ("basic", "keep", "none"):
            made = worker(keeps=keeps, metadata=mode)(batch(contents, metadata=mode))
            out = tmp_path / "out" / "a_stylized_art.jpg"
            if keeps == "bytes":
                out.parent.mkdir(exist_ok=True)
                out.write_bytes(made["image"].to_pylist()[0])
            found = told(out)
            assert found["exif"].get(0x9003) == (None if mode == "none" else TAKEN)
            assert bool(found["gps"]) is (mode == "keep")


def test_16_bits(worker: Any, batch: Any, photos: Path, tmp_path: Path) -> None:
    worker(bits=16, suffix=".tif")(batch(photos, bits=16, suffix=".tif"))
    values = read_stored(tmp_path / "out" / "p1_stylized_art.tif").values
    assert values.dtype == np.uint16
    assert len(np.unique(values % 257)) > 200
    table = write_table(tmp_path / "t.parquet", {"image": [png(1)], "name": ["a.png"]})
    told = worker(keeps="bytes", bits=16)(batch(table, bits=16))
    assert read_stored(told["image"][0].as_py()).values.dtype == np.uint16
    assert results(told)[0].details["width"] == 40


def test_a_folder_goes_on_where_workers_ended(
    worker: Any, batch: Any, photos: Path, art: Path, tmp_path: Path, stylizer: Stylizer
) -> None:
    worker()(batch(photos))
    known = Manifest(tmp_path / "out").latest
    assert known["bad_stylized_art.jpg"]["status"] == "failed"
    (photos / "bad.jpg").unlink()
    said = known["p1_stylized_art.png"].keys()
    adain.stylize_folder(photos, art, tmp_path / "all", style_size=32, alpha=0.7, device="cpu")
    assert said == Manifest(tmp_path / "all").latest["p1_stylized_art.png"].keys()
    results = adain.stylize_folder(
        photos, art, tmp_path / "out", style_size=32, alpha=0.7, recursive=True, device="cpu"
    )
    assert [result.status for result in results] == ["skipped"] * 5
    changed = Folder.plan(photos, art, tmp_path / "out", RayOptions(style_size=32, alpha=0.6), place="ray")
    assert not any(changed.manifest.is_complete(t.job.output, t.settings) for t in changed.tasks)  # type: ignore[union-attr]


def test_tables(worker: Any, batch: Any, tmp_path: Path) -> None:
    columns = {"image": [png(1), None, b"junk", png(2)], "name": ["a.jpg", "b", "c", "d"]}
    table = write_table(tmp_path / "t.parquet", columns)
    told = worker(keeps="bytes")(batch(table))
    made = results(told)
    assert [result.status for result in made] == ["done", "failed", "failed", "done"]
    assert [result.output.name for result in made] == [
        f"{n}_stylized_art.{e}" for n, e in zip("abcd", ("jpg", *3 * ["png"]), strict=True)
    ]
    assert str(made[1].error).endswith("t.parquet:1 holds no image")
    assert "t.parquet:2: " in str(made[2].error)
    assert "not an image of a known format" in str(made[2].error)
    assert [Image.open(io.BytesIO(told["image"][k].as_py())).format for k in (0, 3)] == ["JPEG", "PNG"]
    assert not (tmp_path / "out").exists()


def test_pages(worker: Any, batch: Any, tmp_path: Path, stylizer: Stylizer, art: Path) -> None:
    scan = write_pages(tmp_path / "in" / "scan.tif", pages(3))
    made = results(worker(page="all")(batch(scan, page="all")))
    assert [(r.status, r.output.name, r.details["page"]) for r in made] == [
        ("done", f"scan-p{k}_stylized_art.tif", k) for k in (1, 2, 3)
    ]
    expected = stylizer.stylize(Page(scan, 2), art, style_size=32, alpha=0.7)
    assert np.array_equal(np.asarray(read_image(made[1].output)), np.asarray(expected))
    first = results(worker()(batch(scan)))
    assert (first[0].output.name, first[0].details["pages"]) == ("scan_stylized_art.tif", 3)


def test_pages_of_tables(worker: Any, batch: Any, tmp_path: Path, stylizer: Stylizer, art: Path) -> None:
    scan = write_pages(tmp_path / "in" / "scan.tif", pages(3)).read_bytes()
    table = write_table(tmp_path / "t.parquet", {"image": [scan, png(1)], "name": ["a.tif", "b.png"]})
    told = worker(keeps="bytes", page=2)(batch(table, page=2))
    made = results(told)
    assert [(r.status, r.output.name) for r in made] == [
        ("done", "a-p2_stylized_art.tif"),
        ("failed", "b-p2_stylized_art.png"),
    ]
    assert "it has 1 frame" in str(made[1].error)
    expected = stylizer.stylize(Page(scan, 2), art, style_size=32, alpha=0.7)
    assert np.array_equal(np.asarray(read_image(told["image"][0].as_py())), np.asarray(expected))
    with pytest.raises(InputError, match="all pages are for files, not for tables"):
        batch(table, page="all")


def test_nothing_a_picture_does_stops_the_rest(
    worker: Any, batch: Any, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = worker()
    read = made.maker.read

    def fails(content: Path) -> Any:
        if content.name == "p2.png":
            raise RuntimeError("no\nkernel")
        return read(content)

    monkeypatch.setattr(made.maker, "read", fails)
    told = results(made(batch(photos)))
    (reason,) = [str(r.error) for r in told if r.error is not None and "bad" not in str(r.error)]
    assert reason == f"{photos / 'p2.png'}: RuntimeError: no kernel"
    assert sum(result.status == "done" for result in told) == 4


def test_what_kills_processes_is_given_up(
    worker: Any, batch: Any, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each death is simulated by an error that nothing catches; the ledger outlives it."""

    class Death(BaseException):
        pass

    ledger, tried = Ledger(str(tmp_path / "out")), []
    made = worker(ledger, retries=2)
    read = made.maker.read

    def dies(content: Path) -> Any:
        tried.append(content.name)
        if content.name == "p2.png":
            raise Death
        return read(content)

    monkeypatch.setattr(made.maker, "read", dies)
    given = batch(photos)
    for _ in range(3):
        with pytest.raises(Death):
            made(given)
    told = results(made(given))
    assert tried.count("p2.png") == 3  # once, and two retries
    (reason,) = [str(r.error) for r in told if r.error is not None and "bad" not in str(r.error)]
    assert "keeps dying" in reason
    assert sum(result.status == "done" for result in told) == 4
    assert not ledger.begun
    assert Manifest(tmp_path / "out").latest["p2_stylized_art.png"]["reason"] == reason


def test_the_text_holds_every_option(stylizer: Stylizer, art: Path, photo: Path, tmp_path: Path) -> None:
    options = RayOptions(
        masks=["m.png", noise_image(70, 45, 5, "L")], alpha=[0.5, 1.0, 0.2], background=noise_image(50, 40, 6),
        color=["linear", None, "luminance"], encoder=None, suffix=".png", quality=80, actors=3,
    )  # fmt: skip
    (look,) = each([art, photo], options)
    settings = pickle.loads(pickle.dumps(Settings.of(options, {3: look.encoded(stylizer)}, ".", "nothing")))
    order = settings.order()
    assert (order.options.quality, order.options.suffix, order.options.actors) == (80, ".png", 3)
    (back,) = order.looks.values()
    assert back.options.alpha == (0.5, 1.0, 0.2)
    assert back.options.masks[0] == str(Path("m.png").absolute())
    assert isinstance(back.options.masks[1], Image.Image)
    assert back.name == look.name
    assert back.styles[0] == str(art)  # recoloured for each photograph
    assert isinstance(back.styles[1], adain.Style)
    assert json.loads(settings.options).keys() == {*options.given()} - {"background"}


@pytest.mark.parametrize(
    "controls",
    [
        {},
        {"alpha": 0.5, "crop": True, "fine_style_size": 16},
        {"color": "luminance"},
        {"color": "linear"},
        {"color": adain.ColorPreservation("luminance", match_luma=True)},
        {"weights": [1, 3], "color": ["histogram", None]},
        {"masks": 2, "feather": 2.0, "alpha": [1.0, 0.5], "background": 1, "color": ["linear", "luminance"]},
        {"style_masks": 1},
        {"gradient": "radial"},
    ],
)
def test_a_look_that_travelled_is_what_the_stylizer_makes(
    stylizer: Stylizer,
    photo: Path,
    art: Path,
    controls: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(art.parent)
    given: dict[str, Any] = {"style_size": 32, **controls}
    several = [Path(art.name), photo] if {"weights", "masks", "gradient"} & set(controls) else [Path(art.name)]
    if "masks" in controls:
        half = np.zeros((45, 70), np.uint8)
        half[:, :35] = 255
        Image.fromarray(half).save("mask.png")
        given["masks"] = ["mask.png", noise_image(70, 45, 5, "L")]
        given["background"] = art.name
    if "style_masks" in controls:
        given["style_masks"] = [noise_image(64, 48, 6, "L")]
    options = RayOptions(**given)
    (look,) = each(several, options)
    content = stylizer.encode_content(photo, crop=options.crop)
    expected = stylizer.stylize(photo, several, **given)
    settings = Settings.of(options, {0: look.encoded(stylizer).on("cpu")}, ".", "nothing")
    monkeypatch.chdir("/")
    sent: Look = pickle.loads(pickle.dumps(settings)).order().looks[0]
    assert np.array_equal(np.asarray(sent.render(stylizer, content)), np.asarray(expected))


def test_groups_travel_packed(photos: Path, art: Path) -> None:
    planned = Folder.plan(photos, art, "out/", RayOptions(**SMALL), search=find, place="ray")
    groups = [Group([(k, task)]) for k, task in enumerate(planned.tasks)]
    groups[0] = groups[0]._replace(reason="gone")
    assert unpacked(packed(groups)) == groups
    runs = [{RUN: pickle.dumps(groups[:2])}, {RUN: pickle.dumps(groups[2:])}]
    assert unpacked(pa.Table.from_pylist(runs)) == groups


def test_no_results_are_a_table_too(worker: Any, batch: Any, photos: Path) -> None:
    assert worker()(packed([])).schema == worker()(batch(photos)).schema
