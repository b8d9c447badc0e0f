"""Fingers on a view."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.app.canvas.bare import both_screens, capsule, mask_pixels, until


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
