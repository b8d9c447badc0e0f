from __future__ import annotations

import asyncio
import io
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from adain._utils.resources import resolve
from adain.app import AppOptions, create_app, worker
from adain.app.preview import scaled
from adain.backends import open_model
from adain.backends.models import open_stylizer
from adain.backends.ncnn import NcnnEngine
from adain.control.protect import SOFTNESS
from adain.options import ModelOptions, Options
from adain.stylizer.base import BaseStylizer
from tests.app.painting import HARBOUR, THIRD, WAVE, opened, png, site_of, upload
from tests.conftest import noise_image

SIZE = 64
"""Of previews here."""


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    app = create_app(AppOptions(preview_size=SIZE, model="fast"))
    with TestClient(app, base_url="http://127.0.0.1:7860") as made:
        yield made


@pytest.fixture(scope="module")
def fast() -> BaseStylizer:
    return open_model(ModelOptions(model="fast"))


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return noise_image(160, 128, 1)


@pytest.fixture(scope="module")
def content(client: TestClient, photo: Image.Image) -> str:
    return upload(client, "contents", png(photo), "photo.png")


@pytest.fixture(scope="module")
def masks(client: TestClient) -> tuple[str, str]:
    """The left half and the right one, of another size than the photograph."""
    left = np.zeros((256, 320), np.uint8)
    left[:, :150] = 255
    return (
        upload(client, "masks", png(Image.fromarray(left)), "left.png"),
        upload(client, "masks", png(Image.fromarray(255 - left)), "right.png"),
    )


def ask(client: TestClient, content: str, *styles: str, **more: Any) -> Any:
    body = {"content": content, "styles": styles or (WAVE,), "preview": True, "slot": "", "format": "png"}
    fields = {name: more.pop(name) for name in [*more] if name in ("slot", "format", "model", "quality")}
    return client.post("/stylize", json=body | fields | {"options": more.pop("options", more)})


def path(style: str) -> Path:
    return resolve(style.removeprefix("gallery-"), "style")


PLAIN: list[dict[str, Any]] = [
    {},
    {"alpha": 0.4},
    {"style_size": 128},
    {"fine_style_size": 64},
    {"crop": True},
    {"wrap": "xy"},
    {"correct": 2},
    {"keep_edges": 0.5},
    {"color": "luminance", "color_space": "lab", "color_strength": 0.5},
    {"color": "luminance", "match_luma": True},
    {"color": "linear", "color_method": "cholesky"},
    {"color": "histogram"},
    {"content_size": 48},
    {"preview": True},
    {"protect": "faces"},
]


@pytest.mark.parametrize("options", PLAIN, ids=str)
def test_a_preview_is_the_pass_at_its_size(
    client: TestClient, fast: BaseStylizer, photo: Image.Image, content: str, options: dict[str, Any]
) -> None:
    wanted = fast.stylize(photo, path(WAVE), Options(**{"content_size": SIZE, **options}))
    for _ in range(2):  # and again of what was kept
        answer = ask(client, content, **options)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "image/png"
        np.testing.assert_array_equal(np.asarray(opened(answer.content)), np.asarray(wanted))


SEVERAL: list[dict[str, Any]] = [
    {},
    {"weights": [3, 1]},
    {"gradient": "diagonal"},
    {"grid": 2},
    {"color": ["luminance", "none"]},
    {"color": ["histogram", None]},
]


