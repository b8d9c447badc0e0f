"""What is asked for in the body of ``/stylize`` and ``/command``: JSON in, an order out, or one line that says why not.

The options are those of :class:`adain.Options`, by their declarations; nothing here knows any of them by name but those
that say how styles come together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .._utils.errors import InputError, suggest
from ..batch.options import FolderOptions
from ..batch.order import Order
from ..batch.plan import output_stem
from ..image import WRITABLE, check_bits
from ..nn import registry
from ..options import Declaration, FileOptions, ModelOptions, Options
from ..stylizer import Look

if TYPE_CHECKING:
    from .kinds import Upload
    from .site import Site

T = TypeVar("T")

MOST_STYLES = 16
"""Artworks of one result, and so elements of any list."""

LARGEST = 1_000_000
"""Of any number that is not bounded otherwise: no picture has a side of more px."""

LONGEST_TEXT = 200
"""Characters of any text in an order."""

LONGEST_NAME = 180
"""Bytes of the name of a result: file systems take 255, and what writes a file adds to it."""

TILE = 512
"""Side of the tiles of a result in px where nobody says: after each, it tells how far it is, and can be cancelled."""

MOST_TILE = 1024
"""Longest side of tiles in px: after each the work can be broken off."""

FORMAT = "png"
"""What a result is written as where nobody says: every pixel stays as it was made."""

FORMATS = {kind.lower(): suffix for suffix, kind in reversed(WRITABLE.items())}
FORMATS = {name: FORMATS[name] for name in sorted(FORMATS, key=lambda name: (name != FORMAT, name))}
"""What a result can be written as, with the ending of its name; :data:`FORMAT` first."""

FIELDS = ("content", "styles", "options", "model", "preview", "slot", "format", "quality", "file")
"""Of the body."""

FILE = {
    name: each
    for name, each in FileOptions.declared().items()
    if name not in Options.declared() and name not in ModelOptions.declared() and each.is_decisive
}
"""The options that say how a result is written."""


@dataclass(frozen=True)
class Ordered:
    """A result that is asked for.

    Attributes:
        content, styles: the photograph, and the artworks in their order.
        options: what is to be done, with the paths of uploads in it. Where several styles come together and nothing
            says how, they are a blend in equal parts.
        model: name of the shipped model.
        is_preview: whether it is for the screen, at once, and not a file.
        slot: of previews that replace each other.
        file: ``options`` and the model, and how the result is written.
        name: of the result.
        named: the uploads behind paths in the options.
    """

    content: Upload
    styles: tuple[Upload, ...]
    options: Options
    model: str
    is_preview: bool
    slot: str
    file: FileOptions
    name: str
    named: Mapping[Path, Upload] = field(default_factory=dict)

    @property
    def look(self) -> Look:
        """What the photograph is turned into."""
        return Look([style.path for style in self.styles], self.options)


def parse_order(body: Any, site: Site) -> Ordered:
    """What a body asks for.

    Args:
        body: of :func:`~adain.app.bodies.parse_json`; its fields are :data:`FIELDS`.
        site: whose uploads it names by their ids.

    Raises:
        InputError: if anything in it is unknown, of another kind, out of range, or contradicts the rest.
        Forgotten: if an upload is not there, or not any more.
    """
    body = _object(body, "the body")
    _known(body, FIELDS, "the body has no field")
    is_preview = _take(body, "preview", bool, False, "true or false")
    content = site.pictures.content(_take(body, "content", str, None, "the id of a photograph, as POST /contents says"))
    styles = tuple(site.pictures.style(each) for each in _ids(body.get("styles", [])))
    named: dict[Path, Upload] = {}
    options = _options(_object(body.get("options", {}), "options"), site, named)
    if len(styles) > 1 and not options.arrangement:
        options = options.change(weights=(1.0,) * len(styles))
    if not is_preview:
        _check_tile(options)
    model = _take(body, "model", str, site.options.preview_model if is_preview else site.options.model, "a name")
    _known([model], tuple(registry()), "there is no model")
    kind = _take(body, "format", str, "jpeg" if is_preview else FORMAT, "a name")
    _known([kind], tuple(FORMATS), "results are not written as")
    written = _written(body)
    file = FileOptions.of(options, model=model, max_pixels=site.options.max_pixels, **written)
    name = _name(content.name, [style.name for style in styles], FORMATS[kind])
    try:
        check_bits(name, file.bits)
    except InputError:
        raise InputError(f"bits of {file.bits} do not go with format {kind}: use png or tiff, or 8 bits") from None
    slot = _take(body, "slot", str, "", "a text")
    ordered = Ordered(content, styles, options, model, is_preview, slot, file, name, named)
    Order({0: ordered.look}, FolderOptions.of(file))  # which sees to what contradicts what
    return ordered


def _options(values: dict[str, Any], site: Site, named: dict[Path, Upload]) -> Options:
    """The options of a body; ``named`` takes the uploads that they name."""
    declared = Options.declared()
    _known(values, tuple(declared), "there is no option")
    given = {name: _value(declared[name], value, site, named) for name, value in values.items()}
    options = Options(**({"tile": TILE} | given))
    for each in declared.values():
        value = getattr(options, each.name)
        if isinstance(value, tuple) and len(value) == 1 and not each.kind.startswith("Sequence["):
            # A list of one cannot be written on the command line: it is one value, or has one for the background, too.
            rest = "none" if each.default is None else each.default
            options = options.change(**{each.name: (*value, rest) if options.has_background else value[0]})
    return options


def _check_tile(options: Options) -> None:
    """See that tiles are small enough for the work to be followed and broken off."""
    if not isinstance(options.tile, int) or options.tile > MOST_TILE:
        raise InputError(
            f"tile is a side of at most {MOST_TILE} px here, so that the work can be followed and cancelled, not "
            f"{options.tile}: leave it out"
        )


def _written(body: dict[str, Any]) -> dict[str, Any]:
    """How a result is to be written."""
    values = _object(body.get("file", {}), "file")
    _known(values, tuple(FILE), "file has no option")
    if "quality" in body:
        if "quality" in values:
            raise InputError("quality is given twice: leave it out of file")
        values = {**values, "quality": body["quality"]}
    return {name: _simple(FILE[name], value) for name, value in values.items()}


def _value(each: Declaration, value: Any, site: Site, named: dict[Path, Upload]) -> Any:
    """A value of JSON as that of an option: of what is a file, the upload's."""
    value = _simple(each, value)
    if not each.is_file:
        return value
    find = site.pictures.style if "Style" in each.kind else site.pictures.mask

    def path(given: Any) -> Any:
        if given is None or given in each.choices:
            return given
        if not isinstance(given, str):
            raise InputError(f"{each.name} takes the ids of uploads, not {_shown(given)}")
        upload = find(given)
        named[upload.path] = upload
        return upload.path

    return [path(one) for one in value] if isinstance(value, list) else path(value)


