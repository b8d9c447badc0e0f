from __future__ import annotations

import asyncio
import io
import os
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from starlette.testclient import TestClient

from adain import Style
from adain._utils.resources import samples
from adain.app.uploads import AppPictures
from tests.fuzz import mutate

from .test_uploads import encoded, files


def pictures_of(client: TestClient) -> AppPictures:
    found: AppPictures = client.app.state.site.pictures  # type: ignore[attr-defined]
    return found


def send(client: TestClient, where: str, data: bytes, name: str = "a.png") -> Any:
    return client.post(where, files={"file": (name, data)})


def refused(response: Any, status: int) -> str:
    """The one line of a refusal."""
    assert response.status_code == status, response.text
    (text,) = response.json().values()
    assert list(response.json()) == ["error"]
    assert "\n" not in text
    return str(text)


def test_a_photograph_by_a_form_and_by_its_bytes(client: TestClient) -> None:
    data = encoded(kind="JPEG")
    response = send(client, "/contents", data, 'Häfen, "alt".jpg')
    assert response.status_code == 201
    told = response.json()
    assert {"name": 'Häfen, "alt".jpg', "width": 40, "height": 30, "has_alpha": False}.items() <= told.items()
    assert response.headers["location"] == f"/contents/{told['id']}"
    assert client.get(f"/contents/{told['id']}").json() == told
    raw = client.post("/contents?name=b%C3%A4.jpg", content=data, headers={"Content-Type": "image/jpeg"})
    assert (raw.status_code, raw.json()["name"]) == (201, "bä.jpg")
    assert pictures_of(client).content(raw.json()["id"]).path.read_bytes() == data
    nameless = client.post("/contents", content=data)
    assert (nameless.status_code, nameless.json()["name"]) == (201, "picture.jpg")


def test_other_fields_of_a_form_are_passed_over(client: TestClient) -> None:
    fields = {"caption": "a harbour", "_charset_": "utf-8"}
    response = client.post("/masks", data=fields, files={"file": ("m.png", encoded(mode="L"))})
    assert response.status_code == 201


def test_a_photograph_is_forgotten_when_it_is_deleted(client: TestClient) -> None:
    id = send(client, "/contents", encoded()).json()["id"]
    assert client.delete(f"/contents/{id}").status_code == 204
    for response in (
        client.get(f"/contents/{id}"),
        client.get(f"/contents/{id}/picture"),
        client.delete(f"/contents/{id}"),
    ):
        assert "upload it to /contents" in refused(response, 404)
    assert files(pictures_of(client)) == []


PICTURES = {
    "png": encoded(),
    "grey 16-bit": None,
    "palette": encoded(mode="L", kind="GIF"),
    "cmyk": encoded(mode="CMYK", kind="TIFF"),
    "jpeg 2000": encoded(kind="JPEG2000"),
    "avif": encoded(kind="AVIF"),
    "webp": encoded(kind="WEBP"),
    "bmp": encoded(kind="BMP"),
    "ppm": encoded(kind="PPM"),
}


def file_of(name: str) -> bytes:
    if name == "grey 16-bit":
        data = io.BytesIO()
        Image.fromarray(np.full((30, 40), 40_000, np.uint16)).save(data, "PNG")
        return data.getvalue()
    found = PICTURES[name]
    assert found is not None
    return found


@pytest.mark.parametrize("name", PICTURES)
def test_any_format_is_shown_as_browsers_can(client: TestClient, name: str) -> None:
    id = send(client, "/contents", file_of(name), "a").json()["id"]
    response = client.get(f"/contents/{id}/picture?size=15")
    assert (response.status_code, response.headers["content-type"]) == (200, "image/jpeg")
    with Image.open(io.BytesIO(response.content)) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (20, 15))
        assert "icc_profile" in image.info
    if name == "grey 16-bit":
        with Image.open(io.BytesIO(response.content)) as image:
            assert image.getpixel((5, 5)) == (156, 156, 156)  # 40000 / 257


def heic() -> tuple[bytes, str]:
    pillow_heif, data = pytest.importorskip("pillow_heif"), io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (40, 30), "red")).save(data, quality=100)
    return data.getvalue(), ".heic"


def jxl() -> tuple[bytes, str]:
    pytest.importorskip("pillow_jxl")
    imagecodecs = pytest.importorskip("imagecodecs")
    return imagecodecs.jpegxl_encode(np.asarray(Image.new("RGB", (40, 30), "red")), lossless=True), ".jxl"


