"""The page without a server in a browser: whoever hosts it, and whatever it asks of whom."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from adain.app.offline.modules import APP
from benchmarks.hosting import Host

from .browser import WAIT, Page, need_browser

Levels = npt.NDArray[np.int16]
"""A picture ``(H, W, 3)`` in levels of 255."""

WAYS = ("isolated", "plain", "bare", "file")
"""A host with the headers for threads; one without; one without, and a browser without service workers; one file."""

KEPT = """async () => {
    const wanted = (await (await fetch("service-worker.js")).text()).match(/"sha256-/g).length;
    let kept = 0;
    for (const name of await caches.keys()) kept += (await (await caches.open(name)).keys()).length;
    return kept === wanted;
}"""
"""Whether the service worker has all the files that it names."""


BLOCKED = "Service Worker registration blocked by Playwright"
"""What is said where a browser has no service workers."""


PATIENCE = re.findall(r"^const PATIENCE = (\d+);$", (APP / "web" / "start.js").read_text("utf-8"), re.M)[0]

PATIENT, IMPATIENT = (
    f"""(() => {{
    const soon = globalThis.setTimeout;
    globalThis.setTimeout = (act, after, ...given) => (after === {PATIENCE} ? {instead} : soon(act, after, ...given));
}})()"""
    for instead in ("0", "soon(act, 0, ...given)")
)
"""Has a page wait for its service worker however long that takes: else it has no threads on a busy machine; and not at
all, where service workers are blocked: what the page waits for then never comes."""


class Place(NamedTuple):
    """A page of one file."""

    address: str


class WebPage(Page):
    """A page that has all it needs in the browser."""

    def __init__(self, page: Any, place: Host | Place) -> None:
        super().__init__(page, place)  # type: ignore[arg-type]
        self.abroad.clear()

    def open(self, path: str | None = None) -> None:
        super().open(path if path is not None else "/" if isinstance(self.server, Host) else "")

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.server.address, "blob:", "data:")):
            self.abroad.append(request.url)

    def saved(self, folder: Path) -> Path:
        """What is downloaded when the picture is finished."""
        download = self.finish()
        path = folder / f"saved {download.suggested_filename}"
        download.save_as(path)
        return path

    def command(self, folder: Path) -> str:
        """The line of the shell, with the files beside it that it needs."""
        self.page.click("#copy-command")
        self.page.wait_for_selector("#command[open]")
        self.page.wait_for_function(
            "() => document.querySelector('#command-shell').textContent.includes('adain stylize')"
        )
        for link in self.page.query_selector_all("#command-files a"):
            with self.page.expect_download() as waited:
                link.click()
            waited.value.save_as(folder / waited.value.suggested_filename)
        line: str = self.page.text_content("#command-shell")
        self.page.keyboard.press("Escape")
        return line


@contextmanager
def opened(browser: Any, place: Host | Place, **options: Any) -> Iterator[WebPage]:
    """A page in a profile of its own, whose proxy is the host; afterwards its console has to be empty but for what is
    expected."""
    proxy = {"proxy": place.proxy} if isinstance(place, Host) else {"offline": True}
    defaults = {"viewport": {"width": 1280, "height": 860}, "accept_downloads": True}
    context = browser.new_context(**{**defaults, **proxy, **options})
    context.set_default_timeout(WAIT)
    context.add_init_script(IMPATIENT if options.get("service_workers") == "block" else PATIENT)
    page = WebPage(context.new_page(), place)
    page.expect_faults(BLOCKED)
    page.open()
    try:
        yield page
    finally:
        context.close()
    page.check()
    if isinstance(place, Host):
        assert place.abroad == [], place.abroad


@contextmanager
def placed(way: str, site: Path, one_file: Path) -> Iterator[tuple[Host | Place, dict[str, Any]]]:
    """One of WAYS: where the page is, and what a browser is told."""
    if way == "file":
        yield Place(one_file.as_uri()), {}
        return
    with Host(site, is_isolated=way == "isolated") as host:
        yield host, {"service_workers": "block"} if way == "bare" else {}


def library(line: str, folder: Path) -> Callable[[str], Levels]:
    """Runs a line of the shell where its files are; gives the pictures that it wrote."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        ["bash", "-ec", line], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (line, done.stderr)
    return lambda name: levels(folder / name)


def levels(source: Path | bytes) -> Levels:
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as picture:
        return np.asarray(picture.convert("RGB"), dtype=np.int16)


__all__ = ["KEPT", "PATIENT", "WAYS", "Place", "WebPage", "levels", "library", "need_browser", "opened", "placed"]
