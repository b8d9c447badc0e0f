"""The command group, and how errors leave it: one line on stderr, exit code 2."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from adain import __version__
from adain._utils.errors import AdainError, out_of_memory

from .codes import BAD_INPUT, INTERRUPTED
from .demo import demo
from .evaluate import evaluate
from .export import export
from .refine import refine
from .stylize import stylize
from .train import train
from .video import video
from .weights import weights


class OneLineErrors(click.Group):
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
            _fail(str(error))
        except OSError as error:
            _fail(f"{error.filename or 'the operating system'}: {error.strerror or error}")
        else:
            sys.exit(result if isinstance(result, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, AdainError) or not out_of_memory(error):
                raise
            raise AdainError(memory_advice(self.commands[ctx.invoked_subcommand or ""], error)) from error


def memory_advice(command: click.Command, error: BaseException) -> str:
    """What to do about memory that ran out, by the options that a command has."""
    options = {str(p.name): p.opts[0] for p in command.params if isinstance(p, click.Option)}
    sizes = [options[name] for name in ("content_size", "style_size", "size", "batch_size", "cell") if name in options]
    ways = [f"a smaller {' or '.join(sizes)}"] if sizes else []
    on_host = isinstance(error, MemoryError) or "can't allocate memory" in str(error).lower()
    if "device" in options and not on_host:
        ways.append(f"{options['device']} cpu")
    return f"out of memory: {'use ' + ', or '.join(ways) if ways else 'end other programs that take much of it'}"


def _fail(message: str, command: str = "adain") -> None:
    click.echo(f"{command}: error: {' '.join(message.split())}", err=True)
    sys.exit(BAD_INPUT)


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="adain")
def main() -> None:
    """Give any photograph the style of any artwork."""


for command in (stylize, video, refine, demo, train, evaluate, weights, export):
    main.add_command(command)