def _simple(each: Declaration, value: Any) -> Any:
    """A value of JSON that may be that of an option, as far as its kind says: no numbers in texts, no nested lists."""
    parts = value if isinstance(value, list) else [value]
    if isinstance(value, list) and "Sequence[" not in each.kind:
        raise InputError(f"{each.name} is one value, not a list")
    if len(parts) > MOST_STYLES:
        raise InputError(f"{each.name} has {len(parts)} values: at most {MOST_STYLES}, one for each style")
    for part in parts:
        if isinstance(part, (list, dict)):
            raise InputError(f"{each.name} takes plain values, not {_shown(part)}")
        if isinstance(part, str):
            _text(part, each.name)
            if each.is_number and "str" not in each.kind:
                raise InputError(f"{each.name} takes numbers, not texts: {_shown(part)}")
        elif each.is_number and each.high is None and isinstance(part, (int, float)) and part > LARGEST:
            raise InputError(f"{each.name} is at most {LARGEST}, not {_shown(part)}")
    if "str | int" in each.kind:  # as texts, which the command line has, too
        if any(isinstance(part, (bool, float)) or part is None for part in parts):
            raise InputError(f"{each.name} are whole numbers or colours such as #ff0000")
        return [str(part) for part in parts] if isinstance(value, list) else value
    if isinstance(value, list) and each.parse is not None and not each.is_number and not each.is_file:
        return ["none" if part is None else part for part in parts]
    return value


def _ids(value: Any) -> list[str]:
    """The ids of artworks."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InputError("styles is a list of ids, as GET /styles says, even for one")
    if not 1 <= len(value) <= MOST_STYLES:
        raise InputError(f"{len(value)} styles: give at least one, and at most {MOST_STYLES}")
    return value


def _take(body: dict[str, Any], name: str, kind: type[T], default: T | None, wanted: str) -> T:
    """A field of the body; of those without a default, one that must be there."""
    value = body.get(name, default)
    if not isinstance(value, kind):
        raise InputError(f"{name} is {wanted}, {f'not {_shown(value)}' if name in body else 'and is missing'}")
    if isinstance(value, str):
        _text(value, name)
    return value


def _text(text: str, name: str) -> None:
    """See that a text is one that can be sent on."""
    if len(text) > LONGEST_TEXT:
        raise InputError(f"{name} has a text of {len(text)} characters: at most {LONGEST_TEXT}")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InputError(f"{name} has half a character (a lone surrogate): send whole ones")


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{what} is one object, of names and values, not {_shown(value)}")
    return value


def _known(names: Sequence[str] | dict[str, Any], known: Sequence[str], wrong: str) -> None:
    for name in names:
        if name not in known:
            raise InputError(f"{wrong} {_shown(name)}: {suggest(name[:LONGEST_TEXT], known)}")


def _shown(value: Any) -> str:
    """A value in a message."""
    text = json.dumps(value)
    return text if len(text) <= 40 else f"a {'text' if isinstance(value, str) else type(value).__name__} so long"


def _name(content: str, styles: Sequence[str], suffix: str) -> str:
    """What a result is called, after its photograph and its artworks, within what a file may be called."""
    own, theirs = _stem(content), "+".join(map(_stem, styles))
    room = LONGEST_NAME - len(output_stem("", "").encode()) - len(suffix)
    own = _cut(own, max(room // 2, room - len(theirs.encode())))
    return output_stem(own, _cut(theirs, room - len(own.encode()))) + suffix


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name


def _cut(text: str, most: int) -> str:
    return text.encode()[:most].decode("utf-8", "ignore")
