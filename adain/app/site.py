"""The application: everything that a server has, and the table of its routes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

from .needs import require

try:
    from starlette.applications import Starlette
except ImportError:
    require()
    raise

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .._utils.errors import AdainError
from .._utils.memory import resident
from .._utils.resources import sample_folder, weights_dir
from ..nn import find_model
from . import command, job_routes, pages, pictures, schema, stylize
from .addresses import is_own
from .counters import Counters
from .errors import MOST_TEXT, Refusal, Stopping, line_of, logged, shown, status_of
from .folder import OwnFolder
from .guard import Guarded, Outermost
from .held import Held
from .jobs import Jobs
from .options import MEGABYTE, AppOptions
from .uploads import AppPictures
from .worker import Models

_log = logging.getLogger(__name__)


class Site:
    """What an application has; the one of a request is ``request.app.state.site``.

    Attributes:
        options: what was asked for.
        folder: where uploads and results lie; emptied in the end.
        held: pictures and features that are kept for what comes next.
        pictures: uploads, and artworks by their ids.
        models: what runs the networks, a thread each.
        jobs: pictures that are being finished.
        counters: what ``/metrics`` tells.
        is_stopping: whether nothing new is begun any more.
    """

    def __init__(self, options: AppOptions) -> None:
        self.options, self.is_stopping = options, False
        self._own = OwnFolder()
        self.folder: Path = self._own.path
        self.counters = Counters()
        self.counters.gauge("process_resident_memory_bytes", resident)
        self.counters.gauge("adain_kept_bytes", lambda: self.held.used)
        self.held = Held(options.keep * MEGABYTE)
        self.pictures = AppPictures(self)
        self.models = Models(self)
        self.jobs = Jobs(self)

    @property
    def private(self) -> list[Path]:
        """The folders that no answer names."""
        artworks = [] if self.options.artworks is None else [Path(self.options.artworks)]
        return [self.folder, *artworks, sample_folder("style"), sample_folder("content"), weights_dir()]

    def stop(self) -> None:
        """End what is going on, and remove the folder; a second time does nothing."""
        self.is_stopping = True
        self.jobs.stop()
        self.models.stop()
        self.remove_folder()

    def remove_folder(self) -> None:
        """Remove the folder, whatever is going on."""
        self._own.remove()


def routes() -> list[BaseRoute]:
    """Everything that can be asked for."""
    return [
        *pages.routes,
        *pictures.routes,
        *stylize.routes,
        *job_routes.routes,
        *command.routes,
        *schema.routes,
    ]


def create_app(options: AppOptions | None = None) -> Starlette:
    """The application, for any server that speaks ASGI; :func:`run_app` is the one that the command line starts.

    Raises:
        InputError: if others would be let in without a token, or there is no such folder of artworks.
        WeightsError: if there is no such model.
    """
    options = options or AppOptions()
    is_local = check_token(options)
    for name in (options.model, options.preview_model):
        find_model(name)
    site = Site(options)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await anyio.to_thread.run_sync(site.stop)

    app = Starlette(
        routes=routes(),
        lifespan=lifespan,
        exception_handlers={AdainError: answer_error, HTTPException: answer_error},
        middleware=[  # from the outside in
            Middleware(Outermost, site=site),
            Middleware(Unforeseen),
            Middleware(Guarded, site=site, is_local=is_local),
        ],
    )
    app.router.redirect_slashes = False  # an address is right or not
    app.state.site = site
    return app


def check_token(options: AppOptions) -> bool:
    """See that nobody is let in from other machines without a token; whether nobody is at all.

    Raises:
        InputError: says how to give one.
    """
    is_local = is_own(options.host)
    if not is_local and options.token is None:
        options.refuse(
            f"{{host}} {options.host} lets other machines in: give a secret as well, such as {{token}} "
            f"{secrets.token_urlsafe(12)}"
        )
    return is_local


def answer_error(request: Request, error: Exception) -> Response:
    """The one line that an error is answered with; what should not have been is logged in one, too."""
    site: Site = request.app.state.site
    if isinstance(error, HTTPException):
        status, text, headers = error.status_code, _routing(error, request), dict(error.headers or {})
    else:
        status, text = status_of(error), line_of(error, site.private)
        headers = error.headers if isinstance(error, Refusal) else {}
    if status == 500:
        _log.error("%s %s: %s", request.method, shown(request.url.path), logged(error))
    site.counters.add("adain_errors_total", status=status)
    return JSONResponse({"error": text}, status, headers)


def _routing(error: HTTPException, request: Request) -> str:
    """What the library that routes refuses, in our words."""
    path = shown(request.scope["path"])
    if error.status_code == 404:
        return f"there is no {path}: /openapi.json lists what there is"
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        return f"{path} does not take {shown(request.method, 20)}: use {allowed}"
    return shown(" ".join(str(error.detail).split()), MOST_TEXT)


class Unforeseen:
    """Answers what the guard refuses, and what no handler foresaw, so that no traceback is printed."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except asyncio.CancelledError:
            if started or not scope["app"].state.site.is_stopping:
                raise
            await answer_error(Request(scope), Stopping())(scope, receive, send)  # there is a moment left for it
        except ClientDisconnect:  # in the middle of what it sent: nobody is there to be answered
            scope["app"].state.site.counters.add("adain_errors_total", status="disconnected")
        except Exception as error:
            while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
                error = error.exceptions[0]
            request = Request(scope)
            response = answer_error(request, error)
            if not started:  # else the connection is closed by the server, as the answer is not whole
                await response(scope, receive, send)
