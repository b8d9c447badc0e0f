"""``adain specialise``: a decoder of its own for one artwork, in that style's file."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from typing import Any

import click

from adain._utils.process import age
from adain.options import plural
from adain.special import SpecialOptions

from .options import SNAKE_CASE, OneCommand, options_of, pictures, take
from .reporting import SIGNALS, bar, is_quiet, tell

COMMAND = "adain specialise"


@click.command(cls=OneCommand, context_settings=SNAKE_CASE)
@click.argument("artworks", nargs=-1, metavar="ARTWORK...", shell_complete=pictures)
@click.option("-o", "--output", metavar="FILE", help="The style's file, such as wave.style.safetensors.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object about the run at its end.")
@options_of(SpecialOptions, without=SpecialOptions.unserved())
def specialise(artworks: tuple[str, ...], output: str | None, as_json: bool, **values: Any) -> int:
    """Train a change of the decoder for one artwork.

    Several artworks that belong together become one style, their mean; a folder stands for its pictures. The file
    serves wherever an artwork does: a photograph in its style comes nearer to the artwork than the decoder for all
    styles takes it. Figures and a sheet of before and after lie in the run's folder beside the file.

    \b
    adain specialise great-wave.jpg -o wave.style.safetensors --minutes 10
    adain specialise -o wave.style.safetensors --resume
    adain stylize photo.jpg wave.style.safetensors

    Ctrl-C, SIGTERM and kill -9 lose half a minute at most: the same command with --resume goes on.
    """
    begun = time.monotonic() - age()
    options = take(SpecialOptions, values)
    if output is None:
        raise click.UsageError(f"--output is missing: {COMMAND} ARTWORK -o NAME.style.safetensors")
    if not artworks and not options.resume:
        raise click.UsageError(f"no artwork given: {COMMAND} ARTWORK -o {output}")

    from adain.batch import find
    from adain.special import Specialiser

    found = [art.path for art in find(artworks)]
    reporter = _terminal_reporter(begun)
    run = Specialiser(found, output, options.change(reporter=reporter), begun=begun)
    reporter.total = None if run.options.steps is not None else run.minutes
    result = run.run()
    if result.reason != "finished":
        so_far = f"; the style so far is {result.output}" if result.output else ""
        again = f"continue with {COMMAND} -o {output} --resume" if run.can_resume else "the same command begins anew"
        tell(COMMAND, f"stopped by {result.reason} at step {result.steps}{so_far}; {again}", "")
        return SIGNALS.get(result.reason, 1)
    if as_json:
        click.echo(json.dumps(asdict(result), default=str, ensure_ascii=False))
        return 0
    click.echo(result.output)
    if not is_quiet() and result.general and result.special:
        before, after = result.general, result.special
        kind = "" if result.unseen else " that it was trained on"
        over = plural(result.photographs, "photograph")
        told = (
            f"style residual {before.style_residual:.3f} -> {after.style_residual:.3f}, content distance "
            f"{before.content_distance:.3f} -> {after.content_distance:.3f}, over {over}{kind}; "
            f"{plural(result.steps, 'step')}; {result.folder}/sheet.jpg shows both"
        )
        tell(COMMAND, told, "")
    return 0


def _terminal_reporter(begun: float) -> Any:
    from tqdm import tqdm

    from adain.training import Record, Reporter

    class SpecialReporter(Reporter):
        """Notes on stderr, and a bar of the time or the steps if that is a terminal; neither with ``-q``."""

        total: float | None = None  # minutes, where time ends the run
        bar: Any = None

        def note(self, message: str) -> None:
            if not is_quiet():
                tqdm.write(f"{COMMAND}: {message}", file=sys.stderr)

        def decoding(self, kind: str, count: int) -> None:
            if self.bar is None:
                self.bar = bar(None, "image", desc=f"decoding {kind}")
            self.bar.update(count - self.bar.n)

        def begin(self, step: int, total: int) -> None:
            self.close()
            whole = None if self.total is None else round(60 * self.total)
            self.bar = bar(total, "step", initial=step) if whole is None else bar(whole, "s", initial=self._gone())

        def advance(self, step: int) -> None:
            self.bar.update((step if self.total is None else self._gone()) - self.bar.n)

        def record(self, record: Record) -> None:
            shown = {"style": record["style"], "content": record["content"], "step": record["step"]}
            self.bar.set_postfix({k: f"{v:.4g}" for k, v in shown.items() if v is not None}, refresh=False)

        def _gone(self) -> int:
            return min(int(time.monotonic() - begun), round(60 * (self.total or 0)))

        def close(self) -> None:
            if self.bar is not None:
                self.bar.close()
                self.bar = None

    return SpecialReporter()
