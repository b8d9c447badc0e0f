"""From options to a page that is served: binding, telling where, opening the browser, and an end without loss."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
import time
import webbrowser
from collections.abc import Callable, Generator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from .._utils.errors import first_line
from .._utils.signals import Reason
from .addresses import addresses, bind
from .needs import require
from .options import AppOptions

if TYPE_CHECKING:
    from .site import Site

_log = logging.getLogger(__name__)

END_SECONDS = 2.0
"""Time from the first signal until the process is ended, whatever is still at work."""

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
"""What the process ends with if it has to be ended, as shells have it."""


def run_app(options: AppOptions, tell: Callable[[list[str]], object]) -> Reason:
    """Serve the page until SIGINT or SIGTERM, or for ever where the caller is not the main thread.

    Args:
        options: see :class:`AppOptions`.
        tell: called once, with the addresses that the page is served at, that of this machine first.

    Returns:
        The name of the signal that ended it. Work that does not end within seconds is broken off with the process.

    Raises:
        InputError: if a package is missing, the address cannot be served at, or others would be let in without a token.
    """
    require()
    from .site import check_token, create_app

    check_token(options)  # before anything is bound: nobody is let in meanwhile
    threads = set(threading.enumerate())
    # Bound first, so that the address is right; and what connects meanwhile waits.
    with bind(options) as bound:
        app = create_app(options)
        site: Site = app.state.site
        server = _server(app, site)
        with _in_one_line(), _temporary(site.folder), _signals(server, site) as ending:
            found = addresses(bound, options.token)
            tell(found)
            if options.browser and has_display():
                threading.Thread(target=_open, args=(found[0],), daemon=True).start()
            server.run(sockets=[bound])
            site.stop()  # where the server ended before it had begun
            ending.wait_for({*threading.enumerate()} - threads)
    return ending.reason


def has_display() -> bool:
    """Whether a browser would be seen."""
    if sys.platform in ("win32", "darwin"):
        return "SSH_CONNECTION" not in os.environ
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _open(address: str) -> None:
    with contextlib.suppress(Exception):  # the address has been told
        webbrowser.open(address)


def _server(app: Any, site: Site) -> Any:
    """The server of an application; uvicorn is told to say nothing of its own."""
    import anyio.to_thread
    import uvicorn

    from .connections import watched

    class SiteServer(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Generator[None, None, None]:
            yield  # they are seen to by run_app

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # Before open answers are waited for: those that follow a job end with it.
            await anyio.to_thread.run_sync(site.jobs.stop, abandon_on_cancel=True)
            await super().shutdown(sockets)

    made = SiteServer(
        uvicorn.Config(
            app,
            http=watched(site.options.max_connections),
            ws="none",
            lifespan="on",
            loop="asyncio",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
    site.counters.gauge("adain_connections", lambda: len(made.server_state.connections))
    return made


@contextlib.contextmanager
def _temporary(folder: Path) -> Generator[None, None, None]:
    """Temporary files of whatever is used lie in the site's folder, and go with it: also if the process is ended."""
    before, tempfile.tempdir = tempfile.tempdir, os.fspath(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


@contextlib.contextmanager
def _in_one_line() -> Generator[None, None, None]:
    """What others log of the server is told in one line, and what is not an error is not."""
    logs = [logging.getLogger(name) for name in ("uvicorn.error", "asyncio")]
    before = [(log.handlers, log.propagate, log.level) for log in logs]
    try:
        for log in logs:
            log.handlers, log.propagate = [_OneLine()], False
            log.setLevel(logging.ERROR)
        yield
    finally:
        for log, (handlers, propagate, level) in zip(logs, before, strict=True):
            log.handlers, log.propagate = handlers, propagate
            log.setLevel(level)


class _OneLine(logging.Handler):
    """Errors of the server itself, without their tracebacks, in our own log."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        text = " ".join(record.getMessage().split())
        # Answers that are broken off in the end are no error.
        if "graceful shutdown" not in text and not isinstance(error, asyncio.CancelledError):
            _log.error("%s", f"{text}: {first_line(error)}" if error else text)


class _Ending:
    """What has been asked for by signals, and the time until it has to be done."""

    def __init__(self, server: Any, site: Site) -> None:
        self.server, self.site = server, site
        self.reason: Reason = "finished"
        self.deadline = 0.0
        self.timer: threading.Timer | None = None

    def handle(self, number: int, frame: FrameType | None) -> None:
        if self.reason != "finished":
            if number == signal.SIGINT:  # a second one: at once
                self.leave()
            return
        self.reason = "SIGINT" if number == signal.SIGINT else "SIGTERM"
        self.deadline = time.monotonic() + END_SECONDS
        self.site.is_stopping = True
        self.server.should_exit = True
        self.timer = threading.Timer(END_SECONDS, self.leave)
        self.timer.daemon = True
        self.timer.start()

    def wait_for(self, threads: set[threading.Thread]) -> None:
        """Wait until threads have ended; if they do not in time, end the process, as Python would wait for them."""
        for thread in threads:
            if not thread.daemon:
                thread.join(max(0.0, self.deadline - time.monotonic()))
        if self.timer is not None:
            # A network that is still computing would crash while Python ends around it.
            if self.site.models.is_running or any(thread.is_alive() and not thread.daemon for thread in threads):
                self.leave()
            self.timer.cancel()

    def leave(self) -> None:
        """End the process, leaving nothing behind but work that is not done."""
        self.site.remove_folder()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(CODES[signal.SIGINT if self.reason == "SIGINT" else signal.SIGTERM])


@contextlib.contextmanager
def _signals(server: Any, site: Site) -> Generator[_Ending, None, None]:
    """SIGINT and SIGTERM end the server, where the caller is the main thread, which alone can be asked for it.

    So does a terminal that is closed, unless whoever started it wants that to be outlived, as nohup does.
    """
    ending, before = _Ending(server, site), {}
    numbers = {*CODES}
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
        numbers.add(signal.SIGHUP)
    try:
        if threading.current_thread() is threading.main_thread():
            before = {number: signal.signal(number, ending.handle) for number in numbers}
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
