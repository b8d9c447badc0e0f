"""The page without a server, as somebody uses it: on any host, from a disk, without a network."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.hosting import Host
from tests.conftest import noise_image

from .browser import CIRCLES, GALETTE, WAIT, WAVE, begun, chromium
from .web_browser import KEPT, WAYS, Place, WebPage, levels, library, opened, placed

__all__ = ["chromium"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def host(web_site: Path) -> Iterator[Host]:
    with Host(web_site, is_isolated=True) as made:
        yield made


@pytest.fixture
def page(chromium: Any, host: Host) -> Iterator[WebPage]:
    with opened(chromium, host) as made:
        yield made


def same(page: WebPage, folder: Path) -> Path:
    """The downloaded file, after seeing that the copied line makes the same, to a level."""
    got = page.saved(folder)
    made = library(page.command(folder), folder)(got.name.removeprefix("saved "))
    assert made.shape == levels(got).shape
    assert np.abs(made - levels(got)).max() <= 1
    return got


@pytest.mark.parametrize("way", WAYS)
def test_from_a_dropped_photograph_to_a_file(
    chromium: Any, web_site: Path, web_file: Path, picture: Path, tmp_path: Path, way: str
) -> None:
    """Nothing at all is asked for once a first preview has been seen."""
    with placed(way, web_site, web_file) as (place, told), opened(chromium, place, **told) as page:
        assert page.page.evaluate("crossOriginIsolated") == (way in ("isolated", "plain"))
        begun(page, picture, WAVE)
        if way in ("isolated", "plain"):
            kept(page)
        before = asked(place)
        with page.repainted():
            page.slide("alpha", 0.4)
        same(page, tmp_path)
        assert asked(place) == before


def asked(place: Host | Place) -> list[str]:
    """What pages and their workers have asked for; a browser looks itself whether there is a newer service worker."""
    return [each for each in place.asked if each != "service-worker.js"] if isinstance(place, Host) else []


def kept(page: WebPage) -> None:
    """Wait until the site is kept by its service worker."""
    until(page, lambda: page.page.evaluate(KEPT), "the service worker has all files")


def until(page: WebPage, is_so: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + WAIT / 1000
    while not is_so():
        assert time.monotonic() < end, f"it did not come to this: {what}; {page.faults}"
        page.page.wait_for_timeout(100)


def test_without_a_network_after_the_first_visit(chromium: Any, web_site: Path, picture: Path, tmp_path: Path) -> None:
    with Host(web_site) as host, opened(chromium, host) as page:
        kept(page)
        host.stop()
        page.page.reload()
        page.page.wait_for_selector("#gallery [data-style]")
        assert page.page.evaluate("crossOriginIsolated")
        begun(page, picture, WAVE, GALETTE)
        page.page.reload()
        page.page.wait_for_selector("#gallery [data-style]")
        begun(page, picture, CIRCLES)
        same(page, tmp_path)


def test_blends_of_two_and_three(page: WebPage, picture: Path, tmp_path: Path) -> None:
    begun(page, picture, WAVE, GALETTE)
    page.page.focus("#pad .point")
    with page.repainted():
        for _ in range(4):
            page.page.keyboard.press("ArrowRight")
    same(page, tmp_path)
    with page.repainted():
        page.choose(CIRCLES)
    with page.repainted():
        page.slide("alpha", 0.7)
    same(page, tmp_path)


def test_painted_regions_with_soft_edges(page: WebPage, picture: Path, tmp_path: Path) -> None:
    begun(page, picture, WAVE, GALETTE)
    page.page.click("#mode-regions")
    page.page.click("#region-1")
    page.page.click("#tool-brush")
    page.slide("brush-size", 60)
    with page.repainted():
        page.stroke((0.2, 0.7), (0.8, 0.75))
    page.page.click("#region-2")
    with page.repainted():
        page.stroke((0.25, 0.3), (0.75, 0.3))
    same(page, tmp_path)
    with page.repainted():
        page.slide("feather", 6)
    same(page, tmp_path)


def test_a_label_map_and_the_colours_of_the_photograph(page: WebPage, picture: Path, tmp_path: Path) -> None:
    labels = np.zeros((147, 181), np.uint8)
    labels[:, 90:], labels[75:, :90] = 1, 2
    Image.fromarray(labels).save(tmp_path / "labels.png")
    begun(page, picture, WAVE, GALETTE)
    page.page.click("#mode-labels")
    with page.repainted():
        page.page.set_input_files("#label-input", tmp_path / "labels.png")
    same(page, tmp_path)
    with page.repainted():
        page.page.select_option("#color", "luminance")
    same(page, tmp_path)


def test_an_own_artwork_on_a_photograph_that_lies_on_its_side(page: WebPage, tmp_path: Path) -> None:
    photo, own = tmp_path / "turned.jpg", tmp_path / "own.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    noise_image(150, 101, 4).save(photo, quality=95, exif=exif)
    noise_image(333, 600, 9).save(own)
    page.drop(photo)
    page.page.wait_for_selector("#view:visible")
    with page.repainted():
        page.page.set_input_files("#style-input", own)
    with Image.open(same(page, tmp_path)) as made:
        assert made.size == (101, 150)


def test_in_tiles_and_cancelled(page: WebPage, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    noise_image(1603, 1255, 4).save(large)
    begun(page, large, WAVE)
    page.page.click("#finish")
    page.page.wait_for_function("() => document.querySelector('#progress').value > 0.1")
    with page.repainted():  # which previews do not wait for
        page.slide("alpha", 0.5)
    page.page.click("#cancel")
    page.page.wait_for_selector("#cancel", state="hidden")
    assert not page.page.is_visible("#download")
    same(page, tmp_path)


@pytest.mark.parametrize("name", ["kernel/kernel-relaxed.wasm", "model/weights.bin", "gallery/statistics.bin"])
def test_a_file_that_does_not_come_at_first(chromium: Any, web_site: Path, picture: Path, name: str) -> None:
    """It is said, and nothing is spoiled by it."""
    with Host(web_site) as host, opened(chromium, host, service_workers="block") as page:
        page.expect_faults("503")
        host.broken.add(name)
        page.page.reload()
        page.page.wait_for_selector("#gallery [data-style]")
        page.drop(picture)
        page.page.wait_for_selector("#view:visible")
        page.choose(WAVE)
        page.page.wait_for_function(f"() => document.querySelector('#message').textContent.includes('{name}')")
        assert page.painted == 0
        host.broken.clear()
        with page.repainted():
            page.slide("alpha", 0.5)


REFUSED = ("Content Security Policy", "Refused")
"""What the console says of what the policy forbids."""

SEND = """async (address) => {
    const tried = [fetch(address + "fetch", {mode: "no-cors"}), fetch(address + "post", {method: "POST", body: "x"})];
    return (await Promise.allSettled(tried)).map((each) => each.status);
}"""

SEND_OTHERWISE = """async (address) => {
    new Image().src = address + "image";
    navigator.sendBeacon(address + "beacon", "x");
    const frame = document.createElement("iframe");
    frame.src = address + "frame";
    const link = Object.assign(document.createElement("link"), {rel: "stylesheet", href: address + "style"});
    const script = Object.assign(document.createElement("script"), {src: address + "script"});
    document.body.append(frame, link, script);
    try { new WebSocket(address.replace("http", "ws") + "socket"); } catch {}
    try { new Worker(address + "worker"); } catch {}
    await import(address + "module").catch(() => {});
    await new Promise((done) => setTimeout(done, 300));
}"""


SEND_FROM_WITHIN = """(address) => new Promise((done) => {
    const code = `fetch("${address}within", {mode: "no-cors"}).then(() => "sent", () => "refused").then(postMessage)`;
    const made = new Worker(URL.createObjectURL(new Blob([code], {type: "text/javascript"})));
    made.onmessage = ({data}) => done(data);
})"""


def refused(page: WebPage) -> int:
    return sum(any(part in fault for part in REFUSED) for fault in page.faults)


def test_nothing_can_be_sent(chromium: Any, web_site: Path, picture: Path) -> None:
    """Neither by the page nor by its workers: their policy binds them."""
    # Of one thread: workers of further ones stand still between their tasks, and run nothing else.
    with Host(web_site) as host, opened(chromium, host, service_workers="block") as page:
        begun(page, picture, WAVE)
        page.expect_faults(*REFUSED)
        elsewhere = "http://192.0.2.1/"
        workers = page.page.workers
        assert len(workers) >= 2
        for each in (page.page, *workers):
            assert each.evaluate(SEND, elsewhere) == ["rejected", "rejected"]
        for each in workers:  # what a worker starts, as it does threads
            assert each.evaluate(SEND_FROM_WITHIN, elsewhere) == "refused"
        page.page.evaluate(SEND_OTHERWISE, elsewhere)
        assert host.abroad == []
        until(page, lambda: refused(page) >= 2 * (1 + len(workers)), "each of them is told on the console")
        page.abroad.clear()
        free = page.page.context.new_page()  # where nothing forbids it, the same is noticed
        free.goto("data:text/html,<link rel=icon href='data:,'>")  # else its icon is looked for, whenever that is
        free.evaluate(SEND, elsewhere)
        assert {each.rpartition("/")[2] for each in host.abroad} >= {"fetch", "post"}
        host.abroad.clear()


def test_nothing_is_remembered(page: WebPage, picture: Path) -> None:
    begun(page, picture, WAVE)
    told = page.page.evaluate("""async () => [
        document.cookie, localStorage.length, sessionStorage.length, (await indexedDB.databases()).length,
    ]""")
    assert told == ["", 0, 0, 0]
    assert page.page.context.cookies() == []


def test_moves_of_a_slider_leave_nothing_behind(page: WebPage, picture: Path) -> None:
    begun(page, picture, WAVE)
    session = page.page.context.new_cdp_session(page.page)

    def moved(count: int) -> tuple[int, int, int]:
        before = page.painted
        page.page.evaluate(
            """async (count) => {
                const slider = document.querySelector("#alpha");
                for (let k = 0; k < count; k++) {
                    const before = Number(document.body.dataset.painted);
                    slider.value = 0.2 + 0.1 * (k % 7);
                    slider.dispatchEvent(new Event("input", {bubbles: true}));
                    while (Number(document.body.dataset.painted) === before) {
                        await new Promise((done) => setTimeout(done, 5));
                    }
                }
            }""",
            count,
        )
        assert page.painted >= before + count
        session.send("HeapProfiler.collectGarbage")
        heap = session.send("Runtime.getHeapUsage")
        counters = session.send("Memory.getDOMCounters")
        return heap["usedSize"], heap.get("backingStorageSize", 0), counters["nodes"]

    moved(20)
    before, after = moved(20), moved(200)
    assert after[0] <= 1.05 * before[0] + 100_000, (before, after)
    assert after[1] <= 1.05 * before[1] + 1_000_000, (before, after)
    assert after[2] <= before[2] + 20, (before, after)


def test_a_browser_without_wasm_is_told_so(chromium: Any, host: Host, picture: Path) -> None:
    with opened(chromium, host) as page:
        page.page.add_init_script("delete globalThis.WebAssembly")
        page.page.reload()
        page.page.wait_for_selector("#gallery [data-style]")
        page.drop(picture)
        page.page.wait_for_selector("#view:visible")
        page.choose(WAVE)
        page.page.wait_for_function("() => document.querySelector('#message').textContent.includes('WebAssembly')")


def test_files_that_are_changed_on_the_disk_stay_as_they_were(page: WebPage, picture: Path, tmp_path: Path) -> None:
    before = picture.read_bytes()
    page.page.set_input_files("#content-input", picture)
    page.page.wait_for_selector("#view:visible")
    with page.repainted():
        page.choose(WAVE)
    noise_image(60, 50, 1).save(picture)
    got = page.saved(tmp_path)
    picture.write_bytes(before)
    made = library(page.command(tmp_path), tmp_path)(got.name.removeprefix("saved "))
    assert np.abs(made - levels(got)).max() <= 1


def test_what_is_no_picture_is_said(page: WebPage, tmp_path: Path) -> None:
    text = tmp_path / "notes.png"
    text.write_text("not a picture")
    page.drop(text)
    page.page.wait_for_function("() => document.querySelector('#message').textContent.includes('notes.png')")


@pytest.mark.parametrize("look", ["light", "dark"])
def test_what_axe_finds(chromium: Any, host: Host, picture: Path, look: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    axe = Axe()
    with opened(chromium, host, color_scheme=look, bypass_csp=True) as page:

        def clean(state: str) -> None:
            found = axe.run(page.page).response["violations"]
            grave = [
                (each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")
            ]
            assert grave == [], state

        clean("empty")
        begun(page, picture, WAVE, GALETTE)
        clean("blend")
        page.page.click("#mode-regions")
        clean("regions")
        page.page.click("#mode-blend")
        page.page.click("#finish")
        page.page.wait_for_selector("#download:visible")
        page.page.click("#copy-command")
        page.page.wait_for_selector("#command[open]")
        clean("command")


def test_on_a_phone(chromium: Any, host: Host, picture: Path) -> None:
    phone = {"viewport": {"width": 375, "height": 740}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}
    with opened(chromium, host, **phone) as page:
        begun(page, picture, WAVE, GALETTE)
        page.page.tap("#finish")
        page.page.wait_for_selector("#download:visible")
        assert page.page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_only_what_is_served_is_shown(page: WebPage, picture: Path) -> None:
    begun(page, picture, WAVE)
    shown = page.page.evaluate(
        "() => [...document.querySelectorAll('[data-option]')].map((each) => each.dataset.option)"
    )
    assert "alpha" in shown
    assert not {"keep_edges", "correct", "protect", "palette"} & set(shown)
    choices = page.page.evaluate("() => [...document.querySelectorAll('#color option')].map((each) => each.value)")
    assert choices == ["", "luminance"]
