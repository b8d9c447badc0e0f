"""The command in a process of its own: where it is, and how it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from adain.app import serve
from tests.conftest import ROOT, noise_image

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

BUSY = """
import sys, threading, time
from adain.app import jobs
from adain.cli import main
{more}
main(["app", "--no-browser", "--port", "0"])
"""


@contextlib.contextmanager
def running(tmp_path: Path, *command: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and the address that it printed."""
    line = command or ("-m", "adain", "app", "--no-browser", "--port", "0")
    process = subprocess.Popen(
        [sys.executable, *line], cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def wait_until_served(address: str) -> None:
    with urllib.request.urlopen(f"{address}health", timeout=20) as response:
        assert response.status == 200


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_it(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with running(tmp_path) as (process, address):
        wait_until_served(address)
        assert len(list(tmp_path.glob("adain-app-*"))) == 1
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (code, "", "adain app: Ctrl-C ends it\n")
    assert list(tmp_path.glob("adain-app-*")) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [
        "threading.Thread(target=time.sleep, args=(600,)).start()",  # Python would wait for it
        "jobs.Jobs.stop = lambda self: time.sleep(600)",
    ],
)
def test_it_ends_whatever_is_still_at_work(tmp_path: Path, more: str) -> None:
    code = BUSY.format(more=more if "Jobs" in more else f"jobs.Jobs.stop = lambda self: {more}")
    with running(tmp_path, "-c", code) as (process, address):
        wait_until_served(address)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130
    assert list(tmp_path.glob("adain-app-*")) == []


@pytest.mark.slow
def test_a_second_one_ends_it_at_once(tmp_path: Path) -> None:
    code = BUSY.format(
        more="from adain.app import serve; serve.END_SECONDS = 600; jobs.Jobs.stop = lambda self: time.sleep(600)"
    )
    with running(tmp_path, "-c", code) as (process, address):
        wait_until_served(address)
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130
    assert list(tmp_path.glob("adain-app-*")) == []


@pytest.mark.slow
def test_who_waits_for_a_preview_is_told_and_nothing_of_a_model_that_is_being_opened_stays(tmp_path: Path) -> None:
    noise_image(64, 48, 1).save(tmp_path / "photo.png")
    opening = (
        "import tempfile; from adain.app import worker;"
        " worker.open_model = lambda options: print('opening', tempfile.mkdtemp(), flush=True) or time.sleep(600)"
    )
    told: list[httpx.Response] = []
    with running(tmp_path, "-c", BUSY.format(more=opening)) as (process, address):
        with httpx.Client(base_url=address, timeout=60) as client:
            content = client.post("/contents", content=(tmp_path / "photo.png").read_bytes()).json()["id"]
            order = {"content": content, "styles": ["gallery-great-wave"], "preview": True}
            asking = threading.Thread(target=lambda: told.append(client.post("/stylize", json=order)))
            asking.start()
            assert process.stdout is not None
            assert process.stdout.readline().startswith("opening ")
            process.send_signal(signal.SIGINT)
            asking.join(30)
        process.communicate(timeout=30)
    assert [(answer.status_code, "is ending" in answer.json()["error"]) for answer in told] == [(503, True)]
    assert process.returncode == 130
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]


@pytest.mark.parametrize("nohup", [False, True])
def test_a_terminal_that_is_closed_ends_it_unless_that_is_to_be_outlived(tmp_path: Path, nohup: bool) -> None:
    code = BUSY.format(more="import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)" if nohup else "")
    with running(tmp_path, "-c", code) as (process, address):
        wait_until_served(address)
        process.send_signal(signal.SIGHUP)
        if nohup:
            time.sleep(0.5)
            wait_until_served(address)
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 143
    assert list(tmp_path.iterdir()) == []


def test_clients_that_wait_do_not_hold_it(tmp_path: Path) -> None:
    with running(tmp_path) as (process, address):
        wait_until_served(address)
        port = int(address.rsplit(":", 1)[1].strip("/"))
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"POST /stylize HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 9\r\n\r\n{" % port)
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "adain app: Ctrl-C ends it\n"


@pytest.mark.slow
def test_signals_end_it_in_the_middle_of_a_picture(tmp_path: Path) -> None:
    """What follows the job is told, and of the picture nothing stays."""
    noise_image(1600, 1200, 1).save(tmp_path / "photo.png")
    with running(tmp_path) as (process, address), httpx.Client(base_url=address, timeout=60) as client:
        with (tmp_path / "photo.png").open("rb") as file:
            content = client.post("/contents", files={"file": file}).json()["id"]
        order = {"content": content, "styles": ["gallery-great-wave"], "model": "vgg19", "options": {"tile": 256}}
        job = client.post("/stylize", json=order).json()["job"]
        with client.stream("GET", f"/jobs/{job}/events") as events:
            told, is_sent = [], False
            for line in events.iter_lines():
                if '"done": 1,' in line and not is_sent:
                    process.send_signal(signal.SIGINT)
                    is_sent = True
                told.append(line)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "adain app: Ctrl-C ends it\n"
    assert [line for line in told if line.startswith("event: ")][-1] == "event: cancelled"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.png"]


@pytest.mark.parametrize(
    ("known", "expected"), [({}, False), ({"DISPLAY": ":0"}, True), ({"WAYLAND_DISPLAY": "wayland-0"}, True)]
)
def test_displays(monkeypatch: pytest.MonkeyPatch, known: dict[str, str], expected: bool) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    assert serve.has_display() is expected


@pytest.mark.parametrize(("browser", "display", "opened"), [(True, True, 1), (False, True, 0), (True, False, 0)])
def test_the_browser_is_opened(monkeypatch: pytest.MonkeyPatch, browser: bool, display: bool, opened: int) -> None:
    found: list[str] = []
    seen = threading.Event()
    told: list[str] = []

    def stop_after(server: object, site: object) -> object:
        class Server:
            should_exit = False

            def run(self, sockets: list[socket.socket]) -> None:
                seen.wait(0.2 if not opened else 20)

        return Server()

    monkeypatch.setattr(serve, "has_display", lambda: display)
    monkeypatch.setattr(serve, "_server", stop_after)
    monkeypatch.setattr(serve.webbrowser, "open", lambda address: (found.append(address), seen.set()))
    reason = serve.run_app(serve.AppOptions(port=0, browser=browser, token="long-enough"), told.extend)
    assert reason == "finished"
    assert found == told[:opened]
    assert told[0].startswith("http://127.0.0.1:")
    assert told[0].endswith("/?token=long-enough")
