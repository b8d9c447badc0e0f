"""Photographs in files of several pictures: which of them is meant, and what is said of the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .._utils.errors import InputError
from ..image import Page, count_pictures, source_of
from ..options import ALL_PAGES
from .plan import Found


def paged(found: Sequence[Found], page: int | str) -> list[Found]:
    """The same photographs, but of files with several pages the page that is meant, or each for ``"all"``.

    Their results are called after the page, ``scan-p2``, unless it is the first that was not asked for. Which page a
    row of a table is to be read at is known to whoever reads it.

    Raises:
        InputError: for all pages of a row: tables are gone through without opening their pictures.
    """
    if page == 1:
        return [*found]
    pages = []
    for each in found:
        path, name = each.path, Path(each.called or each.path)
        numbers = range(1, _count(path) + 1) if page == ALL_PAGES else [int(page)]
        if page == ALL_PAGES and len(numbers) == 1:
            pages.append(each)
            continue
        for number in numbers:
            called = name.with_name(f"{name.stem}-p{number}{name.suffix}")
            pages.append(Found(Page(path, number) if isinstance(path, Path) else path, each.below, called))
    return pages


def _count(path: Any) -> int:
    if not isinstance(path, Path):
        raise InputError("all pages are for files, not for tables and shards: give --page (page) the number of one")
    return count_pictures(path)[0]


def described(content: Any) -> dict[str, Any]:
    """What a manifest says of a photograph."""
    page = {"page": content.number} if isinstance(content, Page) else {}
    return {"content": str(source_of(content)), **page}


def further(content: Path) -> dict[str, int]:
    """``{"pages": 3}`` or ``{"frames": 12}`` of a file with several, of which the first is what is stylised."""
    count, unit = count_pictures(content)
    return {f"{unit}s": count} if count > 1 else {}
