"""Random crops: drawn as a pure function of the step, copied by threads, resized on the training device.

Because nothing but (seed, stream, step, rank) decides a crop, a resumed run sees exactly the crops that an
uninterrupted one would have seen, and it does not matter how far the threads run ahead.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from .cache import ImageCache
from .config import TrainingConfig

T = TypeVar("T")
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


class Prefetcher(Generic[T]):
    """``make(step)`` for one step after the other, computed ahead by threads.

    Args:
        make: called in the threads; what it raises is raised to whoever asks for that step.
        start, stop: first step, and the one after the last.
        workers: threads.
        depth: how many steps may be ready or under way.
    """

    def __init__(self, make: Callable[[int], T], start: int, stop: int, *, workers: int = 1, depth: int = 4) -> None:
        self._make = make
        self._next, self._stop = start, stop
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="adain-crops")
        self._waiting: deque[Future[T]] = deque()
        for _ in range(depth):
            self._submit()

    def _submit(self) -> None:
        if self._next < self._stop:
            self._waiting.append(self._pool.submit(self._make, self._next))
            self._next += 1

    def __iter__(self) -> Iterator[T]:
        while self._waiting:
            result = self._waiting.popleft().result()
            self._submit()
            yield result

    def __enter__(self) -> Prefetcher[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop what is not begun and wait for the threads to end."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._waiting.clear()
