"""What computes in a browser, compared with the library."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adain.app.offline.bundle import bundled
from adain.app.offline.modules import modules
from adain.app.offline.networks import network_files
from adain.backends import open_model
from adain.options import ModelOptions

from ..conftest import noise_image
from .browser import WAIT, chromium, need_browser  # noqa: F401
from .computing import WEB, Computing, packed, serving

PHOTO = noise_image(173, 94, seed=1)
ARTS = [noise_image(120, 90, seed=2), noise_image(70, 133, seed=3)]
STYLE_SIZE = 64


@pytest.fixture(scope="module")
def library() -> Any:
    return open_model(ModelOptions(model="fast", device="cpu"))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    need_browser()
    from adain.nn import load_decoder, load_encoder

    model = tmp_path_factory.mktemp("model")
    for name, data in network_files(load_encoder("fast"), load_decoder("fast"), "fp16").items():
        (model / name).write_bytes(data)
    with serving({"web": WEB, "model": model}) as address:
        yield address


@pytest.fixture(scope="module")
def computing(chromium: Any, address: str) -> Iterator[Computing]:  # noqa: F811
    context = chromium.new_context()
    made = Computing(context.new_page(), f"{address}/")
    yield made
    context.close()
    assert made.faults == []


@pytest.fixture(scope="module")
def styles(computing: Computing) -> list[Any]:
    return [computing.ask("encodeStyle", pixels=np.asarray(art), size=STYLE_SIZE) for art in ARTS]


def off(result: Any, expected: Image.Image) -> int:
    """By how many levels of 255 a result is off, at most."""
    levels = np.asarray(expected.convert("RGBA"), np.int16)
    assert result.shape == levels.shape
    return int(np.abs(result.astype(np.int16) - levels).max())


def half(width: int, height: int, share: float = 0.4) -> Image.Image:
    """A mask that is white at the left, with a slanted edge."""
    y, x = np.mgrid[:height, :width]
    return Image.fromarray(np.where(x + 0.3 * y < share * width, 255, 0).astype(np.uint8))


def test_statistics_of_an_artwork(library: Any, styles: list[Any]) -> None:
    for art, style in zip(ARTS, styles, strict=True):
        known = library.encode_style(art, size=STYLE_SIZE)
        assert np.abs(style["mean"] - np.asarray(known.mean).ravel()).max() < 1e-4
        assert np.abs(style["std"] - np.asarray(known.std).ravel()).max() < 1e-4


def test_statistics_of_a_long_artwork(computing: Computing, library: Any) -> None:
    art = noise_image(700, 30, seed=4)
    style = computing.ask("encodeStyle", pixels=np.asarray(art), size=40)  # 27 px: 16 times as long as wide at most
    known = library.encode_style(art, size=40)
    assert np.abs(style["mean"] - np.asarray(known.mean).ravel()).max() < 1e-4
    assert np.abs(style["std"] - np.asarray(known.std).ravel()).max() < 1e-4


def test_sums_over_a_large_flat_picture_lose_nothing(computing: Computing) -> None:
    small = computing.ask("encodeStyle", pixels=np.full((64, 64, 3), 120), size=0)
    large = computing.ask("encodeStyle", pixels=np.full((1040, 1048, 3), 120), size=0)
    assert np.abs(large["mean"] - small["mean"]).max() < 1e-5
    assert np.abs(large["std"] - np.sqrt(1e-5)).max() < 1e-5


@pytest.mark.parametrize("size", [0, 48, 120])
def test_a_style_everywhere(computing: Computing, library: Any, styles: list[Any], size: int) -> None:
    answer = computing.ask("encodeContent", key="a", pixels=np.asarray(PHOTO), size=size)
    expected = library.stylize(PHOTO, ARTS[0], content_size=size, style_size=STYLE_SIZE)
    assert (answer["width"], answer["height"]) == expected.size
    assert off(computing.decode(key="a", styles=styles[:1]), expected) <= 1


@pytest.mark.parametrize("alpha", [0, 0.35])
def test_strength(computing: Computing, library: Any, styles: list[Any], alpha: float) -> None:
    computing.ask("encodeContent", key="a", pixels=np.asarray(PHOTO), size=0)
    expected = library.stylize(PHOTO, ARTS[0], alpha=alpha, style_size=STYLE_SIZE)
    assert off(computing.decode(key="a", styles=styles[:1], alpha=alpha), expected) <= 1


def test_blend(computing: Computing, library: Any, styles: list[Any]) -> None:
    computing.ask("encodeContent", key="a", pixels=np.asarray(PHOTO), size=0)
    expected = library.stylize(PHOTO, ARTS, weights=[1, 3], style_size=STYLE_SIZE)
    assert off(computing.decode(key="a", styles=styles, weights=[1, 3]), expected) <= 1


@pytest.mark.parametrize("feather", [0, 5, 40])
def test_regions(computing: Computing, library: Any, styles: list[Any], feather: float) -> None:
    masks = [half(173, 94), half(346, 188, 0.7)]
    how = {"masks": masks, "alpha": (1.0, 0.6), "feather": feather, "style_size": STYLE_SIZE}
    expected = library.stylize(PHOTO, ARTS, **how)
    computing.ask("encodeContent", key="a", pixels=np.asarray(PHOTO), size=0)
    result = computing.decode(
        key="a", styles=styles, masks=[np.asarray(mask) for mask in masks], alphas=[1, 0.6], feather=feather
    )
    assert off(result, expected) <= 1


def test_regions_with_a_background(computing: Computing, library: Any, styles: list[Any]) -> None:
    mask = half(173, 94)
    how = {"background": ARTS[1], "feather": 3, "alpha": (0.8, 0.5), "style_size": STYLE_SIZE}
    expected = library.stylize(PHOTO, ARTS[0], masks=[mask], **how)
    computing.ask("encodeContent", key="a", pixels=np.asarray(PHOTO), size=0)
    given = {"styles": styles[:1], "masks": [np.asarray(mask)], "feather": 3}
    for alphas in ([1, 1], [0.8, 0.5]):  # a second time without masks being laid
        result = computing.decode(key="a", background=styles[1], alphas=alphas, **given)
    assert off(result, expected) <= 1
    everywhere = computing.decode(key="a", background=styles[1], **given | {"masks": [np.full((94, 173), 255)]})
    assert off(everywhere, library.stylize(PHOTO, ARTS[0], style_size=STYLE_SIZE)) <= 1


@pytest.mark.parametrize(("space", "strength"), [("ycbcr", 1), ("lab", 1), ("lab", 0.4)])
def test_colours(computing: Computing, library: Any, styles: list[Any], space: str, strength: float) -> None:
    how = {"color_space": space, "color_strength": strength, "style_size": STYLE_SIZE}
    expected = library.stylize(PHOTO, ARTS[0], color="luminance", **how)
    computing.ask("encodeContent", key="a", pixels=np.asarray(PHOTO), size=0)
    for tile in (0, 64):
        result = computing.decode(key="a", styles=styles[:1], color={"space": space, "strength": strength}, tile=tile)
        assert off(result, expected) <= 1


@pytest.mark.parametrize("most", [1 << 30, 0], ids=["kept", "computed again"])
def test_tiles_give_the_same_bytes(computing: Computing, styles: list[Any], most: int) -> None:
    masks = [np.asarray(half(173, 94)), np.asarray(half(173, 94, 0.8))]
    for look in ({"styles": styles, "weights": [2, 1]}, {"styles": styles, "masks": masks, "feather": 4}):
        computing.ask("encodeContent", key="a", pixels=np.asarray(PHOTO), size=0, tile=0)
        whole = computing.decode(key="a", **look)
        answer = computing.ask("encodeContent", key="b", pixels=np.asarray(PHOTO), size=0, tile=64, most=most)
        assert answer["steps"]["5"] == {"0": 6, "1": 6}
        tiled = computing.ask("decode", key="b", **look)
        assert tiled["steps"]["5"] == {"0": 6, "1": 6}
        assert np.array_equal(tiled["data"].reshape(whole.shape), whole)


def test_a_large_artwork_in_tiles(computing: Computing, library: Any) -> None:
    art = noise_image(1301, 811, seed=5)
    style = computing.ask("encodeStyle", pixels=np.asarray(art), size=0)
    known = library.encode_style(art, size=0)
    assert np.abs(style["mean"] - np.asarray(known.mean).ravel()).max() < 1e-4
    assert np.abs(style["std"] - np.asarray(known.std).ravel()).max() < 1e-4


@pytest.mark.parametrize("size", [0, 40])
def test_transparency(computing: Computing, library: Any, styles: list[Any], size: int) -> None:
    photo = PHOTO.convert("RGBA")
    y, x = np.mgrid[:94, :173]
    photo.putalpha(Image.fromarray(np.clip(3 * (x - y), 0, 255).astype(np.uint8)))
    computing.ask("encodeContent", key="a", pixels=np.asarray(photo), size=size)
    expected = library.stylize(photo, ARTS[0], content_size=size, style_size=STYLE_SIZE)
    assert off(computing.decode(key="a", styles=styles[:1]), expected) <= 1


# From widths and heights to others.
SIZES = [((97, 61), (40, 25)), ((40, 25), (97, 61)), ((300, 20), (7, 20)), ((33, 47), (33, 12)), ((64, 64), (63, 65))]


@pytest.mark.parametrize(("before", "after"), SIZES)
def test_sizes_are_as_those_of_pillow(computing: Computing, before: tuple[int, int], after: tuple[int, int]) -> None:
    levels = np.random.default_rng(7).integers(0, 256, (*before[::-1], 4), np.uint8)
    levels[levels > 150] = 255  # with edges that overshoot
    given = {"picture": levels, "wide": after[0], "tall": after[1]}
    mine = computing.run(
        "resize",
        "module.resizeBytes(given.picture.data, given.picture.width, given.picture.height, 4, given.wide, given.tall)",
        given,
    )
    expected = [np.asarray(Image.fromarray(levels[..., k]).resize(after, Image.Resampling.LANCZOS)) for k in range(4)]
    assert np.array_equal(mine.reshape(after[1], after[0], 4), np.stack(expected, 2))
    plane = levels[..., 0].astype(np.float32) / 255
    mine = computing.run(
        "resize",
        "module.resizePlane(given.plane, given.width, given.height, given.wide, given.tall)",
        {"plane": plane, "width": before[0], "height": before[1], "wide": after[0], "tall": after[1]},
    )
    expected_plane = np.asarray(Image.fromarray(plane).resize(after, Image.Resampling.BILINEAR))
    assert np.abs(mine.reshape(after[1], after[0]) - expected_plane).max() < 1e-6


def test_what_cannot_be_used_is_said(computing: Computing, styles: list[Any]) -> None:
    computing.ask("encodeContent", key="a", pixels=np.asarray(PHOTO), size=0)
    look = {"key": "a", "styles": styles[:1]}
    dot = np.zeros((94, 173), np.uint8)
    dot[5, 5] = 255
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("encodeContent", {"key": "c", "pixels": np.asarray(PHOTO)[:9], "size": 0}, "at least 16 px"),
        ("encodeStyle", {"pixels": np.asarray(PHOTO)[:2], "size": 32}, "too long"),
        ("decode", look | {"alpha": 1.5}, "alpha is a strength"),
        ("decode", look | {"masks": [dot * 0]}, "mask 1 is black"),
        ("decode", look | {"masks": [dot]}, "mask 1 vanishes"),
        ("decode", look | {"masks": [np.full((94, 94), 255)]}, "their shapes differ"),
        ("decode", look | {"tile": 8}, "tiles must be at least 64 px"),
        ("decode", look | {"color": {"space": "rgb"}}, "a colour space is"),
        ("decode", look | {"weights": [0]}, "styles need as many weights"),
    ]
    for call, given, line in wrong:
        answer = computing.ask(call, **given)
        assert answer["kind"] == "input", answer
        assert line in answer["error"]
    assert computing.ask("decode", key="nobody", styles=styles[:1])["kind"] == "gone"
    assert computing.decode(**look).shape == (94, 173, 4)  # the worker is as good as before


def test_memory_does_not_grow(computing: Computing, styles: list[Any]) -> None:
    computing.ask("encodeContent", key="a", pixels=np.asarray(PHOTO), size=0)
    held = []
    for k in range(1, 31):
        computing.ask("decode", key="a", styles=styles, weights=[k, 1], alpha=k / 40, feather=k)
        if k in (10, 30):
            held.append(computing.ask("stats"))
    assert held[0] == held[1]
    assert 0 < held[0]["keptBytes"] < held[0]["bytes"]


def test_two_photographs_are_kept(computing: Computing, styles: list[Any]) -> None:
    for key in "abc":
        computing.ask("encodeContent", key=key, pixels=np.asarray(PHOTO)[:40, :40], size=0)
    answers = [computing.ask("decode", key=key, styles=styles[:1]).get("kind") for key in "abc"]
    assert answers == ["gone", None, None]
    computing.ask("drop", key="b")
    assert computing.ask("decode", key="b", styles=styles[:1])["kind"] == "gone"


def nobody_works(computing: Computing) -> None:
    """Wait until workers that were ended are gone."""
    for _ in range(WAIT // 50):
        if not computing.page.workers:
            return
        computing.page.wait_for_timeout(50)
    raise AssertionError(computing.page.workers)


def test_threads_give_the_same(chromium: Any, address: str, computing: Computing, styles: list[Any]) -> None:  # noqa: F811
    computing.ask("encodeContent", key="a", pixels=np.asarray(PHOTO), size=0)
    context = chromium.new_context()
    several = Computing(context.new_page(), f"{address}/isolated")
    assert several.page.evaluate("crossOriginIsolated")
    assert not computing.page.evaluate("crossOriginIsolated")
    several.ask("encodeContent", key="a", pixels=np.asarray(PHOTO), size=0)
    workers = len(several.page.workers)
    results = [each.decode(key="a", styles=styles[:1]) for each in (computing, several)]
    assert np.abs(results[0].astype(int) - results[1]).max() <= 1
    assert workers > len(computing.page.workers)  # it has threads
    assert all(worker.url.startswith("blob:") for worker in several.page.workers)
    several.page.evaluate("compute.end()")
    nobody_works(several)  # nor its threads
    assert several.faults == []
    context.close()


@pytest.mark.slow
def test_a_worker_that_fails_is_started_anew(chromium: Any, address: str, styles: list[Any]) -> None:  # noqa: F811
    context = chromium.new_context()
    made = Computing(context.new_page(), f"{address}/")
    content = {"key": "a", "pixels": np.asarray(PHOTO), "size": 0}
    made.page.evaluate("globalThis.parts = { binaries: { relaxed: new ArrayBuffer(8), plain: new ArrayBuffer(8) } }")
    assert made.ask("encodeContent", **content)["kind"] == "failed"
    made.page.evaluate("globalThis.parts = { worker: 'import \"/web/none.js\";' }")
    assert made.ask("encodeContent", **content)["kind"] == "failed"
    # Enough to start with, and too little for the picture.
    made.page.evaluate("globalThis.parts = { most: 16 * 2 ** 20 }")
    large = content | {"pixels": np.asarray(noise_image(600, 600))}
    answer = made.ask("encodeContent", **large)
    assert answer["kind"] == "memory"
    assert "in tiles" in answer["error"]
    assert "error" not in made.ask("encodeContent", **large, tile=128)
    assert made.ask("decode", key="a", styles=styles[:1])["width"] == 600
    made.page.evaluate("compute.end(), (globalThis.parts = {})")
    waiting = made.page.evaluate(
        """async (given) => {
            const asked = ask("encodeContent", given);
            await new Promise((done) => setTimeout(done, 50));
            compute.end();
            return asked;
        }""",
        packed(large),
    )
    assert waiting["kind"] == "ended"
    # While it is being started, too: what comes late starts nothing.
    waiting = made.page.evaluate("async () => { const asked = ask('stats', {}); compute.end(); return asked; }")
    assert waiting["kind"] == "ended"
    made.page.wait_for_timeout(200)  # for what would be wrong
    nobody_works(made)
    assert made.ask("decode", key="a", styles=styles[:1])["kind"] == "gone"
    made.ask("encodeContent", **content)
    assert made.decode(key="a", styles=styles[:1]).shape == (94, 173, 4)
    context.close()


def test_threads_that_do_not_begin_are_done_without(chromium: Any, address: str, styles: list[Any]) -> None:  # noqa: F811
    """As in a browser that lets no worker start another, or takes its time."""
    context = chromium.new_context()
    made = Computing(context.new_page(), f"{address}/isolated")
    code = "self.Worker = class { postMessage() {} };" + bundled(modules(), "web/compute-worker.js")
    made.page.evaluate("(code) => (globalThis.parts = { worker: code })", code)
    made.ask("encodeContent", key="a", pixels=np.asarray(PHOTO), size=0)
    assert made.decode(key="a", styles=styles[:1]).shape == (94, 173, 4)
    context.close()


def test_what_a_worker_has_found_out_is_known_without_asking_it(chromium: Any, address: str) -> None:  # noqa: F811
    context = chromium.new_context()
    made = Computing(context.new_page(), f"{address}/")
    code = (
        "self.onmessage = ({data: {id}}) => (self.postMessage({isGpuFaster: true}), self.postMessage({id, ok: true}));"
    )
    found = made.page.evaluate(
        """async (worker) => {
            globalThis.parts = {worker};
            const before = compute.isGpuFaster;
            await compute.call("stats");
            compute.end();
            return [before === undefined, compute.isGpuFaster];
        }""",
        code,
    )
    assert found == [True, True]
    context.close()
