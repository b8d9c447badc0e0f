"""The benchmark of the page without a server runs, on the smallest of inputs."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

import pytest

from benchmarks.hosting import Host

from ..app.browser import need_browser
from .test_benchmarks import run

pytestmark = pytest.mark.slow


def test_the_page_without_a_server(tmp_path: Path) -> None:
    need_browser()
    sizes = ("--sizes", 64, "--threads", 1, "--rounds", 1, "--megapixels", 0.1, "--flat", 64)
    run("web", *sizes, "--output", tmp_path)
    told = json.loads((tmp_path / "web.json").read_text())
    assert told["speed"][0]["ratio"][0] > 0
    assert told["move"]["event_to_pixels_ms"][0] > 0
    assert told["large"]["wasm_mb"] > 1
    assert told["large"]["frames"] > 0
    assert told["flat"]["difference"] < 1e-4


def test_a_host_notes_what_follows_on_the_same_connection(tmp_path: Path) -> None:
    with Host(tmp_path) as host:
        connection = http.client.HTTPConnection("127.0.0.1", host.port)
        for method, body in (("POST", "x"), ("GET", None)):
            connection.request(method, "http://192.0.2.1/", body)
            assert connection.getresponse().read() == b""
        connection.close()
    assert host.abroad == ["POST http://192.0.2.1/", "GET http://192.0.2.1/"]
