"""Everything that can be asked of a back end, made by one and by torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from adain.stylizer.base import BaseStylizer
from tests.conftest import noise_image

LOOKS: list[dict[str, Any]] = [
    {"alpha": 0.4},
    {"alpha": 0.0},
    {"correct": 2, "alpha": 0.8},
    {"weights": (0.3, 0.7)},
    {"masks": ("left", "right"), "feather": 3.0, "alpha": (1.0, 0.5)},
    {"masks": ("left",), "background": "art", "alpha": 0.8},
    {"gradient": "radial"},
    {"fine_style_size": 24},
    {"style_masks": ("left",)},
    {"color": "luminance"},
    {"color": "linear"},
    {"crop": True, "content_size": 50},
    {"grid": 2},
]


def pictures(look: dict[str, Any], tile: Any, *stylizers: BaseStylizer) -> list[Image.Image]:
    """A photograph of 150 x 110 px in a look, by each."""
    mask = np.zeros((110, 150), np.uint8)
    mask[:, :80] = 255
    painted = {"left": Image.fromarray(mask), "right": Image.fromarray(255 - mask), "art": noise_image(60, 44, 5)}

    def filled(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(filled(each) for each in value)
        return painted.get(value, value) if isinstance(value, str) else value

    options = {name: filled(value) for name, value in look.items()}
    count = 2 if {"weights", "gradient", "grid"} & set(look) else len(look.get("masks", ("one",)))
    photo, arts = noise_image(150, 110, 1), [noise_image(150, 110, seed) for seed in range(2, 2 + count)]
    return [stylizer.stylize(photo, arts, style_size=48, tile=tile, **options) for stylizer in stylizers]
