"""Time a folder against as many separate calls, side by side in one process, start-up not counted.

    python benchmarks/folders.py [--count 20] [--size 512] [--runs 3]

The separate calls are ``stylizer.stylize(photo, artwork)`` and ``adain.save_image``; the folder is
``adain.stylize_folder``, which encodes the artwork once, reads and writes while the network works, and also keeps its
manifest. ``calls / folder`` is how much faster that is: the median of the ratios of ``--runs`` of each, taken in turns.
The target is at least 1.25. ``overlap`` is the same against calls with the artwork encoded before: what reading ahead
and writing behind gain alone. The results have the same bytes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from machine import describe
from speed import seconds

from adain import defaults
from adain._utils.resources import sample_folder
from adain.batch.folder import stylize_folder
from adain.image import center_crop_square, list_images, read_image, resize_shorter, save_image
from adain.stylizer.stylizer import Stylizer


def prepare(folder: Path, count: int, size: int, suffix: str) -> list[Path]:
    """Photographs of size × size pixels: the samples, in turns turned."""
    samples = list_images(sample_folder("content"))
    paths = []
    for k in range(count):
        photo = center_crop_square(resize_shorter(read_image(samples[k % len(samples)]), size))
        paths.append(save_image(photo.rotate(90 * (k // len(samples))), folder / f"photo{k:03}{suffix}"))
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--style-size", type=int, default=defaults.STYLE_SIZE)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--suffix", default=".jpg", help="format of photographs and results")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()

    stylizer = Stylizer.from_pretrained(device=args.device)
    art = sample_folder("style") / "hokusai_great_wave.jpg"
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        photos = prepare(root / "photos", args.count, args.size, args.suffix)

        def output(kind: str, photo: Path) -> Path:
            return root / kind / f"{photo.stem}_stylized_{art.stem}{args.suffix}"

        def calls() -> None:
            for photo in photos:
                made = stylizer.stylize(photo, art, style_size=args.style_size)
                save_image(made, output("calls", photo))

        def encoded() -> None:
            style = stylizer.encode_style(art, size=args.style_size)
            for photo in photos:
                save_image(stylizer.stylize(photo, style), output("encoded", photo))

        def folder() -> None:
            common: dict[str, Any] = {"stylizer": stylizer, "existing": "redo", "style_size": args.style_size}
            results = stylize_folder(root / "photos", art, root / "folder", **common)
            assert all(result.status == "done" for result in results)

        save_image(stylizer.stylize(photos[0], art, style_size=args.style_size), root / f"warm{args.suffix}")
        works = {"calls": calls, "encoded": encoded, "folder": folder}
        rounds = [{kind: seconds(work) for kind, work in works.items()} for _ in range(args.runs)]
        assert all(output("calls", p).read_bytes() == output("folder", p).read_bytes() for p in photos)

    times = {kind: statistics.median(one[kind] for one in rounds) for kind in works}
    result = {
        "machine": describe(),
        "device": str(stylizer.device),
        "pictures": args.count,
        "size": args.size,
        "calls_s": round(times["calls"], 3),
        "encoded_s": round(times["encoded"], 3),
        "folder_s": round(times["folder"], 3),
        "calls / folder": round(statistics.median(one["calls"] / one["folder"] for one in rounds), 3),
        "overlap": round(statistics.median(one["encoded"] / one["folder"] for one in rounds), 3),
    }
    print(json.dumps(result) if args.json else "\n".join(f"{k:16} {v}" for k, v in result.items()))


if __name__ == "__main__":
    main()
