"""What the page has to know at first: options with their ranges and help, models, limits, artworks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

from .._utils.errors import InputError
from .._utils.version import __version__
from ..image import DEFAULT_MAX_PIXELS, check_bits
from ..options import ColorMode, Declaration, Options
from .options import MEGABYTE, AppOptions
from .request import FILE

NAMED = {"color": get_args(ColorMode)}
"""Values with a name, of an option that also takes others, which JSON has not."""

LOSSY = ("jpeg", "webp")
"""Formats that have a quality."""


def known(
    options: AppOptions,
    styles: Iterable[dict[str, Any]],
    contents: Iterable[dict[str, Any]],
    *,
    models: Iterable[str],
    formats: Iterable[str],
) -> dict[str, Any]:
    """All of it, as JSON has it.

    Args:
        options: the models, the limits, and the size of previews.
        styles, contents: artworks and photographs that are there from the start.
        models: the names of those to choose from.
        formats: those of results, that which is taken where nobody says first.
    """
    formats = list(formats)
    return {
        "version": __version__,
        "preview": {"model": options.preview_model, "size": options.preview_size},
        "finish": {"model": options.model},
        "models": list(models),
        "limits": {
            "bytes": options.max_upload * MEGABYTE,
            "pixels": options.max_pixels or DEFAULT_MAX_PIXELS,
            "jobs": options.max_jobs,
            "job_minutes": options.job_minutes,
        },
        "options": {name: described(each) for name, each in Options.declared().items()},
        "files": {name: {**described(each), "formats": formats_of(name, formats)} for name, each in FILE.items()},
        "formats": formats,
        "styles": list(styles),
        "contents": list(contents),
    }


def formats_of(name: str, formats: Iterable[str]) -> list[str]:
    """Those of some formats that an option of files says something to."""
    if name == "quality":
        return [each for each in formats if each in LOSSY]
    if name == "bits":
        return [each for each in formats if _is_deep(each)]
    return list(formats)


def _is_deep(name: str) -> bool:
    """Whether a format has 16 bits."""
    try:
        check_bits(f"any.{name}", 16)
    except InputError:
        return False
    return True


def described(each: Declaration) -> dict[str, Any]:
    """A declaration as JSON has it."""
    return {
        "default": each.default,
        "low": each.low,
        "high": each.high,
        "choices": list(each.choices or NAMED.get(each.name, ())),
        "help": each.help,
        "group": each.group,
        "kind": each.kind,
        "flag": each.flag,
    }
