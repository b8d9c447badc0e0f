"""Brush and eraser, pixel by pixel against their formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.app.canvas.bare import both_screens, capsule, halves, mask_pixels, over, stroke


@both_screens
@pytest.mark.parametrize("softness", [0, 0.3, 1])
def test_a_stroke_covers_what_the_formula_says(page: Any, softness: float) -> None:
    page.evaluate("softness => { view.brush = { softness } }", softness)
    points = ((200, 160), (560, 160), (640, 430), (101, 333))
    got = stroke(page, *points)
    want = capsule((400, 300), halves(points), 10, softness)
    assert np.abs(got - want).max() <= 1
    assert (got == want).mean() > 0.999
    assert page.evaluate("strokes().length") == 1


def test_a_hard_brush_is_all_or_nothing_but_for_one_pixel(page: Any) -> None:
    got = stroke(page, (200, 300), (600, 300))
    y, x = np.mgrid[0:300, 0:400] + 0.5
    distance = np.hypot(x - np.clip(x, 100, 300), y - 150)
    assert (got[distance <= 9.5] == 255).all()
    assert (got[distance >= 10.5] == 0).all()


def test_a_soft_edge_only_falls(page: Any) -> None:
    page.evaluate("view.brush = { size: 200, softness: 1 }")
    row = stroke(page, (400, 300))[150]
    assert (np.diff(row[:200]) >= 0).all()
    assert (np.diff(row[200:]) <= 0).all()
    assert len(set(row)) > 40


def test_a_stroke_over_itself_adds_nothing(page: Any) -> None:
    page.evaluate("view.brush = { softness: 1 }")
    once = stroke(page, (200, 200), (600, 200))
    page.evaluate("view.setMask(null); view.setMask(null, '#e4572e')")
    assert np.array_equal(stroke(page, (200, 200), (600, 200), (200, 200), (600, 200)), once)


def test_a_second_stroke_builds_up(page: Any) -> None:
    page.evaluate("view.brush = { softness: 1 }")
    once = stroke(page, (200, 200), (600, 200))
    twice = stroke(page, (200, 200), (600, 200))
    assert np.abs(twice - over(once, once)).max() <= 1


def test_the_eraser_is_the_brush_inside_out(page: Any) -> None:
    page.evaluate("view.brush = { softness: 0.6 }")
    points = ((200, 160), (560, 160), (640, 430))
    painted = stroke(page, *points)
    page.evaluate("view.setMask(Mask.full(400, 300), '#e4572e'); view.tool = 'eraser'")
    assert np.array_equal(stroke(page, *points), 255 - painted)


def test_erasing_what_was_never_painted_is_no_stroke(page: Any) -> None:
    page.evaluate("view.tool = 'eraser'")
    page.mouse.click(300, 300)
    assert page.evaluate("strokes().length") == 0


@both_screens
def test_strokes_fall_where_the_pointer_is_when_zoomed_and_moved(page: Any) -> None:
    page.evaluate("view.zoomAt(5 * devicePixelRatio, { x: 300 * devicePixelRatio, y: 200 * devicePixelRatio })")
    page.mouse.move(400, 300)
    page.mouse.down(button="middle")
    page.mouse.move(460, 250)
    page.mouse.up(button="middle")
    # (300, 200) of the page was the mask's (150, 100); five px are a pixel now, and the hand moved it by (60, -50).
    page.evaluate("view.brush = { softness: 0.4 }")
    points = ((200, 300), (620, 480))
    in_mask = [(150 + (x - 60 - 300) / 5, 100 + (y + 50 - 200) / 5) for x, y in points]
    got = stroke(page, *points)
    assert np.abs(got - capsule((400, 300), in_mask, 4, 0.4)).max() <= 6  # the picture lies on whole pixels


def test_shift_joins_strokes_by_a_line(page: Any) -> None:
    stroke(page, (200, 200))
    page.keyboard.down("Shift")
    got = stroke(page, (600, 400))
    page.keyboard.up("Shift")
    assert (
        np.abs(
            got - over(capsule((400, 300), [(100, 100)], 10), capsule((400, 300), [(100, 100), (300, 200)], 10))
        ).max()
        <= 1
    )


def test_alt_erases(page: Any) -> None:
    first = stroke(page, (300, 300))
    page.keyboard.down("Alt")
    got = stroke(page, (300, 300))
    page.keyboard.up("Alt")
    assert np.abs(got - first * (255 - first) / 255).max() <= 1


def test_a_stroke_may_leave_the_picture(page: Any) -> None:
    points = ((700, 300), (815, 300), (700, 590))
    assert np.abs(stroke(page, *points) - capsule((400, 300), halves(points), 10)).max() <= 1


def test_escape_takes_a_stroke_back(page: Any) -> None:
    first = stroke(page, (200, 200))
    page.mouse.move(400, 400)
    page.mouse.down()
    page.mouse.move(500, 400)
    page.keyboard.press("Escape")
    page.mouse.move(600, 400)
    page.mouse.up()
    assert page.evaluate("strokes().length") == 1
    want = over(first, capsule((400, 300), [(300, 250)], 10))
    assert np.abs(stroke(page, (600, 500)) - want).max() <= 1


def test_without_a_colour_nothing_is_painted(page: Any) -> None:
    page.evaluate("view.setMask(null)")
    page.mouse.click(300, 300)
    assert page.evaluate("strokes().length") == 0


def test_a_pen_paints_as_wide_as_it_is_pressed(page: Any) -> None:
    pen = page.context.new_cdp_session(page)
    for kind, x, force in (("mousePressed", 200, 0.25), ("mouseMoved", 600, 1.0), ("mouseReleased", 600, 0.0)):
        pen.send(
            "Input.dispatchMouseEvent",
            {"type": kind, "x": x, "y": 300, "button": "left", "buttons": 1, "clickCount": 1, "force": force,
             "pointerType": "pen"},
        )  # fmt: skip
    want = capsule((400, 300), [(100, 150), (300, 150)], [2.5, 10])
    assert np.abs(mask_pixels(page) - want).max() <= 1
