"""The page itself, what it needs to know at first, and how the server is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from .._utils.version import __version__
from ..image import DEFAULT_MAX_PIXELS
from ..nn import registry
from ..options import ColorMode, Declaration, Options
from .options import MEGABYTE
from .request import FILE, FORMATS

PAGE = Path(__file__).with_name("page")

NAMED = {"color": get_args(ColorMode)}
"""Values with a name, of an option that also takes others, which JSON has not."""


async def page(request: Request) -> Response:
    return FileResponse(PAGE / "index.html")


async def health(request: Request) -> Response:
    return JSONResponse({"status": "ok", "version": __version__})


async def metrics(request: Request) -> Response:
    text = request.app.state.site.counters.text()
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


async def setup(request: Request) -> Response:
    """What the page has to know: options with their ranges and help, models, limits, artworks."""
    site = request.app.state.site
    options = site.options
    # File system work: the artworks of a folder are listed.
    styles = await anyio.to_thread.run_sync(site.pictures.styles)
    contents = site.pictures.contents()
    known = {
        "version": __version__,
        "preview": {"model": options.preview_model, "size": options.preview_size},
        "finish": {"model": options.model},
        "models": list(registry()),
        "limits": {
            "bytes": options.max_upload * MEGABYTE,
            "pixels": options.max_pixels or DEFAULT_MAX_PIXELS,
            "jobs": options.max_jobs,
            "job_minutes": options.job_minutes,
        },
        "options": {name: described(each) for name, each in Options.declared().items()},
        "files": {name: described(each) for name, each in FILE.items()},
        "formats": list(FORMATS),
        "styles": styles,
        "contents": contents,
    }
    return JSONResponse(known)


def described(each: Declaration) -> dict[str, Any]:
    """A declaration as JSON has it."""
    return {
        "default": each.default,
        "low": each.low,
        "high": each.high,
        "choices": list(each.choices or NAMED.get(each.name, ())),
        "help": each.help,
        "group": each.group,
        "kind": each.kind,
        "flag": each.flag,
    }


routes: list[BaseRoute] = [
    Route("/", page),
    Mount("/page", StaticFiles(directory=PAGE)),
    Route("/health", health),
    Route("/metrics", metrics),
    Route("/setup", setup),
]
