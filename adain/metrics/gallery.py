"""Pictures as an evaluation sees them: brought to one size, encoded once, and held while they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .._utils.arrays import FloatArray
from .._utils.errors import AdainError, InputError
from ..image import (
    DEFAULT_MAX_PIXELS,
    Drift,
    Edges,
    center_crop_square,
    read_image,
    resize_shorter,
    split_alpha,
    to_tensor,
)
from ..image.resize import scaled
from ..losses import Stats
from ..nn.vgg import VGGEncoder, layers_upto
from .content import target_statistics
from .frechet import pooled
from .judges import Judges
from .labels import Labels, Segmentation
from .networks import LPIPS
from .options import Fit as Fit
from .pixels import rgb_uv_histogram
from .style import gram_matrices, style_stats

HELD_BYTES = 1 << 30
"""Features that are held at most, as far as one content, one style and one output at a time allow."""

ASPECT_SLACK = 8  # px that a side may differ from the content's aspect: tools round to their networks' stride


def load_square(
    path: str | Path, size: int, fit: Fit = "crop", *, max_pixels: int | None = DEFAULT_MAX_PIXELS
) -> Tensor:
    """A picture as ``(1, 3, size, size)`` float32 in ``[0, 1]``.

    Args:
        path: of the picture; of one with transparency, its colours.
        fit: ``"crop"`` scales the shorter side to ``size`` and takes the central square; ``"stretch"`` scales both
            sides, whatever the aspect.
        max_pixels: see :func:`adain.image.read_image`, as for errors.
    """
    picture = split_alpha(read_image(path, max_pixels=max_pixels))[0]
    shape = picture.size if fit == "crop" else (min(picture.size),) * 2
    scaled(shape, size, max_pixels=max_pixels, name=str(path), option="size")
    return _square(picture, size, fit)


def _square(picture: Image.Image, size: int, fit: Fit) -> Tensor:
    if fit == "stretch":
        return to_tensor(picture.resize((size, size), Image.Resampling.LANCZOS))
    return to_tensor(center_crop_square(resize_shorter(picture, size)))


@dataclass(eq=False)
class Seen:
    """A picture and what is computed of it once, each when it is first asked for."""

    pixels: Tensor  # (1, 3, size, size) in [0, 1]
    features: dict[str, Tensor]  # of the encoder, by layer
    shape: tuple[int, int]  # height and width in pixels of the file
    network: LPIPS | None = None  # of LPIPS, if that is wanted
    segmentation: Segmentation = Segmentation()
    known: Labels | None = None  # what a file says its labels are
    _drift: tuple[Seen, Drift] | None = None

    stats = cached_property[Stats](lambda seen: style_stats(seen.features))
    target = cached_property[Tensor](lambda seen: target_statistics(seen.features))
    grams = cached_property[dict[str, Tensor]](lambda seen: gram_matrices(seen.features))
    pooled = cached_property[Tensor](lambda seen: pooled(seen.features)[0].cpu())
    histogram = cached_property[Tensor](lambda seen: rgb_uv_histogram(seen.pixels))

    @cached_property
    def found(self) -> Labels:
        """The labels that the segmentation finds in it."""
        return self.segmentation.find(np.rint(self._array * 255).astype(np.uint8))

    @property
    def labels(self) -> Labels:
        """Those that it has, by its file, or else as they are found."""
        return self.found if self.known is None else self.known

    @property
    def ignored(self) -> tuple[int, ...]:
        return self.segmentation.ignored

    @cached_property
    def edges(self) -> Edges:
        return Edges.of(self._array, most=MOST_EDGES)

    def drift_from(self, content: Seen) -> Drift:
        """How far the edges of a content have moved in it."""
        if self._drift is None or self._drift[0] is not content:
            self._drift = content, content.edges.drift(self._array)
        return self._drift[1]

    @property
    def _array(self) -> FloatArray:
        array: FloatArray = self.pixels[0].permute(1, 2, 0).clamp(0, 1).cpu().numpy()
        return array

    @cached_property
    def lpips(self) -> list[Tensor]:
        assert self.network is not None  # or the measure would not have been chosen
        return self.network.activations(self.pixels)

    def lpips_to(self, other: Seen) -> Tensor:
        assert self.network is not None
        return self.network.distance(self.lpips, other.lpips)


MOST_EDGES = 2000
"""Points of edges of a content that are looked for in its outputs."""


class Gallery:
    """Encodes pictures, at layers from shallow to deep, and holds those that will be wanted again as memory allows."""

    def __init__(
        self,
        encoder: VGGEncoder,
        layers: Sequence[str],
        *,
        size: int,
        fit: Fit = "crop",
        max_pixels: int | None = DEFAULT_MAX_PIXELS,
        judges: Judges | None = None,
    ) -> None:
        self.encoder = encoder
        self.layers = tuple(layers)
        self.size, self.fit, self.max_pixels = size, fit, max_pixels
        self.device = next(encoder.parameters()).device
        self._lpips = None if judges is None else judges.lpips
        self._segmentation = Segmentation() if judges is None else judges.segmentation
        self._held: dict[Path, Seen] = {}  # that which was not asked for longest first
        self._broken: dict[Path, AdainError] = {}
        share = 2 if self._lpips is not None else 1  # its features are held as well
        self.room = max(3, HELD_BYTES // (share * expected_bytes(layers, size)))

    @property
    def block(self) -> int:
        """How many styles can be held beside a content and the next one."""
        return max(1, self.room - 2)

    def look(self, path: Path) -> Seen:
        """A picture that will be wanted again, a content or a style; one that cannot be read is tried only once."""
        if path in self._broken:
            raise self._broken[path]
        if path not in self._held:
            try:
                seen = self.read(path)
            except AdainError as error:
                self._broken[path] = error
                raise
            while len(self._held) >= self.room:
                del self._held[next(iter(self._held))]
            self._held[path] = seen
        self._held[path] = self._held.pop(path)
        return self._held[path]

    def look_at_content(self, path: Path) -> Seen:
        """:meth:`look` at a content, with its label map, if there are files of them."""
        seen = self.look(path)
        if seen.known is None and self._segmentation.folder is not None:
            seen.known = self._segmentation.read(path, self.size, self.fit, max_pixels=self.max_pixels)
        return seen

    def read(self, path: Path) -> Seen:
        """A picture that is wanted once: an output."""
        picture = split_alpha(read_image(path, max_pixels=self.max_pixels))[0]
        return self.see(_square(picture, self.size, self.fit), (picture.height, picture.width))

    def see(self, pixels: Tensor, shape: tuple[int, int] | None = None) -> Seen:
        """Encode ``(1, 3, size, size)`` pixels."""
        pixels = pixels.to(self.device, torch.float32)
        features = self.encoder(pixels.contiguous(memory_format=torch.channels_last), self.layers)
        return Seen(pixels, features, shape or (pixels.shape[2], pixels.shape[3]), self._lpips, self._segmentation)

    def check_fits(self, output: Seen, content: Seen, name: Path) -> None:
        """InputError, if the output is neither of the content's aspect nor a square, and is not stretched."""
        (height, width), (h, w) = output.shape, content.shape
        if self.fit == "stretch" or height == width or abs(width * h / w - height) <= ASPECT_SLACK:
            return
        raise InputError(
            f"{name} is {width}x{height} px, which is not the shape of its content ({w}x{h}): give the output of "
            f"that content, or --fit stretch"
        )


def expected_bytes(layers: Sequence[str], size: int) -> int:
    """Of a picture and its features at some layers of VGG-19, all in float32."""
    cells, numbers = size, 3 * size * size
    for spec in layers_upto(layers[-1]):
        cells = -(-cells // 2) if spec.pool_before else cells
        numbers += spec.c_out * cells * cells if spec.relu in layers else 0
    return 4 * numbers


def visiting(pairs: Sequence[tuple[int, int]], block: int) -> list[int]:
    """An order of pairs, numbers of content and style, in which a gallery encodes little twice.

    As many styles as can be held, a block, stay while all contents pass by.
    """
    return sorted(range(len(pairs)), key=lambda k: (pairs[k][1] // block, *pairs[k]))
