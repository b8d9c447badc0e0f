"""The ray engine on a Ray of this machine: what only shows with processes that start, die and are started again."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adain._utils.errors import AdainError, EngineError, InputError
from adain.batch import Folder, FolderOptions, Manifest, Result
from adain.batch.manifest import NAME
from adain.batch.plan import Job
from adain.batch.ray import RayOptions, engine, plan_dataset, stylize_dataset
from adain.batch.ray.worker import RayWorker
from tests.batch.ray.conftest import photos, png, write_table
from tests.conftest import ROOT, noise_image, one_line_error

__all__ = ["photos"]

Run = Callable[..., Any]
SMALL: Any = {"style_size": 32, "device": "cpu", "actors": 1}


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """One small Ray for all tests, whose processes find the checkout."""
    module = pytest.importorskip("ray")
    pytest.importorskip("ray.data")
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        module.init(
            address="local",
            num_cpus=2,
            object_store_memory=100 * 2**20,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
        yield module
        module.shutdown()


class Deadly(RayWorker):
    """Dies at a photograph whose first pixel is pure red; once, or at every such photograph, if it is yellow."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        render = self.maker.render

        def dies(loaded: Any, job: Job) -> Image.Image:
            marks = job.output.parent.parent / "marks"
            with Image.open(job.content) as image:
                red, green, blue = image.convert("RGB").getpixel((0, 0))  # type: ignore[misc]
            if (red, blue) == (255, 0):
                with marks.open("a") as file:
                    file.write(f"{green}\n")
                if green == 255 or marks.read_text().count("0\n") == 1:
                    os.kill(os.getpid(), signal.SIGKILL)
            return render(loaded, job)

        self.maker.render = dies  # type: ignore[method-assign]


def paint(path: Path, corner: tuple[int, int, int], seed: int) -> None:
    image = noise_image(40, 32, seed)
    image.putpixel((0, 0), corner)
    image.save(path)


def states(results: list[Result]) -> str:
    return "".join(sorted(result.status[0] for result in results))


def test_tables_that_are_read_are_not_replaced(tmp_path: Path, art: Path) -> None:
    """Results of before, given as pictures, lie where the new parts go."""
    pytest.importorskip("ray.data")
    part = write_table(tmp_path / "out.parquet" / "part-0.parquet", {"image": [png(1)], "name": ["a.png"]})
    (tmp_path / "link.parquet").symlink_to(part)
    before = part.read_bytes()
    for given in (part, tmp_path / "link.parquet"):
        with pytest.raises(InputError, match=r"part-0.parquet is also an input"):
            plan_dataset([given], [art], tmp_path / "out.parquet", RayOptions())
    with pytest.raises(InputError, match=r"art.png is also an input"):
        plan_dataset([part], [art], art, RayOptions())
    assert part.read_bytes() == before
    assert plan_dataset([part], [art], tmp_path / "other.parquet", RayOptions()).total == 1


