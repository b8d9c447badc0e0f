"""The page of ``adain app``: how soon a preview is seen, whether requests pile up; and four clients for a while.

Writes ``app.json`` and, with ``--soak``, ``app-soak.json``. The page is driven in Chromium; ``playwright`` is one of
the packages of ``adain[dev]``, and ``CHROMIUM`` in the environment says where the browser is, if not at
``/usr/bin/chromium``.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import click

from . import options
from .app_page import measure
from .app_soak import soak
from .measuring import describe


def write(path: Path, result: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(indented({"machine": describe(), **result}))
    click.echo(path)


def indented(result: dict[str, Any]) -> str:
    """JSON, in which numbers that belong together stand in one line."""
    text = json.dumps(result, indent=1)
    return re.sub(r"\[\s+([-\d.,\s]+?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"


@click.command(help=__doc__)
@options.size(help="Shorter side of previews in px.")
@click.option("--rounds", type=int, default=40, help="Moves of a slider that are timed.")
@click.option("--seconds", type=float, default=10, help="So long a slider is moved, 20 times a second.")
@click.option("--soak", "minutes", type=float, help="So many minutes of four clients, in place of the page.")
@options.output
def main(size: int, rounds: int, seconds: float, minutes: float | None, output: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        if minutes:
            result = soak(Path(name), minutes, lambda line: click.echo(line, err=True))
            write(output / "app-soak.json", result)
            shown = {key: value for key, value in result.items() if key != "memory_mb"}
        else:
            shown = result = measure(Path(name), size, rounds, seconds)
            write(output / "app.json", result)
    click.echo(json.dumps(shown, indent=1))
