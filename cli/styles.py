"""``adain styles``: the pictures that ship, by the names under which the other commands take them."""

from __future__ import annotations

import json
from typing import Literal

import click

from adain._utils.resources import sample_folder, samples


@click.command()
@click.option("--contents", is_flag=True, help="The photographs instead of the artworks.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def styles(contents: bool, as_json: bool) -> None:
    """List the artworks and photographs that ship.

    Their names may stand wherever a picture is asked for.

    \b
    adain styles
    adain stylize astronaut great-wave -o out.jpg
    """
    kind: Literal["content", "style"] = "content" if contents else "style"
    listed = samples(kind)
    if as_json:
        for sample in listed:
            click.echo(json.dumps(sample._asdict(), default=str, ensure_ascii=False))
        return
    width = max(len(sample.name) for sample in listed)
    for sample in listed:
        click.echo(f"{sample.name:{width}}  {sample.title}, {sample.author}; {sample.licence}")
    click.echo(f"They lie in {sample_folder(kind)}")
