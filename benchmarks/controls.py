"""Time what colour handling and regions add to a stylisation, side by side in one run.

    python benchmarks/controls.py [--size 1024] [--runs 5] [--regions 4] [--json]

Each run times the plain pass (picture in, picture out, styles encoded before) and every variant, one after the
other; a ratio is a variant's time over that of the plain passes just before and just after it, and the median of the
ratios is given with their spread. Targets: colour at most 1.05, R regions at most 1 + 0.15 R. A few per cent are
less than the noise of a busy machine: ``*_step`` are the times of the colour handling, or of laying the masks and
their AdaIN, alone over the plain pass, and settle it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch

from adain._utils.resources import sample_folder
from adain.control.color import ColorPreservation
from adain.control.guidance import Region, Regions, transfer
from adain.control.masks import ramp
from adain.image import center_crop_square, read_image, resize_shorter
from adain.stylizer.composition import keep_colors
from adain.stylizer.stylizer import Stylizer


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def bands(count: int, size: int) -> list[torch.Tensor]:
    """Vertical bands that overlap softly and cover the picture."""
    place = ramp((size, size), "horizontal")[0, 0] * count
    return [(1.5 - (place - k - 0.5).abs() * 1.5).clamp(0.0, 1.0) for k in range(count)]


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--regions", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()

    stylizer = Stylizer.from_pretrained(device="cpu")
    photo = read_image(sample_folder("content") / "cincinnati-bridge.jpg")
    photo = center_crop_square(resize_shorter(photo, args.size))
    art = sample_folder("style") / "hokusai_great_wave.jpg"
    style = stylizer.encode_style(art)
    content = stylizer.encode_content(photo)
    output = stylizer.decode(content, style)
    art_pixels, _ = stylizer.pixels(art, size=512)

    def plain() -> object:
        return stylizer.stylize(photo, style)

    variants: dict[str, Callable[[], object]] = {
        "luminance": partial(stylizer.stylize, photo, style, color="luminance"),
    }
    for count in range(1, args.regions + 1):
        regions = bands(count, args.size)
        variants[f"regions_{count}"] = partial(stylizer.stylize, photo, [style] * count, masks=regions)
    steps: dict[str, Callable[[], object]] = {
        f"{mode}_step": partial(ColorPreservation(mode).apply_to_style, art_pixels, content.colors())
        for mode in ("linear", "histogram")
    }
    for name, color in (("", ColorPreservation("luminance")), ("_lab", ColorPreservation("luminance", "lab"))):
        steps[f"luminance{name}_step"] = partial(keep_colors, output, content, [(color, 1.0)])

    for count in range(1, args.regions + 1):
        guided = Regions([Region(style, mask) for mask in bands(count, args.size)])
        steps[f"regions_{count}_step"] = lambda r=guided: transfer(content.features, r.place(content))  # type: ignore[misc]

    plain()
    for work in (*variants.values(), *steps.values()):
        work()
    ratios: dict[str, list[float]] = {name: [] for name in (*variants, *steps)}
    plains: list[float] = []
    for _ in range(args.runs):
        before = seconds(plain)
        for name, work in variants.items():
            took, after = seconds(work), seconds(plain)
            ratios[name].append(2 * took / (before + after))
            plains.append(after)
            before = after
        for name, work in steps.items():
            ratios[name].append(seconds(work) / before)
    result: dict[str, object] = {
        "size": args.size,
        "threads": torch.get_num_threads(),
        "plain_s": round(statistics.median(plains), 3),
    }
    for name, values in ratios.items():
        result[name] = [round(v, 3) for v in (statistics.median(values), min(values), max(values))]
    print(json.dumps(result) if args.json else "\n".join(f"{k:20} {v}" for k, v in result.items()))


if __name__ == "__main__":
    main()
