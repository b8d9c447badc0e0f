"""Requests as bytes, for what a well-behaved client would not send; and what comes back."""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass
from io import BytesIO

from benchmarks.serving import HOST, Answer, read

PATIENCE = 30


@dataclass(frozen=True)
class Case:
    """A request, and what may be answered to it; ``None`` among the statuses: nothing but a closed connection."""

    name: str
    data: bytes
    expected: frozenset[int | None]
    is_cut_off: bool = False
    """Whether the client says that it sends no more, as one that is gone."""


def request(
    method: str, target: str, body: bytes = b"", port: int = 0, length: int | str | None = None, **headers: str | None
) -> bytes:
    """A whole request. Underscores in names are hyphens; a header that is None is left out."""
    lines: dict[str, str | None] = {"Host": f"{HOST}:{port}", "Connection": "close"}
    if body or length is not None:
        lines["Content-Length"] = str(len(body) if length is None else length)
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("utf-8", "surrogateescape") + body


def posted(target: str, value: object, port: int, **headers: str | None) -> bytes:
    """JSON, with NaN and Infinity as Python writes them; bytes as they are."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return request("POST", target, body, port, **{"Content_Type": "application/json", **headers})


def form(target: str, data: bytes, port: int, name: str = "photo.png", field: str = "file") -> bytes:
    """A file as a form of the page sends it."""
    head = f'--edge\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    body = head.encode("utf-8", "surrogateescape") + data + b"\r\n--edge--\r\n"
    return request("POST", target, body, port, Content_Type="multipart/form-data; boundary=edge")


def send(port: int, data: bytes, is_cut_off: bool = False, patience: float = PATIENCE) -> Answer | None:
    """Send it as it is; None, if the server closes the connection without a word."""
    with socket.create_connection((HOST, port), timeout=patience) as connection:
        try:
            connection.sendall(data)
            if is_cut_off:
                connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it need not read to the end what it refuses
        return answered(connection)


def answered(connection: socket.socket) -> Answer | None:
    """What a connection says, up to its end."""
    received = BytesIO()
    try:
        while part := connection.recv(1 << 16):
            received.write(part)
    except ConnectionResetError:
        pass
    data = received.getvalue()
    return parse(data) if data else None


def parse(data: bytes) -> Answer:
    """The response in these bytes."""

    class Socket:
        def makefile(self, *_: object) -> BytesIO:
            return BytesIO(data)

    response = http.client.HTTPResponse(Socket())  # type: ignore[arg-type]
    response.begin()
    return read(response)
