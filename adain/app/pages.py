"""The page itself, what it needs to know at first, and how the server is."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from .._utils.version import __version__
from ..nn import registry
from .known import known
from .request import FORMATS

PAGE = Path(__file__).with_name("page")


async def page(request: Request) -> Response:
    return FileResponse(PAGE / "index.html")


async def health(request: Request) -> Response:
    return JSONResponse({"status": "ok", "version": __version__})


async def metrics(request: Request) -> Response:
    text = request.app.state.site.counters.text()
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


async def setup(request: Request) -> Response:
    """What the page has to know, see :mod:`adain.app.known`."""
    site = request.app.state.site
    styles, contents = site.pictures.styles(), site.pictures.contents()
    return JSONResponse(known(site.options, styles, contents, models=registry(), formats=FORMATS))


routes: list[BaseRoute] = [
    Route("/", page),
    Mount("/page", StaticFiles(directory=PAGE)),
    Route("/health", health),
    Route("/metrics", metrics),
    Route("/setup", setup),
]
