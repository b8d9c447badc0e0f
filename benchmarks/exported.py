"""Time exported models in onnxruntime against torch, taking turns in one run.

    python benchmarks/exported.py [--model vgg19] [--size 512] [--runs 7] [--json]

Each run stylises the same picture once with each, the style encoded before; ratios to torch are taken run by run, and
their median is given with the smallest and the largest. All have the same number of threads.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from adain import defaults
from adain._utils.resources import sample_folder
from adain.backends.export import export_onnx
from adain.backends.onnx import OnnxStylizer
from adain.image.io import center_crop_square, read_image, resize_shorter, to_tensor
from adain.nn import DEFAULT_MODEL
from adain.stylizer.stylizer import Stylizer


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()

    stylizer = Stylizer.from_pretrained(args.model, device="cpu", precision="fp32")
    photo = read_image(sample_folder("content") / "cincinnati-bridge.jpg")
    photo = center_crop_square(resize_shorter(photo, args.size))
    art = sample_folder("style") / "hokusai_great_wave.jpg"
    pixels = to_tensor(photo)
    style = stylizer.encode_style(art, size=args.size)
    wanted = stylizer.stylize(pixels, style).numpy()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        made, styles = {}, {}
        for storage in defaults.ONNX_STORAGES:
            folder = Path(scratch) / storage
            files = export_onnx(stylizer.encoder, stylizer.decoder, folder, storage=storage).files
            made[storage] = OnnxStylizer(folder, threads=torch.get_num_threads(), providers=["CPUExecutionProvider"])
            styles[storage] = made[storage].encode_style(art, size=args.size)
            result = made[storage].stylize(pixels.numpy(), styles[storage])
            error = float(np.square(result - wanted).mean())
            rows.append(
                {
                    "storage": storage,
                    "mb": round(sum(file.stat().st_size for file in files) / 1e6, 1),
                    "max_difference": float(np.abs(result - wanted).max()),
                    "psnr_db": round(-10 * float(np.log10(max(error, 1e-12))), 1),
                }
            )
        times: dict[str, list[float]] = {name: [] for name in ("torch", *made)}
        for _ in range(args.runs):
            for name, taken in times.items():
                start = time.perf_counter()
                if name == "torch":
                    stylizer.stylize(photo, style)
                else:
                    made[name].stylize(photo, styles[name])
                taken.append(time.perf_counter() - start)
    for row in rows:
        ratios = sorted(own / torchs for own, torchs in zip(times[row["storage"]], times["torch"], strict=True))
        row["seconds"] = round(statistics.median(times[row["storage"]]), 3)
        row["time_to_torch"] = [round(r, 2) for r in (statistics.median(ratios), ratios[0], ratios[-1])]
    if args.json:
        print(json.dumps({"size": args.size, "threads": torch.get_num_threads(), "rows": rows}))
        return
    print("| filters | MB | max difference | PSNR dB | s | time ÷ torch (min … max) |\n|---|---|---|---|---|---|")
    for row in rows:
        median, least, most = row["time_to_torch"]
        print(
            f"| {row['storage']} | {row['mb']} | {row['max_difference']:.1e} | {row['psnr_db']} | {row['seconds']} "
            f"| {median} ({least} … {most}) |"
        )


if __name__ == "__main__":
    main()