@pytest.mark.parametrize("make", [heic, jxl])
def test_formats_of_phones_are_shown(client: TestClient, make: Callable[[], tuple[bytes, str]]) -> None:
    data, suffix = make()
    told = send(client, "/contents", data, "IMG_1").json()
    assert told["name"] == f"IMG_1{suffix}"
    shown = client.get(f"/contents/{told['id']}/picture?size=0").content
    with Image.open(io.BytesIO(shown)) as image:
        red, green, blue = image.convert("RGB").getpixel((20, 15))  # type: ignore[misc]
        assert (image.size, red > 240, green < 15, blue < 15) == ((40, 30), True, True, True)


def test_what_shows_through_is_kept_and_what_is_turned_is_upright(client: TestClient) -> None:
    id = send(client, "/contents", encoded(mode="RGBA")).json()["id"]
    response = client.get(f"/contents/{id}/picture?size=0")
    assert response.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(response.content)) as image, Image.open(io.BytesIO(encoded(mode="RGBA"))) as own:
        assert image.tobytes() == own.tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    id = send(client, "/contents", encoded((40, 30), "JPEG", exif=exif)).json()["id"]
    with Image.open(io.BytesIO(client.get(f"/contents/{id}/picture").content)) as image:
        assert image.size == (30, 40)


def test_pictures_are_kept_by_browsers(client: TestClient) -> None:
    id = send(client, "/contents", encoded()).json()["id"]
    first = client.get(f"/contents/{id}/picture?size=16")
    assert "immutable" in first.headers["cache-control"]
    tag = {"If-None-Match": first.headers["etag"]}
    assert client.get(f"/contents/{id}/picture?size=16", headers=tag).status_code == 304
    assert client.get(f"/contents/{id}/picture?size=17", headers=tag).status_code == 200
    larger = client.get(f"/contents/{id}/picture?size=999")
    assert larger.headers["etag"] == client.get(f"/contents/{id}/picture").headers["etag"]
    assert "no-cache" in client.get("/styles/gallery-great-wave/picture?size=16").headers["cache-control"]


@pytest.mark.parametrize("size", ["-1", "x", "1.5", "65537", "9999999", "", "٣"])
def test_a_size_that_is_none_is_refused(client: TestClient, size: str) -> None:
    id = send(client, "/contents", encoded()).json()["id"]
    assert "size is the shorter side" in refused(client.get(f"/contents/{id}/picture", params={"size": size}), 422)


def test_artworks(client: TestClient) -> None:
    styles = client.get("/styles").json()["styles"]
    assert len(styles) == len(samples("style"))
    for each in styles:
        response = client.get(f"/styles/{each['id']}/picture?size=64")
        with Image.open(io.BytesIO(response.content)) as image:
            assert min(image.size) == 64
    told = send(client, "/styles", encoded(), "own.png").json()
    assert (told["source"], told["title"]) == ("upload", "own.png")
    assert client.get("/styles").json()["styles"][-1]["id"] == told["id"]
    assert client.get("/setup").json()["styles"][-1]["id"] == told["id"]
    assert "only uploads" in refused(client.delete(f"/styles/{styles[0]['id']}"), 422)
    assert client.delete(f"/styles/{told['id']}").status_code == 204
    assert len(client.get("/contents").json()["contents"]) == len(samples("content"))
    assert client.get("/contents/gallery-chelsea").json()["width"] == 451


def test_the_file_of_a_style_is_shown_by_a_picture_that_stands_for_it(client: TestClient, tmp_path: Any) -> None:
    shown = set()
    for seed in range(2):
        values = np.random.default_rng(seed).random((1, 384, 1, 1), np.float32)
        path = Style(values, values + 0.1).save(tmp_path / "wave.style.safetensors")
        told = send(client, "/styles", path.read_bytes(), path.name).json()
        response = client.get(f"/styles/{told['id']}/picture?size=16")
        assert response.headers["content-type"] == "image/png"
        shown.add(response.content)
    assert len(shown) == 2


