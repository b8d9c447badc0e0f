"""The service worker of a page without a server: what it keeps, when it lets go of that, and whom it leaves alone."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adain.app import export_site
from benchmarks.serving import launch
from tests.app.browser import WAIT, need_browser
from tests.app.web_browser import PATIENT
from tests.conftest import noise_image

pytestmark = pytest.mark.slow

KEPT = """async () => {
    const found = {};
    for (const name of await caches.keys()) found[name] = (await (await caches.open(name)).keys()).length;
    return found;
}"""

ISOLATED = "() => crossOriginIsolated"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A host that sends no headers, and prefers addresses without index.html."""

    def do_GET(self) -> None:
        if self.path.endswith("/index.html"):
            self.send_response(308)
            self.send_header("Location", self.path.removesuffix("index.html"))
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


class Hosted:
    """A site in a folder of a host, and the browser that visits it."""

    def __init__(self, folder: Path, browser: Any, server: http.server.ThreadingHTTPServer) -> None:
        self.folder, self.browser, self.server = folder / "deep" / "site", browser, server
        self.address = f"http://127.0.0.1:{server.server_port}/deep/site/"

    def write(self, artworks: Path | None = None) -> int:
        """Write the site; how many files its service worker is to keep."""
        made = export_site(self.folder, artworks=artworks)
        apart = {"site.json", "service-worker.js"}
        return sum(path.name not in apart for path in made.files)

    def visit(self, context: Any, *, has_workers: bool = True) -> Any:
        page = context.new_page()
        page.set_default_timeout(WAIT)
        if has_workers:
            page.add_init_script(PATIENT)
        page.goto(self.address)
        page.wait_for_selector("#gallery [data-style]")
        return page

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def hosted(tmp_path: Path) -> Iterator[Hosted]:
    need_browser()
    from playwright.sync_api import sync_playwright

    root = tmp_path / "host"
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=root))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = launch(playwright)
        made = Hosted(root, browser, server)
        try:
            yield made
        finally:
            browser.close()
            made.close()


def kept(page: Any, count: int) -> dict[str, int]:
    """What is kept, once some version has so many files."""
    for _ in range(WAIT // 100):
        found: dict[str, int] = page.evaluate(KEPT)
        if count in found.values():
            return found
        page.wait_for_timeout(100)
    raise AssertionError(found)


def artworks_of(page: Any) -> int:
    return len(page.query_selector_all("#gallery [data-style]"))


def test_after_the_first_visit(hosted: Hosted) -> None:
    count = hosted.write()
    context = hosted.browser.new_context()
    page = hosted.visit(context)
    assert page.evaluate(ISOLATED)  # though the host sends no headers
    (name,) = kept(page, count)
    assert name.startswith(f"adain {hosted.address} ")
    hosted.close()
    page = hosted.visit(context)
    assert page.evaluate(ISOLATED)
    with page.expect_download() as waited:
        page.click("#licences")
    assert "MIT License" in Path(waited.value.path()).read_text("utf-8")


def test_an_update_comes_whole_when_the_old_page_is_closed(hosted: Hosted, tmp_path: Path) -> None:
    count = hosted.write()
    context = hosted.browser.new_context()
    page = hosted.visit(context)
    before = artworks_of(page)
    kept(page, count)
    (tmp_path / "art").mkdir()
    noise_image(64, 64).save(tmp_path / "art" / "new.png")
    more = hosted.write(tmp_path / "art")
    assert more > count
    page.reload()
    page.wait_for_selector("#gallery [data-style]")
    assert artworks_of(page) == before
    kept(page, more)
    other = hosted.visit(context)
    assert artworks_of(other) == before  # beside the old page
    blank = context.new_page()  # a browser without pages ends
    page.close()
    other.close()
    for _ in range(WAIT // 250):  # the browser sees a little later that nobody has the old one any more
        page = hosted.visit(context)
        if artworks_of(page) > before:
            break
        page.close()
        blank.wait_for_timeout(250)
    assert artworks_of(page) == before + 1
    assert list(kept(page, more).values()) == [more]  # of the old one nothing


def test_a_host_that_changes_files_is_served_but_not_kept(hosted: Hosted) -> None:
    count = hosted.write()
    sheet = hosted.folder / "page" / "theme.css"
    sheet.write_text(f"{sheet.read_text('utf-8')}\n:root {{ --by-the-host: 1; }}\n", encoding="utf-8")
    page = hosted.visit(hosted.browser.new_context())
    kept(page, count - 1)
    value = "() => getComputedStyle(document.documentElement).getPropertyValue('--by-the-host').trim()"
    assert page.evaluate(value) == "1"


def test_without_a_service_worker(hosted: Hosted) -> None:
    hosted.write()
    page = hosted.visit(hosted.browser.new_context(service_workers="block"), has_workers=False)
    assert not page.evaluate(ISOLATED)
    assert artworks_of(page) > 3
