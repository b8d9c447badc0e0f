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
from adain.image import read_image, save_image
from benchmarks.serving import Server, launch

DOCS = Path(__file__).parent.parent
SIZE = {"width": 1180, "height": 740}
MOST_BYTES = 150_000

SETTLED = "() => Number(document.body.dataset.painted) > 0 && !document.body.dataset.busy"


def begin(page: Page, server: Server, name: str, *styles: str) -> Image.Image:
    """The page with a sample photograph, which is given back, and artworks of the gallery."""
    photo = sample_folder("content") / f"{name}.jpg"
    page.goto(server.address)
    page.set_input_files("#content-input", photo)
    for style in styles:
        page.click(f'#gallery [data-style="gallery-{style}"]')
    settle(page)
    return read_image(photo)


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
    """A sky painted for one artwork, and another artwork for the rest."""
    photo = begin(page, server, "montStMichel", "great-wave")
    page.click("#mode-regions")
    page.select_option("#background", "gallery-village-street-auvers")
    page.click("#tool-fill")
    box: Any = page.locator("#view").bounding_box()
    scale = min(box["width"] / photo.width, box["height"] / photo.height)
    for x, y in ((0.1, 0.1), (0.9, 0.1), (0.1, 0.45), (0.9, 0.4), (0.4, 0.25), (0.8, 0.25)):
        # In shares of the photograph, which lies in the middle of the view.
        page.mouse.click(
            box["x"] + box["width"] / 2 + (x - 0.5) * scale * photo.width,
            box["y"] + box["height"] / 2 + (y - 0.5) * scale * photo.height,
        )
        settle(page)


def shoot(page: Page, name: str) -> None:
    """The window as a JPEG file, as good as its size allows."""
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        for quality in range(88, 40, -4):
            path = save_image(shot.convert("RGB"), DOCS / name, quality=quality)
            if path.stat().st_size < MOST_BYTES:
                break
    print(path, path.stat().st_size, quality)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder)) as server, sync_playwright() as playwright:
        browser = launch(playwright)
        for name, scene in (("app.jpg", blend), ("app-mask.jpg", mask)):
            page = browser.new_page(viewport=SIZE, color_scheme="light")
            page.set_default_timeout(120_000)
            scene(page, server)
            shoot(page, name)
        browser.close()


if __name__ == "__main__":
    main()
