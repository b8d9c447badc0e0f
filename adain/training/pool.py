"""All pictures in the memory of the device, and a batch's crops cut out of them at once.

The host does nothing for a step but hand over a few numbers, of many steps in one go; and the device has no loop over
crops. Scaling is a product with two matrices a crop, whose rows are the weights of a triangle filter: those of
``interpolate(mode="bilinear", antialias=True)``, and so what :func:`~adain.training.crops.to_images` does.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .._utils.memory import free_memory
from .cache import ImageCache
from .config import TrainingConfig
from .crops import BatchMaker, Mix, draw_mix

BLOCK = 64
"""Steps whose crops are drawn and uploaded together."""

KEPT_BLOCKS = 4

PIECE = 1 << 26
"""Bytes that are uploaded at a time."""

ROOM = 0.5
"""Part of the free memory that pictures and the cutting of crops may take; the rest is for training."""


class PooledBatch(NamedTuple):
    """What is to be cut for a step, on the device already."""

    pool: PicturePool
    rows: Tensor  # (N, 4) int64: first byte, bytes from row to row, side, whether to mirror; contents, then styles
    identity: Tensor  # (B, 1, 1, 1) float32, 1 where the style is the content itself
    mix: Mix


class PicturePool:
    """The pictures of both caches as one row of bytes on a device.

    Attributes:
        pixels: ``(bytes,)`` uint8.
        longest: the longest side a crop can have.
    """

    def __init__(self, contents: ImageCache, styles: ImageCache, device: torch.device) -> None:
        flats = contents.pixels, styles.pixels
        self.pixels = torch.empty(sum(len(flat) for flat in flats), dtype=torch.uint8, device=device)
        self.longest = _longest(contents, styles)
        start = 0
        for flat in flats:
            for begin in range(0, len(flat), PIECE):
                piece = torch.from_numpy(np.array(flat[begin : begin + PIECE]))
                self.pixels[start : start + len(piece)].copy_(piece)
                start += len(piece)

    def cut(self, rows: Tensor, size: int) -> Tensor:
        """Crops ``(N, 4)`` as ``(N, 3, size, size)`` float32 images in ``[0, 1]``, channels last."""
        first, stride, side, flip = rows.unbind(1)
        steps = torch.arange(self.longest, device=rows.device)
        # What lies outside a crop gets no weight, but has to be a place that there is.
        places = torch.minimum(steps, side[:, None] - 1)
        colours = torch.arange(3, device=rows.device)
        across = (3 * places)[:, :, None] + colours
        found = first[:, None] + places * stride[:, None]
        crops = self.pixels[found[:, :, None, None] + across[:, None]]
        with torch.autocast(rows.device.type, enabled=False):
            down = _weights(side, torch.zeros_like(flip), size, self.longest)
            along = _weights(side, flip, size, self.longest)
            lines = torch.bmm(down, crops.flatten(2).float()).view(len(rows), size, self.longest, 3)
            images = torch.einsum("nxj,nyjc->ncyx", along, lines).mul_(1 / 255)
        return images.contiguous(memory_format=torch.channels_last)


def _weights(side: Tensor, flip: Tensor, size: int, longest: int) -> Tensor:
    """``(N, size, longest)``: of every pixel of a crop's line, what it has in each of the line's pixels when scaled."""
    out = torch.arange(size, device=side.device)
    out = torch.where(flip[:, None] > 0, size - 1 - out, out)
    scale = (side.float() / size)[:, None]
    centre = scale * (out + 0.5)
    pixel = torch.arange(longest, device=side.device)
    distance = (pixel + 0.5 - centre[:, :, None]).abs() / scale.clamp_min(1.0)[:, :, None]
    weight = (1.0 - distance).clamp_min(0.0) * (pixel < side[:, None])[:, None]
    return weight / weight.sum(dim=2, keepdim=True)


def _longest(contents: ImageCache, styles: ImageCache) -> int:
    return int(max(cache.sizes.min(axis=1).max() for cache in (contents, styles)))


def fits(config: TrainingConfig, contents: ImageCache, styles: ImageCache, device: torch.device) -> bool:
    """Whether the pictures, and what cutting a batch takes beside them, fit into a device's memory."""
    crops = 2 * config.batch_size * 3 * _longest(contents, styles) ** 2
    needed = len(contents.pixels) + len(styles.pixels) + crops * (8 + 4 + 4)  # places, numbers, and lines
    return needed <= ROOM * free_memory(device)


class PooledMaker:
    """The batches of :class:`~adain.training.crops.BatchMaker`, the same crops, out of a pool."""

    def __init__(self, maker: BatchMaker, device: torch.device) -> None:
        self.maker, self.device = maker, device
        self.pool = PicturePool(maker.contents, maker.styles, device)
        self._lock = threading.Lock()
        self._blocks: dict[int, tuple[Tensor, Tensor]] = {}
        sizes = np.concatenate([maker.contents.sizes, maker.styles.sizes])
        self._starts = np.concatenate([[0], np.cumsum(sizes.prod(axis=1) * 3)])[:-1]
        self._widths = sizes[:, 1]

    def __call__(self, step: int) -> PooledBatch:
        """The batch of a step."""
        config, number = self.maker.config, step // BLOCK
        with self._lock:
            if number not in self._blocks:
                self._blocks[number] = self._draw(number)
                for old in sorted(self._blocks)[:-KEPT_BLOCKS]:
                    del self._blocks[old]
            rows, numbers = self._blocks[number]
        warm = step < config.warmup_steps
        identity, alpha, share = numbers[step % BLOCK].view(3, -1, 1, 1, 1).unbind(0)
        mix = Mix(alpha if config.alpha_low < 1.0 else None, share if config.blend_share > 0.0 else None)
        return PooledBatch(self.pool, rows[step % BLOCK, : config.batch_size if warm else None], identity, mix)

    def _draw(self, number: int) -> tuple[Tensor, Tensor]:
        """Rows ``(steps, 2 B, 4)`` and identity, alpha and share ``(steps, 3, B)`` of a block, on the device."""
        config, maker = self.maker.config, self.maker
        count = config.batch_size
        pin = self.device.type == "cuda"
        drawn = torch.ones(BLOCK, 2 * count, 4, dtype=torch.int64, pin_memory=pin)
        numbers = torch.ones(BLOCK, 3, count, pin_memory=pin)
        rows = drawn.numpy()
        for k in range(BLOCK):
            step = number * BLOCK + k
            taken, marks = maker.choose(step)
            identity = torch.tensor(marks, dtype=torch.float32).view(-1, 1, 1, 1)
            mix = draw_mix(config, step, maker.rank, identity)
            for place, (cache, (index, top, left, side, flip)) in enumerate(taken):
                image = index + (len(maker.contents) if cache is maker.styles else 0)
                stride = 3 * int(self._widths[image])
                first = int(self._starts[image]) + top * stride + 3 * left
                rows[k, place] = first, stride, side, flip
            for place, values in enumerate((identity, mix.alpha, mix.share)):
                if values is not None:
                    numbers[k, place] = values.flatten()
        return drawn.to(self.device, non_blocking=True), numbers.to(self.device, non_blocking=True)
