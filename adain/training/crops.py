"""What a step is trained on: crops, strengths and blends, drawn as a pure function of the step.

Crops are copied by threads and resized on the training device. Because nothing but (seed, stream, step, rank) decides
them, a resumed run sees exactly the crops that an uninterrupted one would have seen, and it does not matter how far the
threads run ahead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from ..losses import Stats
from ..nn.instance_norm import adaptive_instance_norm
from ..nn.statistics import at_least_float32
from .cache import ImageCache
from .config import TrainingConfig

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
    """Crops of varied side, ready for the device."""

    pixels: Tensor  # flat uint8, the crops (side, side, 3) one after the other: all contents, then all styles
    sides: tuple[int, ...]
    flips: Tensor  # (N, 1, 1, 1) bool, which to mirror
    identity: Tensor  # (B, 1, 1, 1) float32, 1 where the style is the content itself


def draw_crop(rng: np.random.Generator, sizes: npt.NDArray[np.int64], scale: tuple[float, float]) -> Crop:
    """A random square of an image of ``sizes`` ``(N, 2)``: its area uniform in ``scale`` × the largest that fits."""
    index = int(rng.integers(len(sizes)))
    height, width = sizes[index].tolist()
    largest = min(height, width)
    side = min(largest, max(1, round(largest * math.sqrt(rng.uniform(*scale)))))
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


@dataclass(frozen=True)
class BatchMaker:
    """Copies the crops of a step out of the caches."""

    config: TrainingConfig
    contents: ImageCache
    styles: ImageCache
    rank: int = 0
    pin: bool = False  # use page-locked memory, from which a GPU copies without waiting

    def __call__(self, step: int) -> Batch:
        """The batch of a step."""
        return self._copy(*self.choose(step))

    def choose(self, step: int) -> tuple[list[tuple[ImageCache, Crop]], list[bool]]:
        """The crops of a step and which pairs are their own style: contents, then styles; no styles in the warm-up."""
        crops = draw_crops(self.config, self.contents, CONTENT_STREAM, step, self.rank)
        taken, identity = [(self.contents, crop) for crop in crops], [False] * len(crops)
        if step >= self.config.warmup_steps:
            identity = draw_identity(self.config, step, self.rank)
            styles = draw_crops(self.config, self.styles, STYLE_STREAM, step, self.rank)
            taken += [
                content if same else (self.styles, style)
                for same, content, style in zip(identity, taken, styles, strict=True)
            ]
        return taken, identity

    def starting(self) -> Batch:
        """Contents for the initialisation, the same on every rank."""
        crops = draw_crops(self.config, self.contents, START_STREAM, 0)
        return self._copy([(self.contents, c) for c in crops], [False] * len(crops))

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
    """Upload a batch: ``(N, 3, size, size)`` float32 images in ``[0, 1]``, channels last, and ``identity``."""
    pixels = batch.pixels.to(device, non_blocking=True)
    flips = batch.flips.to(device, non_blocking=True)
    images = torch.empty((len(batch.sides), 3, size, size), device=device, memory_format=torch.channels_last)
    crops = torch.split(pixels, [3 * side**2 for side in batch.sides])
    for k, (side, flat) in enumerate(zip(batch.sides, crops, strict=True)):
        crop = flat.view(1, side, side, 3).permute(0, 3, 1, 2).float()
        if side != size:
            crop = F.interpolate(crop, size=(size, size), mode="bilinear", antialias=True)
        images[k] = crop[0]
    images = torch.where(flips, images.flip(3), images).mul_(1 / 255)
    images = images.contiguous(memory_format=torch.channels_last)
    return images, batch.identity.to(device, non_blocking=True)


class Mix(NamedTuple):
    """For each pair of a batch, what it is trained at: ``(B, 1, 1, 1)`` in ``[0, 1]``. None stands for 1 everywhere."""

    alpha: Tensor | None = None
    share: Tensor | None = None  # of the pair's own style; the rest is that of the pair before it

    def blended(self, styles: Stats) -> Stats:
        """The statistics of the blends, given those of the styles: linear, as in :func:`adain.blend`."""
        if self.share is None:
            return styles
        return _lerped({k: (mean.roll(1, 0), std.roll(1, 0)) for k, (mean, std) in styles.items()}, styles, self.share)

    def transfer(self, features: Tensor, mean: Tensor, std: Tensor) -> Tensor:
        """Features ``(B, C, H, W)`` with these statistics, at the pairs' alphas."""
        goal = adaptive_instance_norm(features, mean, std)
        return goal if self.alpha is None else at_least_float32(features).lerp(at_least_float32(goal), self.alpha)

    def softened(self, contents: Stats, styles: Stats) -> Stats:
        """The statistics at the pairs' alphas: those of :math:`(1 - \\alpha) c + \\alpha \\mathrm{AdaIN}(c, s)`."""
        return styles if self.alpha is None else _lerped(contents, styles, self.alpha)


PLAIN = Mix()
"""One style at full strength."""


def draw_mix(config: TrainingConfig, step: int, rank: int, identity: Tensor) -> Mix:
    """The mixes of a step; pairs that are to come back unchanged (see :class:`Batch`) are left plain."""

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


def _lerped(start: Stats, end: Stats, by: Tensor) -> Stats:
    return {k: (torch.lerp(start[k][0], mean, by), torch.lerp(start[k][1], std, by)) for k, (mean, std) in end.items()}
