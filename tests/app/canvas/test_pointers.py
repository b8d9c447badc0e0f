"""Fingers and pens on a view."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.app.canvas.bare import both_screens, capsule, mask_pixels, stroke, until


def touch(page: Any, kind: str, *points: tuple[float, float]) -> None:
    if not hasattr(page, "fingers"):
        page.fingers = page.context.new_cdp_session(page)
    page.fingers.send(
        "Input.dispatchTouchEvent",
        {"type": f"touch{kind}", "touchPoints": [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]},
    )


def test_a_finger_paints(page: Any) -> None:
    touch(page, "Start", (200, 160))
    touch(page, "Move", (560, 160))
    touch(page, "End")
    until(page, "strokes().length === 1")
    assert np.abs(mask_pixels(page) - capsule((400, 300), [(100, 80), (280, 80)], 10)).max() <= 1


@both_screens
def test_two_fingers_zoom_around_their_middle_and_paint_nothing(page: Any) -> None:
    at = "(() => { const r = devicePixelRatio; return view.place.fraction({ x: 400 * r, y: 300 * r }) })()"
    touch(page, "Start", (380, 300))
    touch(page, "Start", (380, 300), (420, 300))
    before = page.evaluate(at)
    touch(page, "Move", (360, 300), (440, 300))
    touch(page, "Move", (340, 300), (460, 300))
    until(page, "Math.abs(view.place.scale / devicePixelRatio - 6) < 0.1")
    after = page.evaluate(at)
    assert after["x"] == pytest.approx(before["x"], abs=0.003)
    assert after["y"] == pytest.approx(before["y"], abs=0.003)
    touch(page, "Move", (340, 350), (460, 350))  # and both together move it
    until(page, f"Math.abs({at}.y - {before['y'] - 50 / (300 * 6)}) < 0.003")
    touch(page, "End")
    assert page.evaluate("strokes().length") == 0
    touch(page, "Start", (300, 300), (500, 300))
    touch(page, "Move", (390, 300), (410, 300))
    touch(page, "End")
    until(page, "view.zoom === 'fit'")


def dispatched(page: Any, *events: tuple[str, dict[str, Any]]) -> None:
    """Events of pointers that the browser has no way to make for a test."""
    page.evaluate(
        """(events) => {
          const { top } = view.canvas;
          top.setPointerCapture = () => {};
          for (const [name, init] of events) top.dispatchEvent(new PointerEvent(name, { bubbles: true, ...init }));
        }""",
        events,
    )


def test_the_other_end_of_a_pen_erases(page: Any) -> None:
    page.evaluate("view.setMask(Mask.full(400, 300), '#000')")
    pen = {"pointerId": 9, "pointerType": "pen", "pressure": 0.5, "button": 5, "buttons": 32, "clientY": 300}
    dispatched(
        page,
        ("pointerdown", {**pen, "clientX": 200}),
        ("pointermove", {**pen, "clientX": 600, "button": -1}),
        ("pointerup", {**pen, "clientX": 600, "buttons": 0}),
    )
    assert np.array_equal(mask_pixels(page), 255 - capsule((400, 300), [(100, 150), (300, 150)], 5))


def test_the_hand_that_holds_a_pen_is_not_a_finger(page: Any) -> None:
    pen = {"pointerId": 9, "pointerType": "pen", "pressure": 1, "button": 0, "buttons": 1, "clientY": 300}
    hand = {"pointerId": 10, "pointerType": "touch", "button": 0, "buttons": 1, "clientX": 700, "clientY": 500}
    dispatched(
        page,
        ("pointerdown", {**pen, "clientX": 200}),
        ("pointerdown", hand),
        ("pointermove", {**hand, "clientX": 750}),
        ("pointermove", {**pen, "clientX": 600, "button": -1}),
        ("pointerup", hand),
        ("pointerup", {**pen, "clientX": 600, "buttons": 0}),
    )
    assert page.evaluate("strokes().length") == 1
    assert np.abs(mask_pixels(page) - capsule((400, 300), [(100, 150), (300, 150)], 10)).max() <= 1
    assert page.evaluate("view.zoom") == "fit"


@pytest.mark.parametrize("end", ["pointercancel", "lostpointercapture"])
def test_a_pointer_that_the_browser_takes_away_leaves_nothing(page: Any, end: str) -> None:
    finger = {"pointerId": 9, "pointerType": "touch", "button": 0, "buttons": 1, "clientX": 300, "clientY": 300}
    dispatched(page, ("pointerdown", finger), (end, finger))
    assert page.evaluate("strokes().length") == 0
    assert stroke(page, (600, 300))[150, 150] == 0
