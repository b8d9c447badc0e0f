"""``adain video``: a video or a folder of frames in, a painted one out."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adain._utils.resources import resolve
from adain.video import VideoOptions

from .options import SNAKE_CASE, OneCommand, label_styles, options_of, take
from .reporting import SIGNALS, bar, tell, warn

if TYPE_CHECKING:
    from adain.video import VideoProgress


@click.command(cls=OneCommand, context_settings=SNAKE_CASE)
@click.argument("paths", nargs=-1, metavar="VIDEO STYLE...")
@click.option("-o", "--output", help="Video, animation, folder or frame-%05d.png. [default: VIDEO_stylized_STYLE]")
@click.option("--morph", is_flag=True, help="Pass from each STYLE to the next, evenly over the video.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object on stdout instead of the output's name.")
@options_of(VideoOptions, place="video")
def video(paths: tuple[str, ...], output: str | None, morph: bool, as_json: bool, **values: Any) -> int:
    """Give a video the style of artworks.

    The first path is the video, an animated GIF, PNG, WebP or AVIF, or a folder or frame-%05d.png of frames; every
    further one is an artwork. Several are blended, take one --mask each, or follow each other with --morph or --key.
    The same command goes on with a job that was interrupted.

    \b
    adain video in.mp4 wave.jpg -o out.mp4 --stability
    adain video in.mp4 wave.jpg harbour.jpg -o out.mp4 --morph
    adain video in.mp4 -o out.mp4 --key 0:wave.jpg --key 3.5:harbour.jpg --key 100%:wave.jpg:0.5
    adain video frames/ wave.jpg -o out.mp4 --fps 24
    adain video in.mp4 wave.jpg -o out/%05d.png
    adain video anim.gif wave.jpg -o out.gif
    """
    labelled, typed = label_styles(values), paths[1:]
    if not paths:
        raise click.UsageError("no video given: adain video VIDEO STYLE -o OUT")
    if values["label_map"] is not None:
        if typed:
            raise click.UsageError("with --label-map each style is given by --label, not as a path")
        typed = tuple(labelled)
    if values["keys"] and (typed or morph):
        raise click.UsageError("--key names the styles itself: leave the other styles and --morph out")
    if not typed and not values["keys"]:
        raise click.UsageError(f"no style given for {paths[0]}: adain video VIDEO STYLE -o OUT")

    from adain.video import require_av, spread_keys

    styles = [resolve(name, "style") for name in typed]
    if morph:
        values["keys"] = spread_keys(styles)
    else:
        values["keys"] = [dataclasses.replace(k, style=resolve(str(k.style), "style")) for k in values["keys"]]
    options = take(VideoOptions, values)
    require_av()
    named = [Path(str(key.style)) for key in options.keys] or styles
    return _run(paths[0], None if options.keys else styles, output or _output_name(paths[0], named), options, as_json)


def _output_name(source: str, styles: Sequence[Path]) -> str:
    """``{video}_stylized_{styles}`` in the current folder, in the video's own format where that can be written."""
    from adain.video import ANIMATIONS, CONTAINERS, is_pattern, is_sequence

    path = Path(source)
    stem = path.stem
    if is_sequence(source):
        stem = Path(os.path.abspath(path.parent if is_pattern(path) else path)).name
    own = "" if is_sequence(source) else path.suffix.lower()
    suffix = own if own in (*CONTAINERS, *ANIMATIONS) else ".mp4"
    return f"{stem}_stylized_{'+'.join(dict.fromkeys(style.stem for style in styles))}{suffix}"


def _run(source: str, styles: Sequence[Path] | None, output: str, options: VideoOptions, as_json: bool) -> int:
    """Do it with a progress bar, warnings on stderr, and Ctrl-C between two frames."""
    from adain._utils.signals import CODES, StopFlag
    from adain.video import VideoStopped, stylize_video

    with StopFlag() as flag, bar(None, "frame") as shown:

        def progress(event: VideoProgress) -> bool:
            if shown.total is None and event.frames:
                shown.total = event.frames
            if event.frame > shown.n and shown.n == 0 and event.resumed:
                # The speed is that of this run.
                shown.initial = shown.n = event.resumed
                shown.unpause()
            shown.update(event.frame - shown.n)
            return flag.code != 0

        try:
            result = stylize_video(source, styles, output, options.change(progress=progress, warn=warn))
        except VideoStopped as error:
            shown.close()
            tell("adain video", f"{error}; the same command goes on from there", kind=CODES[flag.code])
            return SIGNALS.get(CODES[flag.code], 1)
    flaws = {"skipped": result.skipped, "kept with flaws": result.damaged}
    if any(flaws.values()):
        told = ", ".join(f"{count} {flaw}" for flaw, count in flaws.items() if count)
        warn(f"damaged frames in the source: {told}")
    record = dataclasses.asdict(result) | {"output": os.fspath(result.output), "fps": round(result.fps, 3)}
    record["seconds"] = round(result.seconds, 3)
    click.echo(json.dumps(record, ensure_ascii=False) if as_json else record["output"])
    return 0
