"""Time what colour handling and regions add to a stylisation, side by side in one run.

Each run times the plain pass (picture in, picture out, styles encoded before) and every variant, one after the
other; a ratio is a variant's time over that of the plain passes just before and just after it, and the median of the
ratios is given with their spread. Targets: colour at most 1.05, R regions at most 1 + 0.15 R. A few per cent are
less than the noise of a busy machine: ``*_step`` are the times of the colour handling, or of laying the masks and
their AdaIN, alone over the plain pass, and settle it.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial

import click
import torch

from adain import ColorPreservation, Region, Regions, Stylizer
from adain.control import Placement, keep_colors, ramp
from adain.image import open_source
from adain.nn import regional_instance_norm
from adain.options import Options
from adain.stylizer import Look

from . import options
from .measuring import ART, Spread, seconds, show, square


def bands(count: int, size: int) -> list[torch.Tensor]:
    """Vertical bands that overlap softly and cover the picture."""
    place = ramp((size, size), "horizontal")[0, 0] * count
    return [(1.5 - (place - k - 0.5).abs() * 1.5).clamp(0.0, 1.0) for k in range(count)]


@click.command(help=__doc__)
@options.size(default=1024)
@options.runs(default=5)
@click.option("--regions", type=int, default=4, help="Up to how many.")
@options.as_json
@torch.no_grad()
def main(size: int, runs: int, regions: int, as_json: bool) -> None:
    stylizer = Stylizer.from_pretrained(device="cpu")
    photo, style = square(size), stylizer.encode_style(ART)
    content = stylizer.encode_content(photo)
    output = stylizer.decode(content, style)
    art_pixels = open_source(ART, size=Options.style_size).to_tensor()

    def lay(look: Look) -> None:
        placed = look.resolve(stylizer, content).target
        assert isinstance(placed, Placement)
        means, stds = zip(*((each.mean, each.std) for each in placed.styles), strict=True)
        regional_instance_norm(content.features, means, stds, placed.cells, placed.alphas)

    plain: Callable[..., object] = partial(stylizer.stylize, photo, style)
    variants: dict[str, Callable[[], object]] = {"luminance": partial(plain, color="luminance")}
    steps: dict[str, Callable[[], object]] = {
        f"{mode}_step": partial(ColorPreservation(mode).apply_to_style, art_pixels, content.colors())
        for mode in ("linear", "histogram")
    }
    for name, color in (("", ColorPreservation("luminance")), ("_lab", ColorPreservation("luminance", "lab"))):
        steps[f"luminance{name}_step"] = partial(keep_colors, output, content.colors, [(color, 1.0)])
    for count in range(1, regions + 1):
        masks = bands(count, size)
        variants[f"regions_{count}"] = partial(stylizer.stylize, photo, [style] * count, masks=masks)
        steps[f"regions_{count}_step"] = partial(lay, Look(Regions([Region(style, mask) for mask in masks])))

    for work in (plain, *variants.values(), *steps.values()):
        work()
    ratios: dict[str, list[float]] = {name: [] for name in (*variants, *steps)}
    plains: list[float] = []
    for _ in range(runs):
        before = seconds(plain)
        for name, work in variants.items():
            took, after = seconds(work), seconds(plain)
            ratios[name].append(2 * took / (before + after))
            plains.append(after)
            before = after
        for name, work in steps.items():
            ratios[name].append(seconds(work) / before)
    told = {"size": size, "threads": torch.get_num_threads(), "plain_s": round(statistics.median(plains), 3)}
    show(told | {name: Spread.of(values).rounded(3) for name, values in ratios.items()}, as_json, width=20)
