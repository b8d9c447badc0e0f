"""Any web host: files of a folder on a port of its own, and a list of all that a browser ever asks for."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mimetypes import guess_type
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from .serving import HOST

ISOLATION = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
"""With these a browser lets a page compute in several threads."""

PREFIX = "/art/"
"""Where the site lies: seldom at the root of its host."""

BY_ITSELF = ("content-autofill.googleapis.com:443",)
"""Whom Chromium asks about the fields of any page, whatever that page is."""

TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm"}


class Host:
    """Serves ``folder`` below ``PREFIX``, with the headers for threads if ``is_isolated``; ``with`` ends it.

    It is the browser's proxy as well: what goes elsewhere comes here, is noted and refused.

    Attributes:
        asked: addresses of its own that were asked for, without the prefix, in their order.
        abroad: those of others.
        broken: paths that are answered by 503 for as long as they are in it.
    """

    def __init__(self, folder: Path, *, is_isolated: bool = False, port: int = 0) -> None:
        self.folder, self.is_isolated = folder, is_isolated
        self.asked: list[str] = []
        self.abroad: list[str] = []
        self.broken: set[str] = set()
        self._server = ThreadingHTTPServer((HOST, port), type("Handler", (_Handler,), {"host": self}))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Host:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """No more answers: the network is gone."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    @property
    def address(self) -> str:
        """Of the page, without a slash at its end."""
        return f"http://{HOST}:{self.port}{PREFIX}".rstrip("/")

    @property
    def proxy(self) -> dict[str, Any]:
        """For a browser of Playwright: this host, of its own addresses, too."""
        return {"server": f"http://{HOST}:{self.port}", "bypass": "<-loopback>"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    host: Host

    def do_GET(self) -> None:
        target = urlsplit(self.path)
        if target.netloc not in ("", f"{HOST}:{self.host.port}") or not target.path.startswith(PREFIX):
            self._refuse()
            return
        name = unquote(target.path.removeprefix(PREFIX))
        self.host.asked.append(name)
        path = (self.host.folder / (name or "index.html")).resolve()
        if name in self.host.broken:
            self._answer(503, b"", "text/plain")
        elif path.is_relative_to(self.host.folder.resolve()) and path.is_file():
            kind = TYPES.get(path.suffix) or guess_type(path.name)[0] or "application/octet-stream"
            self._answer(200, path.read_bytes(), kind)
        else:
            self._answer(404, b"", "text/plain")

    do_HEAD = do_GET

    def _refuse(self) -> None:
        if self.path not in BY_ITSELF:
            self.host.abroad.append(f"{self.command} {self.path}")
        self.rfile.read(int(self.headers.get("Content-Length", 0)))  # else the next request would begin with it
        self._answer(502, b"", "text/plain")

    do_CONNECT = do_POST = do_PUT = do_OPTIONS = _refuse

    def _answer(self, status: int, data: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in (ISOLATION if self.host.is_isolated else {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass
