"""``POST /stylize``: a preview, answered at once, or a job that makes a file."""

from __future__ import annotations

import asyncio
import functools
import json
from typing import TYPE_CHECKING, TypeVar

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from .bodies import read_json
from .errors import Abandoned
from .mime import mime_of
from .preview import make_preview
from .request import Ordered, parse_order

if TYPE_CHECKING:
    from .site import Site
    from .worker import Turn

T = TypeVar("T")


async def stylize(request: Request) -> Response:
    """What the body asks for, see :mod:`adain.app.request`."""
    site: Site = request.app.state.site
    body = await read_json(request)
    # In a thread, as a label map or an artwork may have to be looked at.
    ordered = await anyio.to_thread.run_sync(parse_order, body, site)
    return await (preview(request, ordered, site) if ordered.is_preview else finish(ordered, site))


async def preview(request: Request, ordered: Ordered, site: Site) -> Response:
    """The picture itself, as soon as it is made; ``Server-Timing`` says what took how many milliseconds."""
    call = functools.partial(make_preview, ordered=ordered, site=site)
    turn = site.models.get(ordered.model, "preview").submit(call, slot=ordered.slot)
    try:
        made = await outcome(request, turn)
    except Abandoned:
        site.counters.add("adain_previews_total", outcome="abandoned")
        return Response(status_code=Abandoned.status)  # which nobody reads
    site.counters.add("adain_previews_total", outcome="made")
    parts = made.milliseconds.items()
    for name, taken in parts:
        site.counters.add("adain_preview_seconds_total", taken / 1e3, part=name)
    headers = {"Server-Timing": ", ".join(f"{name};dur={taken:.1f}" for name, taken in parts)}
    if made.notes:
        headers["Adain-Notes"] = json.dumps(made.notes)
    return Response(bytes(made.data), media_type=mime_of(ordered.name), headers={"Cache-Control": "no-store"} | headers)


async def finish(ordered: Ordered, site: Site) -> Response:
    """A job, which is asked about at its own address."""
    job = await anyio.to_thread.run_sync(site.jobs.open, ordered)
    return JSONResponse(job.described(), 202, {"Location": f"/jobs/{job.id}"})


async def outcome(request: Request, turn: Turn[T]) -> T:
    """What comes of a turn; it is given up as soon as whoever asked is gone.

    Raises:
        Abandoned: in that case.
        Exception: whatever the turn ended with.
    """
    future = asyncio.ensure_future(asyncio.wrap_future(turn.result))
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((future, gone), return_when=asyncio.FIRST_COMPLETED)
        if not future.done():
            turn.give_up()
            raise Abandoned("whoever asked is gone")
        return future.result()
    finally:
        gone.cancel()
        if not future.done():
            turn.give_up()
            future.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


routes: list[BaseRoute] = [Route("/stylize", stylize, methods=["POST"])]
