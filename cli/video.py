"""``adain video``: a video or a folder of frames in, a painted one out."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from adain import defaults
from adain._utils.errors import InputError

from .controls import BareColorFlag, Controls, color_options, parse_numbers, region_options
from .options import SNAKE_CASE, load_stylizer, model_options
from .reporting import SIGNALS

if TYPE_CHECKING:
    from adain.video import Key, VideoProgress, VideoResult

Command = TypeVar("Command", bound=Callable[..., Any])

STABILITY = "--stability"


class BareFlags(BareColorFlag):
    """A command whose ``--stability`` may stand alone, too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, complete_stability(args))


def complete_stability(args: Sequence[str]) -> list[str]:
    """``args`` with ``--stability`` given its usual strength wherever no number follows it."""
    done: list[str] = []
    for k, arg in enumerate(args):
        if arg == "--":
            return [*done, *args[k:]]
        alone = arg == STABILITY and not _is_number(args[k + 1] if k + 1 < len(args) else "")
        done.append(f"{STABILITY}={defaults.STABILITY_ON}" if alone else arg)
    return done


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return not Path(text).exists()  # a file may be called 1


def file_options(command: Command) -> Command:
    """How the result is timed, encoded and kept."""
    for option in (
        click.option("--restart", is_flag=True, help="Begin anew even if an interrupted job could be gone on with."),
        click.option(
            "--save-every", type=click.IntRange(1), default=defaults.SAVE_EVERY, show_default=True, metavar="N",
            help="Frames between two points that an interrupted job can go on from.",
        ),
        click.option(
            "--quality", type=click.IntRange(1, 100), default=defaults.JPEG_QUALITY, show_default=True,
            help="Of JPEG and WebP pictures.",
        ),
        click.option("--pixel-format", help=f"Of the encoder, e.g. yuv444p. [default: {defaults.VIDEO_PIXEL_FORMAT}]"),
        click.option("--preset", help="Speed of the encoder, e.g. slow."),
        click.option("--crf", type=click.FloatRange(0.0), help="Quality of the encoder; lower is better."),
        click.option(
            "--codec", help="Encoder: h264, h265, vp9, av1, or a name of FFmpeg's. [default: h264; vp9 for .webm]"
        ),
        click.option("--no-audio", is_flag=True, help="Leave sound and subtitles out."),
        click.option(
            "--fps", metavar="RATE",
            help=f"Frames a second of a folder of pictures ({defaults.VIDEO_FPS} by default), or to change a video to.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command(cls=BareFlags, context_settings=SNAKE_CASE)
@click.argument("paths", nargs=-1, metavar="VIDEO STYLE...")
@click.option("-o", "--output", help="Video, folder or frame-%05d.png. [default: VIDEO_stylized_STYLE]")
@click.option("--alpha", type=click.FloatRange(0.0, 1.0), default=defaults.ALPHA, show_default=True,
              help="Strength: 0 is the video, 1 the full style.")  # fmt: skip
@click.option(STABILITY, type=click.FloatRange(0.0, 1.0), default=defaults.STABILITY, metavar="[S]",
              help=f"Steady colours and strokes, 0 to 1; alone: {defaults.STABILITY_ON}. [default: off]")  # fmt: skip
@click.option("--key", "keys", multiple=True, metavar="TIME:STYLE[:ALPHA]",
              help="A style at a moment, in seconds or per cent; styles pass from key to key.")  # fmt: skip
@click.option("--morph", is_flag=True, help="Pass from each STYLE to the next, evenly over the video.")
@click.option("--style-weights", help="Blend all styles into one, e.g. 0.7,0.3 (scaled to sum 1).")
@click.option("--content-size", type=click.IntRange(0), default=defaults.CONTENT_SIZE, show_default=True,
              help="Shorter side of the result in px; 0 keeps the video's size.")  # fmt: skip
@click.option("--style-size", type=click.IntRange(0), default=defaults.STYLE_SIZE, show_default=True,
              help="Shorter side the artwork is scaled to in px; larger gives coarser strokes.")  # fmt: skip
@click.option("--fine-style-size", type=click.IntRange(0),
              help="Fine texture from the artwork at this size in px, coarse structure from --style-size.")  # fmt: skip
@region_options
@color_options
@file_options
@click.option("--json", "as_json", is_flag=True, help="A JSON object on stdout instead of the output's name.")
@model_options
def video(
    paths: tuple[str, ...],
    output: str | None,
    alpha: float,
    stability: float,
    keys: tuple[str, ...],
    morph: bool,
    style_weights: str | None,
    content_size: int,
    style_size: int,
    fine_style_size: int | None,
    fps: str | None,
    no_audio: bool,
    codec: str | None,
    crf: float | None,
    preset: str | None,
    pixel_format: str | None,
    quality: int,
    save_every: int,
    restart: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Give a video the style of artworks.

    The first path is the video, or a folder or frame-%05d.png of its frames; every further one is an artwork. Several
    are blended, take one --mask each, or follow each other with --morph or --key. The same command goes on with a job
    that was interrupted.

    \b
    adain video in.mp4 wave.jpg -o out.mp4 --stability
    adain video in.mp4 wave.jpg harbour.jpg -o out.mp4 --morph
    adain video in.mp4 -o out.mp4 --key 0:wave.jpg --key 3.5:harbour.jpg --key 100%:wave.jpg:0.5
    adain video frames/ wave.jpg -o out.mp4 --fps 24
    adain video in.mp4 wave.jpg -o out/%05d.png
    """
    controls = Controls.take(options)
    styles = list(paths[1:])
    if not paths:
        raise click.UsageError("no video given: adain video VIDEO STYLE -o OUT")
    if controls.label_map is not None:
        if styles:
            raise click.UsageError("with --label-map each style is given by --label, not as a path")
        styles = [str(path) for _, path in controls.label_styles()]
    if keys and (styles or morph):
        raise click.UsageError("--key names the styles itself: leave the other styles and --morph out")
    if not styles and not keys:
        raise click.UsageError(f"no style given for {paths[0]}: adain video VIDEO STYLE -o OUT")
    weights = None if style_weights is None else parse_numbers("--style-weights", style_weights)

    from adain.image.io import DEFAULT_MAX_PIXELS
    from adain.video import Key, parse_key, spread_keys, stylize_video
    from adain.video.media import require_av

    require_av()
    moments: list[Key] = [parse_key(key) for key in keys]
    if moments and alpha != defaults.ALPHA:
        moments = [Key(key.time, key.style, key.alpha * alpha, key.percent) for key in moments]
    if morph:
        moments = spread_keys(styles, alpha)
    masks: list[Any] = [*controls.masks]
    if controls.label_map is not None:
        masks = [*controls.label_masks(options["max_pixels"] or DEFAULT_MAX_PIXELS)]
    colors = controls.colors()
    arguments: dict[str, Any] = {
        "keys": moments,
        "stability": stability,
        "alpha": defaults.ALPHA if moments else alpha,
        "weights": weights,
        "masks": masks or None,
        "mask_channel": controls.mask_channel,
        "style_masks": controls.style_mask_paths(),
        "feather": controls.feather,
        "background": controls.background_style(),
        "color": colors[0] if len(colors) == 1 else colors or None,
        "content_size": content_size,
        "style_size": style_size,
        "fine_style_size": fine_style_size,
        "fps": fps,
        "audio": not no_audio,
        "codec": codec,
        "crf": crf,
        "preset": preset,
        "pixel_format": pixel_format,
        "quality": quality,
        "save_every": save_every,
        "restart": restart,
    }
    target = output or _output_name(paths[0], [str(key.style) for key in moments] or styles)
    given = [*styles, *(str(key.style) for key in moments), *controls.masks, *controls.style_masks]
    if Path(target).resolve() in {Path(path).resolve() for path in given}:
        raise InputError(f"{target} is also an input and would be replaced: choose another -o")
    stylizer = load_stylizer(**options)
    style: Any = None if moments else (styles[0] if len(styles) == 1 else styles)
    if masks:
        style = styles
    return _run(lambda **more: stylize_video(paths[0], style, target, stylizer=stylizer, **arguments, **more), as_json)


def _output_name(source: str, styles: Sequence[str]) -> str:
    """``{video}_stylized_{styles}`` in the current folder, in the video's own format where that can be written."""
    from adain.video.codecs import CONTAINERS
    from adain.video.sequence import is_sequence

    path = Path(source)
    pictures = is_sequence(source)
    stem = Path(os.path.abspath(path.parent if "%" in path.name else path)).name if pictures else path.stem
    suffix = path.suffix.lower() if path.suffix.lower() in CONTAINERS else ".mp4"
    return f"{stem}_stylized_{'+'.join(dict.fromkeys(Path(style).stem for style in styles))}{suffix}"


def _run(work: Callable[..., VideoResult], as_json: bool) -> int:
    """Do it with a progress bar, warnings on stderr, and Ctrl-C between two frames."""
    from tqdm import tqdm

    from adain._utils.signals import CODES, StopFlag
    from adain.video import VideoStopped

    def warn(message: str) -> None:
        with tqdm.external_write_mode():
            click.echo(f"adain video: warning: {message}", err=True)

    hidden = not sys.stderr.isatty()
    with StopFlag() as flag, tqdm(unit="frame", disable=hidden, file=sys.stderr, dynamic_ncols=True) as bar:

        def watch(progress: VideoProgress) -> bool:
            if bar.total is None and progress.frames:
                bar.total = progress.frames
            if progress.frame > bar.n and bar.n == 0 and progress.resumed:
                # The speed is that of this run.
                bar.initial = bar.n = progress.resumed
                bar.unpause()
            bar.update(progress.frame - bar.n)
            return flag.code != 0

        try:
            result = work(callback=watch, warn=warn)
        except VideoStopped as error:
            reason = CODES[flag.code]
            bar.close()
            click.echo(f"adain video: {reason}: {error}; the same command goes on from there", err=True)
            return SIGNALS.get(reason, 1)
    if result.skipped or result.damaged:
        parts = [f"{result.skipped} skipped" if result.skipped else "", f"{result.damaged} kept with flaws"
                 if result.damaged else ""]  # fmt: skip
        warn(f"damaged frames in the source: {', '.join(filter(None, parts))}")
    record = {
        "output": os.fspath(result.output),
        "frames": result.frames,
        "width": result.width,
        "height": result.height,
        "shots": result.shots,
        "skipped": result.skipped,
        "damaged": result.damaged,
        "resumed": result.resumed,
        "fps": round(result.fps, 3),
        "seconds": round(result.seconds, 3),
    }
    click.echo(json.dumps(record, ensure_ascii=False) if as_json else record["output"])
    return 0
