"""Bodies of requests, read and refused in one line."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from starlette.requests import Request

from .._utils.errors import InputError


async def read_json(request: Request) -> Any:
    """The JSON of a body; raises as :func:`parse_json`."""
    return parse_json(await request.body())


def parse_json(data: bytes) -> Any:
    """The value that bytes are, in UTF-8.

    Raises:
        InputError: if they are not JSON, which has no NaN and no infinity, or say one thing twice.
    """
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_refuse, object_pairs_hook=_distinct)
    except InputError:
        raise
    except RecursionError:
        raise InputError("the body is not JSON that is read here: it is nested too deeply") from None
    except ValueError as error:
        raise InputError(f"the body is not JSON: {error}") from None


def _refuse(name: str) -> NoReturn:
    raise InputError(f"the body is not JSON: {name} is not a number that JSON has")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which nothing is said twice."""
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise InputError(f"the body says {json.dumps(name[:40])} twice: say it once")
        made[name] = value
    return made
