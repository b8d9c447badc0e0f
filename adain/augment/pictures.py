"""Pictures of Pillow as samples, and back in their mode."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .._utils.errors import ImageError
from ..image.modes import separate


def from_picture(image: Image.Image) -> Tensor:
    """``(1, H, W)`` or ``(3, H, W)`` uint8 of a picture, without its transparency.

    Raises:
        ImageError: for pictures of more than 8 bits.
    """
    return torch.from_numpy(np.array(_opaque(image)[0])).reshape(image.height, image.width, -1).permute(2, 0, 1)


def to_picture(sample: Tensor, like: Image.Image) -> Image.Image:
    """A sample as a picture with the transparency of the one it was made of."""
    levels = sample.permute(1, 2, 0).contiguous().numpy()
    image = Image.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)
    opacity = _opaque(like)[1]
    if opacity is not None:
        image.putalpha(opacity)
    return image


def _opaque(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """A picture of mode L or RGB, and its transparency."""
    if image.mode == "F" or image.mode.startswith("I"):
        raise ImageError(f"pictures of mode {image.mode} are of more than 8 bits: give them as float tensors in [0, 1]")
    image, opacity = separate(image)
    return image if image.mode in ("L", "RGB") else image.convert("RGB"), opacity
