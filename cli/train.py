"""``adain train``: a decoder or a fast model of your own, resumable."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import click
from click.core import ParameterSource

from adain import InputError
from adain.training import TrainingConfig, TrainingPlan, TrainingStage, flag

from .options import SNAKE_CASE
from .reporting import SIGNALS, bar, is_quiet, tell, warn

if TYPE_CHECKING:
    from adain.training import TrainingResult


def config_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """A flag for every setting of :class:`TrainingConfig`, with its default and its words."""
    hints = get_type_hints(TrainingConfig)
    for setting in reversed(fields(TrainingConfig)):
        hint, default, name = hints[setting.name], setting.default, flag(setting.name)
        options: dict[str, Any] = {"default": default, "help": setting.metadata["help"]}
        options["show_default"] = default is not None
        if hint is bool:
            name = f"{name}/{name.replace('--', '--no-', 1)}"
        elif isinstance(default, str):
            options["type"] = click.Choice(get_args(hint))
        elif isinstance(default, tuple):
            options |= {"type": float, "nargs": len(default)}
        else:
            options["type"] = next(t for t in (get_args(hint) or (hint,)) if t in (int, float))
        command = click.option(name, setting.name, **options)(command)
    return command


@click.command(context_settings=SNAKE_CASE)
@click.option(
    "--content-dir", "--content", "contents", multiple=True, metavar="PATH",
    help="Folder (searched recursively) or .tar of photographs; may be repeated.",
)  # fmt: skip
@click.option(
    "--style-dir", "--style", "styles", multiple=True, metavar="PATH",
    help="Folder or .tar of artworks; may be repeated.",
)  # fmt: skip
@click.option("-o", "--output", metavar="DIR", help="Folder of the run.")
@click.option("--resume", is_flag=True, help="Go on with the run in --output, with its own settings.")
@click.option("--init-from", metavar="FILE", help="Start from this run's folder, decoder file or shipped model.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@click.option("--cache-dir", metavar="DIR", help="Where decoded images are kept. [default: OUTPUT/cache]")
@click.option(
    "--check", "checking", is_flag=True,
    help="Only try device, precision, compiler and a step, and say how fast it will be and what it will write.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object about the run at its end.")
@config_options
@click.pass_context
def train(
    context: click.Context,
    /,
    contents: tuple[str, ...],
    styles: tuple[str, ...],
    output: str | None,
    resume: bool,
    init_from: str | None,
    device: str,
    cache_dir: str | None,
    checking: bool,
    as_json: bool,
    **settings: Any,
) -> int:
    """Train a decoder, or the fast model, on your own pictures.

    Ctrl-C, SIGTERM and --max-minutes save before they stop; --resume goes on from there, exactly. For several
    GPUs start it with torchrun --nproc-per-node N -m adain train.

    \b
    adain train --content-dir photos/ --style-dir artworks.tar -o run/
    adain train -o run/ --resume
    adain train --check --model fast --batch-size 32
    """
    config = TrainingConfig(**settings).validate()
    if checking:
        if resume:
            raise InputError("--check tries what a run would need and --resume continues one: leave out one of them")
        return _check(_plan_of_one(config, init_from), device, config.max_minutes, as_json)
    if output is None:
        raise click.UsageError("--output is missing: name the folder of the run", context)
    if resume and init_from is not None:
        raise InputError("--init-from starts a new run and --resume continues one: leave out one of them")

    # Imported here: torch takes a second that --help and usage errors need not wait for.
    from adain.training import Ranks, Reporter, Trainer

    is_main = Ranks.from_environment().is_main
    reporter: Reporter = _terminal_reporter() if is_main else Reporter()
    where: dict[str, Any] = {"device": device, "cache_dir": cache_dir, "reporter": reporter}
    if resume:
        explicit = {k for k in settings if context.get_parameter_source(k) is ParameterSource.COMMANDLINE}
        given = {k: getattr(config, k) for k in explicit}
        trainer = Trainer.resume(output, given=given, contents=contents, styles=styles, **where)
    else:
        trainer = Trainer(config, contents, styles, output, init_from=init_from, **where)
    result = trainer.run()
    if is_main:
        _report(result, output, as_json)
    return SIGNALS.get(result.reason, 0)


def _plan_of_one(config: TrainingConfig, init_from: str | None) -> TrainingPlan:
    return TrainingPlan((TrainingStage("run", config, init_from, 1.0),))


def _check(plan: TrainingPlan, device: str, minutes: float | None, as_json: bool) -> int:
    from adain.training import check

    forecast = check(plan, device, minutes=minutes)
    for note in forecast.notes:
        warn(note)
    click.echo(json.dumps(forecast.as_dict()) if as_json else "\n".join(forecast.lines()))
    return 0


def _report(result: TrainingResult, output: str, as_json: bool) -> None:
    progress = result.progress
    if result.reason != "finished":
        why = "time is up" if result.reason == "time" else f"stopped by {result.reason}"
        saved = f"saved at step {progress.step}; continue with adain train -o {output} --resume"
        state = saved if result.checkpoint else "before the first step"
        tell("adain train", f"{why}, {state}", "")
    if as_json:
        paths = {name: getattr(result, name) for name in ("decoder", "encoder", "checkpoint")}
        click.echo(json.dumps({"reason": result.reason, **asdict(progress), **paths}, default=str, ensure_ascii=False))
    else:
        for path in filter(None, (result.encoder, result.decoder)):
            click.echo(path)


def _terminal_reporter() -> Any:
    from tqdm import tqdm

    from adain.training import Record, Reporter

    class TerminalReporter(Reporter):
        """Notes on stderr, and a bar if that is a terminal; neither with ``-q``."""

        bar: Any = None
        kind = ""  # of the images that are decoded

        def note(self, message: str) -> None:
            if not is_quiet():
                tqdm.write(f"adain train: {message}", file=sys.stderr)

        def decoding(self, kind: str, count: int) -> None:
            if kind != self.kind:
                self.close()
                self.kind, self.bar = kind, bar(None, "image", desc=f"decoding {kind}")
            self.bar.update(count - self.bar.n)

        def begin(self, step: int, total: int) -> None:
            self.close()
            self.bar = bar(total, "step", initial=step)

        def advance(self, step: int) -> None:
            self.bar.update(step - self.bar.n)

        def record(self, record: Record) -> None:
            names = ("loss", "content", "style", "identity", "samples_per_s", "lr")
            self.bar.set_postfix({k: f"{record[k]:.3g}" for k in names if record.get(k)}, refresh=False)

        def close(self) -> None:
            if self.bar is not None:
                self.bar.close()

    return TerminalReporter()
