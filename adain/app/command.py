"""What is to be copied: the line of ``adain stylize`` and the call in Python that make the bytes of a finished picture.

Both are made of the options as they are declared, so that one that is new is in them without a word here.
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from .._utils.resources import samples
from ..image import DEFAULT_MAX_PIXELS
from ..options import Declaration, FileOptions
from .bodies import read_json
from .request import Ordered, parse_order

if TYPE_CHECKING:
    from .kinds import Upload

Names = Mapping[Path, str]
"""What the files of an order are called by whoever runs the command."""


async def command(request: Request) -> Response:
    """The line and the call for a body of ``/stylize``, and the files that they name."""
    body, site = await read_json(request), request.app.state.site
    if isinstance(body, dict):
        body = {**body, "preview": False}  # a command makes the finished picture
    return JSONResponse(copied(await anyio.to_thread.run_sync(parse_order, body, site)))


def copied(order: Ordered) -> dict[str, Any]:
    """The answer: ``shell``, ``python``, and of the files that these name, by ``name`` and ``url``,

    ``files``, which the user has not: painted masks, artworks of the server's folder, and what had to be renamed; and
    ``inputs``, the others, which are named as the user called them.
    """
    names = names_of(order)
    files: list[dict[str, str]] = []
    inputs: list[dict[str, str]] = []
    for upload in _uploads(order):
        if _sample(upload) is None:
            has = upload.kind != "mask" and upload.source == "upload" and names[upload.path] == upload.name
            (inputs if has else files).append({"name": names[upload.path], "url": _url(upload)})
    return {"shell": shell_line(order, names), "python": python_call(order, names), "files": files, "inputs": inputs}


def names_of(order: Ordered) -> dict[Path, str]:
    """A name for each file of an order, different for different files; of samples those that the library knows."""
    uploads = _uploads(order)
    times = Counter(upload.name.casefold() for upload in uploads if upload.kind == "mask")
    names: dict[Path, str] = {}
    taken = {order.name.casefold()}
    for upload in uploads:
        name = _sample(upload) or upload.name
        # Painted masks have one name, which none of them has more right to than another.
        number = 1 if upload.kind == "mask" and times[name.casefold()] > 1 else 0
        own = _numbered(name, number)
        while own.casefold() in taken:
            number = max(number, 1) + 1
            own = _numbered(name, number)
        taken.add(own.casefold())
        names[upload.path] = own
    return names


def shell_line(order: Ordered, names: Names) -> str:
    """The command, quoted for POSIX shells."""
    artworks = [_path(names[style.path]) for style in order.styles]
    given = _given(order)
    labels = given.pop("labels", None)
    paths = [_path(names[order.content.path]), *(artworks if labels is None else [])]
    words = ["adain", "stylize", *paths, "-o", _path(order.name)]
    declared = FileOptions.declared()
    for name, value in given.items():
        words += _words(declared[name], _with_names(value, names))
    if labels is not None:  # each of which has its artwork with it
        flag = declared["labels"].flag
        words += [word for pair in zip(labels, artworks, strict=True) for word in (flag, "=".join(pair))]
    return shlex.join(words)


def python_call(order: Ordered, names: Names) -> str:
    """The call, as a script that says what became of it."""
    artworks = [_path(names[style.path]) for style in order.styles]
    things = [_path(names[order.content.path]), artworks[0] if len(artworks) == 1 else artworks, _path(order.name)]
    lines = [_literal(thing) for thing in things]
    lines += [f"{name}={_literal(_with_names(value, names))}" for name, value in _given(order).items()]
    call = "".join(f"    {line},\n" for line in lines)
    return f"import adain\n\n[result] = adain.stylize_folder(\n{call})\nprint(result.error or result.output)\n"


def _given(order: Ordered) -> dict[str, Any]:
    """The options that are to be said, in the order of their declaration."""
    given = order.file.given()
    if (order.file.max_pixels or 0) <= DEFAULT_MAX_PIXELS:  # which the photograph has not
        given.pop("max_pixels", None)
    return given


def _words(each: Declaration, value: Any) -> Iterator[str]:
    """A value as the flag of its option, or several."""
    if each.is_switch:
        yield each.flag
    elif each.is_repeated:
        for part in value:
            yield from (each.flag, _text(part))
    else:
        yield from (each.flag, _text(value))


def _text(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return ",".join(map(_text, value))
    return "none" if value is None else str(_short(value))


def _literal(value: Any) -> str:
    """A value in Python."""
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_literal, value))}]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(_short(value))


def _short(value: Any) -> Any:
    """A whole number without its point."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _with_names(value: Any, names: Names) -> Any:
    """A value with what its files are called."""
    if isinstance(value, (tuple, list)):
        return [_with_names(each, names) for each in value]
    return _path(names[value]) if isinstance(value, Path) else value


def _path(name: str) -> str:
    """A name as that of a file of the current folder, and of nothing else."""
    return f"./{name}" if name.startswith("-") else name


def _uploads(order: Ordered) -> list[Upload]:
    """All that an order names, each once."""
    uploads = {upload.path: upload for upload in (order.content, *order.styles, *order.named.values())}
    return list(uploads.values())


def _sample(upload: Upload) -> str | None:
    """The name under which the library knows a picture that ships."""
    return next((each.name for each in samples() if each.path == upload.path), None)


def _numbered(name: str, number: int) -> str:
    stem, dot, suffix = name.rpartition(".")
    return f"{stem or suffix}-{number}{dot}{suffix if stem else ''}" if number else name


def _url(upload: Upload) -> str:
    """Where the bytes are that were uploaded."""
    return f"/masks/{upload.id}" if upload.kind == "mask" else f"/{upload.kind}s/{upload.id}/file"


routes: list[BaseRoute] = [Route("/command", command, methods=["POST"])]
