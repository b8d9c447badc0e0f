"""Videos: warping error and flicker with and without steadying, and frames a second from file to file.

Without the name of another, the former: a camera moves over a photograph, alone or with a disc of another before it, by
parts of a pixel; the flow is known, and so is what comes into view. The warping error is the mean squared difference of
a result and the one before it, moved along that flow, over what both show (adain.image.warp). Flicker is the mean
absolute change from frame to frame of a scene that stands still, clean and with the noise of a sensor, in 255ths.
Sharpness is the mean absolute step between neighbouring pixels of the last frame over that of frames painted each for
itself: steadying by blurring would show there. All on the frames themselves, before any encoder. Ratios are to
stability 0, of the same run.

``speed`` takes turns at whole videos, from file to file, and at the networks alone on as many frames of that size, with
the same threads, each model at each size in a process of its own. The ratio of the two rates is taken round by round.
Where the networks keep every core busy, it is bounded by what decoding and encoding take of the cores; so the seconds
that all cores together worked on a frame are given, too.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, get_args

import click
import torch
from torch import Tensor

from adain import Style, Stylizer, read_image
from adain._utils.resources import sample_folder
from adain.image import center_crop_square, resize_shorter, to_tensor
from adain.metrics import warping_error
from adain.options import Backend, Options
from adain.video import STABILITY_ON, Steadier, VideoOptions

from . import options
from .frame_rates import measure
from .measuring import Spread, describe, ratio, row, table
from .motion import Camera, KnownFrame, moving_view
from .processes import Process

NOISE = 3 / 255
"""Deviation of the noise of a sensor, in ``[0, 1]``."""


MOTIONS = {
    "pan": (Camera((1.7, 0.6)), False),
    "zoom and turn": (Camera(zoom=1.01, turn=0.7), False),
    "moving disc": (Camera((1.3, -0.4)), True),
}
"""How the camera moves, and whether something stands before the photograph."""


@dataclass
class Score:
    """Of one scene, one style and one strength; the lists have a figure for each frame but the first."""

    errors: list[float] = field(default_factory=list)
    changes: list[float] = field(default_factory=list)
    source: list[float] = field(default_factory=list)
    detail: float = 0.0
    seconds: float = 0.0


def photo(name: str, size: int) -> Tensor:
    """A sample photograph with that shorter side."""
    picture = read_image(sample_folder("content") / f"{name}.jpg").convert("RGB")
    return resize_shorter(to_tensor(center_crop_square(picture) if name == "chelsea" else picture), size)


def still(picture: Tensor, frames: int, noise: float) -> Iterable[KnownFrame]:
    """A scene in which nothing moves."""
    generator = torch.Generator().manual_seed(0)
    flow, seen = torch.zeros(1, 2, *picture.shape[2:]), torch.ones(1, 1, *picture.shape[2:])
    for _ in range(frames):
        yield KnownFrame((picture + noise * torch.randn(picture.shape, generator=generator)).clamp(0, 1), flow, seen)


def score(stylizer: Stylizer, style: Style, scene: Iterable[KnownFrame], stability: float) -> Score:
    """Paint a scene and measure it."""
    steadier, before, result = Steadier(stability), None, Score()
    for frame in scene:
        start = time.perf_counter()
        content = stylizer.encode_content(frame.image)
        output = stylizer.decode(content, steadier.target(style, content.features))
        output = steadier.blend(output, content.colors()).cpu()
        result.seconds += time.perf_counter() - start
        if before is not None:
            result.errors.append(float(warping_error(output, before[0], frame.flow, frame.visible)))
            result.changes.append(255 * float((output - before[0]).abs().mean()))
            result.source.append(255 * float((frame.image - before[1]).abs().mean()))
        result.detail = float((output[..., 1:] - output[..., :-1]).abs().mean())
        before = (output, frame.image)
    return result


@click.group(help=__doc__, invoke_without_command=True)
@options.size(default=256, help="Height of the frames in px.")
@click.option("--frames", type=int, default=12, help="Of each scene.")
@click.option("--styles", "count", type=int, default=2, help="How many sample artworks.")
@click.option("--stability", type=options.floats, default=f"0,0.5,{STABILITY_ON},1",
              help="Strengths, with commas between them; ratios are to the first.")  # fmt: skip
@options.device()
@click.pass_context
@torch.no_grad()
def main(context: click.Context, size: int, frames: int, count: int, stability: list[float], device: str) -> None:
    if context.invoked_subcommand is not None:
        return
    stylizer = Stylizer.from_pretrained(device=device)
    arts = sorted(sample_folder("style").glob("*.jpg"))[:count]
    styles = [stylizer.encode_style(art, size=min(Options.style_size, 2 * size)) for art in arts]
    view = (size, size * 4 // 3)
    wide, disc = photo("cincinnati-bridge", 2 * size), photo("chelsea", size // 2)

    print(f"{view[1]} x {view[0]} px, {frames} frames, {len(styles)} styles; {describe()}\n")
    print(table("motion | stability | warping error | ratio | sharpness | seconds a frame"))
    for name, (camera, has_front) in MOTIONS.items():
        base: list[Score] = []
        for strength in stability:
            how: dict[str, Any] = {"front": disc if has_front else None, "front_pan": (-2.2, 0.3)}
            found = [score(stylizer, s, moving_view(wide, view, frames, camera, **how), strength) for s in styles]
            base = base or found
            errors = [statistics.mean(f.errors) for f in found]
            error, seconds = statistics.mean(errors), statistics.mean(f.seconds for f in found) / frames
            ratio = statistics.mean(e / statistics.mean(b.errors) for e, b in zip(errors, base, strict=True))
            sharp = statistics.mean(f.detail / b.detail for f, b in zip(found, base, strict=True))
            cells = (name, f"{strength:g}", f"{error:.5f}", f"{ratio:.2f}", f"{sharp:.2f}", f"{seconds:.2f}")
            print(row(cells), flush=True)

    print()
    print(table("still scene | stability | change of the source | change of the result | beyond the source + 1"))
    picture = resize_shorter(wide, size)
    for name, noise in (("clean", 0.0), ("with noise", NOISE)):
        for strength in stability:
            found = [score(stylizer, style, still(picture, frames, noise), strength) for style in styles]
            source = statistics.mean(statistics.mean(f.source) for f in found)
            result = statistics.mean(statistics.mean(f.changes) for f in found)
            verdict = "yes" if result > source + 1 else "no"
            print(row((name, f"{strength:g}", f"{source:.2f}", f"{result:.2f}", verdict)), flush=True)


@main.command()
@click.option("--models", type=options.names, default="fast,vgg19", help="Of the registry, with commas between.")
@click.option("--sizes", type=options.names, default="512x288,1280x720", help="Of the frames, with commas between.")
@click.option("--backend", type=click.Choice(get_args(Backend)), default="auto", help="What computes the networks.")
@click.option("--preset", help="Of the encoder.")
@click.option("--strength", type=float, default=0.0, help="The videos' --stability.")
@click.option("--seconds", type=float, default=6.0, help="That the networks take a round, about.")
@options.runs(default=3)
def speed(
    models: list[str],
    sizes: list[str],
    backend: Backend,
    preset: str | None,
    strength: float,
    seconds: float,
    runs: int,
) -> None:
    """Frames a second from file to file, against those of the networks alone."""
    print(f"{describe()}\n")
    head = "model | size | by | frames | networks, frames/s | video, frames/s | video / networks"
    print(table(f"{head} | networks, CPU ms/frame | video, CPU ms/frame"))
    for model, size in itertools.product(models, sizes):
        width, height = map(int, size.split("x"))
        how = VideoOptions(model=model, backend=backend, preset=preset, stability=strength)
        with Process(f"{model} at {size}") as process:
            found = process.do(measure, how, (width, height), seconds, runs)
        rates = [Spread.of([1 / s for s in each]) for each in (found.networks, found.video)]
        busy = [f"{1000 * statistics.median(each):.1f}" for each in (found.networks_cpu, found.video_cpu)]
        cells = (model, size, found.backend, found.frames, *rates, ratio(found.networks, found.video), *busy)
        print(row(cells), flush=True)