@pytest.mark.parametrize("options", SEVERAL, ids=str)
def test_of_several_styles(
    client: TestClient, fast: BaseStylizer, photo: Image.Image, content: str, options: dict[str, Any]
) -> None:
    wanted = fast.stylize(photo, [path(WAVE), path(HARBOUR)], Options(content_size=SIZE, **options))
    for _ in range(2):
        answer = ask(client, content, WAVE, HARBOUR, **options)
        assert answer.status_code == 200, answer.text
        np.testing.assert_array_equal(np.asarray(opened(answer.content)), np.asarray(wanted))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"feather": 8},
        {"alpha": [0.3, 1]},
        {"color": ["linear", "none"]},
        {"fine_style_size": 64, "correct": 1},
        {"crop": True},
        {"wrap": "x"},
    ],
    ids=str,
)
def test_by_regions(
    client: TestClient,
    fast: BaseStylizer,
    photo: Image.Image,
    content: str,
    masks: tuple[str, str],
    options: dict[str, Any],
) -> None:
    files = [site_of(client).pictures.mask(id).path for id in masks]
    own = options | {"feather": options.get("feather", 0) / 2}  # the preview is half as large as the photograph
    wanted = fast.stylize(photo, [path(WAVE), path(HARBOUR)], Options(content_size=SIZE, masks=files, **own))
    for _ in range(2):
        answer = ask(client, content, WAVE, HARBOUR, masks=masks, **options)
        assert answer.status_code == 200, answer.text
        np.testing.assert_array_equal(np.asarray(opened(answer.content)), np.asarray(wanted))


def test_masks_with_a_background_and_a_protected_part(
    client: TestClient, fast: BaseStylizer, photo: Image.Image, content: str, masks: tuple[str, str]
) -> None:
    site = site_of(client)
    left, right = (site.pictures.mask(id).path for id in masks)
    own = Options(content_size=SIZE, masks=[left], background=path(THIRD), protect=right, alpha=(1.0, 0.5), feather=4)
    wanted = fast.stylize(photo, path(WAVE), own)
    options = {"masks": [masks[0]], "background": THIRD, "protect": masks[1], "alpha": [1, 0.5], "feather": 8}
    answer = ask(client, content, WAVE, **options)
    assert answer.status_code == 200, answer.text
    np.testing.assert_array_equal(np.asarray(opened(answer.content)), np.asarray(wanted))
    # Other strengths of the same regions, which are kept.
    wanted = fast.stylize(photo, path(WAVE), own.change(alpha=(0.2, 0.9), keep_edges=0.3))
    answer = ask(client, content, WAVE, **(options | {"alpha": [0.2, 0.9], "keep_edges": 0.3}))
    np.testing.assert_array_equal(np.asarray(opened(answer.content)), np.asarray(wanted))


def test_what_is_protected_is_as_soft_as_in_the_finished_picture(
    client: TestClient, fast: BaseStylizer, photo: Image.Image, content: str, masks: tuple[str, str]
) -> None:
    mask = site_of(client).pictures.mask(masks[0]).path
    wanted = fast.stylize(photo, path(WAVE), Options(content_size=SIZE, protect=mask, feather=SOFTNESS / 2))
    answer = ask(client, content, protect=masks[0])
    np.testing.assert_array_equal(np.asarray(opened(answer.content)), np.asarray(wanted))


def test_a_label_map(client: TestClient, fast: BaseStylizer, photo: Image.Image, content: str) -> None:
    labels = np.ones((128, 160), np.uint8)
    labels[:, 90:] = 2
    id = upload(client, "masks", png(Image.fromarray(labels)), "labels.png")
    file = site_of(client).pictures.mask(id).path
    own = Options(content_size=SIZE, label_map=file, labels=["1", "2"])
    wanted = fast.stylize(photo, [path(WAVE), path(HARBOUR)], own)
    answer = ask(client, content, WAVE, HARBOUR, label_map=id, labels=[1, 2])
    assert answer.status_code == 200, answer.text
    np.testing.assert_array_equal(np.asarray(opened(answer.content)), np.asarray(wanted))


def test_a_bound_on_drift_is_in_pixels_of_the_finished_picture(
    client: TestClient, fast: BaseStylizer, photo: Image.Image, content: str
) -> None:
    wanted = fast.stylize(photo, path(WAVE), Options(content_size=SIZE, max_drift=0.6))
    answer = ask(client, content, max_drift=1.2)
    np.testing.assert_array_equal(np.asarray(opened(answer.content)), np.asarray(wanted))
    assert "alpha" in answer.headers["adain-notes"]


