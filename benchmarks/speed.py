"""Time one stylisation against the bare networks, side by side in one run, and report peak memory.

    python benchmarks/speed.py [--size 512] [--runs 7] [--json]

``overhead`` is the time of ``Stylizer.stylize`` (picture in, picture out, the style encoded before) over that of the
encoder's and the decoder's own forward passes on the same pixels; each run measures both, and the median of
the ratios is given with their spread. The target is at most 1.2.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch

from adain._utils.memory import peak_memory
from adain._utils.resources import sample_folder
from adain.image.io import center_crop_square, read_image, resize_shorter, to_tensor
from adain.nn import CONTENT_LAYER
from adain.stylizer.stylizer import Stylizer


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()

    stylizer = Stylizer.from_pretrained(device="cpu")
    photo = read_image(sample_folder("content") / "cincinnati-bridge.jpg")
    photo = center_crop_square(resize_shorter(photo, args.size))
    style = stylizer.encode_style(sample_folder("style") / "hokusai_great_wave.jpg")
    pixels = to_tensor(photo).contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def networks() -> None:
        stylizer.decoder(stylizer.encoder(pixels)[CONTENT_LAYER])

    def whole() -> None:
        stylizer.stylize(photo, style)

    whole()
    networks()
    pairs = [(seconds(whole), seconds(networks)) for _ in range(args.runs)]
    ratios = sorted(a / b for a, b in pairs)
    peak = peak_memory(torch.device("cpu")) * 1e6 / (1 << 30)
    result = {
        "size": args.size,
        "threads": torch.get_num_threads(),
        "stylize_s": round(statistics.median(a for a, _ in pairs), 3),
        "networks_s": round(statistics.median(b for _, b in pairs), 3),
        "overhead": round(statistics.median(ratios), 3),
        "overhead_min": round(ratios[0], 3),
        "overhead_max": round(ratios[-1], 3),
        "peak_memory_gib": round(peak, 3),
    }
    print(json.dumps(result) if args.json else "\n".join(f"{k:16} {v}" for k, v in result.items()))


if __name__ == "__main__":
    main()
