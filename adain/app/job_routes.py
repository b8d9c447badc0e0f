"""``/jobs/ID``: what has become of a job, its events, its file, and its end."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from .errors import Forgotten, NotDone
from .mime import mime_of

if TYPE_CHECKING:
    from .jobs import PictureJob

LOOK = 0.1
"""Seconds between two looks at a job that is followed: events of a shorter time come together."""

HEARTBEAT = 10.0
"""Seconds after which somebody who follows a job hears something, whatever happens."""


async def job(request: Request) -> Response:
    return JSONResponse((await _job(request)).described(), headers={"Cache-Control": "no-store"})


async def close(request: Request) -> Response:
    """Cancels a job that is open, forgets one that is over."""
    await anyio.to_thread.run_sync(request.app.state.site.jobs.close, request.path_params["id"])
    return Response(status_code=204)


async def result(request: Request) -> Response:
    """The file."""
    found = await _job(request)
    if not found.is_done:
        raise NotDone(f"this picture is not there, the job is {found.state}: GET /jobs/{found.id} says more")
    if not found.file.is_file():
        raise Forgotten("this picture is no longer there: ask for it again")
    return FileResponse(
        found.file, media_type=mime_of(found.name), filename=found.name, headers={"Cache-Control": "no-store"}
    )


async def events(request: Request) -> Response:
    """What happens to a job, as server-sent events, until it is over; who comes late hears the end at once."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(followed(await _job(request)), media_type="text/event-stream", headers=headers)


async def followed(job: PictureJob) -> AsyncIterator[str]:
    """The events of a job: each is what is told of it, named after what has become of it."""
    known, silent = -1, 0.0
    while True:
        is_over = job.is_over  # before what is told is put together, or the end could be missed
        if job.changes != known:
            known, silent = job.changes, 0.0
            yield f"event: {job.state if is_over else 'progress'}\ndata: {json.dumps(job.described())}\n\n"
        elif silent >= HEARTBEAT:
            silent = 0.0
            yield ": still there\n\n"
        if is_over:
            return
        await anyio.sleep(LOOK)
        silent += LOOK


async def _job(request: Request) -> PictureJob:
    # In a thread, as it may be time to remove the files of others.
    get: Callable[[str], PictureJob] = request.app.state.site.jobs.get
    return await anyio.to_thread.run_sync(get, request.path_params["id"])


routes: list[BaseRoute] = [
    Route("/jobs/{id}", job, methods=["GET"]),
    Route("/jobs/{id}", close, methods=["DELETE"]),
    Route("/jobs/{id}/events", events),
    Route("/jobs/{id}/result", result),
]
