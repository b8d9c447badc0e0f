"""What a view shows, and where."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.app.canvas.bare import both_screens, capsule, screen, stroke, until

RED, BLUE = (255, 0, 0), (0, 0, 255)


@both_screens
@pytest.mark.parametrize("split", [0, 0.25, 0.5013, 0.999, 1])
def test_the_picture_is_parted_at_the_exact_column(page: Any, split: float) -> None:
    ratio = page.evaluate("devicePixelRatio")
    page.evaluate(
        "split => { view.setMask(null); view.before = plain(400, 300, '#f00'); view.after = plain(133, 100, '#00f');"
        " view.split = split; view.handle.element.style.visibility = 'hidden'; }",
        split,
    )
    row = screen(page, clip={"x": 0, "y": 0, "width": 800, "height": 600})[300]
    column = round(800 * ratio * split)
    assert (row[:column] == BLUE).all()
    assert (row[column:] == RED).all()


def test_other_masks_are_shown_in_their_colours(page: Any) -> None:
    page.evaluate(
        "() => { const half = new Uint8ClampedArray(1200 * 900).map((_, i) => (i % 1200 < 600 ? 255 : 0));"
        " const others = [{ mask: new Mask(1200, 900, half), color: '#00f' }, { mask: null, color: '#f00' }];"
        " view.setMask(null, '#000', others); }"
    )
    shown = screen(page, clip={"x": 0, "y": 0, "width": 800, "height": 600})
    assert shown[300, 200, 2] > shown[300, 200, 0] + 60
    assert shown[300, 600].tolist() == [128] * 3


def test_a_picture_that_was_closed_is_not_drawn(page: Any) -> None:
    page.evaluate("async () => { view.after = await createImageBitmap(plain(40, 30, '#00f')); view.after.close() }")
    assert screen(page)[300, 200].tolist() == [128] * 3


def test_before_and_after_lie_at_one_place(page: Any) -> None:
    """A preview of fewer pixels covers the photograph, whatever the zoom."""
    page.evaluate(
        "view.setMask(null); view.tool = 'pan'; view.before = plain(400, 300, '#f00', '#00f');"
        "view.after = plain(40, 30, '#f00', '#00f'); view.handle.element.style.visibility = 'hidden'; view.zoom = 5.3;"
    )
    frames = []
    for split in (0, 1):
        page.evaluate("split => { view.split = split }", split)
        frames.append(screen(page, clip={"x": 0, "y": 0, "width": 800, "height": 600}))
    before, after = frames
    assert np.array_equal(before[:, :300], after[:, :300])
    assert np.array_equal(before[:, 500:], after[:, 500:])
    assert [int((row[..., 0] > 127).sum()) for row in (before[300], after[300])] == [400, 400]


def test_a_preview_is_smooth_however_close_one_looks(page: Any) -> None:
    """Beyond 1:1 the photograph's own pixels are squares; those of a smaller picture in its place are none."""
    page.evaluate(
        "view.setMask(null); view.tool = 'pan'; view.before = plain(400, 300, '#f00', '#00f');"
        "view.after = plain(40, 30, '#f00', '#00f'); view.handle.element.style.visibility = 'hidden'; view.zoom = 4;"
    )
    kinds = {}
    small, large = (f"plain({size}, '#f00', '#00f')" for size in ("40, 30", "400, 300"))
    for name, show in (
        ("preview", "view.split = 1"),
        ("photograph", "view.split = 0"),
        ("finished", f"view.after = {large}; view.split = 1"),
        ("a smaller photograph", f"view.size = view.before; view.before = {small}; view.split = 0"),
    ):
        page.evaluate(f"() => {{ {show} }}")
        shown = screen(page, clip={"x": 0, "y": 300, "width": 800, "height": 1})[0]
        kinds[name] = len(np.unique(shown, axis=0))
    assert kinds["photograph"] == kinds["finished"] == 2
    assert min(kinds["preview"], kinds["a smaller photograph"]) > 10