def test_a_saved_style(
    client: TestClient, fast: BaseStylizer, photo: Image.Image, content: str, tmp_path: Path
) -> None:
    style = fast.encode_style(path(WAVE), size=96)
    file = tmp_path / "wave.safetensors"
    style.save(file)
    id = upload(client, "styles", file.read_bytes(), file.name)
    wanted = fast.stylize(photo, [style, path(HARBOUR)], Options(content_size=SIZE, weights=[1, 2]))
    for _ in range(2):
        answer = ask(client, content, id, HARBOUR, weights=[1, 2])
        assert answer.status_code == 200, answer.text
        np.testing.assert_array_equal(np.asarray(opened(answer.content)), np.asarray(wanted))


@pytest.mark.parametrize(
    "options",
    [{}, {"masks": True, "feather": 4}, {"color": "linear"}, {"protect": "faces", "keep_edges": 0.3}, {"max_drift": 1}],
    ids=str,
)
def test_torch_gives_the_same(
    photo: Image.Image, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    """Where a GPU computes, or ncnn is missing; of its features all bytes are counted, too."""
    monkeypatch.setattr(worker, "open_model", open_stylizer)
    app = create_app(AppOptions(preview_size=SIZE))
    with TestClient(app, base_url="http://127.0.0.1:7860") as client:
        content = upload(client, "contents", png(photo), "photo.png")
        own = options
        if options.get("masks"):
            half = Image.fromarray((np.arange(160) < 80).astype(np.uint8)[None].repeat(128, 0) * 255)
            ids = [upload(client, "masks", png(mask), "half.png") for mask in (half, half.rotate(180))]
            options = options | {"masks": ids}
            own = own | {"masks": [half, half.rotate(180)], "feather": 2}
        if "max_drift" in own:
            own = own | {"max_drift": 0.5}
        styles = [WAVE, HARBOUR][: 2 if "masks" in own else 1]
        model = open_stylizer(ModelOptions(model="fast"))
        wanted = model.stylize(photo, [path(style) for style in styles], Options(content_size=SIZE, **own))
        for _ in range(2):
            answer = ask(client, content, *styles, **options)
            assert answer.status_code == 200, answer.text
            np.testing.assert_array_equal(np.asarray(opened(answer.content)), np.asarray(wanted))
        entry = site_of(client).held._entries[(content, "features", "fast", SIZE, False, "none")]
        cells = (SIZE // 8) * (80 // 8)
        assert entry.size == 4 * (384 * cells + 3 * SIZE * 80)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often each network was run."""
    counts = {"encode": 0, "decode": 0}
    for name in counts:
        known = getattr(NcnnEngine, name)

        def counted(self: Any, *args: Any, known: Any = known, name: str = name, **how: Any) -> Any:
            counts[name] += 1
            return known(self, *args, **how)

        monkeypatch.setattr(NcnnEngine, name, counted)
    return counts


MOVED: list[tuple[int, dict[str, Any], dict[str, Any]]] = [
    (1, {}, {"alpha": 0.31}),
    (1, {}, {"keep_edges": 0.31}),
    (2, {"weights": [1, 1]}, {"weights": [1, 3.1]}),
    (2, {"masks": True, "feather": 4}, {"alpha": [0.31, 0.5]}),
    (2, {"masks": True}, {"keep_edges": 0.31}),
    (1, {"color": "linear"}, {"alpha": 0.31}),
    (1, {"protect": "faces"}, {"alpha": 0.31}),
    (2, {"gradient": "horizontal"}, {"alpha": 0.31}),
    (1, {"fine_style_size": 96}, {"alpha": 0.31}),
]


@pytest.mark.parametrize(("count", "options", "moved"), MOVED, ids=str)
def test_a_slider_costs_one_decoder(
    client: TestClient,
    content: str,
    masks: tuple[str, str],
    passes: dict[str, int],
    count: int,
    options: dict[str, Any],
    moved: dict[str, Any],
) -> None:
    if options.get("masks"):
        options = options | {"masks": masks}
    styles = (WAVE, HARBOUR)[:count]
    assert ask(client, content, *styles, **options).status_code == 200
    passes.update(encode=0, decode=0)
    assert ask(client, content, *styles, **(options | moved)).status_code == 200
    assert passes == {"encode": 0, "decode": 1}


def test_what_is_kept_goes_with_its_upload(client: TestClient) -> None:
    id = upload(client, "contents", png(noise_image(80, 80, 9)), "other.png")
    assert ask(client, id, keep_edges=0.2).status_code == 200
    held = site_of(client).held
    assert any(key[0] == id for key in held._entries)
    assert client.delete(f"/contents/{id}").status_code == 204
    assert not any(key[0] == id for key in held._entries)
    assert ask(client, id).status_code == 404


def test_features_count_with_all_their_bytes(client: TestClient, content: str) -> None:
    assert ask(client, content).status_code == 200
    held = site_of(client).held
    entry = held._entries[(content, "features", "fast", SIZE, False, "none")]
    cells = (SIZE // 8) * (80 // 8)
    assert entry.size == 4 * (384 * cells + 3 * SIZE * 80)


def test_a_preview_is_a_jpeg_that_says_what_took_how_long(client: TestClient, content: str) -> None:
    answer = ask(client, content, format="jpeg", quality=50)
    assert answer.headers["content-type"] == "image/jpeg"
    assert opened(answer.content).format == "JPEG"
    parts = dict(part.split(";dur=") for part in answer.headers["server-timing"].split(", "))
    assert {"queue", "encode", "decode", "write"} == set(parts)
    assert all(float(each) >= 0 for each in parts.values())
    assert len(ask(client, content, format="jpeg", quality=95).content) > len(answer.content)


def test_transparency_is_kept_where_the_format_has_it(client: TestClient) -> None:
    picture = noise_image(96, 96, 3).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize((96, 96)))
    id = upload(client, "contents", png(picture), "soft.png")
    assert opened(ask(client, id).content).mode == "RGBA"
    flat = opened(ask(client, id, format="jpeg").content)
    assert flat.mode == "RGB"
    assert min(flat.getpixel((40, 0))) > 200  # white shows through


@pytest.mark.parametrize(
    ("options", "status", "says"),
    [
        ({"masks": ["nothing"]}, 404, "upload it"),
        ({"alpha": 2}, 422, "alpha must be between 0 and 1"),
        ({"feather": 3}, 422, "feather needs masks"),
        ({"wrap": "x", "crop": True}, 422, "crop cuts off"),
        ({"style_size": 200_000}, 422, "ask for a smaller"),
        ({"content_size": 8}, 422, "photo.png is 10x8 px: at least 16 px"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    client: TestClient, content: str, options: dict[str, Any], status: int, says: str
) -> None:
    answer = ask(client, content, options=options)
    assert answer.status_code == status, answer.text
    assert says in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert str(site_of(client).folder) not in answer.text


def test_running_out_of_memory_leaves_the_next_one(
    client: TestClient, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise MemoryError("ncnn ran out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(NcnnEngine, "decode", full)
        answer = ask(client, content)
    assert answer.status_code == 507
    assert answer.json()["error"] == "out of memory: ask for a smaller picture, or smaller tiles"
    assert ask(client, content).status_code == 200


def test_the_newest_of_a_slot_is_made(client: TestClient, content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty at once: one is at work, the last one comes after it, and the others are told so meanwhile."""
    begun, opened_ = threading.Event(), threading.Event()
    known = NcnnEngine.decode

    def slow(*args: Any, **how: Any) -> Any:
        begun.set()
        assert opened_.wait(20)
        return known(*args, **how)

    monkeypatch.setattr(NcnnEngine, "decode", slow)
    own = site_of(client).models.get("fast", "preview")
    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(ask, client, content, slot="one", alpha=0.01)
        assert begun.wait(20)
        others = []
        for k in range(2, 20):
            others.append(pool.submit(ask, client, content, slot="one", alpha=k / 100))
            _until(lambda k=k: own.waiting == 1 and sum(each.done() for each in others) >= k - 2)  # type: ignore[misc]
        assert [each.result().status_code for each in others[:-1]] == [409] * 17
        assert "superseded" in others[0].result().json()["error"]
        opened_.set()
        assert first.result().status_code == 200
        assert others[-1].result().status_code == 200


def _until(is_so: Any) -> None:
    for _ in range(2000):
        if is_so():
            return
        time.sleep(0.005)
    raise AssertionError("it did not come to that")


def test_sizes(client: TestClient) -> None:
    def size(width: int, height: int, most: int = 512, **options: Any) -> tuple[int, float]:
        ordered: Any = SimpleNamespace(content=SimpleNamespace(width=width, height=height), options=Options(**options))
        found, scale = scaled(ordered, most)
        assert found.content_size is not None
        return found.content_size, scale

    assert size(4000, 3000) == (512, 512 / 3000)
    assert size(4000, 3000, content_size=1024) == (512, 0.5)
    assert size(400, 300) == (300, 1.0)
    assert size(400, 300, content_size=600) == (512, 512 / 600)
    assert size(12800, 512) == (204, 204 / 512)  # as many pixels as of 512 x 2048
    assert size(12800, 512, crop=True) == (512, 1.0)
    assert size(10_000_000, 100) == (16, 0.16)
    assert size(400, 300, preview=True) == (256, 1.0)
    assert size(400, 300, grid=16) == (80, 80 / 256)


def test_one_that_nobody_waits_for_is_not_made(
    client: TestClient, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The browser leaves while the picture waits, or is at work."""
    begun, left = threading.Event(), threading.Event()

    def slow(*args: Any, **how: Any) -> Any:
        begun.set()
        assert left.wait(20)
        return known(*args, **how)

    known = NcnnEngine.decode
    monkeypatch.setattr(NcnnEngine, "decode", slow)
    counters = site_of(client).counters
    before = counters.get("adain_previews_total", outcome="abandoned")
    body = json.dumps({"content": content, "styles": [WAVE], "options": {"alpha": 0.123}, "preview": True}).encode()
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "path": "/stylize", "raw_path": b"/stylize",
        "query_string": b"", "root_path": "", "scheme": "http", "server": ("127.0.0.1", 7860), "client": None,
        "headers": [(b"host", b"127.0.0.1:7860"), (b"content-type", b"application/json")], "app": client.app,
    }  # fmt: skip

    async def send(message: Any) -> None:
        pass

    async def left_while_at_work(is_gone: threading.Event) -> None:
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            if messages:
                return messages.pop()
            while not is_gone.is_set():
                await asyncio.sleep(0.005)
            return {"type": "http.disconnect"}

        await client.app(dict(scope), receive, send)  # type: ignore[arg-type]

    async def both() -> None:
        first = asyncio.create_task(left_while_at_work(gone))
        while not begun.is_set():
            await asyncio.sleep(0.005)
        already = threading.Event()
        already.set()
        await left_while_at_work(already)  # which waits behind it
        gone.set()
        await first

    gone = threading.Event()
    asyncio.run(both())
    left.set()
    assert counters.get("adain_previews_total", outcome="abandoned") == before + 2
    assert ask(client, content).status_code == 200


def test_icc_profile_and_bits_do_not_hinder_a_preview(client: TestClient) -> None:
    deep = (np.linspace(0, 65535, 64 * 64).reshape(64, 64)).astype(np.uint16)
    data = io.BytesIO()
    Image.fromarray(deep).save(data, "PNG")
    id = upload(client, "contents", data.getvalue(), "deep.png")
    assert ask(client, id, format="jpeg").status_code == 200
