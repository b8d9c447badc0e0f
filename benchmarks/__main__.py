"""One entry for all of them: ``python -m benchmarks NAME``, from the root of the checkout."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import click

NAMES = (
    "compare", "check", "quality", "corrected", "kept_edges", "scenes", "speed", "exported", "controls", "methods",
    "iterations",
    "refine_pairs", "folders", "tiling", "video", "fast", "engines", "labels", "million",
    "training", "gpu", "augment", "augment_speed", "app", "web",
)  # fmt: skip
"""Modules with a command called ``main``, in the order of README.md."""


class Benchmarks(click.Group):
    """Imports a benchmark when it is asked for, as most of them import torch."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in NAMES:
            return None
        command: click.Command = import_module(f"benchmarks.{cmd_name}").main
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Benchmarks"):
            formatter.write_dl([(name, sentence(name)) for name in NAMES])


def sentence(name: str) -> str:
    """What a benchmark is about: the first line of its module's text, which is read and not run."""
    text = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]


@click.group(
    cls=Benchmarks,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100, "show_default": True},
)
def main() -> None:
    """Measure times, memory and quality. Read the ratios, which are taken within one run: seconds are the machine's."""


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
