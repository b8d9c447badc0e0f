"""``/openapi.json``: what can be asked of this server, as OpenAPI 3.1, from its routes and the declared options."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from .._utils.version import __version__
from .operations import OPERATIONS, Operation
from .shapes import ref, shapes

OPENAPI = "3.1.0"


async def openapi(request: Request) -> Response:
    return JSONResponse(document(request.app.routes))


def document(routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """The document of routes."""
    paths: dict[str, Any] = {}
    for method, path in operations_of(routes):
        paths.setdefault(path, {})[method.lower()] = _operation(path, method, OPERATIONS[f"{method} {path}"])
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "adain",
            "version": __version__,
            "summary": "Give any photograph the style of any artwork.",
            "description": "Ids are those of uploads, which are kept for a while and then forgotten.",
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": shapes(),
            "responses": {"Error": _answer("Why not.", {"application/json": ref("Error")})},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "That of --token."}},
        },
    }


def operations_of(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str]]:
    """Method and path of everything that is not a file of the page."""
    for route in routes:
        if isinstance(route, Route):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield method, route.path


def _operation(path: str, method: str, told: Operation) -> dict[str, Any]:
    given: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{method.lower()} {path}").strip("_"),
        "summary": told.summary,
        "responses": {str(status): _answer(*answer) for status, answer in told.answers.items()},
    }
    given["responses"]["4XX"] = given["responses"]["5XX"] = {"$ref": "#/components/responses/Error"}
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", path)
    ]
    parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in told.query.items()]
    if parameters:
        given["parameters"] = parameters
    if told.body:
        given["requestBody"] = {"required": True, "content": _content(told.body)}
    return given


def _answer(description: str, content: Any) -> dict[str, Any]:
    return {"description": description, **({"content": _content(content)} if content else {})}


def _content(content: Any) -> dict[str, Any]:
    return {media: {"schema": schema} for media, schema in content.items()}


routes: list[BaseRoute] = [Route("/openapi.json", openapi)]