def test_a_mask_comes_back_as_it_was(client: TestClient) -> None:
    data = encoded(mode="L")
    told = send(client, "/masks", data, "mask-1.png").json()
    assert told == {"id": told["id"], "name": "mask-1.png", "width": 40, "height": 30}
    response = client.get(f"/masks/{told['id']}")
    assert (response.content, response.headers["content-type"]) == (data, "image/png")
    assert 'filename="mask-1.png"' in response.headers["content-disposition"]
    renamed = client.get(f"/masks/{told['id']}?name=../mask-2.png")
    assert (renamed.content, renamed.headers["content-disposition"]) == (data, 'inline; filename="mask-2.png"')


def map_of(values: Any, kind: Any = np.uint8, palette: bool = False) -> bytes:
    data = io.BytesIO()
    if kind != np.uint8:
        tifffile.imwrite(data, np.asarray(values, kind))
        return data.getvalue()
    image = Image.fromarray(np.asarray(values, np.uint8))
    if palette:
        image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    image.save(data, "PNG")
    return data.getvalue()


RED, BLUE, CLEAR = (255, 0, 0, 255), (0, 0, 255, 255), (9, 9, 9, 0)


@pytest.mark.parametrize(
    ("data", "labels", "unlabelled"),
    [
        (map_of([[0, 1], [1, 1]]), [(1, 0.75, "#010101"), (0, 0.25, "#000000")], 0),
        (map_of([[2, 1], [2, 2]], palette=True), [(2, 0.75, "#00ff00"), (1, 0.25, "#ff0000")], 0),
        (map_of([[1, 2**31], [2**31, 2**31]], np.uint32), [(2**31, 0.75, "#ffffff"), (1, 0.25, "#000000")], 0),
        (map_of([[RED, BLUE], [RED, CLEAR]]), [("#ff0000", 0.5, "#ff0000"), ("#0000ff", 0.25, "#0000ff")], 0.25),
    ],
    ids=["grey", "palette", "32-bit", "colours"],
)
def test_labels(client: TestClient, data: bytes, labels: list[Any], unlabelled: float) -> None:
    id = send(client, "/masks", data).json()["id"]
    told = client.get(f"/masks/{id}/labels").json()
    assert [(each["value"], each["share"], each["color"]) for each in told["labels"]] == labels
    assert (told["total"], told["unlabelled"]) == (len(labels), unlabelled)


def test_a_photograph_as_a_label_map_lists_the_largest(client: TestClient) -> None:
    id = send(client, "/masks", encoded((64, 64))).json()["id"]
    told = client.get(f"/masks/{id}/labels").json()
    assert len(told["labels"]) == 256 < told["total"]


@pytest.mark.parametrize(
    ("content", "headers", "status", "told"),
    [
        (b"", {}, 400, "nothing was sent"),
        (b"{}", {"Content-Type": "application/json"}, 415, "multipart/form-data"),
        (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "not taken"),
        (b"x" * 9, {"Content-Encoding": "gzip"}, 415, "compressed"),
        (b"x" * 9, {"Content-Type": "multipart/form-data"}, 400, "no boundary"),
        (b"x" * 9, {"Content-Type": "multipart/form-data; boundary=abc"}, 400, "damaged"),
        (b"--abc\r\n", {"Content-Type": "multipart/form-data; boundary=abc"}, 400, "cut off"),
        (b"--abc--\r\n", {"Content-Type": "multipart/form-data; boundary=abc"}, 400, ""),
        (b"no picture", {}, 422, "cannot read picture"),
        (encoded()[:100], {}, 422, "cannot read picture.png"),
        (b"x", {"Content-Length": "999999999999"}, 413, "200 MB"),
    ],
)
def test_refusals(client: TestClient, content: bytes, headers: dict[str, str], status: int, told: str) -> None:
    for where in ("/contents", "/styles", "/masks"):
        assert told in refused(client.post(where, content=content, headers=headers), status)
    pictures = pictures_of(client)
    assert (files(pictures), pictures._files.used) == ([], 0)


def form(*parts: tuple[str, bytes], end: bytes = b"--abc--\r\n") -> dict[str, Any]:
    body = b"".join(
        b"--abc\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + data + b"\r\n"
        for head, data in parts
    )
    return {"content": body + end, "headers": {"Content-Type": "multipart/form-data; boundary=abc"}}


def test_forms_that_are_none_are_refused(client: TestClient) -> None:
    file = ('name="file"; filename="a.png"', encoded())
    assert "no field file" in refused(client.post("/masks", **form(('name="x"', b"1"))), 400)
    assert "several fields" in refused(client.post("/masks", **form(file, file)), 400)
    assert "cut off" in refused(client.post("/masks", **form(file, end=b"")), 400)
    assert "more than its file" in refused(client.post("/masks", **form(('name="x"', bytes(2**17)), file)), 413)
    assert client.post("/masks", **form(file)).status_code == 201
    assert len(files(pictures_of(client))) == 2  # a folder and the file in it


async def call(
    app: Any, path: str, messages: Iterable[dict[str, Any]], headers: dict[str, str]
) -> list[dict[str, Any]]:
    """What the application sends in answer to a request that comes in in these messages."""
    waiting, sent = iter(messages), []

    async def receive() -> dict[str, Any]:
        return next(waiting)

    async def send(message: Any) -> None:
        sent.append(message)

    raw = [(name.lower().encode(), value.encode()) for name, value in {"Host": "127.0.0.1:7860", **headers}.items()]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": raw, "scheme": "http",
        "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 7860), "state": {},
    }  # fmt: skip
    await app(scope, receive, send)
    return sent


def body(data: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": data, "more_body": more}


@pytest.mark.parametrize("kind", ["image/png", "multipart/form-data; boundary=abc"])
def test_an_upload_that_is_cut_off_leaves_nothing(client: TestClient, kind: str) -> None:
    sent: bytes = form(('name="file"; filename="a.png"', encoded()))["content"]
    data = encoded() if kind == "image/png" else sent
    for length in (0, 10, len(data) - 1):
        asyncio.run(
            call(client.app, "/contents", [body(data[:length]), {"type": "http.disconnect"}], {"Content-Type": kind})
        )
        pictures = pictures_of(client)
        assert (files(pictures), pictures._files.used) == ([], 0)


def test_an_upload_is_never_in_memory_as_a_whole(client: TestClient) -> None:
    chunk = os.urandom(2**16)
    tracemalloc.start()
    try:
        messages = (body(chunk, more=step < 511) for step in range(512))
        sent = asyncio.run(call(client.app, "/masks", messages, {"Content-Type": "image/png"}))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sent[0]["status"] == 422
    assert peak < 2**23 < len(chunk) * 512


def test_fifty_at_once(client: TestClient) -> None:
    """Of ten pictures, five times each, a third of them damaged, with everybody looking at what there is."""

    def one(number: int) -> tuple[int, int]:
        seed = number % 10
        data = encoded((120, 90), seed=seed)
        response = send(client, "/contents", data[:500] if seed % 3 == 0 else data, f"{seed}.png")
        if response.status_code != 201:
            return seed, response.status_code
        shown = client.get(f"/contents/{response.json()['id']}/picture?size=64")
        return seed, shown.status_code

    with ThreadPoolExecutor(50) as pool:
        found = set(pool.map(one, range(50)))
    assert found == {(seed, 422 if seed % 3 == 0 else 200) for seed in range(10)}
    assert len(pictures_of(client)._files) == 6
    assert len(list(pictures_of(client).folder.iterdir())) == 6


def test_a_mask_that_is_deleted_while_it_is_sent_is_sent(client: TestClient) -> None:
    data = encoded((300, 300), mode="L")
    id = send(client, "/masks", data).json()["id"]
    with client.stream("GET", f"/masks/{id}") as response:
        assert client.delete(f"/masks/{id}").status_code == 204
        assert response.read() == data
    assert files(pictures_of(client)) == []


def test_damaged_files_are_shown_or_refused_in_one_line(client: TestClient) -> None:
    """Of a file that was taken, everything can be asked; the sides that were told are those that are shown."""
    found = Counter[int]()
    for number, (name, data) in enumerate(mutate.series(mutate.pictures(), 120, seed=5)):
        where = ("/contents", "/styles", "/masks")[number % 3]
        response = send(client, where, data, name)
        found[response.status_code] += 1
        if response.status_code != 201:
            refused(response, response.status_code)
            assert 400 <= response.status_code < 500
            continue
        told = response.json()
        shown = client.get(f"{where}/{told['id']}/picture")
        if shown.status_code == 200:
            with Image.open(io.BytesIO(shown.content)) as image:
                assert image.size == (told["width"], told["height"])
        else:
            assert where == "/masks"  # of which some hold numbers that are no colours
            refused(shown, 422)
        if where == "/masks":
            listed = client.get(f"{where}/{told['id']}/labels")
            assert listed.status_code == 200 or refused(listed, 422)
    assert min(found[201], found[422]) > 20
