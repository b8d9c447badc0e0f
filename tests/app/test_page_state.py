"""What the page keeps and asks for, by its own modules in Chromium: steps, orders, uploads made again, previews."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from adain.options import Options
from tests.conftest import noise_image

from .browser import DROP, Page, chromium, kind_of, page, server, text_of

__all__ = ["chromium", "page", "server"]

pytestmark = pytest.mark.slow

WAVE, GALETTE = "gallery-great-wave", "gallery-moulin-galette"

FIRST = '{content: null, styles: [], mode: "blend", options: {alpha: 1, feather: 0}, labelMap: null, protect: null}'


def in_module(page: Page, body: str, argument: object = None) -> Any:
    """What a body of JavaScript gives that has the page's modules at hand."""
    text = f"""async (given) => {{
        const {{ State }} = await import("/page/state.js");
        const {{ orderOf, lackOf }} = await import("/page/order.js");
        const {{ Mask }} = await import("/page/masks.js");
        const {{ shared }} = await import("/page/chosen.js");
        const {{ withArtwork }} = await import("/page/labels.js");
        {body}
    }}"""
    return page.page.evaluate(text, argument)


def test_steps(page: Page) -> None:
    found = in_module(
        page,
        f"""const state = new State({FIRST});
        const said = [];
        const tell = () => said.push([state.now.options.alpha, state.canUndo, state.canRedo]);
        state.set("alpha", 1); tell();                                      // nothing new: no step
        for (const value of [0.9, 0.8, 0.7]) state.set("alpha", value, {{ merge: "alpha" }});
        state.settle(); tell();
        for (const value of [0.6, 0.5]) state.set("alpha", value, {{ merge: "alpha" }});
        state.settle(); tell();
        state.undo(); tell();
        state.undo(); tell();
        state.undo(); tell();
        state.redo(); tell();
        state.set("alpha", 0.3); tell();                                    // what was undone is gone
        state.undo(); tell();
        return said;""",
    )
    assert found == [
        [1, False, False], [0.7, True, False], [0.5, True, False], [0.7, True, True], [1, False, True],
        [1, False, True], [0.7, True, True], [0.3, True, False], [0.7, True, True],
    ]  # fmt: skip


def test_drags_of_two_controls_are_two_steps_and_old_steps_are_forgotten(page: Page) -> None:
    found = in_module(
        page,
        f"""const state = new State({FIRST});
        state.set("alpha", 0.5, {{ merge: "alpha" }});
        state.set("feather", 3, {{ merge: "feather" }});
        state.undo();
        const between = {{ ...state.now.options }};
        for (let k = 0; k < 300; k++) state.set("alpha", k / 1000);
        let steps = 0;
        for (; state.canUndo; steps++) state.undo();
        return [between, steps];""",
    )
    assert found == [{"alpha": 0.5, "feather": 0}, 100]


def test_masks_of_many_steps_are_bounded(page: Page) -> None:
    steps = in_module(
        page,
        f"""const state = new State({FIRST});
        const pixels = new Uint8ClampedArray(2048 * 2048);
        for (let k = 0; k < pixels.length; k += 2) pixels[k] = 255;
        for (let k = 0; k < 80; k++) state.change({{ protect: new Mask(2048, 2048, pixels) }});
        let steps = 0;
        for (; state.canUndo; steps++) state.undo();
        return steps;""",
    )
    assert 40 < steps < 70  # 4 MB each, 256 MB together


def test_shares_keep_their_sum(page: Page) -> None:
    found = in_module(
        page, "return [shared([0.5, 0.3, 0.2], 0, 0.8), shared([1, 0, 0], 0, 0.4), shared([0.2, 0.8], 1, 1)];"
    )
    assert found[0] == pytest.approx([0.8, 0.12, 0.08])
    assert found[1] == pytest.approx([0.4, 0.3, 0.3])
    assert found[2] == pytest.approx([0, 1])


