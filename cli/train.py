"""``adain train``: a decoder or a fast model of your own, resumable."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import click
from click.core import ParameterSource

from adain import InputError
from adain._utils.process import age
from adain.training import TrainingConfig, TrainingPlan, TrainingStage, flag, plan_path, read_plan

from .options import SNAKE_CASE
from .reporting import SIGNALS, SOME_FAILED, bar, is_quiet, tell, warn

if TYPE_CHECKING:
    from adain.training import PlanRun, TrainingResult

UNPLANNED = ("model", "max_minutes")
"""Settings that a plan has for each of its stages."""

GOES_ON_WITH = ("output", "resume", "minutes", "device", "as_json")
"""What may be given when the run of a plan is taken up again."""


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
@click.option("--plan", metavar="FILE", help="Run the stages of this .toml file, or of the plan called shipped.")
@click.option("--minutes", type=float, metavar="M", help="With --plan: time for everything, from now to the report.")
@click.option(
    "--eval-dir", metavar="DIR",
    help="With --plan: score every stage on the pictures in DIR/content in the style of those in DIR/style.",
)  # fmt: skip
@click.option("--eval-size", type=click.IntRange(32), default=512, show_default=True, help="Side of those pictures.")
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
    plan: str | None,
    minutes: float | None,
    eval_dir: str | None,
    eval_size: int,
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
    adain train --plan shipped --minutes 12 --content-dir photos/ --style-dir artworks.tar -o run/
    """
    begun = time.monotonic() - age()
    explicit = [k for k in context.params if context.get_parameter_source(k) is ParameterSource.COMMANDLINE]
    given = {k: settings[k] for k in explicit if k in settings}
    goes_on_with_plan = resume and output is not None and not checking and _is_plan_run(output)
    _check_plan_flags(explicit, goes_on_with_plan)
    if checking:
        if resume:
            raise InputError("--check tries what a run would need and --resume continues one: leave out one of them")
        if plan is not None:
            return _check(read_plan(plan_path(plan), given), device, minutes, as_json)
        config = TrainingConfig(**settings).validate()
        alone = TrainingPlan((TrainingStage("", config, init_from, 1.0),))
        return _check(alone, device, config.max_minutes, as_json)
    if output is None:
        raise click.UsageError("--output is missing: name the folder of the run", context)
    if resume and init_from is not None:
        raise InputError("--init-from starts a new run and --resume continues one: leave out one of them")
    if plan is not None or goes_on_with_plan:
        sources: dict[str, Any] = {"contents": contents, "styles": styles, "cache_dir": cache_dir}
        sources |= {"evaluation": eval_dir, "evaluation_size": eval_size}
        return _run_plan(plan, sources, output, minutes, given, device, begun, as_json)
    config = TrainingConfig(**settings).validate()

    # Imported here: torch takes a second that --help and usage errors need not wait for.
    from adain.training import Ranks, Reporter, Trainer

    is_main = Ranks.from_environment().is_main
    reporter: Reporter = _terminal_reporter() if is_main else Reporter()
    where: dict[str, Any] = {"device": device, "cache_dir": cache_dir, "reporter": reporter}
    if resume:
        trainer = Trainer.resume(output, given=given, contents=contents, styles=styles, **where)
    else:
        trainer = Trainer(config, contents, styles, output, init_from=init_from, **where)
    result = trainer.run()
    if is_main:
        _report(result, output, as_json)
    return SIGNALS.get(result.reason, 0)


def _check_plan_flags(explicit: list[str], goes_on: bool) -> None:
    """Refuse what contradicts a plan, or means nothing without one.

    Args:
        explicit: parameters that the command line has.
        goes_on: whether the run of a plan is taken up again.
    """
    if goes_on:
        for name in explicit:
            if name not in GOES_ON_WITH:
                words = f"{_flag_of(name)} cannot be changed in a plan's run"
                raise InputError(f"{words}: --resume takes -o, --minutes, --device and --json")
    elif "plan" not in explicit:
        for name in ("minutes", "eval_dir", "eval_size"):
            if name in explicit:
                fix = ": a run without one has --max-minutes" if name == "minutes" else ""
                raise InputError(f"{flag(name)} is for --plan{fix}")
    elif "resume" in explicit:
        raise InputError("--plan starts a run and --resume continues one, with its own plan: leave out one of them")
    elif "minutes" not in explicit:
        raise InputError("--plan needs --minutes, which its stages share")
    elif "init_from" in explicit:
        raise InputError("--init-from is not for a plan: a stage says what it starts from")
    else:
        for name in UNPLANNED:
            if name in explicit:
                raise InputError(f"{flag(name)} is not for a plan: it has its own for every stage")


def _flag_of(name: str) -> str:
    return {"contents": "--content-dir", "styles": "--style-dir"}.get(name, flag(name))


def _is_plan_run(output: str) -> bool:
    from adain.training import PlanRun

    return PlanRun.is_one(output)


def _check(plan: TrainingPlan, device: str, minutes: float | None, as_json: bool) -> int:
    from adain.training import check

    forecast = check(plan, device, minutes=minutes)
    for note in forecast.notes:
        warn(note)
    click.echo(json.dumps(forecast.as_dict()) if as_json else "\n".join(forecast.lines()))
    return 0


def _run_plan(
    plan: str | None,
    sources: dict[str, Any],
    output: str,
    minutes: float | None,
    given: dict[str, Any],
    device: str,
    begun: float,
    as_json: bool,
) -> int:
    """Run a plan, or go on with one; the exit code."""
    from adain.training import PlanRun, PlanSources

    how: dict[str, Any] = {"device": device, "reporter": _terminal_reporter(), "begun": begun}
    run: PlanRun
    if plan is None:
        run = PlanRun.resume(output, minutes=minutes, **how)
    else:
        for name, kind in (("contents", "--content-dir"), ("styles", "--style-dir")):
            if not sources[name]:
                raise InputError(f"{kind} is missing: name a folder of images or a .tar file")
        text = plan_path(plan)
        read_plan(text, given)
        run = PlanRun(
            text.read_text(encoding="utf-8"), PlanSources(**sources), output, minutes=minutes or 0, given=given, **how
        )
    result = run.run()
    if as_json:
        click.echo(result.report.read_text(encoding="utf-8"), nl=False)
    else:
        for path in (path for stage in result.stages for path in stage.files):
            click.echo(f"{output}/{path}" if not output.endswith("/") else f"{output}{path}")
    if result.reason != "finished":
        why = "time is up" if result.reason == "time" else f"stopped by {result.reason}"
        tell("adain train", f"{why}; continue with adain train -o {output} --resume", "")
    failed = any(stage.outcome == "failed" for stage in result.stages)
    return SIGNALS.get(result.reason, SOME_FAILED if failed else 0)


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
