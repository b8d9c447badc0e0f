"""The view and what is painted in it, pixel by pixel, in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.app.canvas_page import CHROMIUM, capsule, mask_pixels, opened, screen, served, until

api = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium")

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def screens(browser: Any) -> dict[int, Any]:
    """A window for each number of the screen's pixels for one of CSS."""
    size = {"width": 820, "height": 950}
    return {n: browser.new_context(viewport=size, device_scale_factor=n, has_touch=True).new_page() for n in (1, 2)}


@pytest.fixture(params=[1])
def page(screens: dict[int, Any], address: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    page = opened(screens[request.param], address)
    yield page
    assert page.evaluate("failures") == []


both_screens = pytest.mark.parametrize("page", [1, 2], indirect=True)


def stroke(page: Any, *points: tuple[float, float]) -> np.ndarray:
    """A stroke by the mouse, and the mask that came of it."""
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point)
    page.mouse.up()
    return mask_pixels(page)


def halves(points: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    """Points of the page in pixels of the mask, where a picture of 400 × 300 fills 800 × 600."""
    return [(x / 2, y / 2) for x, y in points]


def over(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """A stroke over a mask."""
    return below + (255 - below) * above / 255


# --- the brush


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


# --- fingers


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


# --- the bucket


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


# --- masks


def test_a_png_holds_exact_values(page: Any) -> None:
    page.evaluate(
        "window.made = new Mask(301, 257, Uint8ClampedArray.from({ length: 301 * 257 }, (_, i) => (i * 7919) % 256))"
    )
    want = (np.arange(301 * 257) * 7919 % 256).reshape(257, 301)
    assert np.array_equal(mask_pixels(page, "made"), want)
    assert np.array_equal(mask_pixels(page, "made.inverted()"), 255 - want)
    again = "Mask.fromImage(await createImageBitmap(await made.toBlob()))"
    assert np.array_equal(mask_pixels(page, again), want)


def test_a_picture_is_read_as_the_library_reads_masks(page: Any) -> None:
    got = mask_pixels(page, "Mask.fromImage(plain(40, 10, '#f00', '#0f0', '#00f', '#ffffff80'))")
    assert got[5, [5, 15, 25]].tolist() == [76, 150, 29]
    assert page.evaluate("Mask.fromImage(plain(8, 8, '#ffffff80')).data[0]") == 128  # transparent lies outside


def test_masks_of_large_photographs_are_bounded(page: Any) -> None:
    page.evaluate("view.size = { width: 9000, height: 6000 }")
    assert stroke(page, (300, 300)).shape == (1365, 2048)
    page.evaluate("view.size = { width: 300, height: 9000 }")
    page.evaluate("view.setMask(Mask.full(12, 12), '#000'); view.tool = 'eraser'")  # of another shape: it is stretched
    page.mouse.click(400, 300)
    assert mask_pixels(page).shape == (2048, 68)


def test_full_and_empty(page: Any) -> None:
    assert page.evaluate("[Mask.empty(300, 200).isEmpty, Mask.full(300, 200).isEmpty]") == [True, False]
    assert (mask_pixels(page, "Mask.full(300, 200)") == 255).all()
    assert page.evaluate(
        "(() => { try { new Mask(3, 3, new Uint8ClampedArray(8)) } catch (e) { return e.message } })()"
    )


def test_a_history_of_masks_takes_little(page: Any) -> None:
    """A hundred masks of 3 megabytes each keep a few hundred kilobytes apiece at most: they share their tiles."""
    page.evaluate("view.size = { width: 6000, height: 4500 }; view.brush = { softness: 0.5, size: 30 }")
    for i in range(12):
        stroke(page, (100 + 50 * i, 100), (100 + 50 * i, 160))
    fresh = page.evaluate("strokes().at(-1).bytes - strokes().at(-2).bytes")
    assert 0 < fresh < 150_000
    assert page.evaluate("strokes().at(-1).data.length") == 2048 * 1536


def test_an_older_mask_comes_back(page: Any) -> None:
    first = stroke(page, (200, 200))
    stroke(page, (600, 400))
    page.evaluate("view.setMask(strokes()[0], '#e4572e')")
    got = stroke(page, (400, 300))
    want = over(first, capsule((400, 300), [(200, 150)], 10))
    assert np.abs(got - want).max() <= 1


# --- what is seen


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
    assert np.array_equal(*frames)


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


# --- keys and screen readers


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
    page.evaluate("view.split = 0.5; view.drawNow()")
    page.mouse.move(400, 300)
    page.mouse.down()
    page.mouse.move(233, 300, steps=3)
    page.mouse.up()
    assert page.evaluate("view.split") == 233 / 800
    assert page.evaluate("strokes().length") == 0


def test_there_is_no_handle_without_two_pictures(page: Any) -> None:
    page.evaluate("view.drawNow()")
    assert not page.locator("#split").is_visible()


def test_axe_finds_nothing(page: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page.evaluate("view.after = plain(40, 30, '#00f'); view.split = 0.5; pad.names = ['wave', 'harbour', 'night']")
    found = axe.Axe().run(page)
    assert found.response["violations"] == []
