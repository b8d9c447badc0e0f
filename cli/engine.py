"""``adain stylize --engine ray``: the same options, the work done by Ray, on this machine or on many."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from adain import defaults
from adain._utils.errors import InputError

from .codes import ALL_FAILED, SOME_FAILED
from .looks import check, one_each

if TYPE_CHECKING:
    from adain.batch.ray.look import Look
    from adain.batch.ray.records import Record

    from .controls import Controls

Command = TypeVar("Command", bound=Callable[..., Any])


def engine_options(command: Command) -> Command:
    """The options of :class:`Engine`."""
    for option in (
        click.option("--name-column", metavar="NAME", help="Column of parquet files that names their pictures."),
        click.option("--image-column", metavar="NAME", help="Column of parquet files that holds the pictures."),
        click.option(
            "--ray-gpus-per-actor", type=click.FloatRange(0.0), metavar="X",
            help="GPUs of each, such as 0.25 for four on one. [default: 1 if there are any]",
        ),
        click.option(
            "--ray-cpus-per-actor", type=click.FloatRange(0.0, min_open=True), metavar="X",
            help="Cores of each. [default: 1]",
        ),
        click.option(
            "--ray-actors", type=click.IntRange(1), metavar="N",
            help="Processes with a model each. [default: as many as the CPUs or GPUs allow]",
        ),
        click.option(
            "--ray-address", metavar="auto|ADDRESS",
            help="Ray cluster to join. [default: a Ray on this machine, for this call]",
        ),
        click.option(
            "--engine", type=click.Choice(defaults.ENGINES), default=defaults.ENGINES[0], show_default=True,
            help="What does the work: this process, or Ray, which also reads and writes .parquet.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


@dataclass(frozen=True)
class Engine:
    """The values of :func:`engine_options`, as click gives them."""

    engine: str
    ray_address: str | None
    ray_actors: int | None
    ray_cpus_per_actor: float | None
    ray_gpus_per_actor: float | None
    image_column: str | None
    name_column: str | None

    @classmethod
    def take(cls, options: dict[str, Any]) -> Engine:
        """Those of a command's options, which are taken out of them.

        Raises:
            InputError: if options of Ray are given without it.
        """
        taken = cls(**{field.name: options.pop(field.name) for field in fields(cls)})
        if not taken.is_ray:
            for field in fields(cls):
                if field.name != "engine" and getattr(taken, field.name) is not None:
                    raise InputError(f"--{field.name.replace('_', '-')} goes with --engine ray")
        return taken

    @property
    def is_ray(self) -> bool:
        """Whether Ray does the work."""
        return self.engine == "ray"

    def run(
        self,
        contents: Sequence[str],
        looks: Sequence[Look],
        output: str | None,
        model: dict[str, Any],
        *,
        skip_existing: bool,
        as_json: bool,
        **settings: Any,
    ) -> int:
        """Do the work and tell of each result as the local engine does; the exit code.

        Args:
            contents: files and folders of images or parquet.
            looks: of :func:`ray_looks`.
            output: of ``-o``.
            model: of :func:`~cli.options.model_options`.
            skip_existing: whether results that are there are left alone.
            as_json: whether stdout has objects or names.
            settings: further arguments of :func:`adain.batch.ray.engine.stylize_dataset`.
        """
        # Before Ray is imported: its own log lines stay in its log files, and it tells nobody of being used.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

        from adain.batch.ray.engine import stylize_dataset

        given = {name: value for name, value in model.items() if value is not None and name != "seed"}
        if self.ray_cpus_per_actor is not None:
            given["cpus_per_actor"] = self.ray_cpus_per_actor
        watcher = _Watcher(as_json)
        # Ray prints from threads of its own to whatever stdout is, and stdout is for results.
        with contextlib.redirect_stdout(sys.stderr), watcher:
            report = stylize_dataset(
                list(contents),
                list(looks),
                output or ".",
                address=self.ray_address,
                actors=self.ray_actors,
                gpus_per_actor=self.ray_gpus_per_actor,
                image_column=self.image_column,
                name_column=self.name_column,
                skip_existing=skip_existing,
                begin=watcher.begin,
                callback=watcher.tell,
                **given,
                **settings,
            )
        if report.failed == report.total:
            return ALL_FAILED
        return SOME_FAILED if report.failed else 0


class _Watcher(contextlib.ExitStack):
    """Results on stdout, failures and a bar on stderr."""

    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self.as_json, self.stdout = as_json, sys.stdout
        self.bar: Any = None

    def begin(self, total: int) -> None:
        from tqdm import tqdm

        hidden = total < 2 or not sys.stderr.isatty()
        self.bar = self.enter_context(tqdm(total=total, unit="image", disable=hidden, file=sys.stderr))

    def tell(self, record: Record) -> None:
        from tqdm import tqdm

        self.bar.update()
        with tqdm.external_write_mode():
            if record["status"] == "failed":
                reason = str(record["reason"])
                named = reason if record["content"] in reason else f"{record['content']}: {reason}"
                click.echo(f"adain stylize: error: {named}", err=True)
            elif self.as_json:
                click.echo(json.dumps(record, ensure_ascii=False), file=self.stdout)
            elif record["status"] == "done":
                click.echo(record["output"], file=self.stdout)


def ray_looks(
    paths: Sequence[Path],
    controls: Controls,
    *,
    alpha: float,
    weights: Sequence[float] | None,
    style_size: int,
    crop: bool,
    masks: Sequence[Any],
) -> list[Look]:
    """What the options ask for; arguments as for :func:`cli.looks.looks`.

    Raises:
        InputError: if options contradict each other.
    """
    from adain.batch.ray.look import Look

    background, own = controls.background_style(), controls.region_alphas()
    colors = one_each(controls.colors(), len(paths), background is not None)
    check(paths, controls, alpha, weights, masks)
    parts = controls.style_mask_paths()
    common: Any = {
        "alpha": alpha,
        "style_size": style_size,
        "fine_style_size": controls.fine_style_size,
        "crop": crop,
        "mask_channel": controls.mask_channel,
    }
    name = "+".join(path.stem for path in paths)
    several: Any = {**common, "style_masks": parts, "color": colors}
    if masks:
        # One mode is for the whole picture, uncovered parts included.
        several |= {"color": colors[0] if len(controls.modes()) < 2 else colors, "masks": [*masks]}
        several |= {"background": background, "feather": controls.feather}
        if own is not None:
            several["alpha"] = [alpha * a for a in own]
        return [Look(paths, name, several)]
    if controls.gradient is not None:
        direction: Any = controls.gradient
        several |= {"feather": controls.feather}
        return [Look(paths, name, several, gradient=direction)]
    if controls.style_grid is not None:
        return [Look(paths, name, several, grid=controls.style_grid)]
    if weights is not None:
        several |= {"weights": weights}
        return [Look(paths, name, several)]
    singles = zip(paths, parts or [None] * len(paths), colors, strict=False)
    made = []
    for path, part, color in singles:
        own_controls: Any = {**common, "color": color, "style_masks": [part] if part else None}
        made.append(Look([path], path.stem, own_controls))
    return made
