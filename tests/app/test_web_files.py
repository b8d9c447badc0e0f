"""What the page without a server reads and writes, names and sizes: as the library and the server do it."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import adain.app
from adain import Options, Style
from adain.app.command import copied
from adain.app.known import known
from adain.app.labels import held_labels
from adain.app.options import AppOptions
from adain.app.preview import scaled
from adain.app.request import FORMATS, parse_order
from adain.control.labels import label_masks, open_label_map

from ..conftest import noise_image
from .browser import chromium, need_browser  # noqa: F401
from .computing import WEB, Computing, packed, serving
from .orders import SITE, site_of
from .pngs import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, png

PAGE = Path(adain.app.__file__).parent / "page"

LARGEST = 10_000

BLOB = "new Blob([given.file])"


@pytest.fixture(scope="module")
def computing(chromium: Any) -> Iterator[Computing]:  # noqa: F811
    context = chromium.new_context()
    with serving({"web": WEB, "page": PAGE}) as address:
        made = Computing(context.new_page(), f"{address}/")
        yield made
    context.close()
    assert made.faults == []


def sent(data: bytes) -> dict[str, str]:
    """Bytes for the browser."""
    return {"bytes": base64.b64encode(data).decode()}


def received(value: Any) -> bytes:
    return bytes(value.tobytes())


def painted(levels: int, channels: int = 1, shape: tuple[int, int] = (19, 27)) -> Any:
    """Patches of so many levels, of a size that fits no byte."""
    rng = np.random.default_rng(levels + channels)
    coarse = rng.integers(0, levels, (5, 6, channels), dtype=np.uint16)
    return np.kron(coarse, np.ones((5, 5, 1), np.uint16))[: shape[0], : shape[1]]


COLOURS = bytes(range(48))

MAPS = {
    **{f"grey {depth}": png(painted(2**depth if depth < 9 else 6) * (9000 if depth > 8 else 1), depth, GREY)
       for depth in (1, 2, 4, 8, 16)},
    **{f"palette {depth}": png(painted(2 ** min(depth, 4)), depth, PALETTE, palette=COLOURS) for depth in (1, 2, 4, 8)},
    "interlaced palette": png(painted(16), 4, PALETTE, palette=COLOURS, is_interlaced=True),
    "interlaced colours": png(painted(256, 3), 8, RGB, is_interlaced=True),
    "small and interlaced": png(painted(3, 1, (2, 3)), 8, GREY, is_interlaced=True),
    "seen through palette": png(painted(4), 2, PALETTE, palette=COLOURS[:12], transparent=b"\0\xff\0\xff"),
    "seen through grey": png(painted(4), 8, GREY, transparent=b"\0\2"),
    "grey and alpha": png(painted(250, 2), 8, GREY_ALPHA),
    "colours": png(painted(3, 3), 8, RGB),
    "colours and alpha": png(painted(250, 4), 8, RGBA),
    "deep colours": png(painted(200, 3) * 257, 16, RGB),
}  # fmt: skip


@pytest.mark.parametrize("name", MAPS)
def test_labels(computing: Computing, tmp_path: Path, name: str) -> None:
    path = tmp_path / "map.png"
    path.write_bytes(MAPS[name])
    told = held_labels(path, LARGEST)
    given = {"file": sent(MAPS[name]), "most": LARGEST}
    read = "module.readLabels(new Uint8Array(given.file), 'map.png', given.most)"
    got = computing.run("label-map", f"(async () => ({{...module.heldLabels(await {read}), all: 0}}))()", given)
    listed = [*got["labels"].values()]
    assert [each["value"] for each in listed] == [each["value"] for each in told["labels"]]
    assert [each["share"] for each in listed] == pytest.approx([each["share"] for each in told["labels"]], abs=1e-6)
    assert (got["total"], got["unlabelled"]) == (told["total"], pytest.approx(told["unlabelled"], abs=1e-6))
    values = [each["value"] for each in told["labels"][:3]]
    masks = computing.run(
        "label-map", f"(async () => module.labelMasks(await {read}, given.labels))()", {**given, "labels": values}
    )
    own = open_label_map(path, colors=isinstance(values[0], str))
    for mask, expected in zip(masks.values(), label_masks(own, values), strict=True):
        assert np.array_equal(mask["data"].reshape(mask["height"], mask["width"]) == 255, expected[0, 0] == 1)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"no picture", "save the label map as PNG"),
        (MAPS["colours"][:60], "damaged"),
        (MAPS["colours"].replace(b"IHDR", b"IHDX"), "damaged"),
        (png(painted(200, 3) * 3, 16, RGB), "RGB PNG of 8 bits"),
        (png(np.zeros((101, 100, 1), np.uint16), 1, GREY), "more than the limit of 10000"),
    ],
)  # fmt: skip
def test_no_labels(computing: Computing, data: bytes, said: str) -> None:
    read = "module.readLabels(new Uint8Array(given.file), 'map.png', given.most)"
    got = computing.run("label-map", f"{read}.catch((error) => error.message)", {"file": sent(data), "most": LARGEST})
    assert said in got
    assert "\n" not in got


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (90, 131)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_written_png(computing: Computing, size: tuple[int, int], mode: str) -> None:
    picture = noise_image(*size, seed=4).convert(mode)
    if mode == "RGBA":
        picture.putalpha(noise_image(*size, seed=5, mode="L"))
    expression = "module.writePng(given, given.isOpaque).then((b) => b.arrayBuffer()).then((b) => new Uint8Array(b))"
    pixels = packed(np.asarray(picture.convert("RGBA")))
    got = Image.open(
        io.BytesIO(received(computing.run("png-write", expression, {**pixels, "isOpaque": mode == "RGB"})))
    )
    assert got.mode == mode
    assert np.array_equal(np.asarray(got), np.asarray(picture))


def test_colours_of_what_is_seen_through(computing: Computing) -> None:
    levels = np.random.default_rng(6).integers(0, 256, (40, 50, 4), np.uint8)
    file = io.BytesIO()
    Image.fromarray(levels, "RGBA").save(file, "PNG")
    got = computing.run("exact", f"module.exactPixels({BLOB}, 50, 40)", {"file": sent(file.getvalue())})
    if got is None:
        pytest.skip("no WebGL here")
    assert np.array_equal(got.reshape(40, 50, 4), levels)


@pytest.mark.parametrize("photo", [(4000, 3000), (3000, 4000), (300, 200), (20, 17), (9000, 500), (40_000, 300)])
@pytest.mark.parametrize("size", [None, 0, 700, 20])
def test_size_of_previews(computing: Computing, photo: tuple[int, int], size: int | None) -> None:
    width, height = photo
    ordered: Any = SimpleNamespace(
        options=Options(content_size=size), content=SimpleNamespace(width=width, height=height)
    )
    options, scale = scaled(ordered, 512)
    given = {"width": width, "height": height, "size": size}
    got = computing.run("shapes", "module.previewSize(given, given.size, 512)", given)
    assert got == {"size": options.size, "scale": pytest.approx(scale)}


def setup() -> dict[str, Any]:
    return known(AppOptions(model="fast"), [], [], models=["fast"], formats=FORMATS)


def test_served(computing: Computing) -> None:
    whole = setup()
    told = json.loads(computing.run("served", "JSON.stringify(module.served(JSON.parse(given)))", json.dumps(whole)))
    assert told["formats"] == ["png", "jpeg", "webp"]
    assert [*told["files"]] == ["quality"]
    assert told["options"]["color"]["choices"] == ["none", "luminance"]
    assert {"alpha", "style_size", "feather", "background"} < {*told["options"]}
    assert not {"keep_edges", "correct", "protect", "wrap", "gradient", "match_luma"} & {*told["options"]}
    for name, each in told["options"].items():
        assert each["default"] == whole["options"][name]["default"]


LONG = "a very long name of a picture, " * 5
NAMED = site_of(
    c="-my photo's.jpg", s1="art 1.png", s2="-my photo's.jpg", s3=f"{LONG}.png", m1="mask.png", m2="map ü.png"
)

ORDERS: list[tuple[Any, dict[str, Any]]] = [
    (SITE, {"content": "c", "styles": ["s1"]}),
    (SITE, {"content": "c", "styles": ["s1", "s2"], "options": {"weights": [0.25, 0.75], "alpha": 0.5}}),
    (SITE, {"content": "c", "styles": ["s1"], "options": {"style_size": 300, "content_size": 200}, "format": "webp"}),
    (SITE, {"content": "c", "styles": ["s1"], "format": "jpeg", "quality": 80}),
    (NAMED, {"content": "c", "styles": ["s1", "s2"]}),
    (NAMED, {"content": "c", "styles": ["s3"], "options": {"color": "luminance", "color_space": "lab"}}),
    (
        NAMED,
        {
            "content": "c",
            "styles": ["s1", "s2"],
            "options": {"label_map": "m2", "labels": ["#ff0000", "#000001"], "background": "s3", "feather": 3},
        },
    ),
]


@pytest.mark.parametrize("number", range(len(ORDERS)))
def test_command(computing: Computing, number: int) -> None:
    site, body = ORDERS[number]
    expected = copied(parse_order({"model": "fast", **body}, site))
    kinds = {"content": "contents", "style": "styles", "mask": "masks"}
    held = {
        id: {"id": id, "name": each.name, "source": each.source, "kind": kinds[each.kind], "picture": "blob:"}
        for id, each in site.pictures.kept.items()
    }
    order = {"content": body["content"], "styles": body["styles"], "options": body.get("options", {})}
    file = {"format": body.get("format", "png"), "quality": body.get("quality", 95)}
    given = {"order": order, "file": file, "setup": json.dumps(setup()), "held": held}
    expression = "module.copied(given.order, given.file, JSON.parse(given.setup), {of: (id) => given.held[id]})"
    got = computing.run("copied", expression, given)
    # A finished file of the server is made in tiles, which change nothing in it.
    assert got["shell"] == expected["shell"].replace(" --tile 512", "")
    assert got["python"] == expected["python"].replace("    tile=512,\n", "")
    for kind in ("files", "inputs"):
        assert [each["name"] for each in got[kind].values()] == [each["name"] for each in expected[kind]]


def test_command_of_own_weights(computing: Computing) -> None:
    whole = setup()
    weights = {"model": "vgg19", "decoder": "my decoder.safetensors"}
    whole["finish"] = {"model": "custom", "weights": weights}
    held = {id: {"id": id, "name": f"{id}.png", "source": "upload", "kind": "contents"} for id in ("c", "s")}
    given = {"setup": json.dumps(whole), "held": held, "order": {"content": "c", "styles": ["s"], "options": {}}}
    copied = "module.copied(given.order, given.file, JSON.parse(given.setup), {of: (id) => given.held[id]})"
    file = {"format": "png", "quality": 95}
    got = computing.run("copied", copied, {**given, "file": file})
    assert "--model vgg19 --decoder 'my decoder.safetensors'" in got["shell"]
    assert 'decoder="my decoder.safetensors"' in got["python"]
    assert "my decoder.safetensors" in got["note"]
    other = computing.run("copied", copied, {**given, "file": {**file, "model": "fast"}})
    assert "--model fast" in other["shell"]
    assert "safetensors" not in other["shell"] + other["note"]


def test_saved_styles(computing: Computing, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    mean, std = (rng.random((1, 384, 1, 1), np.float32) + 0.1 for _ in range(2))
    path = Style(mean, std).save(tmp_path / "it.safetensors")
    read = "module.readStyle(given.file.buffer, 'it.safetensors', 384)"
    got = computing.run("saved-style", read, {"file": sent(path.read_bytes())})
    assert np.array_equal(got["mean"], mean.ravel())
    assert np.array_equal(got["std"], std.ravel())
    told = f"(() => {{ try {{ return {read}; }} catch (error) {{ return error.message; }} }})()"
    wrong = {
        "cut off": (path.read_bytes()[:-8], "damaged"),
        "empty": (b"", "damaged"),
        "other": (b"\xff" * 40, "damaged"),
        "of another model": (
            Style(mean[:, :9], std[:, :9]).save(tmp_path / "b.safetensors").read_bytes(),
            "9 channels",
        ),
        "fine": (Style(mean, std, fine_std=std).save(tmp_path / "c.safetensors").read_bytes(), "fine size"),
        "not finite": (Style(mean * np.nan, std).save(tmp_path / "d.safetensors").read_bytes(), "no style"),
    }
    for data, said in wrong.values():
        message = computing.run("saved-style", told, {"file": sent(data)})
        assert said in message
