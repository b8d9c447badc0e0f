"""Running the networks by ncnn: without torch, and about twice as fast on a CPU.

ncnn computes 3 × 3 convolutions by Winograd's algorithm, with less than half of the multiplications. Its working memory
would outgrow torch's, were it not that every stage is computed in tiles. Those on the pixels' side are small, so that
what passes between two layers stays in the caches, and one thread each computes them.
"""

from __future__ import annotations

import copy
import functools
import os
from collections.abc import Callable
from math import prod
from typing import cast

import numpy as np

from .._utils.arrays import FloatArray
from .._utils.memory import give_back
from ..control.change import Change
from ..image import DEFAULT_MAX_PIXELS
from ..image.box import Box
from ..nn.layers import STRIDE, Network
from ..nn.shipped import DEFAULT_MODEL
from ..nn.states import State, digest_of, read_network, weights_digest
from ..options import TileSize
from ..stylizer.cache import StyleCache
from ..stylizer.special import Kept, check_weights
from ..stylizer.tiles import choose_tile
from .engine import EngineStylizer
from .ncnn_graphs import decoder_graphs, encoder_graphs
from .ncnn_stages import Runtime, Stage, size_of

SHALLOW_TILE, LEAST_TILE = 128, 64
"""Sides in pixels of the tiles on the pixels' side: usually, and where there are more threads than tiles."""

DEEP_TILE = 512
"""Side in pixels of the tiles on the features' side: their halo of 24 px is little of that."""

TILE = 768
"""Side in pixels of the tiles that ``"auto"`` takes for a photograph of more than :data:`MOST_PIXELS`."""

MOST_PIXELS = 3 << 19
"""1.6 megapixels: as much as is worth cutting in two."""

LARGE = 32 << 20
"""Bytes of features from which on memory counts: to have it anew for every stage would take up to a fifth of the fast
model's time for a first picture of 1 megapixel, which needs little."""

_QUARTER = 4
"""Pixels to a place where the two sides meet."""


class NcnnStylizer(EngineStylizer):
    """Stylises as :class:`~adain.Stylizer` does, by ncnn; see :class:`EngineStylizer`.

    Args:
        model: a shipped model; None for the default one.
        encoder, decoder: ``.safetensors`` files of your own in place of its.
        threads, device: see :class:`~adain.backends.ncnn_stages.Runtime`.
        max_pixels: largest picture that will be opened, a guard against decompression bombs; None for any.
        style_cache: folder that keeps encoded styles for later calls, see :class:`~adain.stylizer.StyleCache`.

    Raises:
        InputError: if ncnn is missing, there is no such device, or encoder and decoder are of two models.
        MissingFileError: if a file is missing.
        WeightsError: if a file is damaged, or there is no such model.
    """

    def __init__(
        self,
        model: str | None = DEFAULT_MODEL,
        *,
        encoder: str | os.PathLike[str] | None = None,
        decoder: str | os.PathLike[str] | None = None,
        threads: int | None = None,
        device: str = "cpu",
        max_pixels: int | None = DEFAULT_MAX_PIXELS,
        style_cache: StyleCache | str | os.PathLike[str] | None = None,
    ) -> None:
        self._runtime = runtime = Runtime(threads, device)
        self._sources = (("encoder", encoder or model), ("decoder", decoder or model))
        self._read = functools.partial(read_network, model, encoder, decoder)
        self._kept: Kept[NcnnStylizer] = Kept()
        engine = NcnnEngine(*self._read(), runtime)
        super().__init__(engine, max_pixels=max_pixels, style_cache=style_cache)
        give_back()  # a third of what the process holds by now: the weights as they were read

    def choose_tile(self, tile: TileSize, pixels: int) -> int | None:
        return choose_tile(tile, pixels, None, self.pass_bytes(), most=MOST_PIXELS, side=TILE)

    def changed(self, change: Change, name: str = "") -> NcnnStylizer:
        check_weights(change, self.weights, name)
        return self._kept.get(change, lambda: self._with(change, name))

    @functools.cached_property
    def weights(self) -> str:
        """SHA-256 of the networks' weights, see :func:`adain.nn.states.weights_digest`."""
        return weights_digest(*self._read())

    def _with(self, change: Change, name: str) -> NcnnStylizer:
        """This one with the same encoder and a changed decoder."""
        other = copy.copy(self)
        other.engine = cast(NcnnEngine, self.engine).with_decoder(change.applied(self._read()[2], name))
        give_back()
        return other

    def watch(self, check: Callable[[], object] | None) -> None:
        self._runtime.check = check

    def release(self) -> None:
        self._runtime.release()

    def identity(self) -> list[str]:
        return ["ncnn", *self._digests]

    def encoder_identity(self) -> str:
        return f"ncnn {self.engine.network.name} {self._digests[0]}"

    @functools.cached_property
    def _digests(self) -> list[str]:
        return [digest_of(source, part) for part, source in self._sources]