@both_screens
def test_pixels_are_squares_above_one_to_one(page: Any) -> None:
    page.evaluate(
        """() => {
          const made = new OffscreenCanvas(40, 30), context = made.getContext("2d");
          for (let y = 0; y < 30; y++) for (let x = 0; x < 40; x++) {
            context.fillStyle = (x + y) % 2 ? "#00f" : "#f00";
            context.fillRect(x, y, 1, 1);
          }
          view.setMask(null);
          view.before = made;
          view.zoom = 8;
        }"""
    )
    ratio = page.evaluate("devicePixelRatio")
    left, top = page.evaluate("[view.place.rect.x, view.place.rect.y]")
    assert [left, top] == [(800 * ratio - 320) / 2, (600 * ratio - 240) / 2]
    shown = screen(page, clip={"x": 0, "y": 0, "width": 800, "height": 600})[top : top + 240, left : left + 320]
    y, x = np.mgrid[0:240, 0:320] // 8
    assert np.array_equal(shown, np.where(((x + y) % 2)[..., None], BLUE, RED))


@both_screens
def test_zoom_one_is_a_pixel_for_a_pixel(page: Any) -> None:
    page.evaluate("view.size = { width: 2000, height: 1500 }; view.zoom = 1")
    assert page.evaluate("view.place.rect.width") == 2000
    assert page.evaluate("events.filter(([name]) => name === 'zoom')") == [["zoom", 1]]
    page.evaluate("view.zoom = 'fit'")
    assert page.evaluate("view.place.rect") == page.evaluate(
        "({ x: 0, y: 0, width: 800 * devicePixelRatio, height: 600 * devicePixelRatio })"
    )


def test_a_picture_never_leaves_the_view(page: Any) -> None:
    page.evaluate("view.tool = 'pan'; view.zoom = 4")
    page.mouse.move(100, 100)
    page.mouse.down()
    page.mouse.move(790, 590)
    page.mouse.move(100, 100)
    page.mouse.move(790, 590)
    page.mouse.up()
    assert page.evaluate("[view.place.rect.x, view.place.rect.y]") == [0, 0]
    page.evaluate("view.panBy(-1e9, -1e9)")
    assert page.evaluate("[view.place.rect.x, view.place.rect.y]") == [800 - 1600, 600 - 1200]


def test_the_wheel_zooms_at_the_pointer_and_lets_the_page_scroll_at_the_end(page: Any) -> None:
    page.mouse.move(200, 150)
    at = "view.place.fraction({ x: 200, y: 150 })"
    before = page.evaluate(at)
    page.mouse.wheel(0, -600)
    until(page, "view.zoom !== 'fit'")
    assert page.evaluate(at) == {key: pytest.approx(value, abs=0.002) for key, value in before.items()}
    page.mouse.wheel(0, 4000)
    until(page, "view.zoom === 'fit'")
    assert page.evaluate("scrollY") == 0
    page.mouse.wheel(0, 100)
    until(page, "scrollY > 0")


@pytest.mark.parametrize("ground", ["#000", "#fff", "#e4572e", "#1b6ca8"])
def test_a_mask_is_seen_on_any_ground(page: Any, ground: str) -> None:
    """Along its edge something stands out from the picture, even if the mask has the picture's colour."""
    page.evaluate("ground => { view.before = plain(400, 300, ground) }", ground)
    stroke(page, (300, 300), (500, 300))
    page.mouse.move(810, 900)
    shown = screen(page, clip={"x": 0, "y": 0, "width": 800, "height": 600})
    plain = shown[10, 10]
    edge = np.abs(shown[270:290, 400] - plain).max()
    assert edge > 80
    assert (shown[100, 400] == plain).all()


def test_a_smaller_view_shows_the_same_place(page: Any) -> None:
    page.evaluate("view.zoomAt(8, { x: 800, y: 600 })")
    before = page.evaluate("view.place.centre")
    page.evaluate("view.element.style.width = '500px'")
    until(page, "view.place.boxWidth === 500")
    assert page.evaluate("view.place.centre")["y"] == before["y"]
    page.evaluate("view.zoom = 'fit'")
    assert page.evaluate("view.place.rect.width") == 500
    want = capsule((400, 300), [(200, 300 * (300 - 113) / 375)], 16)  # 375 px high, 113 px from the top
    assert np.abs(stroke(page, (250, 300)) - want).max() <= 1
