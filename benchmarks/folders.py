"""Time a folder against as many separate calls, side by side in one process, start-up not counted.

The separate calls are ``stylizer.stylize(photo, artwork)`` and ``adain.save_image``; the folder is
``adain.stylize_folder``, which encodes the artwork once, reads and writes while the network works, and also keeps its
manifest. ``calls / folder`` is how much faster that is: the median of the ratios of ``--runs`` of each, taken in turns.
The target is at least 1.25. ``overlap`` is the same against calls with the artwork encoded before: what reading ahead
and writing behind gain alone. The results have the same bytes.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import click

from adain import Stylizer, save_image, stylize_folder
from adain._utils.resources import sample_folder
from adain.image import list_images
from adain.options import Options

from . import options
from .measuring import ART, describe, ratio, show, square, take_turns


def prepare(folder: Path, count: int, size: int, suffix: str) -> list[Path]:
    """Photographs of size × size pixels: the samples, in turns turned."""
    samples = list_images(sample_folder("content"))
    paths = []
    for k in range(count):
        photo = square(size, samples[k % len(samples)]).rotate(90 * (k // len(samples)))
        paths.append(save_image(photo, folder / f"photo{k:03}{suffix}"))
    return paths


@click.command(help=__doc__)
@click.option("--count", type=int, default=20, help="Photographs.")
@options.size()
@click.option("--style-size", type=int, default=Options.style_size, help="Shorter side of the artwork in px.")
@options.runs(default=3)
@click.option("--suffix", default=".jpg", help="Format of photographs and results.")
@options.device()
@options.as_json
def main(count: int, size: int, style_size: int, runs: int, suffix: str, device: str, as_json: bool) -> None:
    stylizer = Stylizer.from_pretrained(device=device)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        photos = prepare(root / "photos", count, size, suffix)

        def output(kind: str, photo: Path) -> Path:
            return root / kind / f"{photo.stem}_stylized_{ART.stem}{suffix}"

        def calls() -> None:
            for photo in photos:
                save_image(stylizer.stylize(photo, ART, style_size=style_size), output("calls", photo))

        def encoded() -> None:
            style = stylizer.encode_style(ART, size=style_size)
            for photo in photos:
                save_image(stylizer.stylize(photo, style), output("encoded", photo))

        def folder() -> None:
            results = stylize_folder(
                root / "photos", ART, root / "folder", stylizer=stylizer, existing="redo", style_size=style_size
            )
            assert all(result.status == "done" for result in results)

        save_image(stylizer.stylize(photos[0], ART, style_size=style_size), root / f"warm{suffix}")
        times = take_turns({"calls": calls, "encoded": encoded, "folder": folder}, runs)
        assert all(output("calls", p).read_bytes() == output("folder", p).read_bytes() for p in photos)

    result: dict[str, object] = {
        "machine": describe(),
        "device": str(stylizer.device),
        "pictures": count,
        "size": size,
        **{f"{kind}_s": round(statistics.median(taken), 3) for kind, taken in times.items()},
        "calls / folder": round(ratio(times["calls"], times["folder"]).median, 3),
        "overlap": round(ratio(times["encoded"], times["folder"]).median, 3),
    }
    show(result, as_json)
