"""What a command tells: results on stdout, bars and failures on stderr, and its exit code."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

import click

from adain import AdainError, DiskFullError

from .verbosity import bars_hidden, warn

if TYPE_CHECKING:
    from adain.batch import Result

SOME_FAILED = 1
"""Some of several results could not be made; the others are there."""

BAD_INPUT = ALL_FAILED = 2
"""Nothing was made."""

SIGNALS = {"SIGINT": 130, "SIGTERM": 143}
"""The job was broken off by a signal: 128 and its number, as shells have it."""

INTERRUPTED = SIGNALS["SIGINT"]


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
        if shown is not None and (done < shown.n or total != shown.total):  # the last ended before its time
            shown.close()
            shown = None
        if shown is None:
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
    # Whatever ends it, Ctrl-C too: what was made is written and recorded before anything else is done.
    with bar(planned, "image", hidden=planned < 2) as shown, contextlib.closing(results):
        for result in results:
            if result.error is not None:
                errors.append(result.error)
            else:
                present += 1
                details = {**result.details, "status": result.status}
                replaced += "replaced" in details
                output = os.fspath(result.output)
                line = json.dumps({"output": output, **details}, ensure_ascii=False) if as_json else output
                with tqdm.external_write_mode():
                    click.echo(line)
            shown.update()
    if replaced:
        warn_of_replaced(replaced)
    if errors and planned == 1 and not present:
        raise errors[0]
    for error in errors:
        tell(command, words(error))
    if any(isinstance(error, DiskFullError) for error in errors):
        tell(command, f"stopped, {present} of {planned} results are there; with space, the same command makes the rest")
    return exit_code(len(errors), len(errors) + present)


def warn_of_replaced(count: int) -> None:
    """Say that results are gone which were not what was made now."""
    noun, verb = ("result", "was") if count == 1 else ("results", "were")
    warn(f"{count} {noun} that came from other options or files {verb} replaced: use another -o to keep both")


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
