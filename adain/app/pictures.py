"""What can be asked of pictures by HTTP: to take one in, to show it, to list artworks, to forget one."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from .._utils.errors import InputError
from ..control.style import Style
from .display import shown, shown_style
from .kinds import Kind, Upload
from .labels import held_labels
from .names import safe_name
from .receive import receive
from .uploads import AppPictures

T = TypeVar("T")
Endpoint = Callable[[Request], Awaitable[Response]]

MOST_SIZE = 2**16
"""Largest size in pixels that is asked for."""

FOREVER = "private, max-age=31536000, immutable"
"""Of what an id of an upload gives: it is never given to another."""


def taking(kind: Kind) -> Endpoint:
    """Takes a file in."""

    async def take(request: Request) -> Response:
        pictures = _pictures(request)
        with pictures.incoming() as incoming:
            name = await receive(request, incoming)
            upload = await in_thread(pictures.finish, kind, incoming, name, limiter=pictures.limiter)
        return JSONResponse(upload.described(), 201, {"Location": f"/{kind}s/{upload.id}"})

    return take


def telling(kind: Kind) -> Endpoint:
    """Says what is known of one."""

    async def tell(request: Request) -> Response:
        upload = await in_thread(_find, request, kind)
        return JSONResponse(upload.described())

    return tell


def showing(kind: Kind) -> Endpoint:
    """Shows one, as any browser can."""

    async def show(request: Request) -> Response:
        size = _size(request)
        upload = await in_thread(_find, request, kind)
        pictures = _pictures(request)
        if size >= min(upload.width, upload.height):
            size = 0
        stamp = pictures.gallery.stamp(upload.id)
        tag = hashlib.sha256(f"{kind} {upload.id} {stamp} {size}".encode()).hexdigest()[:20]
        headers = {"ETag": f'"{tag}"', "Cache-Control": _kept(upload)}
        if f'"{tag}"' in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        data, mime = await in_thread(_shown, pictures, upload, size, limiter=pictures.limiter)
        return Response(data, media_type=mime, headers=headers)

    return show


def forgetting(kind: Kind) -> Endpoint:
    """Forgets one."""

    async def forget(request: Request) -> Response:
        await in_thread(_pictures(request).delete, kind, request.path_params["id"])
        return Response(status_code=204)

    return forget


async def styles(request: Request) -> Response:
    return JSONResponse({"styles": _pictures(request).styles()})


async def contents(request: Request) -> Response:
    return JSONResponse({"contents": _pictures(request).contents()})


class _File(FileResponse):
    """The bytes of an upload, whose file stays until they are sent."""

    def __init__(self, pictures: AppPictures, upload: Upload, name: str) -> None:
        how: dict[str, Any] = {"filename": name, "content_disposition_type": "inline"}
        headers = {"Cache-Control": _kept(upload)}
        super().__init__(upload.path, media_type=upload.mime, headers=headers, **how)
        self._pinned = pictures.pinned(upload)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._pinned:
            await super().__call__(scope, receive, send)


def sending(kind: Kind) -> Endpoint:
    """Gives the bytes of one, as they were uploaded; ``?name=`` calls the file otherwise, as a command may."""

    async def send(request: Request) -> Response:
        upload = await in_thread(_find, request, kind)
        asked, suffix = request.query_params.get("name"), upload.path.suffix
        name = safe_name(asked, suffix, (suffix,)) if asked else upload.name
        return _File(_pictures(request), upload, name)

    return send


async def labels(request: Request) -> Response:
    """The labels of a label map."""
    upload = await in_thread(_find, request, "mask")
    pictures = _pictures(request)

    def count() -> dict[str, Any]:
        def read() -> tuple[dict[str, Any], int]:
            found = held_labels(upload.path, pictures.max_pixels)
            return found, 200 * len(found["labels"])

        with pictures.reading(upload):
            found: dict[str, Any] = pictures.held.made((upload.id, "labels"), read)
            return found

    return JSONResponse(await in_thread(count, limiter=pictures.limiter))


async def in_thread(call: Callable[..., T], *args: Any, limiter: anyio.CapacityLimiter | None = None) -> T:
    """Do in another thread what reads files or computes, so that other requests go on meanwhile."""
    return await anyio.to_thread.run_sync(partial(call, *args), limiter=limiter)


def _pictures(request: Request) -> AppPictures:
    found: AppPictures = request.app.state.site.pictures
    return found


def _kept(upload: Upload) -> str:
    """How long a browser may keep what an id gives: the file of one of the gallery may be changed."""
    return FOREVER if upload.source == "upload" else "private, no-cache"


def _find(request: Request, kind: Kind) -> Upload:
    return _pictures(request).find(kind, request.path_params["id"])


def _size(request: Request) -> int:
    text = request.query_params.get("size", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and int(text) <= MOST_SIZE):
        raise InputError(f"size is the shorter side in pixels, from 0 (all) to {MOST_SIZE}")
    return int(text)


def _shown(pictures: AppPictures, upload: Upload, size: int) -> tuple[bytes, str]:
    def make() -> tuple[tuple[bytes, str], int]:
        if upload.is_picture:
            made = shown(pictures.pixels(upload), size)
        else:
            made = shown_style(Style.load(upload.path, None))
        return made, len(made[0])

    with pictures.reading(upload):
        found: tuple[bytes, str] = pictures.held.made((upload.id, "shown", size), make)
        return found


def _routes(kind: Kind) -> list[BaseRoute]:
    where = f"/{kind}s"
    return [
        Route(where, taking(kind), methods=["POST"]),
        Route(f"{where}/{{id}}", sending(kind) if kind == "mask" else telling(kind)),
        Route(f"{where}/{{id}}", forgetting(kind), methods=["DELETE"]),
        Route(f"{where}/{{id}}/picture", showing(kind)),
    ]


routes: list[BaseRoute] = [
    Route("/contents", contents),
    Route("/styles", styles),
    Route("/contents/{id}/file", sending("content")),
    Route("/styles/{id}/file", sending("style")),
    Route("/masks/{id}/labels", labels),
    *_routes("content"),
    *_routes("style"),
    *_routes("mask"),
]
