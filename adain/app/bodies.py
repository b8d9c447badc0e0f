"""Bodies of requests, read and refused in one line."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request

from .._utils.errors import InputError


async def read_json(request: Request) -> Any:
    """The JSON of a body.

    Raises:
        InputError: if it is not JSON; NaN and infinities, which are not, included.
    """
    data = await request.body()
    try:
        return json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise InputError(f"the body is not JSON: {why}") from None


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a number that JSON has")
