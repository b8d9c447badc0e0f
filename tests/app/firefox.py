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

from .web_browser import PATIENT

FIREFOX = Path(os.environ.get("FIREFOX", "/usr/bin/firefox-esr"))
"""The browser."""

WAIT = 60.0
"""Seconds that anything may take before a test fails."""

STATE = """JSON.stringify({
    message: document.querySelector("#message")?.textContent,
    progress: document.querySelector("#progress-text")?.textContent,
    body: {...document.body?.dataset}, title: document.title, isHidden: document.hidden,
    isIsolated: crossOriginIsolated, cores: navigator.hardwareConcurrency,
    isControlled: Boolean(navigator.serviceWorker?.controller),
    loaded: performance.getEntriesByType("navigation")[0]?.type, since: Math.round(performance.now()),
})"""
"""What there is to tell of a page on which something did not come."""

LISTENS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")


def need_firefox() -> None:
    """Skip where there is none."""
    pytest.importorskip("websockets")
    if not FIREFOX.is_file():
        pytest.skip(f"needs {FIREFOX}")


class Refused(AssertionError):
    """What Firefox would not do."""


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
        self.command("script.addPreloadScript", functionDeclaration=f"() => {{ {PATIENT} }}")
        self._page = self.command("browsingContext.create", type="tab")["context"]

    def command(self, method: str, **params: Any) -> Any:
        """What Firefox answers; events that come before are noted."""
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": params}))
        while True:
            told = json.loads(self._socket.recv(WAIT))
            if told.get("id") == self._last:
                if told["type"] != "success":
                    raise Refused(told)
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
        """Until an expression is true; while a page is loaded once more, nothing is."""
        refused = ""

        def is_so() -> bool:
            nonlocal refused
            try:
                return bool(self.evaluate(f"Boolean({expression})"))
            except Refused as error:
                refused = str(error)
                return False

        wait(is_so, expression, lambda: f"{self.told()}\nrefused last: {refused}")

    def told(self) -> str:
        """What the page shows, says on the console and has asked for."""
        try:
            state = self.evaluate(STATE)
        except (AssertionError, TimeoutError) as error:
            state = repr(error)
        asked = [each[:200] for each in self.asked[-20:]]
        return f"the page: {state}\nconsole: {self.said}\nasked for last: {asked}"

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
        part = path.with_name(f"{name}.part")
        wait(lambda: path.is_file() and path.stat().st_size > 0 and not part.exists(), name, self.told)
        return path


def wait(is_so: Callable[[], bool], what: str, told: Callable[[], str] = str) -> None:
    """Until it is so; ``told`` gives what else there is to say if it never is."""
    end = time.monotonic() + WAIT
    while not is_so():
        assert time.monotonic() < end, f"it did not come to {what}\n{told()}"
        time.sleep(0.05)


ONE_CORE = {"dom.maxHardwareConcurrency": 1}
"""What a page is told of the machine, so that it starts no threads: while WebDriver listens for workers, one that
starts another now and then stands still in that. Without WebDriver none does."""


@contextmanager
def firefox(folder: Path, host: Host) -> Iterator[Firefox]:
    """One with a profile in ``folder``, whose proxy is the host."""
    from websockets.sync.client import connect

    with launched(folder, host, "--remote-debugging-port", "0", **ONE_CORE) as log:
        wait(lambda: LISTENS.search(log.read_text(errors="replace")) is not None, "an address of Firefox")
        found = LISTENS.search(log.read_text(errors="replace"))
        assert found
        with connect(f"{found[1]}/session", max_size=None, proxy=None) as socket:
            yield Firefox(socket, folder / "downloads")


@contextmanager
def launched(folder: Path, host: Host, *arguments: str, **more: Any) -> Iterator[Path]:
    """Its process, with these arguments and further settings; what it prints is in this file."""
    profile, downloads = folder / "profile", folder / "downloads"
    for each in (profile, downloads):
        each.mkdir(parents=True)
    settings = {**settings_of(downloads, host), **more}
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in settings.items())
    (profile / "user.js").write_text("".join(lines))
    command = [FIREFOX, "--headless", "--no-remote", "--profile", profile, *arguments]
    log = folder / "log"
    environment = {**os.environ, "HOME": str(folder)}
    with log.open("wb") as written:
        process = subprocess.Popen(command, stdout=written, stderr=written, env=environment, start_new_session=True)
    try:
        yield log
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def settings_of(downloads: Path, host: Host) -> dict[str, Any]:
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
