"""Time one stylisation against the bare networks, side by side in one run, and report peak memory.

``overhead`` is the time of ``Stylizer.stylize`` (picture in, picture out, the style encoded before) over that of the
encoder's and the decoder's own forward passes on the same pixels; each run measures both, and the median of
the ratios is given with their spread. The target is at most 1.2.
"""

from __future__ import annotations

import statistics

import click
import torch

from adain import Stylizer
from adain._utils.memory import resident_peak
from adain.image import to_tensor
from adain.nn import CONTENT_LAYER

from . import options
from .measuring import ART, ratio, show, square, take_turns


@click.command(help=__doc__)
@options.size()
@options.runs(default=7)
@options.as_json
@torch.no_grad()
def main(size: int, runs: int, as_json: bool) -> None:
    stylizer = Stylizer.from_pretrained(device="cpu")
    photo, style = square(size), stylizer.encode_style(ART)
    pixels = to_tensor(photo).contiguous(memory_format=torch.channels_last)

    def networks() -> None:
        stylizer.decoder(stylizer.encoder(pixels)[CONTENT_LAYER])

    def whole() -> None:
        stylizer.stylize(photo, style)

    whole()
    networks()
    times = take_turns({"stylize_s": whole, "networks_s": networks}, runs)
    overhead = ratio(*times.values())
    result = {
        "size": size,
        "threads": torch.get_num_threads(),
        **{name: round(statistics.median(taken), 3) for name, taken in times.items()},
        **dict(zip(("overhead", "overhead_min", "overhead_max"), overhead.rounded(3), strict=True)),
        "peak_memory_gib": round(resident_peak() * 1e6 / (1 << 30), 3),
    }
    show(result, as_json)
