"""Render the references of the regression test anew, after looking at them: ``python -m tests.data.make_reference``."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from adain._utils.resources import sample_folder
from adain.stylizer.stylizer import Stylizer

HERE = Path(__file__).parent
REFERENCES = {
    "vgg19": HERE / "reference.png",
    "classic": HERE / "reference-classic.png",
    "fast": HERE / "reference-fast.png",
}
"""One for each shipped model."""


def render(stylizer: Stylizer) -> Image.Image:
    """One fixed pair at a fixed size with the shipped weights."""
    return stylizer.stylize(
        sample_folder("content") / "chelsea.jpg",
        sample_folder("style") / "vangogh_village_street_auvers.jpg",
        content_size=200,
        style_size=256,
    )


if __name__ == "__main__":
    for model, reference in REFERENCES.items():
        render(Stylizer.from_pretrained(model, device="cpu")).save(reference)
        print(reference)
