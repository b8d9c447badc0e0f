"""The bucket."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.app.canvas.bare import mask_pixels, stroke


def filled(page: Any, at: tuple[int, int], keys: tuple[str, ...] = ()) -> np.ndarray:
    page.evaluate("view.tool = 'fill'")
    for key in keys:
        page.keyboard.down(key)
    page.mouse.click(*at)
    for key in keys:
        page.keyboard.up(key)
    return mask_pixels(page)


STRIPES = "view.before = plain(400, 300, '#806040', '#203040', '#806048', '#c0c0c0')"  # each 100 pixels wide


def test_the_bucket_fills_what_hangs_together_in_one_colour(page: Any) -> None:
    page.evaluate(STRIPES)
    got = filled(page, (100, 300))
    assert (got[:, :100] == 255).all()
    assert (got[:, 100:] == 0).all()


def test_with_shift_it_fills_that_colour_everywhere_within_the_tolerance(page: Any) -> None:
    page.evaluate(STRIPES)
    page.evaluate("view.brush = { tolerance: 0.05 }")
    assert filled(page, (100, 300), ("Shift",))[0, [50, 150, 250, 350]].tolist() == [255, 0, 255, 0]
    page.evaluate("view.setMask(null); view.setMask(null, '#000'); view.brush = { tolerance: 0.01 }")
    assert filled(page, (100, 300), ("Shift",))[0, [50, 150, 250, 350]].tolist() == [255, 0, 0, 0]


def test_with_alt_it_empties(page: Any) -> None:
    page.evaluate(STRIPES)
    page.evaluate("view.setMask(Mask.full(400, 300), '#000')")
    assert filled(page, (700, 300), ("Alt",))[0, [50, 150, 250, 350]].tolist() == [255, 255, 255, 0]


def test_it_stops_at_what_is_painted(page: Any) -> None:
    page.evaluate("view.brush = { tolerance: 1, softness: 0.5 }")
    stroke(page, (200, 200), (600, 200), (600, 400), (200, 400), (200, 200))
    got = filled(page, (400, 300))
    assert (got[101:199, 101:299] == 255).all()
    assert got[20:80, 20:380].max() == 0


def test_drawn_to_the_right_it_takes_more_and_to_the_left_less(page: Any) -> None:
    page.evaluate("view.before = plain(400, 300, '#808080', '#909090', '#a0a0a0', '#b0b0b0'); view.tool = 'fill'")
    page.evaluate("view.brush = { tolerance: 0.03 }")
    page.mouse.move(100, 300)
    page.mouse.down()
    page.mouse.move(146, 300)  # 40 px beyond a click: 0.08 more
    page.mouse.up()
    assert mask_pixels(page)[0, [50, 150, 250, 350]].tolist() == [255, 255, 0, 0]
    assert page.evaluate("view.brush.tolerance") == pytest.approx(0.11)
    assert page.evaluate("strokes().length") == 1
    page.evaluate("view.setMask(null); view.setMask(null, '#000')")
    page.mouse.move(100, 300)
    page.mouse.down()
    page.mouse.move(600, 300)
    page.mouse.move(100, 300)
    page.mouse.move(20, 300)
    page.mouse.up()
    assert mask_pixels(page)[0, [50, 150, 250, 350]].tolist() == [255, 0, 0, 0]


def test_escape_takes_a_fill_back(page: Any) -> None:
    page.evaluate("view.tool = 'fill'")
    page.mouse.move(100, 300)
    page.mouse.down()
    page.keyboard.press("Escape")
    page.mouse.move(300, 300)
    page.mouse.up()
    assert page.evaluate("strokes().length") == 0


def test_brackets_change_what_it_takes(page: Any) -> None:
    page.evaluate("view.tool = 'fill'")
    page.locator("#view canvas").last.focus()
    page.keyboard.press("]")
    assert page.evaluate("[view.brush.tolerance, view.brush.size]") == [pytest.approx(0.115), 40]
    page.keyboard.press("Enter")
    assert (mask_pixels(page) == 255).all()


def test_pinholes_are_filled_with_what_is_around_them(page: Any) -> None:
    page.evaluate(
        "(() => { const grey = plain(400, 300, '#808080'), context = grey.getContext('2d'); context.fillStyle = '#fff';"
        " for (let i = 0; i < 40; i++) context.fillRect(20 + 7 * i, 20 + 5 * i, 2, 2);"
        " context.fillRect(300, 50, 60, 60); view.before = grey; })()"
    )
    got = filled(page, (100, 500))
    assert (got[50:110, 300:360] == 0).all()
    got[50:110, 300:360] = 255
    assert (got == 255).all()
