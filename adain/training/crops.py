"""What a step is trained on: crops, strengths and blends, drawn as a pure function of the step.

Crops are copied by threads and resized on the training device. Because nothing but (seed, stream, step, rank) decides
them, a resumed run sees exactly the crops that an uninterrupted one would have seen, and it does not matter how far the
threads run ahead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from .cache import ImageCache
from .config import TrainingConfig

Sizes = npt.NDArray[np.int64]

CONTENT_STREAM, STYLE_STREAM, IDENTITY_STREAM, START_STREAM, ALPHA_STREAM, BLEND_STREAM = range(6)
"""Independent random streams; the fourth feeds the initialisation."""


class Crop(NamedTuple):
    """A square inside an image."""

    image: int
    top: int
    left: int
    side: int
    flip: bool


class Batch(NamedTuple):
    """Crops of varied side, ready for the device.

    Attributes:
        pixels: flat uint8, the crops ``(side, side, 3)`` one after the other: all contents, then all styles.
        sides: side of each crop.
        flips: ``(N, 1, 1, 1)`` bool, which to mirror.
        identity: ``(B, 1, 1, 1)`` float32, 1 where the style is the content itself.
    """

    pixels: Tensor
    sides: tuple[int, ...]
    flips: Tensor
    identity: Tensor


def draw_crop(rng: np.random.Generator, sizes: Sizes, scale: tuple[float, float]) -> Crop:
    """One random square: its area is uniform in ``scale`` × the largest square that fits, its place uniform.

    Args:
        sizes: ``(N, 2)`` heights and widths to choose from.
        scale: shares in ``(0, 1]``.
    """
    index = int(rng.integers(len(sizes)))
    height, width = (int(v) for v in sizes[index])
    largest = min(height, width)
    side = round(largest * math.sqrt(rng.uniform(*scale)))
    side = min(largest, max(1, side))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    return Crop(index, top, left, side, bool(rng.random() < 0.5))


def draw_crops(config: TrainingConfig, cache: ImageCache, stream: int, step: int, rank: int = 0) -> list[Crop]:
    """The crops of one stream at one step on one rank."""
    rng = np.random.default_rng([config.seed, stream, step, rank])
    return [draw_crop(rng, cache.sizes, config.crop_scale) for _ in range(config.batch_size)]


def draw_identity(config: TrainingConfig, step: int, rank: int = 0) -> list[bool]:
    """Which pairs of a batch are their own style: ``identity_share`` of them on average, the first ones."""
    exact = config.identity_share * config.batch_size
    rng = np.random.default_rng([config.seed, IDENTITY_STREAM, step, rank])
    count = math.floor(exact) + int(rng.random() < exact - math.floor(exact))
    return [k < count for k in range(config.batch_size)]


class BatchMaker:
    """Copies the crops of a step out of the caches.

    Args:
        contents, styles: the caches.
        rank: of this process.
        pin: use page-locked memory, from which a GPU copies without waiting.
    """

    def __init__(
        self,
        config: TrainingConfig,
        contents: ImageCache,
        styles: ImageCache,
        *,
        rank: int = 0,
        pin: bool = False,
    ) -> None:
        self.config = config
        self.contents = contents
        self.styles = styles
        self.rank = rank
        self.pin = pin

    def __call__(self, step: int) -> Batch:
        """The batch of a step; contents alone while the warm-up lasts."""
        taken = [(self.contents, c) for c in self._draw(self.contents, CONTENT_STREAM, step)]
        identity = [False] * len(taken)
        if step >= self.config.warmup_steps:
            identity = draw_identity(self.config, step, self.rank)
            styles = self._draw(self.styles, STYLE_STREAM, step)
            taken += [
                content if same else (self.styles, style)
                for same, content, style in zip(identity, taken, styles, strict=True)
            ]
        return self._copy(taken, identity)

    def starting(self) -> Batch:
        """Contents for the initialisation, the same on every rank."""
        crops = draw_crops(self.config, self.contents, START_STREAM, 0)
        return self._copy([(self.contents, c) for c in crops], [False] * len(crops))

    def _draw(self, cache: ImageCache, stream: int, step: int) -> list[Crop]:
        return draw_crops(self.config, cache, stream, step, self.rank)

    def _copy(self, taken: list[tuple[ImageCache, Crop]], identity: list[bool]) -> Batch:
        pixels = torch.empty(sum(3 * c.side**2 for _, c in taken), dtype=torch.uint8, pin_memory=self.pin)
        flat, start = pixels.numpy(), 0
        for cache, (index, top, left, side, _) in taken:
            image = cache.image(index)
            # Two dimensions, so that NumPy copies whole rows; it lets go of the interpreter lock meanwhile.
            rows = image.reshape(len(image), -1)[top : top + side, 3 * left : 3 * (left + side)]
            np.copyto(flat[start : start + rows.size].reshape(rows.shape), rows)
            start += rows.size
        flips = torch.tensor([c.flip for _, c in taken]).view(-1, 1, 1, 1)
        marks = torch.tensor(identity, dtype=torch.float32).view(-1, 1, 1, 1)
        if self.pin:
            flips, marks = flips.pin_memory(), marks.pin_memory()
        return Batch(pixels, tuple(c.side for _, c in taken), flips, marks)


def to_images(batch: Batch, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Upload a batch and bring its crops to one size (bilinear, antialiased).

    Returns:
        Images ``(N, 3, size, size)`` float32 in ``[0, 1]``, channels last, and ``identity`` on the device.
    """
    pixels = batch.pixels.to(device, non_blocking=True)
    flips = batch.flips.to(device, non_blocking=True)
    images = torch.empty((len(batch.sides), 3, size, size), device=device, memory_format=torch.channels_last)
    start = 0
    for k, side in enumerate(batch.sides):
        crop = pixels[start : start + 3 * side * side].view(1, side, side, 3).permute(0, 3, 1, 2).float()
        start += 3 * side * side
        if side != size:
            crop = F.interpolate(crop, size=(size, size), mode="bilinear", antialias=True)
        images[k] = crop[0]
    images = torch.where(flips, images.flip(3), images).mul_(1 / 255)
    images = images.contiguous(memory_format=torch.channels_last)
    return images, batch.identity.to(device, non_blocking=True)