class NcnnEngine:
    """Encoder and decoder of a model.

    Args:
        network: which model's.
        encoder, decoder: weights of :func:`adain.nn.states.read_network`.
        runtime: what computes.

    Raises:
        InputError: if this ncnn does not take the graphs.
    """

    # As measured at 1 megapixel on two threads, beside what the process holds before: 430 to 480 for the first picture,
    # and up to 560 for further ones.
    pass_bytes = 640

    def __init__(self, network: Network, encoder: State, decoder: State, runtime: Runtime) -> None:
        self.network, self.runtime = network, runtime
        graphs = (*encoder_graphs(network, encoder), *decoder_graphs(network, decoder))
        is_cpu = runtime.gpu is None
        self._pixels, self._quarter, self._cells, self._back = (
            Stage(graph, runtime, alone=is_cpu and is_shallow)
            for graph, is_shallow in zip(graphs, (True, False, False, True), strict=True)
        )
        self._side = SHALLOW_TILE if is_cpu else DEEP_TILE

    def with_decoder(self, decoder: State) -> NcnnEngine:
        """This one with the same encoder and other weights of the decoder."""
        other, is_cpu = copy.copy(self), self.runtime.gpu is None
        cells, back = decoder_graphs(self.network, decoder)
        other._cells = Stage(cells, self.runtime, alone=False)
        other._back = Stage(back, self.runtime, alone=is_cpu)
        return other

    def encode(self, pixels: FloatArray, keep: Box | None = None) -> FloatArray:
        """The features of pictures.

        Args:
            pixels: ``(B, 3, H, W)`` in ``[0, 1]``, at least 16 px a side.
            keep: the cells that are wanted; None for all.

        Returns:
            ``(B, C, ceil(H / 8), ceil(W / 8))``, or as many cells as are kept.
        """
        height, width = pixels.shape[2:]
        cells = -(-height // STRIDE), -(-width // STRIDE)
        part = keep or Box(0, 0, *cells)
        # What the cells depend on, at a quarter of the picture's size.
        wide = part.grown(self._quarter.halo, cells)
        between = wide.pixels((-(-height // _QUARTER), -(-width // _QUARTER)), 2)
        features = np.empty((len(pixels), self.network.channels, *size_of(part)), np.float32)
        coarse = self.network.encoder[-1].c_out
        for image, cell in zip(pixels, features, strict=True):
            (quarter,) = self._pixels.run([image], between, self._side // _QUARTER, LEAST_TILE // _QUARTER)
            self._make_room("encoder", cells, keep)
            ends = _ends(cell, coarse, self.network.folded is not None)
            self._quarter.run([quarter], part.within(wide), DEEP_TILE // STRIDE, LEAST_TILE // STRIDE, into=ends)
        return features

    def decode(
        self, features: FloatArray, keep: Box | None = None, change: tuple[FloatArray, FloatArray] | None = None
    ) -> FloatArray:
        """The pictures of features.

        Args:
            features: ``(B, C, h, w)``.
            keep: the cells whose pixels are wanted; None for all.
            change: scale and shift of the features, ``(B or 1, C, 1, 1)`` each, made of every tile as it is read.

        Returns:
            ``(B, 3, 8 h, 8 w)``, or as many pixels as are kept, not clamped.
        """
        cells = features.shape[2], features.shape[3]
        part = keep or Box(0, 0, *cells)
        wide = part.grown(-(-self._back.halo // 2), cells)
        height, width = size_of(part)
        pixels = np.empty((len(features), 3, STRIDE * height, STRIDE * width), np.float32)
        coarse = self.network.encoder[-1].c_out
        inside = Box(*(2 * side for side in part.within(wide)))
        whole = change or ()
        for number, (cell, image) in enumerate(zip(features, pixels, strict=True)):
            own = [np.broadcast_to(each, (len(features), *each.shape[1:]))[number] for each in whole]
            parts, *changes = (_ends(each, coarse, self.network.folded is not None) for each in (cell, *own))
            pairs = list(zip(*changes, strict=True))
            self._make_room("decoder", cells, keep)
            (quarter,) = self._cells.run(parts, wide, DEEP_TILE // STRIDE, LEAST_TILE // STRIDE, changes=pairs)
            self._back.run([quarter], inside, self._side // _QUARTER, LEAST_TILE // _QUARTER, into=[image])
        return pixels

    def _make_room(self, network: str, cells: tuple[int, int], keep: Box | None) -> None:
        """Give back what a stage has kept, before the next has whole feature maps of a picture beside it.

        Not of less than :data:`LARGE`; nor of a tile, which others of its size follow.
        """
        if keep is None and self.runtime.gpu is None and 4 * self.network.channels * prod(cells) >= LARGE:
            self.runtime.make_room(network, prod(cells))


def _ends(values: FloatArray, coarse: int, has_fine: bool) -> list[FloatArray]:
    """What of ``(C, …)`` is relu4_1's, and what the folded layer's where there is one."""
    return [values[:coarse], values[coarse:]] if has_fine else [values]
