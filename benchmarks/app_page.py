"""How long a preview takes on the page of ``adain app``, from a slider's event to painted pixels, in Chromium."""

from __future__ import annotations

import itertools
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adain.image import read_image, resize_shorter

from .measuring import ART, PHOTO, Spread, seconds
from .serving import Server, launch

if TYPE_CHECKING:
    from playwright.sync_api import Page

TARGET_MS, TARGET_RATIO, TARGET_ABOVE_MS = 150.0, 1.3, 60.0
"""A median preview takes at most the first, and at most the second times the decode alone, plus the third."""

RATE = 20
"""Moves of a slider a second, to see whether requests pile up."""

MOVE = """async (value) => {
    const slider = document.querySelector("#alpha");
    const before = Number(document.body.dataset.painted || 0);
    const painted = new Promise((done) => {  // the page counts when the frame has been painted
        const seen = new MutationObserver(() => {
            if (Number(document.body.dataset.painted || 0) <= before) return;
            seen.disconnect();
            done();
        });
        seen.observe(document.body, {attributes: true});
    });
    const began = performance.now();
    slider.value = value;
    slider.dispatchEvent(new Event("input", {bubbles: true}));
    await painted;
    return performance.now() - began;
}"""

MOVES = """async ([rate, seconds]) => {
    const slider = document.querySelector("#alpha"), low = Number(slider.min), high = Number(slider.max);
    const before = Number(document.body.dataset.painted || 0), end = performance.now() + 1000 * seconds;
    let moves = 0;
    while (performance.now() < end) {
        slider.value = low + (high - low) * (0.2 + 0.1 * (moves % 7));
        slider.dispatchEvent(new Event("input", {bubbles: true}));
        moves += 1;
        await new Promise((done) => setTimeout(done, 1000 / rate));
    }
    return {moves, painted: Number(document.body.dataset.painted || 0) - before};
}"""

TIMINGS = """() => performance.getEntriesByType("resource").filter((each) => each.name.endsWith("/stylize"))
    .map((each) => Object.fromEntries(each.serverTiming.map((part) => [part.name, part.duration])))"""

SETTLED = "() => Number(document.body.dataset.painted || 0) > 0 && !document.body.dataset.busy"


def decoder(size: int) -> Callable[[], object]:
    """The decode alone: the fast model's, of the same photograph, encoded before, in this process."""
    from adain.backends import open_model
    from adain.options import ModelOptions

    model = open_model(ModelOptions(model="fast", device="cpu"))
    content = model.encode_content(resize_shorter(read_image(PHOTO), size))
    style = model.encode_style(ART)
    alphas = itertools.cycle((0.9, 0.8, 0.7, 0.6))
    return lambda: model.stylize(content, style, alpha=next(alphas))


def ready(page: Page, server: Server) -> None:
    """The photograph and an artwork, and the first preview of the two."""
    page.goto(server.address)
    page.set_input_files("#content-input", PHOTO)
    page.click('#gallery [data-style="gallery-great-wave"]')
    page.wait_for_function(SETTLED)
    page.wait_for_timeout(500)


def latency(page: Page, size: int, rounds: int) -> dict[str, Any]:
    """Milliseconds from event to pixels, and of the decode alone, which takes turns with it."""
    alone = decoder(size)
    alone()
    low, high = (float(page.get_attribute("#alpha", end) or 0) for end in ("min", "max"))
    page.evaluate("performance.setResourceTimingBufferSize(5000)")
    page.evaluate("performance.clearResourceTimings()")
    shown, decoded = [], []
    for k in range(rounds):
        shown.append(float(page.evaluate(MOVE, low + (high - low) * (0.3 + 0.1 * (k % 6)))))
        page.wait_for_timeout(60)
        decoded.append(1e3 * seconds(alone))
    told = [timing for timing in page.evaluate(TIMINGS) if timing]
    parts = {name: [timing[name] for timing in told if name in timing] for name in ("queue", "encode", "decode")}
    median, limit = statistics.median(shown), TARGET_RATIO * statistics.median(decoded) + TARGET_ABOVE_MS
    return {
        "rounds": rounds,
        "event_to_pixels_ms": Spread.of(shown).rounded(1),
        "decode_alone_ms": Spread.of(decoded).rounded(1),
        "server_ms": {name: Spread.of(values).rounded(1) for name, values in parts.items() if values},
        "limit_ms": round(min(TARGET_MS, limit), 1),
        "is_met": median <= min(TARGET_MS, limit),
    }


class Watch(threading.Thread):
    """Reads the server's gauges again and again, and keeps the highest of each."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self.server, self.peaks, self.reads, self._end = server, dict[str, float](), 0, threading.Event()

    def run(self) -> None:
        while not self._end.wait(0.02):
            for name, value in self.server.metrics().items():
                self.peaks[name] = max(value, self.peaks.get(name, 0))
            self.reads += 1

    def stop(self) -> None:
        self._end.set()
        self.join()


def moves(page: Page, server: Server, duration: float) -> dict[str, Any]:
    """Twenty moves a second for so many seconds: how many previews were in work and waiting at the most."""
    watch = Watch(server)
    watch.start()
    told: dict[str, Any] = page.evaluate(MOVES, [RATE, duration])
    began = time.perf_counter()
    page.wait_for_function(SETTLED)
    settled = time.perf_counter() - began
    watch.stop()
    peaks = {name: int(watch.peaks[name]) for name in PREVIEW_GAUGES}
    return {
        **told,
        "seconds": duration,
        "reads": watch.reads,
        "peaks": peaks,
        "settled_ms": round(1e3 * settled),
        "is_met": all(peak <= 1 for peak in peaks.values()),
    }


PREVIEW_GAUGES = ("adain_working_for_preview", "adain_waiting_for_preview")


def measure(folder: Path, size: int, rounds: int, duration: float) -> dict[str, Any]:
    """Both, on a server of its own."""
    from playwright.sync_api import sync_playwright

    with Server(folder, "--preview-size", size, "--model", "fast") as server, sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        ready(page, server)
        result = {"size": size, "latency": latency(page, size, rounds), "moves": moves(page, server, duration)}
        browser.close()
    return result
