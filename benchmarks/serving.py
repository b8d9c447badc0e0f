"""``adain app`` in a process of its own: its address, what it answers, its memory, its files and its end."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
"""The browser that tests and benchmarks look at the page with."""

HOST = "127.0.0.1"

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/")

PATIENCE = 60.0
"""Seconds for a start, and for an answer."""


class Answer(NamedTuple):
    """What came back: the status, headers by names in small letters, and the body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """A server on a free port, whose temporary files lie in ``folder``; ``with`` ends it.

    ``arguments`` are flags of ``adain app``; ``threads`` is what the networks may take, 0 for what they like.
    """

    def __init__(self, folder: Path, *arguments: object, threads: int = 0, port: int = 0) -> None:
        self.folder = folder / "temporary"
        self.log_file = folder / "log"
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "adain", "app", "--port", str(port), "--no-browser", *map(str, arguments)]
        environment = {**os.environ, "TMPDIR": str(self.folder), "PYTHONUNBUFFERED": "1"}
        environment |= {"OMP_NUM_THREADS": str(threads)} if threads else {}
        with self.log_file.open("ab") as log:
            start = log.tell()
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
        self.port = self._wait_for_port(start)

    def _wait_for_port(self, start: int) -> int:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if found := ADDRESS.search(self.log[start:]):
                return int(found[1])
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"no server came up: {self.log.strip()}")

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """Of the page, without a slash at its end."""
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> str:
        """All it has printed."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    @property
    def memory(self) -> int:
        """Bytes of memory that it holds (Linux)."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.partition("VmRSS:")[2].split()[0]) << 10

    @property
    def files(self) -> list[Path]:
        """What it keeps on disk."""
        return [path for path in self.folder.rglob("*") if path.is_file()]

    def stop(self, sign: signal.Signals = signal.SIGINT) -> float:
        """End it as Ctrl-C does; seconds that took. One that does not end is killed, after a minute."""
        began = time.perf_counter()
        if self.process.poll() is None:
            self.process.send_signal(sign)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return time.perf_counter() - began

    def ask(self, method: str, target: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        """One request on a connection of its own; a body that is no bytes goes as JSON."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=PATIENCE)
        sent = {} if body is None else {"Content-Type": "application/octet-stream"}
        if body is not None and not isinstance(body, bytes):
            body, sent = json.dumps(body).encode(), {"Content-Type": "application/json"}
        try:
            connection.request(method, target, body, {**sent, **(headers or {})})
            return read(connection.getresponse())
        finally:
            connection.close()

    def upload(self, kind: str, path: Path) -> str:
        """Give it a picture of ``contents``, ``styles`` or ``masks``; its id."""
        answer = self.ask("POST", f"/{kind}?name={quote(path.name)}", path.read_bytes())
        if answer.status != 201:
            raise RuntimeError(f"{path.name}: {answer.status} {answer.body[:300]!r}")
        found: str = answer.json["id"]
        return found

    def metrics(self) -> dict[str, float]:
        """Its counters by name, labels included."""
        lines = self.ask("GET", "/metrics").body.decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, value in pairs}


def read(response: http.client.HTTPResponse) -> Answer:
    """All of a response."""
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


def launch(playwright: Playwright, *arguments: str) -> Browser:
    """A browser without a window."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *arguments])
