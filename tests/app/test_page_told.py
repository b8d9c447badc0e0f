"""What the page shows and says when things take their time, in Chromium."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from .browser import Page, chromium, page, server
from .test_page import WAVE, begun, picture

__all__ = ["chromium", "page", "picture", "server"]

pytestmark = pytest.mark.slow

LISTEN = """() => {
    window.said = [];
    new MutationObserver(() => said.push(document.querySelector("#message").textContent))
        .observe(document.querySelector("#message"), {childList: true, characterData: true, subtree: true});
}"""


def delayed(page: Page, seconds: float) -> None:
    """Orders take so much longer from here on."""

    def wait(route: Any) -> None:
        time.sleep(seconds)
        route.continue_()

    page.page.route("**/stylize", wait)


def test_a_slow_preview_is_told_of_and_the_first_one_with_colours_says_why(page: Page, picture: Path) -> None:
    begun(page, picture, WAVE)
    page.page.evaluate(LISTEN)
    delayed(page, 0.9)
    for mode in ("luminance", "histogram"):
        with page.repainted():
            page.page.select_option("#color", mode)
    first, second = [text for text in page.page.evaluate("said") if text]
    assert "colours" in first
    assert "colours" not in second
    assert page.message() == ""


def test_the_finished_picture_is_seen_until_something_changes(page: Page, picture: Path) -> None:
    """Also when the preview of the same state comes later, and at the size of its own pixels."""
    begun(page, picture, WAVE)
    page.page.click("#zoom-pixels")
    preview = page.look()
    held: list[Any] = []
    page.page.route("**/stylize", lambda route: held.append(route) if not held else route.continue_())
    page.slide("alpha", 0.5)
    page.page.click("#finish")
    page.page.wait_for_selector("#download:visible")
    page.page.wait_for_timeout(200)
    finished = page.look()
    assert finished != preview
    held[0].continue_()
    page.page.wait_for_function("() => !document.body.dataset.busy")
    page.page.wait_for_timeout(200)
    assert page.look() == finished
    with page.repainted():
        page.slide("alpha", 0.6)
    assert page.look() != finished
