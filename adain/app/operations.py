"""Every route as the document tells it: what it is for, what it takes and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .shapes import Schema, ref

BINARY: Schema = {}
"""Bytes, of which the type of the media says all."""

FILE = {"multipart/form-data": {"type": "object", "properties": {"file": BINARY}, "required": ["file"]}}
UPLOAD = {**FILE, "image/*": BINARY, "application/octet-stream": BINARY}
PICTURE = {"image/*": BINARY}
ORDER = {"application/json": ref("Order")}
NAME = {"name": {"type": "string", "description": "Of the file, where the body is its bytes."}}
SIZE = {"size": {"type": "integer", "minimum": 0, "default": 0, "description": "Shorter side in px; 0: all of it."}}
CALLED = {"name": {"type": "string", "description": "What the file is to be called; as its user called it."}}


@dataclass(frozen=True)
class Operation:
    """What can be asked of a route.

    Attributes:
        summary: a sentence.
        answers: by status: a sentence, and the schema for each type of media.
        body: the schema for each type of media that it takes.
        query: the parameters in the address.
    """

    summary: str
    answers: Mapping[int, tuple[str, Mapping[str, Schema]]]
    body: Mapping[str, Schema] = field(default_factory=dict)
    query: Mapping[str, Schema] = field(default_factory=dict)


def _json(schema: Schema) -> dict[str, Schema]:
    return {"application/json": schema}


def _upload(what: str, shape: str) -> Operation:
    return Operation(f"Upload {what}.", {201: ("It, by its id.", _json(ref(shape)))}, UPLOAD, NAME)


def _gone(what: str) -> Operation:
    return Operation(what, {204: ("It is.", {})})


def _list(name: str) -> Schema:
    return {"type": "object", "properties": {name: {"type": "array", "items": ref("Listed")}}, "required": [name]}


OPERATIONS = {
    "GET /": Operation("The page.", {200: ("HTML.", {"text/html": BINARY})}),
    "GET /health": Operation("Whether the server is there; needs no token.", {200: ("It is.", _json(ref("Health")))}),
    "GET /metrics": Operation("Counters, in Prometheus' format.", {200: ("Text.", {"text/plain": BINARY})}),
    "GET /setup": Operation(
        "Options with ranges and help, models, limits and artworks.", {200: ("Those.", _json(ref("Setup")))}
    ),
    "GET /openapi.json": Operation("This document.", {200: ("OpenAPI 3.1.", _json({}))}),
    "GET /contents": Operation("List the photographs that ship.", {200: ("They.", _json(_list("contents")))}),
    "POST /contents": _upload("a photograph", "Photograph"),
    "GET /contents/{id}": Operation("Tell of a photograph.", {200: ("It.", _json(ref("Photograph")))}),
    "GET /contents/{id}/picture": Operation(
        "A photograph as any browser shows it: upright, in sRGB.", {200: ("A PNG or JPEG.", PICTURE)}, query=SIZE
    ),
    "GET /contents/{id}/file": Operation(
        "A photograph as it was uploaded.", {200: ("Its bytes.", PICTURE)}, query=CALLED
    ),
    "DELETE /contents/{id}": _gone("Forget a photograph."),
    "GET /styles": Operation("List the artworks.", {200: ("They.", _json(_list("styles")))}),
    "POST /styles": _upload("an artwork, or a saved style", "Artwork"),
    "GET /styles/{id}": Operation("Tell of an artwork.", {200: ("It.", _json(ref("Artwork")))}),
    "GET /styles/{id}/picture": Operation(
        "An artwork as any browser shows it.", {200: ("A PNG or JPEG.", PICTURE)}, query=SIZE
    ),
    "GET /styles/{id}/file": Operation("An artwork as it was uploaded.", {200: ("Its bytes.", UPLOAD)}, query=CALLED),
    "DELETE /styles/{id}": _gone("Forget an artwork that was uploaded."),
    "POST /masks": _upload("a mask, or a label map", "Mask"),
    "GET /masks/{id}": Operation("A mask as it was uploaded.", {200: ("Its bytes.", PICTURE)}, query=CALLED),
    "GET /masks/{id}/picture": Operation(
        "A mask as any browser shows it.", {200: ("A PNG or JPEG.", PICTURE)}, query=SIZE
    ),
    "GET /masks/{id}/labels": Operation(
        "The labels of a label map, with their shares.", {200: ("They.", _json(ref("Labels")))}
    ),
    "DELETE /masks/{id}": _gone("Forget a mask."),
    "POST /stylize": Operation(
        "Make a picture: a preview at once, or a job that finishes a file.",
        {
            200: ("The preview; `Server-Timing` has what it took.", PICTURE),
            202: ("The job; `Location` has its address.", _json(ref("Job"))),
        },
        ORDER,
    ),
    "POST /command": Operation(
        "The line of `adain stylize`, and the call in Python, that make the bytes of the finished file.",
        {200: ("They, and the files that they name.", _json(ref("Command")))},
        ORDER,
    ),
    "GET /jobs/{id}": Operation("How far a job is.", {200: ("It.", _json(ref("Job")))}),
    "GET /jobs/{id}/events": Operation(
        "Follow a job: events `progress`, and at its end `done`, `failed` or `cancelled`, each with the job.",
        {200: ("Server-sent events.", {"text/event-stream": {"type": "string"}})},
    ),
    "GET /jobs/{id}/result": Operation("The finished file.", {200: ("It.", PICTURE)}),
    "DELETE /jobs/{id}": _gone("Cancel a job, or forget one that is over."),
}
"""By method and path. The files of the page, below ``/page``, are not told of."""
