"""What the page without a server takes in Chromium: time, the time of frames, and memory."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from .app_page import MOVE, SETTLED
from .hosting import Host
from .measuring import ART, PHOTO, Spread, ratio, seconds, square
from .serving import launch

if TYPE_CHECKING:
    from playwright.sync_api import Page

TARGET_RATIO = 2.5
"""Of Python's onnxruntime with as many threads."""

TARGET_MOVE_MS, TARGET_GAP_MS, TARGET_WASM_MB = 160.0, 60.0, 110.0

STYLE = "gallery-great-wave"

WAIT = 300_000
"""Milliseconds."""

OPEN = """async () => {
    const of = (path) => new URL(path, document.baseURI).href;
    const { Compute } = await import(of("web/compute.js"));
    const { partsOf } = await import(of("web/parts.js"));
    const parts = await partsOf("model");
    globalThis.started = (threads) => new Compute(async () => ({...parts, threads}));
    globalThis.opened = async (text) => {
        const blob = new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))]);
        const image = await createImageBitmap(blob);
        const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
        context.drawImage(image, 0, 0);
        return context.getImageData(0, 0, image.width, image.height);
    };
    globalThis.stylised = async (compute, {width, height, data}, style, tile) => {
        await compute.call("encodeContent", {key: "photo", pixels: {width, height, data}, size: 0, tile});
        return compute.call("decode", {key: "photo", styles: [style], weights: null, alpha: 1, tile});
    };
}"""

BEGIN = """async ([threads, photo, art, side]) => {
    globalThis.compute?.end();
    globalThis.compute = started(threads);
    globalThis.photo = await opened(photo);
    globalThis.style = await compute.call("encodeStyle", {pixels: await opened(art), size: side});
    await stylised(compute, globalThis.photo, globalThis.style, 0);
}"""

ONCE = """async () => {
    const began = performance.now();
    await stylised(compute, globalThis.photo, globalThis.style, 0);
    return (performance.now() - began) / 1000;
}"""

LARGE = """async ([width, height, tile]) => {
    const compute = started(), data = new Uint8ClampedArray(4 * width * height).fill(255);
    for (let at = 0; at < data.length; at++) if (at % 4 < 3) data[at] = (at * 7 + ((at >> 12) * 31)) & 255;
    const began = performance.now();
    await stylised(compute, {width, height, data}, globalThis.style, tile);
    const took = (performance.now() - began) / 1000;
    const {bytes} = await compute.call("stats");
    compute.end();
    return {seconds: took, wasm_mb: bytes / 1e6};
}"""

WATCH = """() => {
    const gaps = [], long = [];
    let last = performance.now(), goes = true;
    const frame = () => {
        const now = performance.now();
        gaps.push(now - last);
        last = now;
        if (goes) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    const tasks = new PerformanceObserver((list) => long.push(...list.getEntries().map((each) => each.duration)));
    tasks.observe({type: "longtask"});
    globalThis.watched = () => {
        goes = false;
        tasks.disconnect();
        const over = gaps.filter((each) => each > 60).length;
        return {frames: gaps.length, longest_gap_ms: Math.max(...gaps), gaps_over_60_ms: over,
            longest_task_ms: Math.max(0, ...long)};
    };
}"""


def text_of(picture: Image.Image) -> str:
    data = io.BytesIO()
    picture.save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode("ascii")


def speed(page: Page, model: Path, size: int, threads: int, rounds: int) -> dict[str, Any]:
    """Seconds of a picture with a known style, in turns with Python's onnxruntime."""
    from adain.backends import OnnxStylizer

    photo, art = square(size), square(512, ART)
    stylizer = OnnxStylizer(model, threads=threads)
    style = stylizer.encode_style(art)
    stylizer.stylize(photo, style)
    page.evaluate(BEGIN, [threads, text_of(photo), text_of(art), 512])
    browser, python = [], []
    for _ in range(rounds):
        browser.append(float(page.evaluate(ONCE)))
        python.append(seconds(lambda: stylizer.stylize(photo, style)))
    found = ratio(browser, python)
    return {
        "size": size,
        "threads": threads,
        "browser_s": Spread.of(browser).rounded(3),
        "python_s": Spread.of(python).rounded(3),
        "ratio": found.rounded(2),
        "is_met": found.median <= TARGET_RATIO,
    }


def move(page: Page, folder: Path, size: int, rounds: int) -> dict[str, Any]:
    """Milliseconds from a slider's event to painted pixels."""
    path = folder / "photo.png"
    square(size).save(path)
    begin(page, path)
    low, high = (float(page.get_attribute("#alpha", end) or 0) for end in ("min", "max"))
    shown = []
    for k in range(rounds):
        shown.append(float(page.evaluate(MOVE, low + (high - low) * (0.3 + 0.1 * (k % 6)))))
        page.wait_for_timeout(60)
    found = Spread.of(shown)
    return {"size": size, "event_to_pixels_ms": found.rounded(1), "is_met": found.median <= TARGET_MOVE_MS}


def large(page: Page, folder: Path, width: int, height: int) -> dict[str, Any]:
    """A picture that is finished on the page, while its frames are watched; and the memory that one takes."""
    path = folder / "large.jpg"
    with Image.open(PHOTO) as photo:
        photo.resize((width, height)).save(path, quality=90)
    begin(page, path)
    page.wait_for_timeout(1000)
    page.evaluate(WATCH)
    page.click("#finish")
    took = seconds(lambda: page.wait_for_selector("#download:visible"))
    frames = page.evaluate("watched()")
    page.evaluate(OPEN)
    page.evaluate(BEGIN, [1, text_of(square(64)), text_of(square(64, ART)), 64])
    memory = page.evaluate(LARGE, [width, height, 512])
    return {
        "pixels": [width, height],
        "finished_s": round(took, 1),
        **{name: round(value, 1) for name, value in (frames | memory).items()},
        "is_met": frames["longest_gap_ms"] <= TARGET_GAP_MS and memory["wasm_mb"] <= TARGET_WASM_MB,
    }


def begin(page: Page, photo: Path) -> None:
    """A page with the photograph and an artwork, and the first preview."""
    page.reload()
    page.wait_for_selector("#gallery [data-style]")
    page.set_input_files("#content-input", photo)
    page.click(f'#gallery [data-style="{STYLE}"]')
    page.wait_for_function(SETTLED)
    page.wait_for_timeout(500)


def measure(
    site: Path,
    graphs: Path,
    folder: Path,
    sizes: Sequence[int],
    threads: Sequence[int],
    rounds: int,
    megapixels: float,
) -> dict[str, Any]:
    """All of it, on one page whose host lets it compute in several threads; and the graphs for Python beside it."""
    from playwright.sync_api import sync_playwright

    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    with Host(site, is_isolated=True) as host, sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.set_default_timeout(WAIT)
        page.goto(f"{host.address}/")
        page.evaluate(OPEN)
        result = {
            "speed": [speed(page, graphs, size, count, rounds) for count in threads for size in sizes],
            "move": move(page, folder, min(sizes), 2 * rounds),
            "large": large(page, folder, height * 4 // 3, height),
        }
        browser.close()
    return result
