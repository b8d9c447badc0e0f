"""What the page shows and says when things take their time, in Chromium."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks.serving import Server
from tests.conftest import noise_image

from .browser import CIRCLES, GALETTE, WAIT, WAVE, Page, begun, chromium, page, server
from .test_page import picture

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
    before = page.painted
    page.page.click("#finish")
    page.page.wait_for_function("(n) => Number(document.body.dataset.painted) > n", arg=before)
    page.frames()
    finished = page.look()
    assert finished != preview
    held[0].continue_()
    page.page.wait_for_function("() => !document.body.dataset.busy")
    page.page.wait_for_timeout(200)  # for what would be wrong
    page.frames()
    assert page.look() == finished
    with page.repainted():
        page.slide("alpha", 0.6)
    assert page.look() != finished


def test_what_has_happened_is_said_until_something_else_has(page: Page, picture: Path) -> None:
    begun(page, picture, WAVE)
    page.page.click("#finish")
    page.page.wait_for_selector("#download:visible")
    assert "is finished" in page.message()
    with page.repainted():
        page.slide("alpha", 0.6)
    assert page.message() == ""
    for style in (GALETTE, CIRCLES, "gallery-summertime"):
        page.choose(style)
    delayed(page, 0.9)  # which is told where nothing else stands
    with page.repainted():
        page.choose("gallery-mackerel-prawn")
    assert "was left out" in page.message()


def test_a_page_that_is_closed_takes_its_work_along(chromium: Any, server: Server, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    noise_image(2600, 2000, 4).save(large)
    context = chromium.new_context()
    page = Page(context.new_page(), server)
    page.open()
    begun(page, large, WAVE)
    cancelled = 'adain_jobs_total{state="cancelled"}'
    before = server.metrics().get(cancelled, 0)
    page.page.click("#finish")
    page.page.wait_for_function("() => document.querySelector('#progress-text').textContent.includes('tile')")
    page.page.close()
    end = time.monotonic() + WAIT / 1000
    while server.metrics()["adain_jobs_open"] and time.monotonic() < end:
        time.sleep(0.1)
    assert server.metrics()[cancelled] == before + 1
    context.close()


def test_what_is_found_on_the_way_is_said(page: Page, picture: Path, tmp_path: Path) -> None:
    """That no face is protected; that a strength is lowered; that a file has further pictures."""
    begun(page, picture, WAVE)
    page.page.click("#controls summary")
    with page.repainted():
        page.page.select_option("#protect", "faces")
    assert "No face" in page.message()
    with page.repainted():
        page.page.select_option("#protect", "")
    assert page.message() == ""
    with page.repainted():
        page.page.fill("#max_drift", "0.01")
        page.page.press("#max_drift", "Tab")
    assert "strength" in page.message()
    with page.repainted():  # or this preview is taken for that of the file
        page.page.fill("#max_drift", "")
        page.page.press("#max_drift", "Tab")
    with Image.open(picture) as first:
        first.save(tmp_path / "two.tif", save_all=True, append_images=[first.rotate(90)])
    with page.repainted():
        page.drop(tmp_path / "two.tif")
    page.page.click("#finish")
    page.page.wait_for_function("() => document.querySelector('#message').textContent.includes('2 pages')")


def test_a_command_is_broken_between_its_words(page: Page, picture: Path) -> None:
    begun(page, picture, WAVE)
    page.page.click("#copy-command")
    page.page.wait_for_selector("#command[open]")
    shown = page.page.eval_on_selector_all("#command-shell .word", "words => words.map((each) => each.innerText)")
    assert shown == shlex.split("adain stylize \"'my photo.png'\"") + shown[3:]
    assert "--model" in shown
    assert page.page.text_content("#command-shell") == " ".join(shown)


@pytest.mark.parametrize("size", [(820, 1180), (780, 360), (360, 640)])
def test_what_paints_is_within_reach_on_every_screen(
    chromium: Any, server: Server, picture: Path, size: tuple[int, int]
) -> None:
    context = chromium.new_context(viewport=dict(zip(("width", "height"), size, strict=True)))
    page = Page(context.new_page(), server)
    page.open()
    begun(page, picture, WAVE)
    page.page.click("#mode-regions")
    for name in ("tool-pan", "tool-fill", "brush-size", "brush-softness", "zoom-pixels", "finish"):
        # Whatever stands in the middle and at the ends of each is that itself.
        ends = page.page.eval_on_selector(
            f"#{name}",
            """(element) => [2, element.getBoundingClientRect().width / 2, element.getBoundingClientRect().width - 2]
                .map((x) => {
                    const box = element.getBoundingClientRect();
                    return document.elementFromPoint(box.x + x, box.y + box.height / 2) === element;
                })""",
        )
        assert ends == [True] * 3, name
    context.close()


def test_names_that_are_read_aloud_have_no_signs_in_them(page: Page, picture: Path) -> None:
    begun(page, picture, WAVE)
    pressed = page.page.get_by_role("button", name="The Great Wave off Kanagawa", exact=True, pressed=True)
    assert pressed.count() == 1
    assert page.page.get_by_role("slider", name="Before or after", exact=True).get_attribute("id") == "split"


def test_what_is_chosen_while_the_page_is_loading_is_taken(page: Page, picture: Path) -> None:
    held: list[Any] = []
    page.page.route("**/setup", lambda route: held.append(route))
    page.page.goto(f"{page.server.address}/", wait_until="commit")
    page.page.set_input_files("#content-input", str(picture))
    while not held:
        page.page.wait_for_timeout(20)
    held[0].continue_()
    page.page.wait_for_selector("#gallery [data-style]")
    with page.repainted():
        page.choose(WAVE)
