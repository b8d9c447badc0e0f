from __future__ import annotations

import asyncio
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from starlette.testclient import TestClient

from adain.app import AppOptions, create_app, job_routes, jobs, worker
from adain.app.errors import TooLong
from adain.app.finish import TilesDone, pictures_of
from adain.app.job_routes import followed
from adain.app.worker import Turn
from adain.backends.ncnn import NcnnEngine
from adain.options import Options
from adain.stylizer import TileProgress
from cli.main import main
from tests.app.painting import HARBOUR, WAVE, opened, png, site_of, upload
from tests.conftest import noise_image

SOON = 20.0
TILE = 64


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = create_app(AppOptions(model="fast", max_jobs=3))
    with TestClient(app, base_url="http://127.0.0.1:7860") as made:
        yield made


@pytest.fixture
def content(client: TestClient) -> str:
    return upload(client, "contents", png(noise_image(160, 100, 1)), "photo.png")


class Gate:
    """Lets passes of the decoder through one by one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.count = threading.Event(), threading.Semaphore(0)
        known = NcnnEngine.decode

        def waiting(*args: Any, **how: Any) -> Any:
            self.begun.set()
            assert self.count.acquire(timeout=SOON)
            return known(*args, **how)

        monkeypatch.setattr(NcnnEngine, "decode", waiting)

    def open(self, passes: int = 1000) -> None:
        self.count.release(passes)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate(monkeypatch)
    yield made
    made.open()


def order(client: TestClient, content: str, *styles: str, **more: Any) -> Any:
    options = {"tile": TILE, **more.pop("options", {})}
    return client.post("/stylize", json={"content": content, "styles": styles or (WAVE,), "options": options} | more)


def begun(client: TestClient, content: str, *styles: str, **more: Any) -> str:
    answer = order(client, content, *styles, **more)
    assert answer.status_code == 202, answer.text
    id: str = answer.json()["job"]
    assert answer.headers["location"] == f"/jobs/{id}"
    return id


def ended(client: TestClient, id: str) -> dict[str, Any]:
    """What is told of a job once it is over."""
    for _ in range(2000):
        told: dict[str, Any] = client.get(f"/jobs/{id}").json()
        if told["state"] in ("done", "failed", "cancelled"):
            return told
        time.sleep(0.01)
    raise AssertionError(f"it does not end: {told}")


def finished(client: TestClient, content: str, *styles: str, **more: Any) -> bytes:
    id = begun(client, content, *styles, **more)
    told = ended(client, id)
    assert told["state"] == "done", told
    return client.get(told["result"]).content


def by_command(tmp_path: Path, *words: str | Path) -> bytes:
    """The file that the command line writes; the last word is its name."""
    *given, name = words
    out = tmp_path / str(name)
    result = CliRunner().invoke(main, ["stylize", *map(str, given), "-o", str(out), "--model", "fast"])
    assert result.exit_code == 0, result.output
    return out.read_bytes()


def jpeg() -> bytes:
    """A photograph with what cameras write, to be turned upright."""
    picture, data = noise_image(150, 90, 4), io.BytesIO()
    exif = Image.Exif()
    exif[0x010E], exif[0x013B], exif[0x0112] = "a harbour", "somebody", 6
    picture.save(data, "JPEG", quality=90, exif=exif)
    return data.getvalue()


FILES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("out.png", {}, []),
    ("out.jpg", {"format": "jpeg", "quality": 61}, ["--quality", "61"]),
    ("out.webp", {"format": "webp"}, []),
    ("out.tif", {"format": "tiff", "file": {"bits": 16}}, ["--bits", "16"]),
    ("out.png", {"file": {"dither": True, "metadata": "keep"}}, ["--dither", "--metadata", "keep"]),
    ("out.png", {"options": {"keep_edges": 0.4, "color": "luminance"}}, ["--keep-edges", "0.4", "--preserve-color"]),
    ("out.png", {"options": {"grid": 3}}, ["--style-grid", "3"]),
    ("out.png", {"options": {"max_drift": 2}}, ["--max-drift", "2"]),
]


@pytest.mark.parametrize(("name", "body", "flags"), FILES, ids=lambda value: str(value)[:40])
def test_the_file_is_that_of_the_command_line(
    client: TestClient, tmp_path: Path, name: str, body: dict[str, Any], flags: list[str]
) -> None:
    source = tmp_path / "photo.jpg"
    source.write_bytes(jpeg())
    styles = [WAVE, HARBOUR] if "--style-grid" in flags else [WAVE]
    words = [source, *(style.removeprefix("gallery-") for style in styles), "--tile", str(TILE), *flags]
    wanted = by_command(tmp_path, *words, name)
    assert finished(client, upload(client, "contents", source.read_bytes(), "photo.jpg"), *styles, **body) == wanted


@pytest.mark.parametrize(
    ("kind", "suffix", "mode"), [("png", ".png", "RGBA"), ("webp", ".webp", "RGBA"), ("jpeg", ".jpg", "RGB")]
)
def test_transparency(client: TestClient, tmp_path: Path, kind: str, suffix: str, mode: str) -> None:
    picture = noise_image(96, 96, 3).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize((96, 96)))
    source = tmp_path / "soft.png"
    picture.save(source)
    wanted = by_command(tmp_path, source, "great-wave", "--tile", str(TILE), f"out{suffix}")
    made = finished(client, upload(client, "contents", source.read_bytes(), "soft.png"), format=kind)
    assert made == wanted
    assert opened(made).mode == mode


def test_the_result_is_a_download_of_that_name(client: TestClient, content: str) -> None:
    told = ended(client, begun(client, content))
    assert (told["name"], told["width"], told["height"]) == ("photo_stylized_great-wave.png", 160, 100)
    assert told["notes"] == {}
    bounded = ended(client, begun(client, content, options={"max_drift": 2, "protect": "faces"}))
    assert {*bounded["notes"]} >= {"alpha", "drift", "faces"}
    answer = client.get(told["result"])
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == 'attachment; filename="photo_stylized_great-wave.png"'
    assert opened(answer.content).size == (160, 100)


def events(client: TestClient, id: str) -> list[tuple[str, dict[str, Any]]]:
    with client.stream("GET", f"/jobs/{id}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        text = "".join(stream.iter_text())
    parts = [part.split("\n") for part in text.strip().split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in parts]


def test_events(client: TestClient, content: str) -> None:
    id = begun(client, content, options={"correct": 1})
    heard = events(client, id)
    assert [name for name, _ in heard[:-1]] == ["progress"] * (len(heard) - 1)
    name, last = heard[-1]
    assert name == "done"
    assert last == client.get(f"/jobs/{id}").json()
    assert last["fraction"] == 1.0
    fractions = [told["fraction"] for _, told in heard]
    assert fractions == sorted(fractions)
    assert events(client, id) == [heard[-1]]  # who comes late


def test_what_is_told_while_it_is_at_work(client: TestClient, content: str, gate: Gate) -> None:
    id = begun(client, content)
    assert gate.begun.wait(SOON)
    told = client.get(f"/jobs/{id}").json()
    assert (told["state"], told["phase"], told["done"], told["total"]) == ("working", "encode", 6, 6)
    assert told["fraction"] == 0.5
    assert told["result"] is None
    gate.open(2)
    _until(lambda: client.get(f"/jobs/{id}").json()["done"] == 2)
    told = client.get(f"/jobs/{id}").json()
    assert (told["phase"], told["total"], round(told["fraction"], 3)) == ("decode", 6, round(0.5 + 1 / 6, 3))
    waiting = client.get(f"/jobs/{id}/result")
    assert waiting.status_code == 409
    assert "working" in waiting.json()["error"]
    gate.open()
    assert ended(client, id)["state"] == "done"


def test_a_job_that_waits_is_cancelled(client: TestClient, content: str, gate: Gate) -> None:
    first = begun(client, content)
    assert gate.begun.wait(SOON)
    second = begun(client, content)
    assert client.delete(f"/jobs/{second}").status_code == 204
    assert client.get(f"/jobs/{second}").json()["state"] == "cancelled"
    assert events(client, second)[-1][0] == "cancelled"
    assert not (site_of(client).folder / "results" / second).exists()
    gate.open()
    assert ended(client, first)["state"] == "done"


def test_a_job_at_work_is_cancelled_within_a_tile(client: TestClient, content: str, gate: Gate) -> None:
    id = begun(client, content)
    assert gate.begun.wait(SOON)
    assert client.delete(f"/jobs/{id}").status_code == 204
    assert events(client, id)[-1][0] == "cancelled"
    gate.open(1)  # the tile that it is at, and none more
    _until(lambda: not (site_of(client).folder / "results" / id).exists())
    assert gate.count.acquire(blocking=False) is False
    after = begun(client, content)
    gate.open()
    assert ended(client, after)["state"] == "done"


def test_a_job_that_is_over_is_forgotten_with_its_file(client: TestClient, content: str) -> None:
    id = begun(client, content)
    assert ended(client, id)["state"] == "done"
    assert (site_of(client).folder / "results" / id).exists()
    assert client.delete(f"/jobs/{id}").status_code == 204
    assert not (site_of(client).folder / "results" / id).exists()
    for answer in (client.get(f"/jobs/{id}"), client.delete(f"/jobs/{id}"), client.get(f"/jobs/{id}/events")):
        assert answer.status_code == 404
        assert "ask for the picture again" in answer.json()["error"]


def test_only_so_many_are_open(client: TestClient, content: str, gate: Gate) -> None:
    ids = [begun(client, content) for _ in range(3)]
    refused = order(client, content)
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "10"
    assert "3 pictures are being finished" in refused.json()["error"]
    assert {each.name for each in (site_of(client).folder / "results").iterdir()} == {*ids}
    client.delete(f"/jobs/{ids[2]}")
    ids[2] = begun(client, content)
    gate.open()
    assert [ended(client, id)["state"] for id in ids] == ["done"] * 3


def test_only_so_many_are_kept(client: TestClient, content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "KEPT", 2)
    ids = []
    for _ in range(4):
        ids.append(begun(client, content))
        assert ended(client, ids[-1])["state"] == "done"
    assert [client.get(f"/jobs/{id}").status_code for id in ids] == [404, 404, 200, 200]
    assert {each.name for each in (site_of(client).folder / "results").iterdir()} == {*ids[2:]}
    monkeypatch.setattr(jobs, "KEPT_BYTES", 1)
    assert [client.get(f"/jobs/{id}").status_code for id in ids[2:]] == [404, 200]
    monkeypatch.setattr(jobs, "KEPT_SECONDS", 0.0)
    assert client.get(f"/jobs/{ids[3]}").status_code == 404
    assert not [*(site_of(client).folder / "results").iterdir()]


def test_time_is_bounded(content_of: Callable[..., tuple[TestClient, str]], gate: Gate) -> None:
    client, content = content_of(AppOptions(model="fast", job_minutes=1e-9))
    id = begun(client, content)
    turn = site_of(client).jobs.get(id).turn
    assert turn is not None
    _until(lambda: _is_broken_off(turn))
    gate.open()
    told = ended(client, id)
    assert told["state"] == "failed"
    assert "more than 1e-09 minutes: ask for a smaller content_size" in told["error"]


def _is_broken_off(turn: Turn[None]) -> bool:
    try:
        turn.check()
    except TooLong:
        return True
    return False


@pytest.fixture
def content_of() -> Iterator[Callable[..., tuple[TestClient, str]]]:
    """A client of an application with other options, and a photograph in it."""
    made: list[TestClient] = []

    def make(options: AppOptions) -> tuple[TestClient, str]:
        client = TestClient(create_app(options), base_url="http://127.0.0.1:7860")
        made.append(client.__enter__())
        return client, upload(client, "contents", png(noise_image(160, 100, 1)), "photo.png")

    yield make
    for client in made:
        client.__exit__(None, None, None)


def test_running_out_of_memory_leaves_the_next_one(
    client: TestClient, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise MemoryError("ncnn ran out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(NcnnEngine, "decode", full)
        told = ended(client, begun(client, content))
    assert told["state"] == "failed"
    assert told["error"] == "photo.png: out of memory; a smaller content_size (--content-size) needs less"
    assert events(client, told["job"]) == [("failed", told)]
    assert client.get(f"/jobs/{told['job']}/result").status_code == 409
    assert ended(client, begun(client, content))["state"] == "done"


def test_a_model_that_cannot_be_opened_fails_the_job_alone(
    client: TestClient, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(worker, "open_model", full)
        told = ended(client, begun(client, content))
    assert told["state"] == "failed"
    assert told["error"].startswith("out of memory")
    _until(lambda: not [*(site_of(client).folder / "results").iterdir()])
    assert site_of(client).jobs.count_open() == 0


def test_a_photograph_that_is_deleted_meanwhile_is_still_used(client: TestClient, content: str, gate: Gate) -> None:
    begun(client, content)
    assert gate.begun.wait(SOON)
    waits = begun(client, content, options={"alpha": 0.5})
    assert client.delete(f"/contents/{content}").status_code == 204
    gate.open()
    assert ended(client, waits)["state"] == "done"
    _until(lambda: not [*(site_of(client).folder / "uploads").iterdir()])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"options": {"tile": "off"}}, "tile is a side of at most 1024 px here"),
        ({"options": {"tile": 4096}}, "tile is a side of at most 1024 px here"),
        ({"format": "jpeg", "file": {"bits": 16}}, "bits"),
        ({"options": {"grid": 3}}, "grid is for two to four styles"),
    ],
)
def test_what_cannot_be_is_said_at_once(client: TestClient, content: str, body: dict[str, Any], says: str) -> None:
    answer = order(client, content, **body)
    assert answer.status_code == 422, answer.text
    assert says in answer.json()["error"]
    assert not [*(site_of(client).folder / "results").glob("*")]


def test_stopping_ends_all(content: str, client: TestClient, gate: Gate) -> None:
    site = site_of(client)
    ids = [begun(client, content), begun(client, content)]
    assert gate.begun.wait(SOON)
    site.jobs.stop()
    site.jobs.stop()
    assert [client.get(f"/jobs/{id}").json()["state"] for id in ids] == ["cancelled"] * 2
    assert [name for name, _ in events(client, ids[0])] == ["cancelled"]
    assert order(client, content).status_code == 503
    gate.open(1)
    site.models.stop()


def test_who_follows_a_job_hears_something_now_and_then(
    client: TestClient, content: str, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_routes, "HEARTBEAT", 0.2)
    id = begun(client, content)
    assert gate.begun.wait(SOON)

    async def first(count: int) -> list[str]:
        heard = []
        async for text in followed(site_of(client).jobs.get(id)):
            heard.append(text)
            if len(heard) == count:
                break
        return heard

    told, *silence = asyncio.run(first(3))
    assert told.startswith("event: progress\ndata: {")
    assert silence == [": still there\n\n"] * 2


def test_fractions() -> None:
    def fractions(options: Options, styles: int, phases: list[tuple[str, int]]) -> list[float]:
        progress, told = TilesDone(options, styles), []
        for phase, tiles in phases:
            for k in range(tiles):
                progress.tell(TileProgress(phase, k + 1, tiles))
                told.append(progress.fraction)
        assert told == sorted(told)
        return told

    assert fractions(Options(), 1, [("encode", 2), ("decode", 2)]) == [0.25, 0.5, 0.75, 0.99]
    told = fractions(Options(correct=2), 1, [("encode", 2), ("correct", 2), ("correct", 2), ("decode", 2)])
    assert np.allclose(told, [1 / 12, 2 / 12, 4 / 12, 6 / 12, 8 / 12, 10 / 12, 11 / 12, 0.99])
    assert pictures_of(Options(grid=3), 2) == 3
    assert pictures_of(Options(grid=3), 3) == 6
    assert pictures_of(Options(grid=3), 4) == 9
    assert pictures_of(Options(preview=True), 1) == 12
    found = fractions(Options(max_drift=1), 1, [("encode", 2), *[("decode", 2)] * 6])
    assert found[-1] == 0.99
    assert np.isclose(found[1], 1 / 7)


def _until(is_so: Callable[[], bool]) -> None:
    for _ in range(2000):
        if is_so():
            return
        time.sleep(0.005)
    raise AssertionError("it did not come to that")
