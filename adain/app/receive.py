"""The file in the body of a request: the bytes themselves, or a form with one field ``file``; as it comes, to disk."""

from __future__ import annotations

import logging
from collections.abc import Callable

import anyio.to_thread
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from .errors import Refusal, TooLarge, WrongKind
from .incoming import Incoming

FIELD = "file"
"""Of the form."""

BESIDE_FILE = 2**16
"""Bytes that a form may have beside the file in it."""

# What it says of forms that are none is answered; it is nothing to print where nobody asked for logs.
logging.getLogger("python_multipart").addHandler(logging.NullHandler())


async def receive(request: Request, incoming: Incoming) -> str:
    """Write the file that a request brings; gives its name.

    Raises:
        Refusal: if the request is no such one, or is cut off.
        WrongKind: if its body is of another type.
        TooLarge, TooMany, NoRoom: see :meth:`Incoming.write`.
    """
    kind, parameters = parse_options_header(request.headers.get("content-type", ""))
    _check_type(kind.decode("latin-1").lower(), request)
    is_form = kind.lower() == b"multipart/form-data"
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit():
        incoming.expect(int(declared) - (BESIDE_FILE if is_form else 0))
    form = _Form(incoming, parameters.get(b"boundary", b"")) if is_form else None
    write: Callable[[bytes], object] = incoming.write if form is None else form.write
    try:
        async for chunk in request.stream():
            if chunk:  # in a thread, as the disk may be slow, and others may have to make room
                await anyio.to_thread.run_sync(write, chunk)
    except ClientDisconnect:
        raise _cut_off() from None
    return request.query_params.get("name", "") if form is None else form.end()


def _check_type(kind: str, request: Request) -> None:
    known = ("", "multipart/form-data", "application/octet-stream")
    if kind not in known and not kind.startswith("image/"):
        shown = kind if len(kind) <= 60 else "a longer type"
        raise WrongKind(
            f"a body of {shown} is not taken: send a form (multipart/form-data) with a field {FIELD}, or the bytes of "
            "a picture (image/… or application/octet-stream)"
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise WrongKind("the body is compressed once more: send the bytes of the file as they are")


def _cut_off() -> Refusal:
    return Refusal("the upload was cut off: send it again")


class _Form:
    """A form as it comes in: its only file goes on, and what other fields hold is passed over."""

    def __init__(self, incoming: Incoming, boundary: bytes) -> None:
        if not boundary:
            raise Refusal("the form has no boundary: let what sends it make its Content-Type")
        self._incoming = incoming
        self._beside, self._name, self._found, self._is_file, self._is_whole = 0, "", 0, False, False
        self._header, self._value, self._headers = b"", b"", {b"": b""}
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._on_header,
                "on_header_value": self._on_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._on_data,
                "on_end": self._on_end,
            },
        )

    def write(self, data: bytes) -> None:
        """Take the next bytes of the form."""
        before = self._incoming.size
        try:
            self._parser.write(data)
        except FormParserError:
            raise Refusal("the form is damaged: send it again, as multipart/form-data") from None
        self._beside += len(data) - (self._incoming.size - before)
        if self._beside > BESIDE_FILE:
            raise TooLarge(f"the form has more than its file: send the field {FIELD} alone")

    def end(self) -> str:
        """The name of the file, once all is there."""
        if not self._is_whole:
            raise _cut_off()
        if not self._found:
            raise Refusal(f"the form has no field {FIELD}: send the picture in it")
        return self._name

    def _begin(self) -> None:
        self._headers, self._is_file = {}, False

    def _on_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._header.lower()] = self._value
        self._header, self._value = b"", b""

    def _end_headers(self) -> None:
        _, parameters = parse_options_header(self._headers.get(b"content-disposition", b""))
        if parameters.get(b"name") != FIELD.encode():
            return
        self._found += 1
        if self._found > 1:
            raise Refusal(f"the form has several fields {FIELD}: send one picture at a time")
        self._is_file = True
        # Browsers write a quotation mark so, HTML 4.10.22.8.
        self._name = parameters.get(b"filename", b"").decode("utf-8", "replace").replace("%22", '"')

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._incoming.write(data[start:end])

    def _on_end(self) -> None:
        self._is_whole = True
