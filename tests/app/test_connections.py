"""Slow and many clients, on a server of this process."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from adain.app import AppOptions, connections, create_app, guard, serve
from adain.app.addresses import bind


@contextlib.contextmanager
def served(**options: Any) -> Iterator[tuple[str, int]]:
    """Where a server listens that is ended again."""
    made = AppOptions(port=0, browser=False, **options)
    app = create_app(made)

    async def much(request: Request) -> Response:
        return Response(bytes(50_000_000))

    app.add_route("/much", much)
    with bind(made) as bound, serve._in_one_line():
        server = serve._server(app, app.state.site)
        thread = threading.Thread(target=server.run, args=([bound],))
        thread.start()
        try:
            yield bound.getsockname()
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same as elsewhere, only sooner."""
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.3)
    monkeypatch.setattr(connections, "STALL_SECONDS", 0.3)
    monkeypatch.setattr(connections, "EACH_SECONDS", 0.05)
    monkeypatch.setattr(guard, "IDLE_SECONDS", 0.3)


def answer(client: socket.socket) -> tuple[int, str]:
    """Status and error that come before the connection is closed; 0 where nothing does."""
    client.settimeout(20)
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(65536):
            data += part
    head, _, body = data.partition(b"\r\n\r\n")
    return (int(head.split()[1]), json.loads(body)["error"]) if head else (0, "")


@pytest.mark.usefixtures("patient")
def test_slow_clients_are_left() -> None:
    begun = b"POST /stylize HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n"
    with served() as place:
        clients = [socket.create_connection(place) for _ in range(4)]
        host = begun % place[1]
        for client, sent in zip(
            clients, (b"", b"GET / HT", host[:-3], host + b"Content-Length: 9\r\n\r\n{"), strict=True
        ):
            client.sendall(sent)
        found = [answer(client) for client in clients]
        for client in clients:
            client.close()
    assert [status for status, _ in found] == [0, 408, 408, 408]
    assert found[3][1].startswith("the body came too slowly")


@pytest.mark.usefixtures("patient")
def test_who_takes_nothing_is_left() -> None:
    with served() as place, socket.create_connection(place) as client:
        client.sendall(b"GET /much HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % place[1])
        # Nothing is read until the server has given up, which is when its own count is down to the one that asks.
        for _ in range(200):
            with socket.create_connection(place) as other:
                other.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % place[1])
                text = b"".join(iter(lambda: other.recv(65536), b""))
            if b"\nadain_connections 1\n" in text:
                break
            time.sleep(0.05)
        else:
            pytest.fail("the connection is still held")


@pytest.mark.usefixtures("patient")
def test_who_is_slow_but_goes_on_is_served() -> None:
    with served() as place, socket.create_connection(place) as client:
        for byte in b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % place[1]:
            client.sendall(bytes([byte]))
        client.sendall(b"Connection: close\r\n\r\n")
        assert b'"ok"' in b"".join(iter(lambda: client.recv(65536), b""))


def test_so_many_at_once() -> None:
    with served(max_connections=2) as place, contextlib.ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(socket.create_connection(place)).sendall(b"GET")
        third = stack.enter_context(socket.create_connection(place))
        third.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % place[1])
        assert answer(third) == (429, "too many connections are open: close some, or try again later")
        more = [stack.enter_context(socket.create_connection(place)) for _ in range(8)]
        assert answer(more[-1]) == (0, "")  # cut at once


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # of no host
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\n\r\n", 403),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 100_000, 400),
        (b"POST /stylize HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (
            b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nUpgrade: websocket\r\nConnection: upgrade, close\r\n\r\n",
            0,
        ),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),  # the beginning of TLS
    ],
)
def test_what_is_no_request(
    place: tuple[str, int], caplog: pytest.LogCaptureFixture, sent: bytes, expected: int
) -> None:
    with socket.create_connection(place) as client:
        client.sendall(sent.replace(b"PORT", str(place[1]).encode()))
        if expected:
            assert answer(client)[0] == expected
        else:
            assert b'"ok"' in b"".join(iter(lambda: client.recv(65536), b""))
    assert not caplog.records


def test_nonsense_after_the_answer(place: tuple[str, int], caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_connection(place) as client:
        head = f"POST /nothing HTTP/1.1\r\nHost: 127.0.0.1:{place[1]}\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.sendall(head.encode())
        assert client.recv(65536).startswith(b"HTTP/1.1 404")
        client.sendall(b"zz\r\n")
        assert b"HTTP/1.1" not in b"".join(iter(lambda: client.recv(65536), b""))
    assert not caplog.records


@pytest.mark.parametrize("kind", ["image/png", "multipart/form-data; boundary=x", "application/json"])
def test_who_leaves_in_the_middle_is_not_answered(
    place: tuple[str, int], caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    head = "POST /contents?name=a.png HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: %s\r\nContent-Length: 99\r\n\r\n"
    with socket.create_connection(place) as client:
        client.sendall((head % (place[1], kind)).encode() + b"--x\r\nContent-Disposition: form-data")
    with socket.create_connection(place) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % place[1])
        assert b'"ok"' in b"".join(iter(lambda: client.recv(65536), b""))
    assert not caplog.records


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[str, int]]:
    with served() as found:
        yield found
