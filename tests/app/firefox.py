"""Firefox without a window, by WebDriver BiDi, which it speaks itself."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.hosting import Host

FIREFOX = Path(os.environ.get("FIREFOX", "/usr/bin/firefox-esr"))
"""The browser."""

WAIT = 60.0
"""Seconds that anything may take before a test fails."""

LISTENS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")


def need_firefox() -> None:
    """Skip where there is none."""
    pytest.importorskip("websockets")
    if not FIREFOX.is_file():
        pytest.skip(f"needs {FIREFOX}")


class Firefox:
    """A page in a browser of its own; what it downloads lies in ``downloads``.

    Attributes:
        said: lines on the console.
        asked: addresses that were asked for.
    """

    def __init__(self, socket: Any, downloads: Path) -> None:
        self._socket, self.downloads = socket, downloads
        self.said: list[str] = []
        self.asked: list[str] = []
        self._last = 0
        self.command("session.new", capabilities={})
        self.command("session.subscribe", events=["log.entryAdded", "network.beforeRequestSent"])
        self._page = self.command("browsingContext.create", type="tab")["context"]

    def command(self, method: str, **params: Any) -> Any:
        """What Firefox answers; events that come before are noted."""
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": params}))
        while True:
            told = json.loads(self._socket.recv(WAIT))
            if told.get("id") == self._last:
                assert told["type"] == "success", told
                return told["result"]
            self._note(told.get("method"), told.get("params"))

    def _note(self, method: str, params: Any) -> None:
        if method == "log.entryAdded" and params["level"] in ("error", "warn"):
            self.said.append(str(params["text"]))
        elif method == "network.beforeRequestSent":
            self.asked.append(params["request"]["url"])

    def open(self, address: str) -> None:
        self.command("browsingContext.navigate", context=self._page, url=address, wait="complete")
        self.wait("document.querySelector('#gallery [data-style]')")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, waited for; an object comes as JSON that it has made of it."""
        target = {"context": self._page}
        told = self.command("script.evaluate", expression=expression, target=target, awaitPromise=True)
        assert told["type"] == "success", told["exceptionDetails"]["text"]
        return told["result"].get("value")

    def wait(self, expression: str) -> None:
        """Until an expression is true."""
        wait(lambda: bool(self.evaluate(f"Boolean({expression})")), expression)

    def click(self, selector: str) -> None:
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def set_files(self, selector: str, *paths: Path) -> None:
        locator = {"type": "css", "value": selector}
        found = self.command("browsingContext.locateNodes", context=self._page, locator=locator)["nodes"][0]
        element = {"sharedId": found["sharedId"]}
        self.command("input.setFiles", context=self._page, element=element, files=[str(path) for path in paths])

    def downloaded(self, name: str) -> Path:
        """A file whose download has been begun, once it is there."""
        path = self.downloads / name
        wait(lambda: path.is_file() and path.stat().st_size > 0 and not path.with_name(f"{name}.part").exists(), name)
        return path


def wait(is_so: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + WAIT
    while not is_so():
        assert time.monotonic() < end, f"it did not come to {what}"
        time.sleep(0.05)


@contextmanager
def firefox(folder: Path, host: Host) -> Iterator[Firefox]:
    """One with a profile in ``folder``, whose proxy is the host."""
    from websockets.sync.client import connect

    profile, downloads = folder / "profile", folder / "downloads"
    for each in (profile, downloads):
        each.mkdir(parents=True)
    lines = (
        f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in settings(downloads, host).items()
    )
    (profile / "user.js").write_text("".join(lines))
    command = [FIREFOX, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]
    log = folder / "log"
    environment = {**os.environ, "HOME": str(folder)}
    with log.open("wb") as written:
        process = subprocess.Popen(command, stdout=written, stderr=written, env=environment, start_new_session=True)
    try:
        wait(lambda: LISTENS.search(log.read_text(errors="replace")) is not None, "an address of Firefox")
        found = LISTENS.search(log.read_text(errors="replace"))
        assert found
        with connect(f"{found[1]}/session", max_size=None, proxy=None) as socket:
            yield Firefox(socket, downloads)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def settings(downloads: Path, host: Host) -> dict[str, Any]:
    """Of the profile: all goes to the host, downloads to a folder without a word."""
    proxy = {f"network.proxy.{kind}{suffix}": value for kind in ("http", "ssl") for suffix, value in
             (("", "127.0.0.1"), ("_port", host.port))}  # fmt: skip
    return {
        **proxy,
        "network.proxy.type": 1,
        "network.proxy.allow_hijacking_localhost": True,
        "browser.download.dir": str(downloads),
        "browser.download.folderList": 2,
        "browser.download.useDownloadDir": True,
        "browser.download.always_ask_before_handling_new_types": False,
    }
