"""The ray engine on a Ray of this machine: what only shows with processes that start, die and are started again."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from torch import Tensor

from adain._utils.errors import AdainError, EngineError, InputError
from adain.batch.ray.engine import stylize_dataset
from adain.batch.ray.job import MANIFEST
from adain.batch.ray.records import DONE, FAILED, SKIPPED
from adain.control.color import ColorPreservation
from tests.batch.ray.conftest import photos, png, write_table
from tests.conftest import ROOT, noise_image, one_line_error

__all__ = ["photos"]

Run = Callable[..., Result]
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


@dataclass(frozen=True)
class Deadly(ColorPreservation):
    """Kills its process at a photograph whose first pixel is pure red; once, or at every such photograph, if green."""

    marks: str = ""

    def apply_to_output(self, output: Tensor, content: Tensor, **more: Any) -> Tensor:
        red, green, blue = (round(float(v) * 255) for v in content[0, :, 0, 0])
        if (red, blue) == (255, 0):
            with open(self.marks, "a") as file:
                file.write(f"{green}\n")
            if green == 255 or Path(self.marks).read_text().count("0\n") == 1:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().apply_to_output(output, content, **more)


def paint(path: Path, corner: tuple[int, int, int], seed: int) -> None:
    image = noise_image(40, 32, seed)
    image.putpixel((0, 0), corner)
    image.save(path)


@pytest.mark.slow
def test_killed_actors(ray: Any, photos: Path, art: Path, tmp_path: Path, stylizer: Any) -> None:
    """kill -9 in the middle: all results once, the same as without; a picture that always kills is given up."""
    paint(photos / "p1.png", (255, 0, 0), 5)
    paint(photos / "p2.png", (255, 255, 0), 6)
    color = Deadly("luminance", marks=str(tmp_path / "marks"))
    seen: list[str] = []
    report = stylize_dataset(
        photos, [art], tmp_path / "out", color=color, retries=1, callback=lambda r: seen.append(r["output"]), **SMALL
    )
    deaths = (tmp_path / "marks").read_text().split()
    assert deaths.count("255") == 2  # once, and one retry
    assert deaths.count("0") >= 2  # died once, and was made the next time
    assert (report.done, report.failed, report.skipped) == (4, 2, 0)
    records = {Path(row["content"]).relative_to(photos).as_posix(): row for row in report.records()}
    assert len(records) == len(seen) == len(set(seen)) == 6
    assert "keeps dying" in records["p2.png"]["reason"]
    assert "not an image" in records["bad.jpg"]["reason"]
    files = [p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()]
    made = {f"{name}_stylized_art.png" for name in ("p0", "p1", "p3", "sub/p0")}
    assert sorted(files) == sorted([*made, MANIFEST])
    for name in ("p1.png", "sub/p0.png"):
        assert records[name]["status"] == DONE
        expected = stylizer.stylize(photos / name, art, style_size=32, color="luminance")
        with Image.open(records[name]["output"]) as image:
            assert np.array_equal(np.asarray(image), np.asarray(expected))


@pytest.mark.slow
def test_parquet_to_parquet_and_on(ray: Any, art: Path, photo: Path, tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    pictures = [{"bytes": png(k), "path": f"set/{k}.jpg"} for k in range(5)]
    pictures[2] = {"bytes": b"junk", "path": "set/2.jpg"}
    table = write_table(tmp_path / "in" / "a.parquet", {"picture": pictures}, group=2)
    out = tmp_path / "out.parquet"
    how = {**SMALL, "image_column": "picture"}
    report = stylize_dataset(table, [art, photo], out, alpha=0.5, **how)
    assert (report.done, report.failed) == (8, 2)
    made = pq.read_table(out)
    assert sorted(made["output"].to_pylist()) == [
        f"set/{k}_stylized_{s}.jpg" for k in range(5) for s in ("art", "photo")
    ]
    assert made["image"].null_count == 2
    assert set(made.filter(np.array(made["status"].to_pylist()) == FAILED)["content"].to_pylist()) == {f"{table}:2"}

    # Mend the bad one and go on: that alone is made, and nothing is there twice.
    pictures[2]["bytes"] = png(2)
    write_table(table, {"picture": pictures}, group=2)
    with pytest.raises(InputError, match="holds results already"):
        stylize_dataset(table, [art, photo], out, alpha=0.5, **how)
    report = stylize_dataset(table, [art, photo], out, alpha=0.5, skip_existing=True, **how)
    assert (report.done, report.failed, report.skipped) == (2, 0, 8)
    assert len({row["output"] for row in report.records()}) == 10
    made = pq.read_table(out)
    assert len(set(made["output"].to_pylist())) == made.num_rows == 10
    assert made["image"].null_count == 0


@pytest.mark.slow
def test_command_line(ray: Any, photos: Path, art: Path, tmp_path: Path, run_cli: Run) -> None:
    args = ("stylize", photos, art, "-o", tmp_path / "out", "--style-size", "32", "--device", "cpu", "--engine", "ray")
    ours = tmp_path / "out" / "p1_stylized_art.png"
    ours.parent.mkdir()
    ours.write_bytes(b"of yesterday")
    result = run_cli(*args, "--ray-actors", "1", "--skip-existing", "--gradient", "radial", photos / "p3.png")
    assert result.exit_code == 1, result.output
    assert "bad.jpg" in result.stderr
    name = "{}_stylized_art+p3.png"
    assert sorted(result.stdout.splitlines()) == sorted(
        str(tmp_path / "out" / name.format(p)) for p in ("p0", "p1", "p2", "p3", "sub/p0")
    )
    shutil.rmtree(tmp_path / "out" / "sub")
    again = run_cli(*args, "--ray-actors", "1", "--skip-existing", "--gradient", "radial", photos / "p3.png", "--json")
    records = [json.loads(line) for line in again.stdout.splitlines()]
    assert sorted(row["status"] for row in records) == [DONE, *4 * [SKIPPED]]
    assert ours.read_bytes() == b"of yesterday"


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
    assert not list((tmp_path / "out").iterdir())


def test_all_there_needs_no_worker(photos: Path, art: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray.data")
    (tmp_path / "out").mkdir()
    for k in range(2):
        (tmp_path / "out" / f"p{k}_stylized_art.png").write_bytes(b"")
    contents = [photos / "p0.png", photos / "p1.png"]
    report = stylize_dataset(contents, [art], tmp_path / "out", skip_existing=True)
    assert (report.done, report.skipped) == (0, 2)


def test_an_error_from_afar_is_one_line() -> None:
    pytest.importorskip("ray.data")
    from adain.batch.ray import runtime

    module = runtime.load()
    text = "Traceback (most recent call last):\n  File x\nadain.errors.WeightsError: w.safetensors is damaged\n"
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
        (("--ray-actors", "2"), "--ray-actors goes with --engine ray"),
        (("--engine", "ray", "--jobs", "2", "--pairs", "zip"), "--pairs zip and --jobs do not go with --engine ray"),
        (("--engine", "ray", "--refine", "5"), "--refine does not go with --engine ray"),
        (("--engine", "ray", "--ray-actors", "0"), "--ray-actors"),
        (("--engine", "dask"), "--engine"),
    ],
)
def test_options(run_cli: Run, photos: Path, art: Path, args: tuple[str, ...], message: str) -> None:
    assert message in one_line_error(run_cli("stylize", photos, art, *args))


def test_importing_adain_imports_no_ray() -> None:
    code = "import sys, adain.cli.engine, adain.batch.ray.engine; assert not {'ray', 'pyarrow'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_deadly_is_what_it_is_called() -> None:
    assert dataclasses.replace(Deadly("luminance", marks="m"), strength=0.5).marks == "m"
