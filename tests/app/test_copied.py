"""What is copied, run where its files lie: byte for byte what the server has finished."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from adain import Stylizer
from adain.app import AppOptions, create_app
from cli.main import main
from tests.conftest import noise_image, sample

WAIT = 120.0
"""Seconds for a small picture."""


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    """One server for all, whose models are opened once."""
    with TestClient(create_app(AppOptions(model="fast")), base_url="http://127.0.0.1:7860") as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's own folder: a photograph with EXIF, artworks, a mask and a map of labels."""
    made = tmp_path_factory.mktemp("user")
    exif = Image.Exif()
    exif[0x010E], exif[0x8298], exif[0x0112] = "harbour", "Copyright 2026", 6
    Image.open(sample("content", "chelsea")).resize((150, 100)).save(made / "my photo.jpg", exif=exif, quality=90)
    noise_image(90, 70, 1).save(made / "-wave.png")
    noise_image(70, 90, 2).save(made / "it's night.webp")
    labels = np.zeros((150, 100), np.uint8)
    labels[60:], labels[:, 70:] = 1, 2
    Image.fromarray(labels).save(made / "map.png")
    Stylizer.from_pretrained("fast").encode_style(noise_image(80, 80, 3), size=64).save(made / "mine.safetensors")
    return made


def upload(client: TestClient, kind: str, name: str, data: bytes) -> str:
    answer = client.post(f"/{kind}", files={"file": (name, data)})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def painted(seed: int, shape: tuple[int, int] = (100, 66)) -> bytes:
    """A mask as the page paints them."""
    data = io.BytesIO()
    plane = np.zeros(shape, np.uint8)
    plane[10 * seed : 10 * seed + 40] = 255
    Image.fromarray(plane).save(data, "PNG")
    return data.getvalue()


def finished(client: TestClient, body: dict[str, Any]) -> tuple[str, bytes]:
    """The name and the bytes of the file that the server makes."""
    answer = client.post("/stylize", json=body)
    assert answer.status_code == 202, answer.text
    job, until = answer.json(), time.monotonic() + WAIT
    while job["state"] in ("waiting", "working"):
        assert time.monotonic() < until, job
        time.sleep(0.05)
        job = client.get(f"/jobs/{job['job']}").json()
    assert job["state"] == "done", job["error"]
    return job["name"], client.get(job["result"]).content


def bodies(client: TestClient, folder: Path) -> dict[str, dict[str, Any]]:
    """What is asked for, by a word for each."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    content = upload(client, "contents", "my photo.jpg", files["my photo.jpg"])
    wave, night, saved = (
        upload(client, "styles", name, files[name]) for name in ("-wave.png", "it's night.webp", "mine.safetensors")
    )
    first, second = (upload(client, "masks", "mask.png", painted(seed)) for seed in (1, 4))
    part = upload(client, "masks", "mask.png", painted(2, (70, 90)))
    labels = upload(client, "masks", "map.png", files["map.png"])
    small = {"style_size": 64, "tile": 64}
    asked: dict[str, dict[str, Any]] = {
        "plain": {"styles": ["gallery-great-wave"], "options": {"style_size": 128}},
        "blend": {
            "styles": [wave, "gallery-summertime", saved],
            "options": {"tile": 64, "style_size": 64, "weights": [0.5, 0.3, 0.2], "alpha": 0.8, "keep_edges": 0.4},
            "format": "webp", "quality": 71,
        },
        "equal": {"styles": [wave, night], "options": {**small, "correct": 1}, "format": "jpeg"},
        "masks": {
            "styles": [wave, night],
            "options": {
                **small, "masks": [first, second], "feather": 5.5, "alpha": [0.9, 1, 0.6],
                "background": "gallery-moulin-galette", "color": ["linear", None, "none"],
                "style_masks": [part, None],
            },
            "format": "tiff", "file": {"bits": 16, "metadata": "keep"},
        },
        "labels": {
            "styles": [wave, night], "format": "jpeg", "quality": 60,
            "options": {**small, "label_map": labels, "labels": [1, 2], "background": "keep", "protect": first},
        },
        "gradient": {"styles": [wave, night], "options": {**small, "gradient": first}, "file": {"dither": True}},
        "sheet": {"styles": [wave, night], "options": {**small, "grid": 2, "content_size": 64}},
        "sizes": {
            "styles": [wave], "file": {"metadata": "none"}, "format": "jpeg",
            "options": {**small, "content_size": 80, "wrap": "x", "fine_style_size": 32, "color": "linear"},
        },
        "drift": {"styles": [wave], "options": {**small, "max_drift": 0.5}},
    }  # fmt: skip
    return {name: {"content": content, **body} for name, body in asked.items()}


CASES = ("plain", "blend", "equal", "masks", "labels", "gradient", "sheet", "sizes", "drift")


@pytest.fixture(scope="module")
def asked(client: TestClient, folder: Path) -> dict[str, dict[str, Any]]:
    return bodies(client, folder)


def laid_out(client: TestClient, told: dict[str, Any], folder: Path, target: Path) -> None:
    """The folder of somebody who has the uploads, and downloads what they have not."""
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    for each in told["files"]:
        (target / each["name"]).write_bytes(client.get(each["url"]).content)


@pytest.mark.parametrize("case", CASES)
def test_what_is_copied_makes_the_file(
    client: TestClient,
    folder: Path,
    asked: dict[str, dict[str, Any]],
    case: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = client.post("/command", json=asked[case]).json()
    name, data = finished(client, asked[case])
    laid_out(client, told, folder, tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(shlex.split(told["shell"])[1:])
    assert ended.value.code == 0
    by_line = (tmp_path / name).read_bytes()
    (tmp_path / name).unlink()
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(told["python"], "copied", "exec"), {})
    assert by_line == data
    assert (tmp_path / name).read_bytes() == data


def test_inputs_can_be_had_back(client: TestClient, folder: Path, asked: dict[str, dict[str, Any]]) -> None:
    told = client.post("/command", json=asked["blend"]).json()
    assert [each["name"] for each in told["inputs"]] == ["my photo.jpg", "-wave.png", "mine.safetensors"]
    for each in told["inputs"]:
        assert client.get(each["url"]).content == (folder / each["name"]).read_bytes()


@pytest.mark.slow
def test_as_pasted(client: TestClient, folder: Path, asked: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    """In processes of their own, by a shell and from a file."""
    told = client.post("/command", json=asked["masks"]).json()
    name, data = finished(client, asked["masks"])
    laid_out(client, told, folder, tmp_path)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    (tmp_path / "copied.py").write_text(told["python"], encoding="utf-8")
    for command in (["sh", "-c", told["shell"]], [sys.executable, "copied.py"]):
        (tmp_path / name).unlink(missing_ok=True)
        subprocess.run(command, cwd=tmp_path, env={**os.environ, "PATH": path}, check=True, timeout=WAIT)
        assert (tmp_path / name).read_bytes() == data
