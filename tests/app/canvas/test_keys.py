"""Views by keys alone, and what screen readers are told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.app.canvas.bare import capsule, halves, mask_pixels, screen, stroke


def test_keys_zoom_and_move(page: Any) -> None:
    page.evaluate("view.tool = 'pan'")
    page.locator("#view canvas").last.focus()
    page.keyboard.press("+")
    assert page.evaluate("view.zoom") == pytest.approx(2.5)
    before = page.evaluate("view.place.rect.x")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("view.place.rect.x") == before - 48
    page.keyboard.press("1")
    assert page.evaluate("view.zoom") == 1
    page.keyboard.press("0")
    assert page.evaluate("view.zoom") == "fit"
    page.keyboard.press("-")
    assert page.evaluate("view.zoom") == "fit"


def test_brackets_change_the_brush(page: Any) -> None:
    page.locator("#view canvas").last.focus()
    page.keyboard.press("]")
    page.keyboard.press("[")
    assert [size for _, size in page.evaluate("events.map(([name, detail]) => [name, detail.size])")] == [46, 40]


def test_masks_are_painted_by_keys_alone(page: Any) -> None:
    page.locator("#view canvas").last.focus()
    for key in ("ArrowLeft", "Enter", "ArrowRight", "ArrowRight", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    want = capsule((400, 300), [(195, 150), (200, 150), (205, 150), (205, 155)], 10)
    assert np.abs(mask_pixels(page) - want).max() <= 1


def test_space_moves_the_picture_whatever_the_tool(page: Any) -> None:
    page.evaluate("view.zoom = 4")
    page.locator("#view canvas").last.focus()
    page.mouse.move(400, 300)
    page.keyboard.down(" ")
    page.mouse.down()
    page.mouse.move(430, 320)
    page.mouse.up()
    page.keyboard.up(" ")
    assert page.evaluate("[view.place.rect.x, view.place.rect.y, strokes().length]") == [-400 + 30, -300 + 20, 0]


def test_the_split_is_a_slider(page: Any) -> None:
    page.evaluate("view.after = plain(40, 30, '#00f'); view.split = 0.5; view.drawNow()")
    handle = page.get_by_role("slider", name="photograph")
    handle.focus()
    for key, split in (("ArrowRight", 0.51), ("ArrowLeft", 0.5), ("PageUp", 0.6), ("Home", 0), ("End", 1)):
        page.keyboard.press(key)
        assert page.evaluate("view.split") == pytest.approx(split)
    page.evaluate("view.drawNow()")
    assert handle.get_attribute("aria-valuenow") == "100"
    page.evaluate("view.split = 0.5; view.tool = 'pan'; view.drawNow()")
    page.mouse.move(400, 300)
    page.mouse.down()
    page.mouse.move(233, 300, steps=3)
    page.mouse.up()
    assert page.evaluate("view.split") == 233 / 800


def test_painting_goes_on_below_the_split(page: Any) -> None:
    page.evaluate("view.after = plain(40, 30, '#00f'); view.split = 0.5; view.drawNow()")
    points = ((400, 300), (380, 300))
    assert np.abs(stroke(page, *points) - capsule((400, 300), halves(points), 10)).max() <= 1
    assert page.evaluate("view.split") == 0.5


@pytest.mark.parametrize("split", [0, 1])
def test_its_grip_is_whole_at_the_edges(page: Any, split: int) -> None:
    page.evaluate("split => { view.after = plain(40, 30, '#808080'); view.split = split; view.tool = 'pan' }", split)
    shown = screen(page, clip={"x": 0, "y": 250, "width": 800, "height": 100})
    assert (shown == 255).all(axis=2).any(axis=0).sum() >= 28  # columns with white: all of the grip
    page.mouse.move(17 if split == 0 else 783, 300)
    page.mouse.down()
    page.mouse.move(400, 300)
    page.mouse.up()
    assert page.evaluate("view.split") == 0.5


def test_there_is_no_handle_without_two_pictures(page: Any) -> None:
    page.evaluate("view.drawNow()")
    assert not page.locator("#split").is_visible()


def test_axe_finds_nothing(page: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page.evaluate("view.after = plain(40, 30, '#00f'); view.split = 0.5; pad.names = ['wave', 'harbour', 'night']")
    found = axe.Axe().run(page)
    assert found.response["violations"] == []
