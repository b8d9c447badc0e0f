"""From options to a page that is served: binding, telling where, opening the browser, and an end without loss."""

from __future__ import annotations

import importlib.util
import socket
import webbrowser
from collections.abc import Callable

from .._utils.errors import InputError
from .options import PORT, AppOptions

INSTALL = 'pip install "adain[app]"'


def run_app(options: AppOptions, tell: Callable[[str], object]) -> int:
    """Serve the page until SIGINT or SIGTERM, and return the number of that signal.

    Args:
        options: see :class:`AppOptions`.
        tell: called with the address, as soon as it is served.

    Raises:
        InputError: if a package is missing, or the address cannot be served at.
    """
    if any(importlib.util.find_spec(name) is None for name in ("starlette", "uvicorn", "python_multipart")):
        raise InputError(f"the page needs starlette, uvicorn and python-multipart: {INSTALL}")
    import uvicorn

    from .site import create_app

    bound = socket.create_server((options.host, PORT if options.port is None else options.port))
    address = f"http://{options.host}:{bound.getsockname()[1]}/"
    tell(address)
    if options.browser:
        webbrowser.open(address)
    server = uvicorn.Server(uvicorn.Config(create_app(options), log_level="warning", access_log=False))
    server.run(sockets=[bound])
    return 0
