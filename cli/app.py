"""``adain app``: a page to paint in."""

from __future__ import annotations

from typing import Any

import click

from adain.app import AppOptions

from .options import SNAKE_CASE, OneCommand, options_of, take
from .reporting import SIGNALS, is_quiet, tell


@click.command(cls=OneCommand, context_settings={**SNAKE_CASE, "auto_envvar_prefix": "ADAIN_APP"})
@options_of(AppOptions)
def app(**values: Any) -> int:
    """Paint in a page of the browser, served by this machine.

    It is served to this machine alone, and nothing of yours leaves it. Ctrl-C ends it. Needs adain[app].
    Options are taken from the environment, too, such as ADAIN_APP_TOKEN for --token.

    \b
    adain app
    adain app --artworks ~/paintings
    adain app --no-browser --port 8000
    """
    from adain.app import run_app

    return SIGNALS.get(run_app(take(AppOptions, values), _show), 0)


def _show(addresses: list[str]) -> None:
    for address in addresses:
        click.echo(address)
    if not is_quiet():
        tell("adain app", "Ctrl-C ends it", kind="")
