"""What a shell offers when a picture is being typed."""

from __future__ import annotations

import glob

import click
from click.shell_completion import CompletionItem


def pictures(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Files and folders; where none begins like that, the samples that do. For ``shell_complete=`` of a parameter."""
    from adain._utils.resources import samples

    named = [s for s in samples() if s.name.startswith(incomplete)]
    if not incomplete or not named or glob.glob(f"{glob.escape(incomplete)}*"):
        return [CompletionItem(incomplete, type="file")]
    return [CompletionItem(s.name, help=f"{s.title}, {s.author}") for s in named]
