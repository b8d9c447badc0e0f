"""The page in a browser, as somebody uses it: from a dropped photograph to a file, and the command that makes it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.serving import Server
from tests.conftest import noise_image

from .browser import CIRCLES, GALETTE, WAVE, Page, begun, chromium, page, server

__all__ = ["chromium", "page", "server"]

pytestmark = pytest.mark.slow

BOTTOM, TOP = ((0.2, 0.7), (0.8, 0.75)), ((0.25, 0.3), (0.75, 0.3))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "my photo.png"
    noise_image(180, 150, 4).save(path)
    return path


def difference(page: Page, act: Callable[[], object]) -> float:
    """By how many levels of 255 the view looks different after what is done, in the mean."""
    before = pixels(page)
    with page.repainted():
        act()
    return float(np.abs(pixels(page) - before).mean())


def pixels(page: Page) -> np.ndarray[Any, Any]:
    import io

    page.page.mouse.move(2, 2)  # not above the view, where it shows the brush
    page.frames()
    with Image.open(io.BytesIO(page.look())) as shot:
        return np.asarray(shot.convert("RGB"), dtype=np.float32)


def command(page: Page, folder: Path) -> tuple[str, str]:
    """The shell line and the Python call, with the files beside them that they need."""
    page.page.click("#copy-command")
    page.page.wait_for_selector("#command[open]")
    page.page.wait_for_function("() => document.querySelector('#command-shell').textContent.includes('adain stylize')")
    for link in page.page.query_selector_all("#command-files a"):
        with page.page.expect_download() as waited:
            link.click()
        waited.value.save_as(folder / waited.value.suggested_filename)
    told = page.page.text_content("#command-shell"), page.page.text_content("#command-python")
    page.page.keyboard.press("Escape")
    return told


def same_bytes(page: Page, folder: Path, tmp_path: Path) -> Path:
    """The downloaded file, after seeing that line and call make it, too."""
    download = page.finish()
    got = tmp_path / "downloaded"
    download.save_as(got)
    shell, call = command(page, folder)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    made = folder / download.suggested_filename
    for line in (["bash", "-ec", shell], [sys.executable, "-c", call]):
        done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (line, done.stderr)
        assert made.read_bytes() == got.read_bytes(), line
        made.unlink()
    return got


def test_from_a_dropped_photograph_to_a_file(page: Page, picture: Path, tmp_path: Path) -> None:
    begun(page, picture, WAVE)
    assert difference(page, lambda: page.slide("alpha", 0.4)) > 2
    assert difference(page, lambda: page.slide("keep_edges", 0.5)) > 0.5
    with Image.open(same_bytes(page, tmp_path, tmp_path)) as made:
        assert made.size == (180, 150)


def test_blends_of_two_and_three(page: Page, picture: Path, tmp_path: Path) -> None:
    begun(page, picture, WAVE, GALETTE)
    assert page.page.evaluate("document.querySelector('#pad').names.length") == 2
    page.page.focus("#pad .point")
    assert difference(page, lambda: [page.page.keyboard.press("ArrowRight") for _ in range(4)]) > 0.3
    weights = page.page.evaluate("[...document.querySelector('#pad').weights]")
    assert sum(weights) == pytest.approx(1)
    assert weights[1] > weights[0]
    assert difference(page, lambda: page.choose(CIRCLES)) > 0.3
    assert page.page.evaluate("document.querySelector('#pad').names.length") == 3
    box = page.page.locator("#pad").bounding_box()
    corner = {"x": box["width"] * 0.5, "y": box["height"] * 0.75}
    assert difference(page, lambda: page.page.click("#pad", position=corner)) > 0.1
    same_bytes(page, tmp_path, tmp_path)


def painting(page: Page, picture: Path) -> None:
    begun(page, picture, WAVE, GALETTE)
    page.page.click("#mode-regions")
    page.page.click("#region-1")
    page.page.click("#tool-brush")
    page.slide("brush-size", 60)


def test_a_mask_is_painted_erased_filled_and_undone(page: Page, picture: Path) -> None:
    painting(page, picture)
    empty = pixels(page)
    assert difference(page, lambda: page.stroke(*BOTTOM)) > 1
    painted = pixels(page)
    page.page.click("#tool-eraser")
    assert difference(page, lambda: page.stroke((0.5, 0.6), (0.5, 0.85))) > 0.1
    page.page.click("#tool-fill")
    assert difference(page, lambda: page.stroke((0.5, 0.2))) > 0.3
    for _ in range(2):
        with page.repainted():
            page.page.click("#undo")
    assert np.abs(pixels(page) - painted).mean() < 0.05
    page.page.click("#undo")  # and there is nothing to paint
    assert np.abs(pixels(page) - empty).mean() < 0.05
    with page.repainted():
        page.page.keyboard.press("Control+Shift+Z")
    assert np.abs(pixels(page) - painted).mean() < 0.05


def test_a_painted_picture_is_that_of_the_command(page: Page, picture: Path, tmp_path: Path) -> None:
    painting(page, picture)
    with page.repainted():
        page.stroke(*BOTTOM)
    page.page.click("#region-2")
    with page.repainted():
        page.stroke(*TOP)
    with page.repainted():
        page.slide("feather", 6)
    same_bytes(page, tmp_path, tmp_path)


def test_a_label_map(page: Page, picture: Path, tmp_path: Path) -> None:
    labels = np.zeros((150, 180), np.uint8)
    labels[:, 90:], labels[75:, :90] = 1, 2
    Image.fromarray(labels).save(tmp_path / "labels.png")
    begun(page, picture, WAVE, GALETTE)
    page.page.click("#mode-labels")
    with page.repainted():
        page.page.set_input_files("#label-input", tmp_path / "labels.png")
    same_bytes(page, tmp_path, tmp_path)


def test_cancelled(page: Page, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    noise_image(2600, 2000, 4).save(large)
    begun(page, large, WAVE)
    page.page.click("#finish")
    page.page.wait_for_selector("#cancel:visible")
    page.page.click("#cancel")
    page.page.wait_for_selector("#cancel", state="hidden")
    assert not page.page.is_visible("#download")
    with page.repainted():  # and all goes on
        page.slide("alpha", 0.5)
    assert page.server.metrics()["adain_jobs_open"] == 0


def test_a_pasted_photograph_and_an_own_artwork(page: Page, picture: Path, tmp_path: Path) -> None:
    page.paste(picture)
    page.page.wait_for_selector("#view:visible")
    own = tmp_path / "own.png"
    noise_image(90, 80, 9).save(own)
    with page.repainted():
        page.page.set_input_files("#style-input", own)
    assert page.page.locator('#gallery [aria-pressed="true"]').count() == 1
    same = page.page.locator('#gallery [aria-pressed="true"]').get_attribute("data-style")
    assert not str(same).startswith("gallery-")
    page.page.click("#copy-command")
    page.page.wait_for_selector("#command[open]")
    for path in (picture, own):  # a pasted picture lies nowhere but here
        with page.page.expect_download() as waited:
            page.page.click(f"#command-inputs >> text={path.name}")
        assert waited.value.suggested_filename == path.name
        assert Path(waited.value.path()).read_bytes() == path.read_bytes()


def test_of_two_photographs_the_last_stays(page: Page, picture: Path, tmp_path: Path) -> None:
    second = tmp_path / "second.png"
    noise_image(90, 80, 9).save(second)
    held: list[Any] = []

    def later(route: Any) -> None:
        if route.request.method == "POST" and not held:
            held.append(route)  # the first upload is the slower one
        else:
            route.continue_()

    page.page.route("**/contents*", later)
    page.drop(picture)
    page.drop(second)
    page.page.wait_for_function("() => document.title.startsWith('second.png')")
    with page.page.expect_response("**/contents*"):
        held[0].continue_()
    page.page.wait_for_timeout(100)
    assert page.page.title().startswith("second.png")


def test_what_is_no_picture_is_said(page: Page, tmp_path: Path) -> None:
    text = tmp_path / "notes.png"
    text.write_text("not a picture")
    page.expect_faults("status of 422")
    page.drop(text)
    page.page.wait_for_function("() => document.querySelector('#message').textContent.trim() !== ''")
    assert "notes.png" in page.message()


def test_by_keyboard_alone(page: Page, picture: Path) -> None:
    page.page.set_input_files("#content-input", picture)  # a dialog of the system, which is none of the page's
    page.page.wait_for_selector("#view:visible")

    def reach(selector: str) -> None:
        for _ in range(120):
            page.page.keyboard.press("Tab")
            if page.page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"Tab does not come to {selector}")

    reach(f'[data-style="{WAVE}"]')
    with page.repainted():
        page.page.keyboard.press("Space")
    reach("#alpha")
    with page.repainted():
        page.page.keyboard.press("ArrowLeft")
    assert float(page.page.input_value("#alpha")) < 1
    reach("#finish")
    page.page.keyboard.press("Enter")
    page.page.wait_for_selector("#download:visible")
    reach("#download")
    with page.page.expect_download():
        page.page.keyboard.press("Enter")


def test_reloaded(page: Page, picture: Path) -> None:
    begun(page, picture, WAVE)
    page.page.reload()
    page.page.wait_for_selector("#gallery [data-style]")
    begun(page, picture, GALETTE)


LOOKS = ("light", "dark")


@pytest.mark.parametrize("look", LOOKS)
def test_what_axe_finds(chromium: Any, server: Server, picture: Path, tmp_path: Path, look: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    context = chromium.new_context(viewport={"width": 1280, "height": 860}, color_scheme=look)
    page = Page(context.new_page(), server)
    axe = Axe()

    def clean(state: str) -> None:
        found = axe.run(page.page).response["violations"]
        grave = [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")]
        assert grave == [], (look, state)

    page.open()
    dark = page.page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (sum(dark[:3]) < 3 * 128) == (look == "dark")
    clean("empty")
    begun(page, picture, WAVE, GALETTE)
    clean("blend")
    page.page.click("#mode-regions")
    page.page.click("#region-1")
    clean("regions")
    page.page.click("#mode-labels")
    clean("labels")
    page.page.click("#mode-blend")
    page.page.click("#finish")
    page.page.wait_for_selector("#download:visible")
    clean("finished")
    page.page.click("#copy-command")
    page.page.wait_for_function("() => document.querySelector('#command-shell').textContent.includes('adain stylize')")
    clean("command")
    context.close()


def test_on_a_phone(chromium: Any, server: Server, picture: Path) -> None:
    context = chromium.new_context(
        viewport={"width": 375, "height": 740}, device_scale_factor=2, has_touch=True, is_mobile=True
    )
    page = Page(context.new_page(), server)

    def fits() -> None:
        wide = page.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0

    page.open()
    fits()
    begun(page, picture, WAVE, GALETTE)
    fits()
    page.page.click("#mode-regions")
    page.page.click("#region-1")
    page.page.click("#tool-brush")
    fits()
    box = page.page.locator("#view").bounding_box()
    assert box["width"] > 250
    assert box["y"] < 740
    with page.repainted():
        page.page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.page.tap("#finish")
    page.page.wait_for_selector("#download:visible")
    context.close()
    page.check()


def test_a_server_that_goes_and_comes_back(chromium: Any, picture: Path, tmp_path: Path) -> None:
    limits = ("--model", "fast", "--preview-size", 128)
    with Server(tmp_path / "first", *limits, threads=1) as first:
        context = chromium.new_context(viewport={"width": 1280, "height": 860})
        page = Page(context.new_page(), first)
        page.open()
        begun(page, picture, WAVE)
        page.expect_faults("Failed to load resource")
        first.stop()
        page.slide("alpha", 0.5)
        page.page.wait_for_function("() => document.querySelector('#message').textContent.trim() !== ''")
        assert page.page.evaluate("document.body.dataset.busy") == ""
        with Server(tmp_path / "second", *limits, threads=1, port=first.port):
            with page.repainted():  # the photograph is sent again
                page.slide("alpha", 0.7)
            page.page.wait_for_function("() => document.querySelector('#message').textContent.trim() === ''")
            page.finish()
        context.close()
    page.check()
