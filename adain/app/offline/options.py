"""What can be said of a page that needs no server; free of torch."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ...options import Declared, option


@dataclass(frozen=True, kw_only=True)
class SiteOptions(Declared):
    """Where a page that computes in the browser is written, and what it offers."""

    web: str | os.PathLike[str] | None = option(
        None,
        "Folder for the page that computes in the visitor's browser, ready for any web host; one file, if the name "
        "ends in .html.",
        metavar="DIR|FILE.html", is_file=True, group="web page",
    )  # fmt: skip
    preview_model: str | None = option(
        None,
        "Shipped model that previews are made by; pictures are finished by --model, or by this one.",
        metavar="NAME", shown="that of --model", group="web page",
    )  # fmt: skip
    artworks: str | os.PathLike[str] | None = option(
        None, "Folder of artworks to offer beside those that ship.", metavar="DIR", is_file=True, group="web page"
    )
