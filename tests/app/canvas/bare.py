"""A page with nothing but a view and a blend pad, from a server of static files: the canvas needs no model."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT

MODULES = ROOT / "adain" / "app" / "page"
both_screens = pytest.mark.parametrize("page", [1, 2], indirect=True)
"""Once for a screen of a pixel for one of CSS, once for two."""

CHROMIUM = Path("/usr/bin/chromium")
POLICY = "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'"

PAGES = {
    "/": (
        "text/html",
        """<!doctype html><html lang="en"><meta charset="utf-8"><title>Canvas</title><link rel="stylesheet" href="/css">
        <main><div id="view"></div><blend-pad id="pad"></blend-pad><h1>Canvas</h1></main>
        <script type="module" src="/js"></script></html>""",
    ),
    "/css": (
        "text/css",
        """:root { color-scheme: light dark } body { margin: 0; min-height: 1500px; font-family: sans-serif }
        #view { width: 800px; height: 600px } #pad { width: 300px; margin: 10px }""",
    ),
    "/js": (
        "text/javascript",
        """import { View } from "/page/view.js"; import { Mask } from "/page/masks.js"; import "/page/pad.js";
        const view = new View(document.getElementById("view"));
        const failures = [];
        document.addEventListener("securitypolicyviolation", (event) => failures.push(event.violatedDirective));
        window.addEventListener("error", ({ message }) => failures.push(message));
        window.addEventListener("unhandledrejection", ({ reason }) => failures.push(String(reason)));
        const events = [];
        for (const name of ["split", "zoom", "brush", "stroke", "painting"])
          view.addEventListener(name, ({ detail }) => events.push([name, detail]));
        const strokes = () => events.filter(([name]) => name === "stroke").map(([, mask]) => mask);
        const plain = (width, height, ...stripes) => {
          const canvas = new OffscreenCanvas(width, height), context = canvas.getContext("2d");
          stripes.forEach((color, i) => {
            context.fillStyle = color;
            context.fillRect(Math.round((i * width) / stripes.length), 0, width, height);
          });
          return canvas;
        };
        const base64 = async (blob) => {
          const bytes = new Uint8Array(await blob.arrayBuffer());
          let text = "";
          for (const byte of bytes) text += String.fromCharCode(byte);
          return btoa(text);
        };
        const pad = document.getElementById("pad");
        Object.assign(window, { view, Mask, events, strokes, failures, plain, base64, pad });
        window.isReady = true;""",
    ),
}


class _Files(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/page/"):
            kind, body = "text/javascript", (MODULES / Path(self.path).name).read_bytes()
        elif self.path in PAGES:
            kind, body = PAGES[self.path][0], PAGES[self.path][1].encode()
        else:
            kind, body = "text/plain", b""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def served() -> Iterator[str]:
    """The address of the page."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def until(page: Any, condition: str) -> None:
    """Waits for it; the policy forbids the evaluation that Playwright's own waiting needs."""
    for _ in range(2400):  # a minute
        if page.evaluate(condition):
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"never became true: {condition}")


def opened(page: Any, address: str, *, width: int = 400, height: int = 300) -> Any:
    """The page with a photograph of one grey of that size, a mask to be painted, and a hard brush of 40 px."""
    page.goto(address)
    until(page, "window.isReady")
    page.evaluate(
        "([w, h]) => { view.before = plain(w, h, '#808080'); view.setMask(null, '#e4572e'); view.tool = 'brush';"
        " view.brush = { size: 40, softness: 0 }; }",
        [width, height],
    )
    until(page, "view.place.boxWidth > 1")
    return page


def mask_pixels(page: Any, which: str = "strokes().at(-1)") -> np.ndarray:
    """The mask as its PNG says, read by Pillow, which has to find nothing but grey."""
    data = base64.b64decode(page.evaluate(f"(async () => base64(await ({which}).toBlob()))()"))
    image = Image.open(io.BytesIO(data))
    image.load()
    assert (image.format, image.mode) == ("PNG", "L")
    return np.asarray(image).astype(int)


def screen(page: Any, **arguments: Any) -> np.ndarray:
    """What is on the screen, in its pixels."""
    page.evaluate("view.drawNow()")
    return np.asarray(Image.open(io.BytesIO(page.screenshot(**arguments))).convert("RGB")).astype(int)


def capsule(
    size: tuple[int, int],
    points: list[tuple[float, float]],
    radius: float | list[float],
    softness: float = 0.0,
) -> np.ndarray:
    """What a stroke through points covers, 0 to 255, by the formula: the most that any of its lines does."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width] + 0.5
    radii = radius if isinstance(radius, list) else [radius] * len(points)
    covered = np.zeros((height, width))
    lines = list(zip(points, points[1:], radii, radii[1:], strict=False)) or [
        (points[0], points[0], radii[0], radii[0])
    ]
    for (x0, y0), (x1, y1), r0, r1 in lines:
        length = (x1 - x0) ** 2 + (y1 - y0) ** 2
        t = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length, 0, 1) if length else np.zeros_like(x)
        distance = np.hypot(x - x0 - t * (x1 - x0), y - y0 - t * (y1 - y0))
        r = r0 + (r1 - r0) * t
        wide = np.maximum(1, softness * r)
        step = np.clip((r * (1 - softness / 2) + wide / 2 - distance) / wide, 0, 1)
        covered = np.maximum(covered, np.floor(255 * step * step * (3 - 2 * step) + 0.5))
    return covered.astype(int)


def stroke(page: Any, *points: tuple[float, float]) -> np.ndarray:
    """A stroke by the mouse, and the mask that came of it."""
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point)
    page.mouse.up()
    return mask_pixels(page)


def halves(points: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    """Points of the page in pixels of the mask, where a picture of 400 × 300 fills 800 × 600."""
    return [(x / 2, y / 2) for x, y in points]


def over(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """A stroke over a mask."""
    return below + (255 - below) * above / 255
