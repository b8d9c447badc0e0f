"""A server and a browser for the tests of the page, and the gestures of somebody who uses it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.serving import CHROMIUM, Server, launch

WAVE, GALETTE, CIRCLES = "gallery-great-wave", "gallery-moulin-galette", "gallery-composition-viii"
"""Artworks of the gallery."""

WAIT = 60_000
"""Milliseconds that anything on the page may take before a test fails."""

DROP = """([selector, name, type, data]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, {type}));
    const target = document.querySelector(selector);
    for (const kind of ["dragenter", "dragover", "drop"]) {
        target.dispatchEvent(new DragEvent(kind, {dataTransfer: transfer, bubbles: true, cancelable: true}));
    }
}"""

PASTE = """([name, type, data]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, {type}));
    document.dispatchEvent(new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true, cancelable: true}));
}"""


FRAMES = """() => new Promise((seen) => {
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(seen)));
})"""
"""A frame, and a further one: what was to be drawn is on the screen, and the page has counted it."""


def need_browser() -> None:
    """Skip where there is none."""
    pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.is_file():
        pytest.skip(f"needs {CHROMIUM}")


class Page:
    """A page in a browser: what is done on it, and what it must never do.

    Attributes:
        faults: lines of its console, and errors that nobody caught.
        abroad: addresses of others that it asked for.
    """

    def __init__(self, page: Any, server: Server) -> None:
        self.page, self.server = page, server
        self.faults: list[str] = []
        self.abroad: list[str] = []
        self._expected: list[str] = []
        page.set_default_timeout(WAIT)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", self._request)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"{message.text} ({message.location.get('url', '')})")

    def expect_faults(self, *parts: str) -> None:
        """Faults with any of these in them are no surprise.

        To be said beforehand: the console's lines may come after all that they tell of, and after the test's last line.
        """
        self._expected += parts

    def check(self) -> None:
        """See that there were no other faults, and that nobody else was asked; once the page is closed."""
        faults = [fault for fault in self.faults if not any(part in fault for part in self._expected)]
        assert faults == [], faults
        assert self.abroad == [], self.abroad

    def _request(self, request: Any) -> None:
        if not request.url.startswith((f"{self.server.address}/", "blob:", "data:")):
            self.abroad.append(request.url)

    def open(self, path: str = "/") -> None:
        self.page.goto(f"{self.server.address}{path}")
        self.page.wait_for_selector("#gallery [data-style]")

    @property
    def painted(self) -> int:
        """How many previews have been painted."""
        return int(self.page.evaluate("document.body.dataset.painted || 0"))

    @contextmanager
    def repainted(self) -> Iterator[None]:
        """What is done within shows on a new preview, which is waited for."""
        before = self.painted
        yield
        self.settled(before)

    def settled(self, before: int) -> None:
        """Wait for a preview after those, and for the last of them."""
        self.page.wait_for_function(
            "(n) => Number(document.body.dataset.painted || 0) > n && !document.body.dataset.busy", arg=before
        )
        self.frames()  # for what asks a moment later
        self.page.wait_for_function("() => !document.body.dataset.busy")
        self.frames()

    def frames(self) -> None:
        """Wait until what was to be drawn is seen, however long a frame takes."""
        self.page.evaluate(FRAMES)

    def drop(self, path: Path, selector: str = "#drop") -> None:
        self.page.evaluate(DROP, [selector, path.name, kind_of(path), text_of(path)])

    def paste(self, path: Path) -> None:
        self.page.evaluate(PASTE, [path.name, kind_of(path), text_of(path)])

    def choose(self, style: str) -> None:
        """Press an artwork of the gallery."""
        self.page.click(f'#gallery [data-style="{style}"]')

    def slide(self, name: str, value: float) -> None:
        """Move a control's slider, as a pointer does."""
        self.page.eval_on_selector(
            f"#{name}",
            """(slider, value) => {
                slider.value = value;
                for (const kind of ["input", "change"]) slider.dispatchEvent(new Event(kind, {bubbles: true}));
            }""",
            value,
        )

    def stroke(self, *points: tuple[float, float]) -> None:
        """Draw over the picture; points in shares of the view."""
        box = self.page.locator("#view").bounding_box()
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=6)
        self.page.mouse.up()

    def finish(self) -> Any:
        """Finish and download; Playwright's download."""
        before = self.page.get_attribute("#download", "href")
        self.page.click("#finish")
        self.page.wait_for_function("(old) => (document.querySelector('#download').href || null) !== old", arg=before)
        with self.page.expect_download() as waited:
            self.page.click("#download")
        return waited.value

    def look(self) -> bytes:
        """The view as it is shown, a PNG."""
        shot: bytes = self.page.locator("#view").screenshot()
        return shot

    def message(self) -> str:
        text: str = self.page.inner_text("#message")
        return text


def begun(page: Page, picture: Path, *styles: str) -> None:
    """The page with a photograph, artworks and the first preview of them."""
    page.drop(picture)
    page.page.wait_for_selector("#view:visible")
    with page.repainted():
        for style in styles:
            page.choose(style)


def kind_of(path: Path) -> str:
    return {".png": "image/png", ".jpg": "image/jpeg"}.get(path.suffix, "application/octet-stream")


def text_of(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode("ascii")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Finishes by the fast model, too: what is tested is the page."""
    need_browser()
    with Server(tmp_path_factory.mktemp("server"), "--model", "fast", "--preview-size", 128, threads=1) as started:
        yield started


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    need_browser()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any, server: Server) -> Iterator[Page]:
    """A page that is open, in a profile of its own; afterwards the console has to be empty but for what is expected."""
    context = chromium.new_context(viewport={"width": 1280, "height": 860}, accept_downloads=True)
    made = Page(context.new_page(), server)
    made.open()
    yield made
    context.close()
    made.check()
