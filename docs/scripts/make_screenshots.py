"""Render the pictures of the page, ``app.jpg`` and ``app-mask.jpg``: ``python -m docs.scripts.make_screenshots``.

From the root of the checkout, with the packages of ``adain[dev]`` and Chromium.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from adain._utils.resources import sample_folder
from adain.image import save_image
from benchmarks.serving import Server, launch

DOCS = Path(__file__).parent.parent
SIZE = {"width": 1180, "height": 740}
MOST_BYTES = 150_000

SETTLED = "() => Number(document.body.dataset.painted) > 0 && !document.body.dataset.busy"


def begin(page: Page, server: Server, photo: str, *styles: str) -> None:
    """The page with a sample photograph and artworks of the gallery."""
    page.goto(server.address)
    page.set_input_files("#content-input", sample_folder("content") / f"{photo}.jpg")
    for style in styles:
        page.click(f'#gallery [data-style="gallery-{style}"]')
    settle(page)


def settle(page: Page) -> None:
    page.wait_for_timeout(300)
    page.wait_for_function(SETTLED)
    page.mouse.move(1, 1)
    page.wait_for_timeout(700)


def blend(page: Page, server: Server) -> None:
    """Three artworks, and a point between them on the pad."""
    begin(page, server, "montStMichel", "great-wave", "village-street-auvers", "composition-viii")
    box: Any = page.locator("#pad").bounding_box()
    page.mouse.click(box["x"] + 0.38 * box["width"], box["y"] + 0.55 * box["height"])
    settle(page)


def mask(page: Page, server: Server) -> None:
    """A face painted for one artwork, and another artwork around it."""
    begin(page, server, "chelsea", "great-wave", "moulin-galette")
    page.click("#mode-regions")
    page.click("#region-1")
    page.click("#tool-brush")
    page.eval_on_selector(
        "#brush-size", "(each) => { each.value = 110; each.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    box: Any = page.locator("#view").bounding_box()

    def at(x: float, y: float) -> tuple[float, float]:
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    page.mouse.move(*at(0.3, 0.35))
    page.mouse.down()
    for place in ((0.45, 0.3), (0.6, 0.4), (0.35, 0.5), (0.55, 0.6), (0.4, 0.65)):
        page.mouse.move(*at(*place), steps=12)
    page.mouse.up()
    settle(page)


def shoot(page: Page, name: str) -> None:
    """The window as a JPEG file."""
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        path = save_image(shot.convert("RGB"), DOCS / name, quality=80)
    print(path, path.stat().st_size)
    assert path.stat().st_size < MOST_BYTES


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder)) as server, sync_playwright() as playwright:
        browser = launch(playwright)
        for name, scene in (("app.jpg", blend), ("app-mask.jpg", mask)):
            page = browser.new_page(viewport=SIZE, color_scheme="light")
            scene(page, server)
            shoot(page, name)
        browser.close()


if __name__ == "__main__":
    main()