ORDERS = """
const setup = await (await fetch("/setup")).json();
const defaults = Object.fromEntries(Object.entries(setup.options).map(([name, each]) => [name, each.default]));
const mask = Mask.full(8, 6);
const style = (k) => ({
  id: `s${k}`, name: `S${k}`, weight: 0.3, alpha: k === 1 ? 0.5 : 1, mask: k === 2 ? null : mask,
});
const label = (value, style) => ({ value, share: 0.3, style });
const made = [];
for (const [mode, count, options, labels] of given) {
  const now = {
    content: { id: "c", name: "c.png", width: 8, height: 6 }, styles: [...Array(count).keys()].map(style), mode,
    options: { ...defaults, ...options }, protect: mask,
    labelMap: { id: "m", name: "m.png", labels: labels.map((each, k) => label(k, each)) },
  };
  const lack = lackOf(now);
  const order = lack ? null : orderOf(now, defaults);
  if (order) for (const [name, value] of Object.entries(order.options)) {
    if (name === "masks") order.options[name] = value.map(() => "mask.png");
    if (value === mask) order.options[name] = "mask.png";
  }
  made.push([lack, order]);
}
return made;
"""


def test_whatever_is_set_on_the_page_the_library_takes(page: Page) -> None:
    """Options that contradict each other are left out by the page: nobody is refused for a control that is hidden."""
    settings: list[dict[str, Any]] = [
        {},
        {"feather": 6},
        {"feather": 6, "protect": "faces", "gradient": "radial", "background": "s0"},
        {"protect": "painted", "color": "luminance", "match_luma": True, "color_space": "lab", "color_strength": 0.5},
        {"color": "linear", "match_luma": True, "color_method": "symmetric", "alpha": 0.4, "background": "keep"},
        {"match_luma": True, "color_space": "lab", "color_method": "symmetric", "gradient": "horizontal"},
        {"wrap": "x", "fine_style_size": 300, "max_drift": 2, "keep_edges": 0.4, "correct": 2, "style_size": 0},
        {"background": "s9", "alpha": 0.7, "content_size": 400},
    ]  # fmt: skip
    maps = [["s0", "s1", None], ["s0", "s0", "s3"], [None, None, None]]
    given = [
        [mode, count, options, labels]
        for mode, count, options, labels in itertools.product(("blend", "regions", "labels"), range(5), settings, maps)
        if mode == "labels" or labels is maps[0]
    ]
    made = in_module(page, ORDERS, given)
    orders = 0
    for (mode, count, options, _labels), (lack, order) in zip(given, made, strict=True):
        if lack:
            assert count == 0 or mode == "labels"
            continue
        orders += 1
        taken = Options(**order["options"])
        taken.check(len(order["styles"]))
        assert taken.keep_edges == options.get("keep_edges", 0)
        assert (taken.arrangement != "") == (mode != "blend" or count > 1)
    assert orders > 100


def test_an_order_says_no_more_than_it_must(page: Page) -> None:
    ((_, order),) = in_module(page, ORDERS, [["blend", 1, {}, []]])
    assert order == {"content": "c", "styles": ["s0"], "options": {}}
    ((_, order),) = in_module(page, ORDERS, [["regions", 3, {"alpha": 0.5}, []]])
    assert order["styles"] == ["s0", "s1"]  # the third has no area yet
    assert order["options"] == {"alpha": [0.5, 0.25], "masks": ["mask.png", "mask.png"]}
    ((_, order),) = in_module(page, ORDERS, [["labels", 0, {}, ["s2", None]]])
    assert order["styles"] == ["s2"]
    assert order["options"] == {"label_map": "m", "labels": [0], "background": "keep"}


def test_an_artwork_goes_to_the_next_label(page: Page) -> None:
    found = in_module(
        page,
        """const map = { labels: [{ style: "a" }, { style: null }, { style: "a" }] };
        const styles = (map) => map.labels.map((label) => label.style);
        const full = withArtwork(map, "b");
        return [styles(full), styles(withArtwork(map, "a")), styles(withArtwork(full, "c"))];""",
    )
    assert found == [["a", "b", "a"], [None, None, None], ["a", "b", "a"]]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    noise_image(120, 90, 4).save(path)
    return path


