"""What bodies and answers hold, as JSON Schema: options by their declarations, and the rest beside them."""

from __future__ import annotations

from typing import Any, get_args

from ..nn import registry
from ..options import Declaration, Options
from .jobs import State
from .kinds import Source
from .request import FIELDS, FILE, FORMAT, FORMATS, LARGEST, LONGEST_TEXT, MOST_STYLES

Schema = dict[str, Any]

TEXT: Schema = {"type": "string", "maxLength": LONGEST_TEXT}
COUNT: Schema = {"type": "integer", "minimum": 0}


def ref(name: str) -> Schema:
    """A reference to one of :func:`shapes`."""
    return {"$ref": f"#/components/schemas/{name}"}


def shapes() -> dict[str, Schema]:
    """Everything that the document refers to, by name."""
    text: Schema = {"type": "string"}
    sized = {"id": text, "name": text, "width": COUNT, "height": COUNT}
    told = {"title": text, "author": text, "source": {"enum": [*get_args(Source)]}}
    nothing: Schema = {"type": "null"}
    return {
        "Error": _object({"error": {"type": "string", "description": "One line, with the fix in it."}}),
        "Photograph": _object({**sized, "has_alpha": {"type": "boolean"}}),
        "Artwork": _object({**sized, **told}),
        "Mask": _object(sized),
        "Listed": _object({"id": text, "name": text, **told}),
        "Label": _object({"value": {"type": ["integer", "string"]}, "share": _share(), "color": text}),
        "Labels": _object(
            {
                "labels": _list(ref("Label"), "The largest first."),
                "total": {**COUNT, "description": "How many there are; not all may be listed."},
                "unlabelled": {**_share(), "description": "What is transparent."},
            }
        ),
        "Options": _given({name: of_option(each) for name, each in Options.declared().items()}),
        "File": _given({name: of_option(each) for name, each in FILE.items()}),
        "Order": order(),
        "Job": _object(
            {
                "job": text,
                "state": {"enum": [*get_args(State)]},
                "phase": text,
                "done": COUNT,
                "total": COUNT,
                "fraction": _share(),
                "error": {"type": ["string", "null"]},
                "result": {"type": ["string", "null"], "description": "Where the file is, once it is there."},
                "name": text,
                "width": {"anyOf": [COUNT, nothing]},
                "height": {"anyOf": [COUNT, nothing]},
                "notes": {"type": "object", "description": "What the options have found, such as an alpha."},
            }
        ),
        "Command": _object(
            {
                "shell": {"type": "string", "description": "For POSIX shells."},
                "python": text,
                "files": _list(ref("Named"), "Those of the named files that are on the server alone."),
                "inputs": _list(ref("Named"), "Those that the user has, under the names that they were uploaded with."),
            }
        ),
        "Named": _object({"name": text, "url": text}),
        "Health": _object({"status": {"const": "ok"}, "version": text}),
        "Setup": _setup(),
        "Declared": _declared(),
    }


def _setup() -> Schema:
    """The answer of ``/setup``, which :mod:`adain.app.known` makes."""
    text: Schema = {"type": "string"}
    limits = {"bytes": COUNT, "pixels": COUNT, "jobs": COUNT, "job_minutes": {"type": "number"}}
    declared: Schema = {"type": "object", "additionalProperties": ref("Declared")}
    return _object(
        {
            "version": text,
            "preview": _object({"model": text, "size": COUNT}),
            "finish": _object({"model": text}),
            "models": _list(text),
            "limits": _object(limits),
            "options": declared,
            "files": {**declared, "description": "Each has `formats`, too: those that it says something to."},
            "formats": _list(text, "The first is taken where nobody says."),
            "styles": _list(ref("Listed")),
            "contents": _list(ref("Listed")),
        }
    )


def _declared() -> Schema:
    """What ``/setup`` says of an option; ``flag`` is that of the command line."""
    text: Schema = {"type": "string"}
    bound: Schema = {"type": ["number", "null"]}
    return _object(
        {"default": {}, "low": bound, "high": bound, "choices": {"type": "array"}}
        | dict.fromkeys(("help", "group", "kind", "flag"), text)
    )


def order() -> Schema:
    """The body of ``/stylize``."""
    known: dict[str, Schema] = {
        "content": {**TEXT, "description": "Id of the photograph."},
        "styles": {**_list(TEXT, "Ids of the artworks."), "minItems": 1, "maxItems": MOST_STYLES},
        "options": ref("Options"),
        "model": {"enum": [*registry()], "description": "By default the one for previews, or for finished files."},
        "preview": {"type": "boolean", "default": False, "description": "A small picture, at once."},
        "slot": {**TEXT, "default": "", "description": "Of previews, of which the newest takes the others' place."},
        "format": {"enum": [*FORMATS], "description": f"By default {FORMAT}, and jpeg of a preview."},
        "quality": of_option(FILE["quality"]),
        "file": ref("File"),
    }
    return {**_given({name: known[name] for name in FIELDS}), "required": ["content", "styles"]}


def of_option(each: Declaration) -> Schema:
    """The values of an option as JSON has them."""
    one = _one(each)
    if "Sequence[" in each.kind:
        part = {"anyOf": [one, {"type": "null"}]} if "None]" in each.kind else one
        several = {**_list(part), "maxItems": MOST_STYLES}
        one = several if each.kind.startswith("Sequence[") else {"anyOf": [one, several]}
    if each.default is None:
        return {"anyOf": [one, {"type": "null"}], "default": None, "description": each.help}
    return {**one, "default": each.default, "description": each.help}


def _one(each: Declaration) -> Schema:
    """One value, of those that may be several."""
    if each.is_switch:
        return {"type": "boolean"}
    if each.is_file:
        where = "styles" if "Style" in each.kind else "masks"
        named: Schema = {**TEXT, "description": f"An id of /{where}."}
        return {"anyOf": [{"enum": [*each.choices]}, named]} if each.choices else named
    if each.is_number:
        number: Schema = {"type": "integer" if each.kind.startswith("int") else "number"}
        number["maximum"] = LARGEST if each.high is None else each.high
        if each.low is not None:
            number["exclusiveMinimum" if each.is_open else "minimum"] = each.low
        words = [word for word in (each.metavar or "").split("|") if word.islower()]
        return {"anyOf": [number, {"enum": words}]} if "str" in each.kind else number
    if each.choices:
        return {"enum": [*each.choices]}
    return {"anyOf": [TEXT, {"type": "integer"}]} if "str | int" in each.kind else TEXT


def _object(properties: dict[str, Schema]) -> Schema:
    """An answer: all of it is there."""
    return {"type": "object", "properties": properties, "required": [*properties]}


def _given(properties: dict[str, Schema]) -> Schema:
    """A part of a body: any of it may be left out, and nothing else is taken."""
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _list(items: Schema, description: str = "") -> Schema:
    return {"type": "array", "items": items, **({"description": description} if description else {})}


def _share() -> Schema:
    return {"type": "number", "minimum": 0, "maximum": 1}
