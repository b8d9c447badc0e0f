"""How much is told on stderr: ``-q`` and ``-v``, before the name of a command or behind it."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import click

_GIVEN, _HANDLER = "adain.verbosity", "adain.log"
"""Where the context keeps them; a command sees what its group was given."""


def verbosity_options() -> list[click.Parameter]:
    """``-q`` and ``-v``."""
    return [
        click.Option(["-q", "--quiet"], is_flag=True, expose_value=False, callback=_set,
                     help="No progress bars and no warnings; errors stay."),
        click.Option(["-v", "--verbose"], count=True, expose_value=False, callback=_set,
                     help="Say what is done, and when; -vv also tells of every file read."),
    ]  # fmt: skip


def accept_verbosity(command: click.Command) -> click.Command:
    """Let a command, and those below it, take :func:`verbosity_options`; gives the command back."""
    command.params += verbosity_options()
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        accept_verbosity(below)
    return command


def is_quiet() -> bool:
    """Whether ``-q`` was given."""
    context = click.get_current_context(silent=True)
    return context is not None and "quiet" in context.meta.get(_GIVEN, {})


def bars_hidden() -> bool:
    """Whether progress bars are to stay away: stderr is no terminal, or ``-q`` was given."""
    return is_quiet() or not sys.stderr.isatty()


def warn(message: str) -> None:
    """Say on stderr what may be wrong with a result, in one line; not with ``-q``."""
    if not is_quiet():
        context = click.get_current_context(silent=True)
        with _between_bars():
            click.echo(f"{context.command_path if context else 'adain'}: warning: {message}", err=True)


def _set(context: click.Context, option: click.Parameter, value: int) -> None:
    if not value or context.resilient_parsing:
        return
    given: dict[str, int] = context.meta.setdefault(_GIVEN, {})
    given[str(option.name)] = value
    if len(given) == 2:
        raise click.UsageError("-q tells less and -v more: give one of them", context)
    if option.name == "quiet":
        import warnings

        context.with_resource(warnings.catch_warnings())
        warnings.simplefilter("ignore")
    else:
        _log_to_stderr(context, value)


def _log_to_stderr(context: click.Context, count: int) -> None:
    """Show what the library logs, for as long as the command runs."""
    import logging

    class Stderr(logging.Handler):
        """Lines with the seconds since now, so that what each step took can be read off."""

        start = time.perf_counter()

        def emit(self, record: logging.LogRecord) -> None:
            with _between_bars():
                click.echo(f"adain: {time.perf_counter() - self.start:7.2f} s  {self.format(record)}", err=True)

    log = logging.getLogger("adain")
    if _HANDLER not in context.meta:
        context.meta[_HANDLER] = handler = Stderr()
        log.addHandler(handler)
        context.find_root().call_on_close(lambda: log.removeHandler(handler))
        context.find_root().call_on_close(lambda: log.setLevel(logging.NOTSET))
    log.setLevel(logging.INFO if count == 1 else logging.DEBUG)


def _between_bars() -> AbstractContextManager[Any]:
    """Without tearing a progress bar, if one may be there."""
    tqdm: Any = getattr(sys.modules.get("tqdm"), "tqdm", None)
    return nullcontext() if tqdm is None else tqdm.external_write_mode(file=sys.stderr)