Stats = Mapping[str, tuple[Tensor, Tensor]]
"""Mean and deviation by layer."""


class Mix(NamedTuple):
    """For each pair of a batch, what it is trained at. None stands for 1 everywhere.

    Attributes:
        alpha: ``(B, 1, 1, 1)`` strengths in ``[0, 1]``.
        share: ``(B, 1, 1, 1)`` shares in ``[0, 1]`` of the pair's own style; the rest is that of the pair before it.
    """

    alpha: Tensor | None = None
    share: Tensor | None = None

    def blended(self, styles: Stats) -> Stats:
        """The statistics of the blends, given those of the styles: linear, as in :func:`adain.blend`."""
        if self.share is None:
            return styles
        share = self.share
        return {layer: _lerped((m.roll(1, 0), s.roll(1, 0)), (m, s), share) for layer, (m, s) in styles.items()}

    def softened(self, contents: Stats, styles: Stats) -> Stats:
        """The statistics at the pairs' alphas: those of :math:`(1 - \\alpha) c + \\alpha \\mathrm{AdaIN}(c, s)`."""
        if self.alpha is None:
            return styles
        return {layer: _lerped(contents[layer], styles[layer], self.alpha) for layer in styles}


PLAIN = Mix()
"""One style at full strength."""


def draw_mix(config: TrainingConfig, step: int, rank: int, identity: Tensor) -> Mix:
    """The mixes of a step, a pure function of the seed, the step and the rank.

    Args:
        identity: ``(B, 1, 1, 1)``, 1 where a pair is to come back unchanged: such pairs are left plain.
    """

    def spared(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Tensor:
        drawn = torch.from_numpy(values).to(identity).view(-1, 1, 1, 1)
        return torch.where(identity > 0, torch.ones_like(drawn), drawn)

    alpha = share = None
    if config.alpha_low < 1.0:
        rng = np.random.default_rng([config.seed, ALPHA_STREAM, step, rank])
        alpha = spared(rng.uniform(config.alpha_low, 1.0, config.batch_size))
    if config.blend_share > 0.0:
        rng = np.random.default_rng([config.seed, BLEND_STREAM, step, rank])
        chosen = rng.random(config.batch_size) < config.blend_share
        share = spared(np.where(chosen, rng.random(config.batch_size), 1.0))
    return Mix(alpha, share)


def _lerped(start: tuple[Tensor, Tensor], end: tuple[Tensor, Tensor], by: Tensor) -> tuple[Tensor, Tensor]:
    return torch.lerp(start[0], end[0], by), torch.lerp(start[1], end[1], by)