@pytest.mark.slow
def test_killed_actors(
    ray: Any, photos: Path, art: Path, tmp_path: Path, stylizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kill -9 in the middle: all results once, the same as without; a picture that always kills is given up."""
    paint(photos / "p1.png", (255, 0, 0), 5)
    paint(photos / "p2.png", (255, 255, 0), 6)
    monkeypatch.setattr(engine, "RayWorker", Deadly)
    how: Any = {**SMALL, "color": "luminance", "retries": 1, "recursive": True}
    seen: list[Result] = []
    results = stylize_dataset(photos, [art], tmp_path / "out", progress=seen.append, **how)
    deaths = (tmp_path / "marks").read_text().split()
    assert deaths.count("255") == 2  # once, and one retry
    assert deaths.count("0") >= 2  # died once, and was made the next time
    assert states(results) == "ddddff"
    assert results == seen
    by_name = {Path(r.details["content"]).relative_to(photos).as_posix(): r for r in results}
    assert len(by_name) == 6
    assert "keeps dying" in str(by_name["p2.png"].error)
    assert "not an image" in str(by_name["bad.jpg"].error)
    files = [p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()]
    made = {f"{name}_stylized_art.png" for name in ("p0", "p1", "p3", "sub/p0")}
    assert sorted(files) == sorted([*made, NAME])
    for name in ("p1.png", "sub/p0.png"):
        assert by_name[name].status == "done"
        expected = stylizer.stylize(photos / name, art, style_size=32, color="luminance")
        with Image.open(by_name[name].output) as image:
            assert np.array_equal(np.asarray(image), np.asarray(expected))
    known = Manifest(tmp_path / "out").latest
    assert sorted(row["status"] for row in known.values()) == ["done"] * 4 + ["failed"] * 2
    assert "keeps dying" in known["p2_stylized_art.png"]["reason"]


@pytest.mark.slow
def test_parquet_to_parquet_and_on(ray: Any, art: Path, photo: Path, tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    pictures = [{"bytes": png(k), "path": f"set/{k}.jpg"} for k in range(5)]
    pictures[2] = {"bytes": b"junk", "path": "set/2.jpg"}
    table = write_table(tmp_path / "in" / "a.parquet", {"picture": pictures}, group=2)
    out = tmp_path / "out.parquet"
    how: Any = {**SMALL, "image_column": "picture", "alpha": 0.5}
    assert states(stylize_dataset(table, [art, photo], out, **how)) == "ddddddddff"
    made = pq.read_table(out)
    assert sorted(made["output"].to_pylist()) == [
        f"set/{k}_stylized_{s}.jpg" for k in range(5) for s in ("art", "photo")
    ]
    assert made["image"].null_count == 2
    failed = made.filter(np.array(made["status"].to_pylist()) == "failed")
    assert set(failed["content"].to_pylist()) == {f"{table}:2"}

    # The same again tries those alone; what was made otherwise is neither kept nor replaced unasked.
    assert states(stylize_dataset(table, [art, photo], out, **how)) == "ffssssssss"
    with pytest.raises(InputError, match="holds 8 of these results made under other options"):
        stylize_dataset(table, [art, photo], out, **{**how, "alpha": 0.6})

    # Mend the bad one and go on: that alone is made, and nothing is there twice.
    pictures[2]["bytes"] = png(2)
    write_table(table, {"picture": pictures}, group=2)
    assert states(stylize_dataset(table, [art, photo], out, existing="skip", **how)) == "ddssssssss"
    made = pq.read_table(out)
    assert len(set(made["output"].to_pylist())) == made.num_rows == 10
    assert made["image"].null_count == 0
    assert states(stylize_dataset(table, art, out, existing="redo", **how)) == "ddddd"
    made = pq.read_table(out)
    assert len(set(made["output"].to_pylist())) == made.num_rows == 10


@pytest.mark.slow
def test_command_line(ray: Any, photos: Path, art: Path, tmp_path: Path, run_cli: Run) -> None:
    """The same command goes on with Ray where it was without, and the other way round."""
    args = ("stylize", "-r", photos, art, "-o", tmp_path / "out", "--style-size", "32", "--device", "cpu")
    on_ray = ("--engine", "ray", "--ray-actors", "1")
    result = run_cli(*args, *on_ray)
    assert result.exit_code == 1, result.output
    assert "bad.jpg" in result.stderr
    outputs = sorted(str(tmp_path / "out" / f"{p}_stylized_art.png") for p in ("p0", "p1", "p2", "p3", "sub/p0"))
    assert sorted(result.stdout.splitlines()) == outputs
    noise_image(40, 32, 9).save(photos / "bad.jpg")
    here = run_cli(*args, "--json")
    assert here.exit_code == 0, here.output
    records = [json.loads(line) for line in here.stdout.splitlines()]
    assert [row["status"] for row in records] == ["done"] + ["skipped"] * 5
    (tmp_path / "out" / "p1_stylized_art.png").unlink()
    again = run_cli(*args, *on_ray, "--json")
    records = [json.loads(line) for line in again.stdout.splitlines()]
    assert sorted(row["status"] for row in records) == ["done"] + ["skipped"] * 5
    assert Path(next(row["output"] for row in records if row["status"] == "done")).name == "p1_stylized_art.png"
    changed = run_cli(*args, *on_ray, "--alpha", "0.5", "--skip-existing")
    assert (changed.exit_code, len(changed.stdout.splitlines())) == (0, 6)
    finished = [run_cli(*args, *engine) for engine in ((), on_ray)]
    assert finished[0].output == finished[1].output


def test_workers_that_cannot_start(ray: Any, photos: Path, art: Path, tmp_path: Path) -> None:
    for how, error, message in (
        ({"device": "cuda"}, InputError, "needs GPUs"),
        ({"device": "cuda:1"}, InputError, "Ray chooses the GPU"),
        ({"gpus_per_actor": 0.5, "device": "auto"}, InputError, "has 0 GPUs"),
        ({"cpus_per_actor": 64.0}, InputError, "has 2 CPUs"),
        ({"retries": -1}, InputError, "at least 0"),
        ({"decoder": tmp_path / "none.safetensors"}, AdainError, "none.safetensors"),
    ):
        with pytest.raises(error, match=message):
            stylize_dataset(photos, [art], tmp_path / "out", **{**SMALL, **how})
    assert not (tmp_path / "out").exists()


def test_all_there_needs_no_worker(photos: Path, art: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray.data")
    (tmp_path / "out").mkdir()
    for k in range(2):
        (tmp_path / "out" / f"p{k}_stylized_art.png").write_bytes(b"")
    contents = [photos / "p0.png", photos / "p1.png"]
    assert states(stylize_dataset(contents, [art], tmp_path / "out", existing="skip")) == "ss"


def test_the_same_plan_as_without(photos: Path, art: Path, photo: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray.data")
    for how in ({}, {"recursive": True, "suffix": ".webp"}, {"weights": (1, 2)}, {"quality": 50},
                {"pairs": "random", "recursive": True, "seed": 3}):  # fmt: skip
        options = RayOptions(**how)
        ours = plan_dataset(photos, [art, photo], tmp_path / "out", options)
        others = Folder.plan(photos, [art, photo], tmp_path / "out", FolderOptions.of(options))
        assert ours.tasks == others.tasks
    with pytest.raises(InputError, match="as many styles as photographs, or one for all"):
        plan_dataset(photos, [art, photo], tmp_path / "out", RayOptions(pairs="zip"))
    with pytest.raises(InputError, match="is a shard, and those are not for Ray"):
        plan_dataset(tmp_path / "a.tar", art, tmp_path / "out", RayOptions())
    with pytest.raises(InputError, match="copy_labels is for folders of results"):
        plan_dataset(photos, art, tmp_path / "o.parquet", RayOptions(copy_labels=True))
    with pytest.raises(InputError, match="one file for 5 results"):
        plan_dataset(photos, art, tmp_path / "out.png", RayOptions())
    with pytest.raises(InputError, match="is a file"):
        plan_dataset(photos, art, write_table(tmp_path / "file.parquet", {"image": [b""]}), RayOptions())
    assert not (tmp_path / "out").exists()


def test_a_style_that_cannot_be_read(photos: Path, art: Path, tmp_path: Path) -> None:
    """It fails its results, as without Ray; where there is no other, nothing is started."""
    pytest.importorskip("ray.data")
    bad = photos / "bad.jpg"
    results = stylize_dataset([photos / "p0.png", photos / "p1.png"], bad, tmp_path / "out", **SMALL)
    assert states(results) == "ff"
    assert "not an image" in str(results[0].error)
    assert Manifest(tmp_path / "out").latest["p0_stylized_bad.png"]["status"] == "failed"


def test_an_error_from_afar_is_one_line() -> None:
    pytest.importorskip("ray.data")
    from adain.batch.ray import runtime

    module = runtime.load()
    text = "Traceback (most recent call last):\n  File x\nadain._utils.errors.WeightsError: w.safetensors is damaged\n"
    with (
        pytest.raises(EngineError, match=r"^Ray could not do the work: w.safetensors is damaged$"),
        runtime.errors(module),
    ):
        raise module.exceptions.RayError(text)


def test_missing_extra(run_cli: Run, photos: Path, art: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    message = one_line_error(run_cli("stylize", photos, art, "--engine", "ray"))
    assert 'pip install "adain[ray]"' in message


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--ray-actors", "2"), "--ray-actors does not go with --engine local: add --engine ray"),
        (("--engine", "ray", "--jobs", "2", "--refine", "5"), "--jobs and --refine do not go with --engine ray"),
        (("--engine", "ray", "--onnx", "m/"), "--onnx does not go with --engine ray"),
        (("--engine", "ray", "--refine", "5"), "--refine does not go with --engine ray"),
        (("--engine", "ray", "--ray-actors", "0"), "--ray-actors"),
        (("--engine", "dask"), "--engine"),
    ],
)
def test_options(run_cli: Run, photos: Path, art: Path, args: tuple[str, ...], message: str) -> None:
    assert message in one_line_error(run_cli("stylize", photos, art, *args))


def test_importing_adain_imports_no_ray() -> None:
    code = (
        "import sys, adain.batch.ray, adain.cli.main; from adain.batch.ray import RayOptions; "
        "assert not {'ray', 'pyarrow', 'torch'} & set(sys.modules); from adain.batch.ray import stylize_dataset; "
        "assert not {'ray', 'pyarrow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
