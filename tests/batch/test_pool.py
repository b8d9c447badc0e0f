from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from adain._utils.errors import AdainError
from adain.batch.folder import stylize_folder
from adain.batch.manifest import Manifest
from adain.batch.pool import share_out
from adain.batch.run import Result, remaining
from adain.options import FileOptions
from tests.conftest import ROOT, noise_image
from tests.makers import Colors, broken, killed, tasks

pytestmark = pytest.mark.slow  # each process imports torch


@pytest.fixture(autouse=True)
def _makers_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the other processes, too, which look for modules where this one does."""
    monkeypatch.syspath_prepend(ROOT)


def run(folder: Path, *names: str, build: Any = Colors, jobs: int = 2, styles: int = 1) -> list[Result]:
    with Manifest(folder / "out") as manifest:
        todo = remaining(tasks(folder, *names, styles=styles), manifest)
        return list(share_out(todo, build, manifest, jobs=jobs, options=FileOptions()))


def test_all_in_order_and_recorded(tmp_path: Path) -> None:
    names = ["slow", *"abc", "unreadable", "odd", *"defgh"]
    results = run(tmp_path, *names, styles=2)
    assert [r.output.name for r in results] == [f"{name}_{k}.png" for name in names for k in range(2)]
    failed = [r for r in results if r.status == "failed"]
    assert [r.details["content"] for r in failed] == ["unreadable", "unreadable", "odd", "odd"]
    assert str(failed[-1].error) == f"{tmp_path}/odd: LookupError: two lines"
    assert all(r.output.is_file() for r in results if r.status == "done")
    assert len(Manifest(tmp_path / "out").latest) == 22
    assert not multiprocessing.active_children()


def test_a_process_that_is_killed(tmp_path: Path) -> None:
    """What it was at is tried once more; if that kills, too, it is given up, and nothing else."""
    names = [*"ab", "deadly", *"cdef"]
    results = run(tmp_path, *names, jobs=1)
    assert [r.details["content"] for r in results] == names
    bad = [r for r in results if r.status != "done"]
    assert [r.details["content"] for r in bad] == ["deadly"]
    reason = f"{tmp_path}/deadly: the process at work on it was killed by SIGKILL (out of memory?): use fewer --jobs"
    assert str(bad[0].error) == reason
    assert Manifest(tmp_path / "out").latest["deadly_0.png"]["reason"] == reason
    assert not multiprocessing.active_children()


def test_processes_that_cannot_begin(tmp_path: Path) -> None:
    with pytest.raises(AdainError, match="no such model"):
        run(tmp_path, "a", "b", build=broken, jobs=1)
    results = run(tmp_path, "a", "b", build=killed, jobs=1)
    assert [r.status for r in results] == ["failed", "failed"]
    assert "was killed by SIGKILL" in str(results[0].error)
    assert not multiprocessing.active_children()


def test_leaving_early(tmp_path: Path) -> None:
    with Manifest(tmp_path / "out") as manifest:
        stream = share_out(
            tasks(tmp_path, "slow1", "slow2", "slow3", "slow4"), Colors, manifest, jobs=1, options=FileOptions()
        )
        assert next(stream).output.name == "slow1_0.png"
        stream.close()  # type: ignore[attr-defined]
    assert not multiprocessing.active_children()
    # What was begun is finished and recorded, what was not is not.
    latest = Manifest(tmp_path / "out").latest
    assert 1 <= len(latest) <= 3
    assert {r["status"] for r in latest.values()} == {"done"}
    assert {p.name for p in (tmp_path / "out").glob("*.png")} == set(latest)


@pytest.mark.parametrize(
    "controls",
    [
        {"color": ["linear", None], "quality": 70, "suffix": ".jpg", "recursive": True, "tile": 64},
        {"gradient": Image.linear_gradient("L").resize((40, 36)), "refine": 1, "precision": "fp32"},
    ],
    ids=["each", "refined"],
)
def test_the_same_bytes_as_in_one_process(fast_files: Any, tmp_path: Path, controls: dict[str, Any]) -> None:
    for k, name in enumerate(("photos/a.png", "photos/b.png", "photos/sub/c.png", "arts/x.png", "arts/y.png")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        noise_image(40, 36, k).save(tmp_path / name)
    encoder, decoder = fast_files
    seen: list[Result] = []

    def make(out: str, jobs: int = 1) -> list[Result]:
        return stylize_folder(
            tmp_path / "photos", tmp_path / "arts", tmp_path / out, encoder=encoder, decoder=decoder, jobs=jobs,
            style_size=32, progress=lambda result: seen.append(result), **controls,  # which cannot be sent to a process
        )  # fmt: skip

    two = make("two", jobs=2)
    assert seen == two
    one = make("one")
    assert {str(result.error) for result in (*one, *two)} == {"None"}
    assert {result.status for result in (*one, *two)} == {"done"}
    assert [result.output.relative_to(tmp_path / "one") for result in one] == [
        result.output.relative_to(tmp_path / "two") for result in two
    ]
    assert [result.output.read_bytes() for result in one] == [result.output.read_bytes() for result in two]
    assert [result.task.settings for result in one] == [result.task.settings for result in two]
    assert {result.status for result in make("two")} == {"skipped"}