def begin(page: Page, picture: Path, *styles: str) -> None:
    page.drop(picture)
    page.page.wait_for_selector("#view:visible")
    for style in styles:
        with page.repainted():
            page.choose(style)


WATCH = """() => {
    window.watched = { open: 0, most: 0, sent: [] };
    const ask = window.fetch;
    window.fetch = async (path, init) => {
        if (!String(path).endsWith("/stylize")) return ask(path, init);
        watched.sent.push(init.body);
        watched.most = Math.max(watched.most, ++watched.open);
        try { return await ask(path, init); } finally { watched.open--; }
    };
}"""
"""What is asked for, as the page has it: elsewhere an answer may be known later than the order that it leads to."""


def test_at_most_one_preview_is_computed_and_the_newest_is_next(page: Page, picture: Path) -> None:
    begin(page, picture, WAVE)
    page.page.evaluate(WATCH)
    with page.repainted():
        page.page.eval_on_selector(
            "#alpha",
            """(slider) => { for (let k = 1; k <= 40; k++) {
                slider.value = 1 - k / 50;
                slider.dispatchEvent(new Event("input", {bubbles: true}));
            } }""",
        )
    watched = page.page.evaluate("watched")
    assert watched["most"] == 1
    assert [json.loads(body)["options"].get("alpha", 1) for body in watched["sent"]] == [0.98, 0.2]
    page.page.keyboard.press("Control+z")  # a drag is one step
    assert page.page.input_value("#alpha") == "1"


def test_what_the_server_forgot_is_uploaded_again(page: Page, picture: Path, tmp_path: Path) -> None:
    answers: list[Any] = []
    page.page.on("response", lambda answer: answers.append(answer))
    page.expect_faults("status of 404")
    begin(page, picture)
    own = tmp_path / "own.png"
    noise_image(80, 80, 9).save(own)
    with page.repainted():
        page.page.set_input_files("#style-input", own)
    page.page.click("#mode-regions")
    with page.repainted():
        page.page.click("#mask-full")
    uploads = [f"/{answer.url.rsplit('/')[-1]}/{answer.json()['id']}" for answer in answers if answer.status == 201]
    assert [each.split("/")[1] for each in uploads] == ["contents", "styles", "masks"]
    for each in uploads:
        assert page.server.ask("DELETE", each).status == 204
    with page.repainted():
        page.slide("alpha", 0.5)
    assert 404 in [answer.status for answer in answers]
    answers.clear()
    with page.repainted():
        page.slide("alpha", 0.6)
    assert [answer.status for answer in answers] == [200]  # once is enough
    assert page.message() == ""


def test_several_pictures_at_once(page: Page, picture: Path, tmp_path: Path) -> None:
    other = tmp_path / "artwork.png"
    noise_image(64, 64, 3).save(other)
    transfer = """(files) => {
        const transfer = new DataTransfer();
        for (const [name, type, data] of files) {
            transfer.items.add(new File([Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))], name, {type}));
        }
        document.querySelector("#drop").dispatchEvent(
            new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true}));
    }"""
    with page.repainted():
        page.page.evaluate(transfer, [[path.name, kind_of(path), text_of(path)] for path in (picture, other)])
    page.page.wait_for_function("() => document.querySelector('#message').textContent.includes('photograph')")
    assert page.message() == "photo.png is the photograph; the others are artworks (1)."
    assert page.page.locator('#gallery [aria-pressed="true"]').count() == 1
    with page.repainted():  # one that is dropped on the artworks is one of them
        page.page.evaluate(DROP, ["#gallery", "second.png", "image/png", text_of(picture)])
    assert page.page.locator('#gallery [aria-pressed="true"]').count() == 2


def test_only_one_and_the_fifth(page: Page, picture: Path) -> None:
    begin(page, picture, WAVE, GALETTE)
    with page.repainted():
        page.page.focus(f'[data-style="{GALETTE}"]')
        page.page.keyboard.press("Shift+Enter")
    assert page.page.locator('#gallery [aria-pressed="true"]').get_attribute("data-style") == GALETTE
    for style in ("gallery-summertime", "gallery-composition-viii", "gallery-mackerel-prawn", WAVE):
        page.choose(style)
    assert page.page.locator('#gallery [aria-pressed="true"]').count() == 4
    assert "was left out" in page.message()
    assert page.page.evaluate("document.querySelector('#pad').weights.reduce((a, b) => a + b)") == pytest.approx(1)


def test_another_shape_takes_no_masks_along_and_undo_brings_all_back(page: Page, picture: Path, tmp_path: Path) -> None:
    begin(page, picture, WAVE)
    page.page.click("#mode-regions")
    with page.repainted():
        page.page.click("#mask-full")
    tall = tmp_path / "tall.png"
    noise_image(90, 120, 5).save(tall)
    with page.repainted():
        page.drop(tall)
        page.page.wait_for_function("() => document.title.includes('tall')")
    assert page.page.is_disabled("#finish")
    with page.repainted():
        page.page.click("#undo")
    assert "photo.png" in page.page.title()
    assert page.page.is_enabled("#finish")


def test_a_finished_file_is_told_from_what_came_after(page: Page, picture: Path, tmp_path: Path) -> None:
    begin(page, picture, WAVE)
    page.page.select_option("#format", "jpeg")
    page.page.fill("#quality-number", "60")
    page.page.press("#quality-number", "Enter")
    download = page.finish()
    download.save_as(tmp_path / "made.jpg")
    with Image.open(tmp_path / "made.jpg") as made:
        assert (made.format, made.size) == ("JPEG", (120, 90))
    assert page.page.inner_text("#result-note").startswith("120 × 90 px")
    with page.repainted():
        page.slide("alpha", 0.5)
    assert page.page.inner_text("#result-note").endswith("before your last changes")


def test_what_is_protected_is_painted_beside_regions(page: Page, picture: Path) -> None:
    begin(page, picture, WAVE, GALETTE)
    page.page.click("#more summary")
    page.page.select_option("#protect", "painted")
    assert page.page.get_attribute("#region-protect", "aria-pressed") == "true"
    with page.repainted():
        page.page.click("#mask-full")
    page.page.click("#mode-regions")
    page.page.click("#region-2")
    with page.repainted():
        page.page.click("#mask-full")
    page.page.click("#region-protect")  # and back
    with page.page.expect_request("**/stylize") as waited:
        page.page.click("#mask-clear")
    options = waited.value.post_data_json["options"]
    assert "protect" not in options
    assert len(options["masks"]) == 1
    page.page.click("#undo")
    page.page.click("#undo")
    assert page.page.evaluate("document.querySelector('#finish').disabled")  # no region is left


def test_what_could_not_be_read_is_told_until_something_else_is(page: Page, picture: Path, tmp_path: Path) -> None:
    begin(page, picture, WAVE)
    text = tmp_path / "notes.png"
    text.write_text("not a picture")
    page.expect_faults("status of 422")
    page.page.set_input_files("#style-input", text)
    page.page.wait_for_selector("#message[role=alert]")
    with page.repainted():
        page.slide("alpha", 0.5)
    assert "notes.png" in page.message()
    assert page.page.get_attribute("#message", "role") == "alert"
    page.page.click("#more summary")
    page.page.fill("#max_drift", "0")  # which the library refuses, and the page shows
    page.page.press("#max_drift", "Enter")
    page.page.wait_for_function("() => document.querySelector('#message').textContent.includes('max_drift')")
    with page.repainted():
        page.page.click("#undo")
    assert page.message() == ""


def test_an_artwork_is_dragged_onto_the_picture(page: Page, picture: Path) -> None:
    begin(page, picture)
    with page.repainted():
        page.page.drag_and_drop(f'[data-style="{WAVE}"]', "#view")
    page.page.drag_and_drop(f'[data-style="{WAVE}"]', "#view")  # which is chosen already
    assert page.page.get_attribute(f'[data-style="{WAVE}"]', "aria-pressed") == "true"
    assert page.page.is_hidden("#dropping")
