"""What a command tells, more or less of it by ``-v`` and ``-q``: results on stdout, bars and failures on stderr."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from adain import AdainError, DiskFullError

if TYPE_CHECKING:
    from adain.batch import Result

SOME_FAILED = 1
"""Some of several results could not be made; the others are there."""

BAD_INPUT = ALL_FAILED = 2
"""Nothing was made."""

SIGNALS = {"SIGINT": 130, "SIGTERM": 143}
"""The job was broken off by a signal: 128 and its number, as shells have it."""

INTERRUPTED = SIGNALS["SIGINT"]

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


def show_warnings(context: click.Context) -> None:
    """Say, by :func:`warn`, what the library logs as a warning, for as long as the command runs; others say nothing."""
    import logging
    import warnings

    from adain._utils.chatter import silence

    context.with_resource(warnings.catch_warnings())
    silence()

    class Warnings(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            warn(record.getMessage())

    log, handler = logging.getLogger("adain"), Warnings(logging.WARNING)
    log.addHandler(handler)
    context.call_on_close(lambda: log.removeHandler(handler))


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
            if record.levelno >= logging.WARNING:
                return  # see show_warnings
            with _between_bars():
                click.echo(f"adain: {time.perf_counter() - self.start:7.2f} s  {self.format(record)}", err=True)

    log = logging.getLogger("adain")
    if _HANDLER not in context.meta:
        context.meta[_HANDLER] = handler = Stderr()
        log.addHandler(handler)
        context.find_root().call_on_close(lambda: log.removeHandler(handler))
        context.find_root().call_on_close(lambda: log.setLevel(logging.NOTSET))
    log.setLevel(logging.INFO if count == 1 else logging.DEBUG)


def _between_bars() -> contextlib.AbstractContextManager[Any]:
    """Without tearing a progress bar, if one may be there."""
    tqdm: Any = getattr(sys.modules.get("tqdm"), "tqdm", None)
    return contextlib.nullcontext() if tqdm is None else tqdm.external_write_mode(file=sys.stderr)


def bar(total: int | None, unit: str, *, hidden: bool = False, **more: Any) -> Any:
    """A progress bar on stderr, for people alone."""
    from tqdm import tqdm

    hidden = hidden or bars_hidden()
    return tqdm(total=total, unit=unit, disable=hidden, file=sys.stderr, dynamic_ncols=True, **more)


def tile_bar() -> Callable[[Any], None] | None:
    """What shows the tiles of a picture as a bar, one for encoding and one for decoding, and the steps of refinement.

    None where no one looks.
    """
    if bars_hidden():
        return None
    shown: Any = None

    def progress(event: Any) -> None:
        nonlocal shown
        tiles = hasattr(event, "phase")
        done, total = (event.done, event.total) if tiles else (event.step, event.steps)
        if shown is None or done < shown.n or total != shown.total:
            if shown is not None:  # it ended before its time
                shown.close()
            shown = bar(total, "tile" if tiles else "step", desc=event.phase if tiles else "refine", leave=False)
        shown.update(done - shown.n)
        if done == total:
            shown.close()
            shown = None

    return progress


def follow(
    results: Generator[Result, None, None],
    planned: int,
    command: str,
    *,
    as_json: bool,
    failures: Sequence[AdainError] = (),
) -> int:
    """Tell of results as they come, and in the end of failures; the exit code.

    Args:
        planned: how many there will be.
        command: such as ``adain stylize``.
        as_json: one object a line in place of the file's name.
        failures: what went wrong before.

    Raises:
        AdainError: if a single result was planned and cannot be made.
    """
    from tqdm import tqdm

    errors, present, replaced = [*failures], 0, 0
    unnamed: dict[str, str] = {}  # by what went wrong, where it does not say with which picture: the first result
    further: list[Mapping[str, Any]] = []
    unheld: list[str] = []
    faceless: list[str] = []
    # Whatever ends it, Ctrl-C too: what was made is written and recorded before anything else is done.
    with bar(planned, "image", hidden=planned < 2) as shown, contextlib.closing(results):
        for result in results:
            if result.error is not None:
                errors.append(result.error)
                if os.path.basename(str(result.details.get("content", ""))) not in (text := words(result.error)):
                    unnamed.setdefault(text, os.fspath(result.output))
            else:
                present += 1
                details = {**result.details, "status": result.status}
                replaced += "replaced" in details
                unheld += [os.fspath(result.output)] if details.get("held") is False else []
                faceless += [details["content"]] if details.get("faces") == 0 else []
                further += [details] if has_further(details) else []
                output = os.fspath(result.output)
                line = json.dumps({"output": output, **details}, ensure_ascii=False) if as_json else output
                with tqdm.external_write_mode():
                    click.echo(line)
            shown.update()
    warn_of_further(further)
    if replaced:
        warn_of_replaced(replaced)
    if unheld:
        warn_of_drift(unheld)
    if faceless:
        warn_of_faceless([*dict.fromkeys(faceless)])
    if errors and planned == 1 and not present:
        raise errors[0]
    for text, times in Counter(map(words, errors)).items():
        many, first = f"{times} results" * (times > 1), unnamed.get(text, "")
        where = f"{many}, such as {first}" if many and first else many or first
        tell(command, f"{text} ({where})" if where else text)
    if any(isinstance(error, DiskFullError) for error in errors):
        tell(command, f"stopped, {present} of {planned} results are there; with space, the same command makes the rest")
    return exit_code(len(errors), len(errors) + present)


def has_further(details: Mapping[str, Any]) -> bool:
    """Whether a result is of the first of several pages or frames of its photograph."""
    return bool({"pages", "frames"} & details.keys())


def warn_of_further(results: Sequence[Mapping[str, Any]]) -> None:
    """Say, in one line for each kind, which photographs have pages or frames that nothing was made of."""
    advice = {
        "pages": "--page 2 takes another, --page all makes a result of each",
        "frames": "adain video makes all of them, --page 2 takes another",
    }
    for unit, more in advice.items():
        counts = {details["content"]: details[unit] for details in results if unit in details}
        for name, count in counts.items():
            if len(counts) == 1:
                warn(f"{name} has {count} {unit}, and the first is what was made: {more}")
        if len(counts) > 1:
            name = next(iter(counts))
            warn(f"{len(counts)} photographs have several {unit}, such as {name}; the first of each was made: {more}")


def warn_of_replaced(count: int) -> None:
    """Say that results are gone which were not what was made now."""
    noun, verb = ("result", "was") if count == 1 else ("results", "were")
    warn(f"{count} {noun} that came from other options or files {verb} replaced: use another -o to keep both")


def warn_of_drift(outputs: Sequence[str]) -> None:
    """Say which results keep no bound on their drift."""
    first = outputs[0] if len(outputs) == 1 else f"{len(outputs)} results, such as {outputs[0]},"
    verb = "moves" if len(outputs) == 1 else "move"
    warn(f"{first} {verb} edges by more than --max-drift even at alpha 0, which is what was made")


def warn_of_faceless(contents: Sequence[str]) -> None:
    """Say in which photographs nothing was protected."""
    several = f"{len(contents)} photographs, such as {contents[0]}"
    where = contents[0] if len(contents) == 1 else several
    warn(f"no face was found in {where}, and nothing is protected there: give a mask in place of faces")


def exit_code(failed: int, planned: int) -> int:
    """What a command ends with."""
    if not failed:
        return 0
    return ALL_FAILED if failed == planned else SOME_FAILED


def words(error: BaseException) -> str:
    """What an error says to someone at the command line: of options, their flags."""
    return str(getattr(error, "flags", error))


def tell(command: str, text: str, kind: str = "error") -> None:
    """A line on stderr."""
    click.echo(f"{command}: {f'{kind}: ' if kind else ''}{' '.join(text.split())}", err=True)
