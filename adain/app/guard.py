"""Who is let in, with how much, and in what time: every request passes here before anything reads it.

A page of another site can send requests to a server of this machine, under names of its own (DNS rebinding), too. So
the host that is asked for has to be this machine's, and what a browser says about where a request comes from has to be
this very server. What may be reached from other machines needs a token as well.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, get_args
from urllib.parse import parse_qs, urlsplit

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import Foreign, Refusal, Stopping, TooLarge, TooSlow, Unauthorised, shown
from .kinds import Kind
from .options import MEGABYTE
from .receive import BESIDE_FILE

if TYPE_CHECKING:
    from .site import Site

_log = logging.getLogger(__name__)

UPLOADS = tuple(f"/{kind}s" for kind in get_args(Kind))
"""What takes whole files; everything else takes what a page says about them."""

MOST_JSON = MEGABYTE
"""Bytes of a body that is no upload."""

IDLE_SECONDS = 20.0
"""Longest time without a byte of a body."""

BODY_SECONDS = 600.0
"""Longest time for a whole body."""

OPEN_PATHS = ("/health",)
"""What needs no token."""

ONWARD = '<!doctype html><html lang="en"><meta http-equiv="refresh" content="0;url=/"><title>adain</title></html>'
"""A page that goes on to the real one."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), microphone=()",
}
"""Of every answer."""


class Guarded:
    """Refuses what may not come in, and bounds what may."""

    def __init__(self, app: ASGIApp, site: Site, is_local: bool) -> None:
        self.app, self.site, self.is_local = app, site, is_local
        self.token = site.options.token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if self.site.is_stopping:
            raise Stopping
        host = self._check_host(headers, scope["server"])
        self._check_origin(headers, host, scope)
        entered = self._enter(headers, scope)
        if entered is not None:
            await entered(scope, receive, send)
            return
        # Files are sent whole: parts of them, any number at once, are more than a page needs.
        scope["headers"] = [each for each in scope["headers"] if each[0] not in (b"range", b"if-range")]
        body = Body(receive, self._most_bytes(scope["path"]), headers)
        await self.app(scope, body.receive, send)

    def _check_host(self, headers: Headers, server: tuple[str, int | None] | None) -> str:
        """The host that is asked for, which has to be this server."""
        hosts = headers.getlist("host")
        host = hosts[0].strip().lower() if len(hosts) == 1 else ""
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname or "", parts.port or 80
            is_plain = parts.netloc == host and "@" not in host
        except ValueError:
            name, port, is_plain = "", 0, False
        if not name or not is_plain:
            raise Foreign("one Host header is needed, with the host and port that are served")
        own, served = server or ("", None)  # nor has a socket that is a file a port
        if self.is_local and not (self._is_this_machine(name) and served in (None, port)):
            right = f" such as {f'[{own}]' if ':' in own else own}:{served}" if served else ""
            raise Foreign(f"the host {shown(host)} is not served here: use the address that adain app printed,{right}")
        return host

    def _is_this_machine(self, name: str) -> bool:
        if name in ("localhost", self.site.options.host.strip("[]").lower()):
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False

    def _check_origin(self, headers: Headers, host: str, scope: Scope) -> None:
        """See that a request that a page makes comes from our own."""
        origin = headers.get("origin")
        if origin is not None:
            scheme, _, place = origin.strip().lower().partition("://")
            if scheme not in ("http", "https") or place != host:
                raise Foreign(f"requests of {shown(origin)} are not served: open the page of this server itself")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            is_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
            if not (is_link and scope["path"] == "/" and scope["method"] in ("GET", "HEAD")):
                raise Foreign("requests of other sites' pages are not served: open the page of this server itself")

    def _enter(self, headers: Headers, scope: Scope) -> Response | None:
        """See that the token is there, where there is one; for the printed address, the answer that keeps it."""
        if self.token is None or scope["path"] in OPEN_PATHS:
            return None
        name = f"adain_{(scope['server'] or ('', 0))[1]}"  # cookies are those of all ports of a host
        if scope["path"] == "/" and scope["method"] in ("GET", "HEAD"):
            given = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True).get("token")
            if given is not None:
                if not self._same(given[-1], self.token):
                    raise Unauthorised("the token of this address is not that of the server: use the one it printed")
                # A cookie as strict as this one does not go along when another site's link is redirected; but when our
                # own page goes on to the next.
                is_link = headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
                answer = HTMLResponse(ONWARD) if is_link else RedirectResponse("/", 303)
                answer.set_cookie(
                    name, digest(self.token), httponly=True, samesite="strict", secure=scope["scheme"] == "https"
                )
                return answer
        scheme, _, given_token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._same(given_token.strip(), self.token):
            return None
        cookies = cookie_parser(headers.get("cookie", ""))
        if self._same(cookies.get(name, ""), digest(self.token)):
            return None
        raise Unauthorised("a token is needed: open the address that adain app printed, or send Authorization: Bearer")

    @staticmethod
    def _same(given: str, right: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), right.encode())

    def _most_bytes(self, path: str) -> int:
        return self.site.options.max_upload * MEGABYTE + BESIDE_FILE if path in UPLOADS else MOST_JSON


def digest(token: str) -> str:
    """What the cookie holds: not the token itself, and always of letters that a cookie may have."""
    return hashlib.sha256(f"adain {token}".encode()).hexdigest()


class Body:
    """The body of a request, which is refused as soon as it is too large or too slow."""

    def __init__(self, receive: Receive, most: int, headers: Headers) -> None:
        self._receive, self._most = receive, most
        self._got, self._is_whole = 0, False
        self._start = time.monotonic()
        said = headers.get("content-length", "0")
        if said.isascii() and said.isdigit() and int(said) > most:
            raise self._too_large()

    def _too_large(self) -> Refusal:
        if self._most == MOST_JSON:
            return TooLarge(f"a body may have {MOST_JSON} bytes here: pictures are sent to {', '.join(UPLOADS)}")
        return TooLarge(
            f"a file may have {(self._most - BESIDE_FILE) // MEGABYTE} MB: make it smaller, or start adain app with a "
            "larger --max-upload"
        )

    async def receive(self) -> Message:
        if self._is_whole:  # what follows is the wait for the client to leave, for as long as it takes
            return await self._receive()
        left = min(IDLE_SECONDS, self._start + BODY_SECONDS - time.monotonic())
        message: Message | None = None
        with anyio.move_on_after(max(left, 0)):
            message = await self._receive()
        if message is None:
            raise TooSlow("the body came too slowly: send it again, or less of it")
        if message["type"] == "http.request":
            self._got += len(message.get("body", b""))
            self._is_whole = not message.get("more_body", False)
            if self._got > self._most:
                raise self._too_large()
        else:
            self._is_whole = True
        return message


class Outermost:
    """Gives every answer its headers, and counts it."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self.app, self.site = app, site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status = time.perf_counter(), 0

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                is_page = scope["path"] == "/" or scope["path"].startswith("/page/")
                headers.setdefault("Cache-Control", "no-cache" if is_page and status < 400 else "no-store")
            elif message["type"] == "http.response.body":
                self.site.counters.add("adain_sent_bytes_total", len(message.get("body", b"")))
            await send(message)

        try:
            await self.app(scope, receive, told)
        finally:
            # A method that there is not would be a label of the sender's making.
            method = scope["method"] if scope["method"] in ("GET", "HEAD", "POST", "DELETE") else "other"
            self.site.counters.add("adain_requests_total", method=method, status=status)
            seconds = time.perf_counter() - start
            _log.info("%s %s: %d in %.3f s", shown(scope["method"]), shown(scope["path"]), status, seconds)
