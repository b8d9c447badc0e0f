"""What tests of the pass ask of the application, without a server."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image
from starlette.testclient import TestClient

from adain.app.site import Site

WAVE, HARBOUR, THIRD = "gallery-great-wave", "gallery-summertime", "gallery-mackerel-prawn"


def png(picture: Image.Image, **how: Any) -> bytes:
    data = io.BytesIO()
    picture.save(data, "PNG", **how)
    return data.getvalue()


def upload(client: TestClient, kind: str, data: bytes, name: str) -> str:
    answer = client.post(f"/{kind}", params={"name": name}, content=data)
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["id"]
    return id


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def site_of(client: TestClient) -> Site:
    site: Site = client.app.state.site  # type: ignore[attr-defined]
    return site
