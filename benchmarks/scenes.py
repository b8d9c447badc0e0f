"""Skies and faces, where a decoder gives itself away: what repeats in the one, what is left of the other.

Skies at alpha 1: the lattice of every sky in every artwork (`adain.losses.lattice`), and that over the photograph's or
the artwork's, whichever is higher; and unrest, the deviation that is added where the photograph is flat, in levels of
255 (`adain.losses.unrest`). Faces at alpha 0.5 and 0: SSIM of the face against the photograph's, the mean over the
artworks.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
from PIL import Image
from tqdm import tqdm

from adain import metrics
from adain._utils.resources import sample_folder
from adain.backends import open_stylizer
from adain.image import list_images, to_tensor
from adain.losses import lattice, unrest
from adain.options import ModelOptions

from . import options
from .measuring import short, square, table

ALLOWED = 1.3
"""How many times the photograph's lattice or the artwork's a stylised sky's may be."""

SIDE = 512
"""Of the squares in which faces are looked at, and of the artworks when their lattice is measured."""

ALPHAS = (0.5, 0.0)

SKIES = [sample_folder("content") / f"{name}.jpg" for name in ("montStMichel", "machuPicchu")]


class Face(NamedTuple):
    """A photograph, and a face's box in the square of 512 px that is cut out of it."""

    photo: Path
    box: tuple[int, int, int, int]  # left, top, right, bottom

    @classmethod
    def parse(cls, text: str) -> Face:
        path, _, corners = text.rpartition(":")
        try:
            left, top, right, bottom = options.ints(corners)
        except ValueError:
            raise click.UsageError(f"{text}: give a face as PHOTO:left,top,right,bottom") from None
        return cls(Path(path), (left, top, right, bottom))


FACES = [Face(sample_folder("content") / "astronaut.jpg", (170, 30, 290, 190))]


def level(picture: Image.Image) -> float:
    """The lattice of a picture."""
    return float(lattice(to_tensor(picture)))


def sky_row(
    stylizer: Any, styles: Sequence[Any], levels: Sequence[float], skies: Sequence[Path], size: int
) -> dict[str, float]:
    """Lattice of the skies at one size in encoded styles, and how often it is allowed; ``levels``: the artworks'."""
    found, ratios, added = [], [], []
    for sky in tqdm(skies, disable=None, leave=False):
        photo = square(size, sky)
        own = level(photo)
        for style, its in zip(styles, levels, strict=True):
            output = stylizer.stylize(photo, style)
            found.append(level(output))
            added.append(255 * float(unrest(to_tensor(output), to_tensor(photo))))
            ratios.append(found[-1] / max(own, its))
    return {
        "lattice": statistics.mean(found),
        "ratio": statistics.mean(ratios),
        "largest": max(ratios),
        "held": sum(ratio <= ALLOWED for ratio in ratios),
        "of": len(ratios),
        "unrest": statistics.mean(added),
    }


def face_row(stylizer: Any, styles: Sequence[Any], face: Face) -> list[float]:
    """SSIM of a face at each of :data:`ALPHAS`, the mean over encoded styles."""
    photo = square(SIDE, face.photo)
    wanted, content = to_tensor(photo.crop(face.box)), stylizer.encode_content(photo)
    return [
        statistics.mean(
            float(metrics.ssim(to_tensor(stylizer.stylize(content, style, alpha=alpha).crop(face.box)), wanted))
            for style in (styles if alpha else styles[:1])
        )
        for alpha in ALPHAS
    ]


@click.command(help=__doc__)
@options.networks
@click.option("--against", default="classic", help="The model to compare with.")
@click.option("--sky", "skies", type=options.PRESENT_FILE, multiple=True, help="A photograph; may be repeated.")
@click.option("--face", "faces", type=Face.parse, multiple=True, help="PHOTO:left,top,right,bottom; may be repeated.")
@click.option("--artworks", type=options.PRESENT_FOLDER, default=sample_folder("style"), help="Folder of artworks.")
@options.sizes(default="512,1024", help="Sides of the skies in px, with commas between them.")
@options.device()
def main(
    networks: ModelOptions,
    against: str,
    skies: tuple[Path, ...],
    faces: tuple[Face, ...],
    artworks: Path,
    sizes: list[int],
    device: str,
) -> None:
    name = networks.decoder.name if isinstance(networks.decoder, Path) else str(networks.model)
    arts = list_images(artworks)
    levels = [level(square(SIDE, art)) for art in arts]
    both = []
    for each, chosen in ((against, ModelOptions(model=against)), (name, networks)):
        stylizer = open_stylizer(chosen.change(device=device))
        both.append((each, stylizer, [stylizer.encode_style(art) for art in arts]))
    rows: list[tuple[object, ...]] = []
    for size in sizes:
        for each, stylizer, styles in both:
            sky = sky_row(stylizer, styles, levels, skies or SKIES, size)
            values = (short(sky[key]) for key in ("lattice", "ratio", "largest", "unrest"))
            rows.append((each, size, *values, f"{sky['held']:.0f} of {sky['of']:.0f}"))
    print(table(f"model | px | lattice | over photograph or artwork | largest | unrest | at most {ALLOWED}", rows))
    rows, gains = [], []
    for face in faces or FACES:
        before, after = (face_row(stylizer, styles, face) for _, stylizer, styles in both)
        gains.append([b / a for a, b in zip(before, after, strict=True)])
        pairs = zip(before, after, gains[-1], strict=True)
        rows.append((face.photo.stem, *(f"{a:.3f} → {b:.3f}, × {gain:.2f}" for a, b, gain in pairs)))
    rows.append(("mean", *(f"× {statistics.mean(column):.2f}" for column in zip(*gains, strict=True))))
    print()
    print(table(f"face | {' | '.join(f'SSIM at alpha {alpha:g}' for alpha in ALPHAS)}", rows))
