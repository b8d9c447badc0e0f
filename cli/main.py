"""The command group, and how errors leave it: one line on stderr, exit code 2."""

from __future__ import annotations

import importlib
import sys
from collections import UserDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from adain import __version__
from adain._utils.errors import AdainError, out_of_memory

from .reporting import BAD_INPUT, INTERRUPTED, accept_verbosity, show_warnings, tell, verbosity_options, words

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS = {
    "stylize": "Give photographs the style of artworks.",
    "video": "Give a video the style of artworks.",
    "refine": "Optimise a picture: the slow, best way (Gatys et al. 2016).",
    "app": "Paint in a page of the browser, served by this machine.",
    "styles": "List the artworks and photographs that ship.",
    "bank": "Keep the styles of many artworks in one file.",
    "demo": "Write a first picture and a contact sheet of the samples.",
    "evaluate": "Measure stylised pictures against their contents and styles.",
    "train": "Train a decoder, or the fast model, on your own pictures.",
    "specialise": "Train a change of the decoder for one artwork.",
    "export": "Write the model as ONNX graphs, or as a page for browsers.",
    "weights": "List, verify and import weights.",
    "info": "Print versions, devices and models, for reports of faults.",
}
"""Every command with the first sentence of its help, in the order of ``adain --help``.

The module of the same name, which has the command, is imported when the command is used.
"""

_NEEDS_LESS = ("--content-size", "--tile", "--size", "--batch-size", "--cell")
"""Options that less memory is needed with when they are smaller."""


class LazyCommands(UserDict[str, Any]):
    """The commands by name, each imported when it is asked for."""

    def __getitem__(self, name: str) -> click.Command:
        if self.data[name] is None:
            module = importlib.import_module(f".{name}", __package__)
            self.data[name] = accept_verbosity(getattr(module, name))
        command: click.Command = self.data[name]
        return command


class LazyGroup(click.Group):
    """A group that lists its commands without importing them."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.commands)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        found = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        return found + click.Command.shell_complete(self, context, incomplete)


class OneLineErrors(LazyGroup):
    """A group that reports every foreseeable failure in one line, without usage text or traceback."""

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> Any:
        extra["standalone_mode"] = False
        try:
            result = super().main(args, prog_name or "adain", **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.ctx.get_help() if error.ctx else "", err=True)
            sys.exit(BAD_INPUT)
        except click.ClickException as error:
            context = getattr(error, "ctx", None)
            _fail(error.format_message(), context.command_path if context else "adain")
        except (click.Abort, KeyboardInterrupt):
            # click has already ended the line that a terminal showed ^C on
            click.echo("adain: interrupted", err=True)
            sys.exit(INTERRUPTED)
        except BrokenPipeError:
            sys.exit(1)  # the reader of our output has left, as in `adain … | head`
        except AdainError as error:
            _fail(words(error))
        except OSError as error:
            _fail(f"{error.filename or 'the operating system'}: {error.strerror or error}")
        else:
            sys.exit(result if isinstance(result, int) else 0)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        found = super().resolve_command(ctx, args)
        show_warnings(ctx)
        return found

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, AdainError) or not out_of_memory(error):
                raise
            _fail(f"out of memory: {_less_memory(self.commands[str(context.invoked_subcommand)], error)}")


def _less_memory(command: click.Command, error: BaseException) -> str:
    """What to do about memory, in the options that this command has."""
    known = {name for parameter in command.params for name in parameter.opts}
    smaller = [name for name in _NEEDS_LESS if name in known]
    ways = [f"use a smaller {' or '.join(smaller)}"] if smaller else []
    if "--device" in known and any(name in str(error) for name in ("CUDA", "MPS")):
        ways.append("use --device cpu")
    return ", or ".join(ways) or "end other programs, or use a machine with more"


def _fail(message: str, command: str = "adain") -> None:
    tell(command, message)
    sys.exit(BAD_INPUT)


@click.group(
    cls=OneLineErrors,
    commands=LazyCommands(dict.fromkeys(COMMANDS)),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="adain")
def main() -> None:
    """Give any photograph the style of any artwork."""


main.params += verbosity_options()
