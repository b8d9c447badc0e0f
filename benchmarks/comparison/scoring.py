"""Judging pictures: everybody's by the same network, against the same photograph and artwork."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from adain import defaults, metrics
from adain.image.inputs import load_pixels
from adain.image.io import to_tensor
from adain.nn import VGGEncoder, load_encoder

from .plan import pair
from .worker import square


class Scorer:
    """Scores pictures of the first pairs of the plan; the photographs and artworks are encoded once.

    Args:
        pairs: how many pairs.
        sizes: sides in pixels that are scored.
    """

    def __init__(self, pairs: int, sizes: tuple[int, ...]) -> None:
        self.pairs = pairs
        self.sizes = sizes
        self._network: VGGEncoder | None = None
        self._arts: dict[int, dict[str, Tensor]] = {}
        self._photos: dict[tuple[int, int], tuple[Tensor, dict[str, Tensor]]] = {}

    def score(self, picture: Path, index: int, size: int) -> dict[str, Any]:
        """Figures of a picture file made from the pair of that index; see :mod:`adain.metrics`."""
        with Image.open(picture) as image:
            return self._figures(to_tensor(image.convert("RGB")), index, size)

    def photographs(self) -> list[dict[str, Any]]:
        """The figures of the photographs left as they are: where everybody starts."""
        found = []
        for size in self.sizes if self.pairs else ():
            for index in range(self.pairs):
                found.append({"contestant": "photograph", **self._figures(self._photo(index, size)[0], index, size)})
        return found

    @torch.inference_mode()
    def _figures(self, output: Tensor, index: int, size: int) -> dict[str, Any]:
        photo, content = self._photo(index, size)
        style = self._art(index)
        features = self._encode(output)
        return {
            "size": size,
            "pair": index,
            "style_residual": float(metrics.style_residual(features, content, style)),
            "content_distance": float(metrics.content_distance(features, content)),
            "gram_difference": float(metrics.gram_difference(features, style)),
            "ssim": float(metrics.ssim(output, photo)),
        }

    @torch.inference_mode()
    def _photo(self, index: int, size: int) -> tuple[Tensor, dict[str, Tensor]]:
        if (index, size) not in self._photos:
            pixels = to_tensor(square(pair(index)[0], size))
            self._photos[index, size] = pixels, self._encode(pixels)
        return self._photos[index, size]

    @torch.inference_mode()
    def _art(self, index: int) -> dict[str, Tensor]:
        if index not in self._arts:
            self._arts[index] = self._encode(load_pixels(pair(index)[1], size=defaults.STYLE_SIZE)[0])
        return self._arts[index]

    def _encode(self, pixels: Tensor) -> dict[str, Tensor]:
        if self._network is None:
            self._network = load_encoder(upto=metrics.GRAM_LAYERS[-1])
        return self._network(pixels, metrics.GRAM_LAYERS)  # type: ignore[no-any-return]
