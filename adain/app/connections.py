"""Connections: how many there may be, and how long one may be open without anything moving."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any

import h11
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from .errors import TooMany

HEADER_SECONDS = 10.0
"""Longest time from a connection, or from the first byte of a request, until its headers are there."""

STALL_SECONDS = 30.0
"""Longest time in which a client takes nothing of what it is sent."""

EACH_SECONDS = 1.0
"""How often a connection is looked at."""

UNANSWERED = 4
"""So many times the connections that are served may be open, those above being told to come again; further are cut."""


class Watched(H11Protocol):
    """A connection that is closed if nothing moves on it; :func:`watched` makes it of so many at most."""

    most = 64
    _timer: asyncio.TimerHandle | None = None
    _moved = 0.0
    _waiting = 0  # bytes to be sent when it was last looked at

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._moved = time.monotonic()
        if len(self.connections) > UNANSWERED * self.most:
            transport.abort()
            return
        if len(self.connections) > self.most:
            self.app: Any = _full
        self._timer = self.loop.call_later(EACH_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        if self._is_idle:  # the first bytes of a request
            self._moved = time.monotonic()
        super().data_received(data)

    def on_response_complete(self) -> None:
        self._moved = time.monotonic()
        super().on_response_complete()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _is_idle(self) -> bool:
        """Whether it waits for a next request, of which nothing has come: it is closed soon by the server."""
        return self.timeout_keep_alive_task is not None

    def _look(self) -> None:
        """Close the connection if it is stuck, else look again later."""
        now, waiting = time.monotonic(), self.transport.get_write_buffer_size()
        if waiting:
            if not self._waiting or waiting < self._waiting:
                self._moved = now
            if now - self._moved > STALL_SECONDS:
                self.transport.abort()  # and not closed, which would wait for what is not taken
                return
        elif self._is_answering or self._is_idle:
            self._moved = now
        elif now - self._moved > HEADER_SECONDS:
            self._give_up()
            return
        self._waiting = waiting
        self._timer = self.loop.call_later(EACH_SECONDS, self._look)

    def _give_up(self) -> None:
        if self.conn.our_state is h11.IDLE and self.conn.trailing_data[0]:
            self._refuse(408, "the request came too slowly: send it again")
        self.transport.abort() if self.transport.get_write_buffer_size() else self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """What cannot be read as HTTP is answered as everything else is."""
        self._refuse(400, "this is no request of HTTP: see /openapi.json for what is served")
        self.transport.close()

    def _refuse(self, status: int, text: str) -> None:
        body = json.dumps({"error": text}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"connection", b"close"),
        ]
        parts = (h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage())
        with contextlib.suppress(h11.LocalProtocolError):  # an answer has begun: nothing can be said any more
            for part in parts:
                self.transport.write(self.conn.send(part) or b"")


def watched(most: int) -> type[Watched]:
    """The class of connections of which so many are served at once."""
    return type("Watched", (Watched,), {"most": most})


async def _full(scope: Scope, receive: Receive, send: Send) -> None:
    from starlette.responses import JSONResponse

    error = TooMany("too many connections are open: close some, or try again later")
    headers = {**error.headers, "Connection": "close", "X-Content-Type-Options": "nosniff"}
    await JSONResponse({"error": str(error)}, error.status, headers)(scope, receive, send)
