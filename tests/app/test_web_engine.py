"""The engine of the page without a server, in a browser: what it makes is what the copied command makes."""

from __future__ import annotations

import base64
import contextlib
import io
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adain import Stylizer
from adain.app import export_site
from cli.main import main

from ..conftest import noise_image
from .browser import chromium, need_browser  # noqa: F401
from .computing import serving

pytestmark = pytest.mark.slow

WAVE, SUMMER, CIRCLES = ({"known": f"gallery-{name}"} for name in ("great-wave", "summertime", "composition-viii"))

BEGIN = """async () => {
    document.head.append(Object.assign(document.createElement("base"), {href: "/site/"}));
    const {Engine} = await import("/site/web/engine.js");
    const {Compute, ComputeError} = await import("/site/web/compute.js");
    const {Mask} = await import("/site/page/masks.js");
    const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const text = (all) => btoa(Array.from(all, (byte) => String.fromCharCode(byte)).join(""));
    const fileOf = ({name, data}) => new File([bytes(data)], name);
    const engine = new Engine();
    const setup = await engine.setup();
    const idOf = async (style) => style.known ?? (await engine.addStyle(fileOf(style))).id;
    const standard = Object.fromEntries(Object.entries(setup.options).map(([name, each]) => [name, each.default]));
    const snapshotOf = async ({photo, styles, mode = "blend", options = {}, masks = [], map, background}) => {
        const content = photo.known ? await engine.knownContent(photo.known) : await engine.openContent(fileOf(photo));
        const ids = [];
        for (const style of styles) ids.push(await idOf(style));
        const every = {...standard, ...options};
        if (background) every.background = await idOf(background);
        let labelMap = null;
        if (map) {
            const made = await engine.addMask(fileOf(map));
            const labels = (await engine.labels(made.id)).map((label, k) => ({...label, style: ids[k] ?? null}));
            labelMap = {id: made.id, name: made.name, labels};
        }
        const maskOf = (mask) =>
            mask ? new Mask(mask.width, mask.height, Uint8ClampedArray.from(bytes(mask.data))) : null;
        const chosen = ids.map((id, k) => ({id, name: id, weight: 1 / ids.length, alpha: 1, mask: maskOf(masks[k])}));
        return {content, styles: chosen, mode, options: every, labelMap, protect: null};
    };
    const file = {format: "png", quality: 95};
    Object.assign(globalThis, {engine, setup, snapshotOf, Compute, ComputeError, file});
    globalThis.made = async (given) => {
        const now = await snapshotOf(given);
        const steps = [];
        const wish = {...file, ...given.file};
        const preview = (await engine.preview(now)).image;
        const done = await engine.finish(now, wish, {progress: ({phase, fraction}) => steps.push([phase, fraction])});
        const told = await engine.command(now, wish);
        const files = await Promise.all([...told.files, ...told.inputs].map(async ({name, url}) =>
            [name, text(new Uint8Array(await (await fetch(url)).arrayBuffer()))]));
        return {
            data: text(new Uint8Array(await done.blob.arrayBuffer())), type: done.blob.type, name: done.name,
            size: [done.width, done.height], preview: [preview.width, preview.height],
            shell: told.shell, note: told.note, files, steps,
        };
    };
    globalThis.failing = (given) => made(given).then(() => "", (error) => error.message);
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    need_browser()
    site = tmp_path_factory.mktemp("site") / "site"
    export_site(site)
    with serving({"site": site, "web": site / "web"}) as address:
        yield address


@pytest.fixture(scope="module")
def page(chromium: Any, address: str) -> Iterator[Any]:  # noqa: F811
    context = chromium.new_context()
    yield begun(context.new_page(), address)
    context.close()


def begun(page: Any, address: str) -> Any:
    page.goto(f"{address}/isolated")
    page.evaluate(BEGIN)
    return page


def file(path: Path) -> dict[str, str]:
    return {"name": path.name, "data": base64.b64encode(path.read_bytes()).decode()}


def mask(levels: Any) -> dict[str, Any]:
    data = base64.b64encode(levels.astype(np.uint8).tobytes()).decode()
    return {"width": levels.shape[1], "height": levels.shape[0], "data": data}


@pytest.fixture
def photo(tmp_path: Path) -> dict[str, str]:
    noise_image(181, 147, 1).save(tmp_path / "photo.png")
    return file(tmp_path / "photo.png")


def off(got: dict[str, Any], folder: Path) -> int:
    """By how many levels what was made is off that of the command, which is run here."""
    for name, data in got["files"]:
        (folder / name).write_bytes(base64.b64decode(data))
    with contextlib.chdir(folder), pytest.raises(SystemExit, match=r"^0$"):
        main(shlex.split(got["shell"])[1:])
    with Image.open(folder / got["name"]) as expected, Image.open(io.BytesIO(base64.b64decode(got["data"]))) as made:
        assert made.mode == expected.mode
        assert made.size == expected.size == tuple(got["size"])
        return int(np.abs(np.asarray(made, np.int16) - np.asarray(expected, np.int16)).max())


def test_label_map_and_a_background(page: Any, photo: dict[str, str], tmp_path: Path) -> None:
    labels = np.zeros((147, 181), np.uint8)
    labels[:, 60:], labels[80:, 100:] = 1, 2
    Image.fromarray(labels).save(tmp_path / "map.png")
    given = {"photo": photo, "styles": [WAVE, SUMMER], "mode": "labels", "map": file(tmp_path / "map.png")}
    for more in ({}, {"background": CIRCLES, "options": {"feather": 4, "alpha": 0.8}}):
        got = page.evaluate("(given) => made(given)", {**given, **more})
        assert "--label-map map.png" in got["shell"]
        assert off(got, tmp_path) <= 1


def test_regions_in_colours_of_the_photograph(page: Any, photo: dict[str, str], tmp_path: Path) -> None:
    left = np.zeros((147, 181))
    left[:, :90] = 255
    given = {
        "photo": photo,
        "styles": [WAVE, SUMMER],
        "mode": "regions",
        "masks": [mask(left), mask(200 - left * 0.7)],
        "options": {"color": "luminance", "color_space": "lab", "color_strength": 0.7, "feather": 6},
    }
    got = page.evaluate("(given) => made(given)", given)
    assert [name for name, _ in got["files"]] == ["mask-1.png", "mask-2.png", "photo.png"]
    assert off(got, tmp_path) <= 1
    fractions = [fraction for _, fraction in got["steps"]]
    assert fractions == sorted(fractions)
    assert {phase for phase, _ in got["steps"]} == {"encode", "decode", "write"}


def test_what_is_seen_through(page: Any, tmp_path: Path) -> None:
    clear = noise_image(181, 147, 2).convert("RGBA")
    clear.putalpha(noise_image(181, 147, 3, "L").point(lambda level: max(0, level - 60)))
    clear.save(tmp_path / "clear.png")
    noise_image(120, 90, 4).save(tmp_path / "art.png")
    given = {"photo": file(tmp_path / "clear.png"), "styles": [file(tmp_path / "art.png")]}
    for options in ({}, {"content_size": 100, "style_size": 70}):
        got = page.evaluate("(given) => made(given)", {**given, "options": options})
        assert off(got, tmp_path) <= 1


def test_photograph_on_its_side(page: Any, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    noise_image(240, 180, 5).save(tmp_path / "turned.jpg", quality=90, exif=exif)
    got = page.evaluate("(given) => made(given)", {"photo": file(tmp_path / "turned.jpg"), "styles": [WAVE]})
    assert got["size"] == got["preview"] == [180, 240]
    assert off(got, tmp_path) <= 1


def test_saved_style(page: Any, photo: dict[str, str], tmp_path: Path) -> None:
    Stylizer.from_pretrained("fast").encode_style(noise_image(120, 90, 6)).save(tmp_path / "it.safetensors")
    got = page.evaluate("(given) => made(given)", {"photo": photo, "styles": [file(tmp_path / "it.safetensors")]})
    assert off(got, tmp_path) <= 1


@pytest.mark.parametrize(("kind", "form"), [("jpeg", "JPEG"), ("webp", "WEBP")])
def test_formats(page: Any, photo: dict[str, str], kind: str, form: str) -> None:
    sizes = []
    for quality in (30, 90):
        wish = {"format": kind, "quality": quality}
        got = page.evaluate("(given) => made(given)", {"photo": photo, "styles": [WAVE], "file": wish})
        data = base64.b64decode(got["data"])
        with Image.open(io.BytesIO(data)) as made:
            assert (made.format, made.size) == (form, (181, 147))
        sizes.append(len(data))
        assert f"--quality {quality}" in got["shell"]
        assert "PNG" in got["note"]
    assert sizes[0] < sizes[1]


def test_what_cannot_be_used(page: Any, photo: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    noise_image(12, 40).save(tmp_path / "small.png")
    noise_image(181, 147).save(tmp_path / "map.jpg")
    text, small = file(tmp_path / "text.jpg"), file(tmp_path / "small.png")
    narrow = mask(np.full((50, 181), 255))
    for given, said in (
        ({"photo": text, "styles": [WAVE]}, "cannot read text.jpg"),
        ({"photo": photo, "styles": [text]}, "cannot read text.jpg"),
        ({"photo": small, "styles": [WAVE]}, "at least 16 px"),
        ({"photo": photo, "styles": [WAVE], "mode": "labels", "map": file(tmp_path / "map.jpg")}, "as PNG"),
        (
            {"photo": photo, "styles": [WAVE], "mode": "regions", "masks": [narrow]},
            "shapes differ",
        ),
    ):
        message = page.evaluate("(given) => failing(given)", given)
        assert said in message
        assert "\n" not in message
    assert page.evaluate("(given) => failing(given)", {"photo": photo, "styles": [WAVE]}) == ""


def test_the_same_file_again_is_the_same_picture(page: Any, photo: dict[str, str], tmp_path: Path) -> None:
    noise_image(181, 147, 9).save(tmp_path / "photo.png")
    ids = """async (files) => {
        const found = [];
        for (const each of files) found.push((await engine.openContent(new File([Uint8Array.from(atob(each.data),
            (letter) => letter.charCodeAt(0))], each.name))).id);
        return found;
    }"""
    first, again, other = page.evaluate(ids, [photo, photo, file(tmp_path / "photo.png")])
    assert first == again != other


def test_cancelled(page: Any, photo: dict[str, str]) -> None:
    """At any step: it ends at once, and the next picture is made."""
    for phase in ("encode", "decode", "write"):
        name = page.evaluate(
            """async ([given, phase]) => {
                const now = await snapshotOf(given);
                const stop = new AbortController();
                const progress = (job) => job.phase === phase && stop.abort();
                const done = engine.finish(now, file, {progress, signal: stop.signal});
                return done.then(() => "done", (error) => error.name);
            }""",
            [{"photo": photo, "styles": [WAVE]}, phase],
        )
        assert name == "AbortError"
    assert page.evaluate("(given) => failing(given)", {"photo": photo, "styles": [WAVE]}) == ""


def test_too_little_memory(page: Any, photo: dict[str, str]) -> None:
    """Smaller tiles are tried; where none is small enough, it is said what to do."""
    asked = """async ([given, enough]) => {
        const whole = Compute.prototype.call;
        const tried = [];
        Compute.prototype.call = function (call, given, how) {
            if (call !== "encodeContent" || given.tile === undefined) return whole.call(this, call, given, how);
            tried.push(given.tile);
            if (given.tile === enough) return whole.call(this, call, given, how);
            return Promise.reject(new ComputeError("too little", "memory"));
        };
        try {
            return {tried, message: await failing(given)};
        } finally {
            Compute.prototype.call = whole;
        }
    }"""
    given = {"photo": photo, "styles": [WAVE]}
    assert page.evaluate(asked, [given, 256]) == {"tried": [0, 512, 256], "message": ""}
    told = page.evaluate(asked, [given, None])
    assert told["tried"] == [0, 512, 256, 128]
    assert "smaller shorter side" in told["message"]


@pytest.mark.parametrize(
    "lost", ["kernel/*.wasm", "web/compute-worker.js", "model/weights.bin", "gallery/statistics.bin"]
)
def test_what_did_not_come_is_asked_for_again(
    chromium: Any,  # noqa: F811
    address: str,
    photo: dict[str, str],
    lost: str,
) -> None:
    context = chromium.new_context()
    context.route(f"**/site/{lost}", lambda route: route.abort())
    page = begun(context.new_page(), address)
    given = {"photo": photo, "styles": [WAVE]}
    assert "could not be loaded" in page.evaluate("(given) => failing(given)", given)
    context.unroute(f"**/site/{lost}")
    assert page.evaluate("(given) => failing(given)", given) == ""
    context.close()


def spoiling(spoil: Callable[[bytes], bytes]) -> Callable[[Any], None]:
    return lambda route: route.fulfill(status=200, body=spoil(route.fetch().body()))


@pytest.mark.parametrize(
    "name",
    ["kernel/*.wasm", "web/compute-worker.js", "model/network.json", "model/weights.bin", "gallery/statistics.bin"],
)
def test_what_came_damaged_is_said_and_asked_for_again(
    chromium: Any,  # noqa: F811
    address: str,
    photo: dict[str, str],
    name: str,
) -> None:
    """A part of a file, another one and none: as a browser's cache may have it, it is asked of the host."""
    given = {"photo": photo, "styles": [WAVE]}
    for spoil in (lambda data: data[: len(data) // 2 + 1], lambda _: b"<!doctype html>", lambda _: b""):
        context = chromium.new_context()
        context.route(f"**/site/{name}", spoiling(spoil))
        page = begun(context.new_page(), address)
        message = page.evaluate("(given) => failing(given)", given)
        assert message.startswith(name.partition("*")[0])
        assert "came damaged" in message
        assert "\n" not in message
        context.unroute(f"**/site/{name}")
        assert page.evaluate("(given) => failing(given)", given) == ""
        context.close()


@pytest.mark.parametrize("name", ["kernel.wasm", "kernel-relaxed.wasm"])
def test_one_kernel_that_is_damaged_is_done_without(
    chromium: Any,  # noqa: F811
    address: str,
    photo: dict[str, str],
    name: str,
) -> None:
    context = chromium.new_context()
    context.route(f"**/site/kernel/{name}", lambda route: route.fulfill(status=200, body=b"damaged"))
    page = begun(context.new_page(), address)
    assert page.evaluate("(given) => failing(given)", {"photo": photo, "styles": [WAVE]}) == ""
    context.close()


def test_no_vectors(chromium: Any, address: str, photo: dict[str, str]) -> None:  # noqa: F811
    context = chromium.new_context()
    context.add_init_script("WebAssembly.validate = () => false")
    page = begun(context.new_page(), address)
    assert "has no SIMD" in page.evaluate("(given) => failing(given)", {"photo": photo, "styles": [WAVE]})
    context.close()


def test_no_web_assembly(chromium: Any, address: str, photo: dict[str, str]) -> None:  # noqa: F811
    context = chromium.new_context()
    context.add_init_script("delete globalThis.WebAssembly")
    page = begun(context.new_page(), address)
    assert "has no WebAssembly" in page.evaluate("(given) => failing(given)", {"photo": photo, "styles": [WAVE]})
    context.close()
