"""What can be said of the server behind the page; free of torch."""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass

from ..nn.shipped import DEFAULT_MODEL
from ..options import Declared, option

PORT = 7860
"""Tried first where no port is asked for."""

SHORTEST_TOKEN = 8
"""Characters, so that it is not guessed."""

MEGABYTE = 2**20


@dataclass(frozen=True, kw_only=True)
class AppOptions(Declared):
    """Where the page is served, what it offers, and how much of the machine it may take."""

    port: int | None = option(
        None, "Port to serve at; 0 takes any that is free.", low=0, high=65535, metavar="N",
        shown=f"{PORT}, or the next that is free", group="serving",
    )  # fmt: skip
    host: str = option(
        "127.0.0.1", "Address to serve at; any but this machine's own needs --token.", metavar="ADDRESS",
        group="serving",
    )  # fmt: skip
    token: str | None = option(
        None, "Secret that every request has to bring; the address that is printed has it.", metavar="TEXT",
        group="serving",
    )  # fmt: skip
    browser: bool = option(
        True, "Whether the page is opened in the browser.", flag="", group="serving",
        switches=(("--no-browser", False, "Do not open the page in the browser."),),
    )  # fmt: skip
    artworks: str | os.PathLike[str] | None = option(
        None, "Folder of artworks to offer beside those that ship.", metavar="DIR", is_file=True, group="offer"
    )
    model: str = option(DEFAULT_MODEL, "Shipped model that finishes pictures.", metavar="NAME", group="offer")
    preview_model: str = option("fast", "Shipped model that previews are made by.", metavar="NAME", group="offer")
    preview_size: int = option(512, "Shorter side of previews in px.", low=64, high=2048, metavar="PX", group="offer")
    max_upload: int = option(200, "Largest file to take, in MB.", low=1, metavar="MB", group="limits")
    max_pixels: int | None = option(
        None, "Largest picture to take or make, in pixels.", low=1, metavar="N", shown="that of the library",
        group="limits",
    )  # fmt: skip
    max_jobs: int = option(8, "Pictures that may be waited for at once.", low=1, metavar="N", group="limits")
    job_minutes: float = option(
        30.0, "Longest time one picture may take.", low=0, is_open=True, metavar="MINUTES", group="limits"
    )
    keep: int = option(
        1024, "Pictures and features kept in memory for what comes next, in MB.", low=1, metavar="MB", group="limits"
    )
    max_connections: int = option(64, "Connections that may be open at once.", low=1, metavar="N", group="limits")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.token is not None and not re.fullmatch(rf"[!-~]{{{SHORTEST_TOKEN},}}", self.token):
            self.refuse(
                f"{{token}} is at least {SHORTEST_TOKEN} letters, digits and signs of ASCII, without spaces: such as "
                f"{secrets.token_urlsafe(12)}"
            )
