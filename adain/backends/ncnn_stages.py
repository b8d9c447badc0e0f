"""A stage of a network on ncnn: its graph, run tile by tile."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from .._utils.arrays import FloatArray
from .._utils.errors import InputError
from .._utils.memory import give_back
from .._utils.ncnn import keep_float32, lasting_pool, own_threads, require_ncnn
from .._utils.threads import count_cores, count_threads
from ..image.box import Box
from .ncnn_graphs import StageGraph
from .ncnn_tiles import AT_ONCE, TileShape, cut


@dataclass
class Blocks:
    """Memory that is used again, for tiles of the same sizes: others find no use for what was left by these.

    Attributes:
        allocator: ncnn's.
        sizes: of the tiles of each stage, when they were computed last.
        largest: cells of the largest picture that each network has computed.
    """

    allocator: Any
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)
    largest: dict[str, int] = field(default_factory=dict)

    def expect(self, stage: int, size: tuple[int, int]) -> None:
        """Tiles of a size are going to be computed, and none is being."""
        if self.sizes.get(stage) not in (None, size):
            self.release()
        self.sizes[stage] = size

    def release(self) -> None:
        """Give back what is not in use."""
        self.allocator.clear()
        self.sizes.clear()


class Runtime:
    """What the stages of a model share: threads and memory of the CPU, or a GPU.

    Of several threads it is of use in the process that made it alone; with one, in those forked from it, too.

    Args:
        threads: None for those of :func:`adain._utils.threads.count_threads`; never more than there are cores, and one
            in a process forked from one that had several.
        device: ``"cpu"``, ``"vulkan"`` for the GPU that ncnn holds to be the best, or ``"vulkan:1"`` and so on.

    Raises:
        InputError: if ncnn is missing, or there is no such device.
    """

    def __init__(self, threads: int | None = None, device: str = "cpu") -> None:
        self.gpu = None if device == "cpu" else find_gpu(device)
        self.threads = own_threads(min(threads or count_threads(), count_cores())) if self.gpu is None else 1
        allocator = lasting_pool()
        weakref.finalize(self, allocator.clear).atexit = False
        self.pool = Blocks(allocator)
        self.check: Callable[[], object] | None = None  # called before every tile, to end the work by raising
        self._start_workers()

    def _start_workers(self) -> None:
        self.workers, self._process = ThreadPoolExecutor(self.threads, "ncnn"), os.getpid()

    def check_process(self) -> None:
        """See that threads are there in a forked process, too, into which none come along.

        Raises:
            InputError: if they were several, for which ncnn would wait for ever.
        """
        if self._process == os.getpid():
            return
        if self.threads > 1:
            raise InputError(
                "this process was forked after the model was loaded, and its threads have stayed behind: load the "
                'model here, or start processes by multiprocessing.get_context("spawn")'
            )
        self._start_workers()

    def release(self) -> None:
        """Give memory that is not in use back to the system."""
        self.pool.release()
        give_back()

    def make_room(self, network: str, cells: int) -> None:
        """:meth:`release`, where a network computes a larger picture than any before.

        For every picture the memory would have to be had again, and that takes a seventh of the time.
        """
        if cells > self.pool.largest.get(network, 0):
            self.pool.largest[network] = cells
            self.release()


class Stage:
    """A graph, run in tiles.

    Args:
        alone: whether every thread computes tiles of its own, rather than all together one after the other.
    """

    def __init__(self, graph: StageGraph, runtime: Runtime, *, alone: bool) -> None:
        self.halo, self._graph, self._alone = graph.halo, replace(graph, weights=b""), alone
        self._runtime = runtime  # its pool must outlive the net, which keeps no hold of it
        self._net = load(graph, runtime, threads=1 if alone else runtime.threads)

    def run(
        self,
        given: Sequence[FloatArray],
        box: Box,
        side: int,
        least: int,
        into: Sequence[FloatArray] = (),
        changes: Sequence[tuple[FloatArray, ...]] = (),
    ) -> list[FloatArray]:
        """The results for a box of units.

        Args:
            given: the inputs, whole, ``(C, H, W)`` each.
            side: of a tile in units.
            least: side to which tiles may be reduced for every thread to have one of its own, see :func:`cut`.
            into: where the first results go, folded ones in any case; for the others room is made.
            changes: what each input is multiplied by and what is added, ``(C, 1, 1)`` each; none for nothing.
        """
        self._runtime.check_process()
        size = given[0].shape[1], given[0].shape[2]
        places = self._graph.inputs[0].places
        units = -(-size[0] // places), -(-size[1] // places)
        made = [*into]
        for blob in self._graph.outputs[len(into) :]:
            whole = tuple(-(-length * blob.places // places) for length in size)
            made.append(np.empty((blob.channels, *size_of(box.pixels(whole, blob.places))), np.float32))
        threads = max(AT_ONCE, self._runtime.threads) if self._alone else 1
        tiles = cut(box, units, TileShape(side, least, self.halo), threads)
        outers = _equal([tile.grown(self.halo, units) for tile in tiles], units)
        if self._runtime.gpu is None:
            self._runtime.pool.expect(id(self), size_of(outers[0]))
        ncnn = require_ncnn()

        def compute(tile: Box, outer: Box) -> None:
            if self._runtime.check is not None:
                self._runtime.check()
            extractor = self._net.create_extractor()
            parts = []  # ncnn keeps no hold of them
            for number, (blob, whole) in enumerate(zip(self._graph.inputs, given, strict=True)):
                rows, columns = outer.pixels(whole.shape[1:], blob.places).slices
                part = whole[:, rows, columns]
                if changes:
                    scale, shift = changes[number]
                    part = np.multiply(part, scale, order="C")
                    part += shift
                parts.append(np.ascontiguousarray(part))
                mat = ncnn.Mat(parts[-1])
                # A copy has its channels begin at multiples of 16 bytes, as the copy to a GPU takes them all to do.
                extractor.input(blob.name, mat if self._runtime.gpu is None else mat.clone())
            for blob, result in zip(self._graph.outputs, made, strict=True):
                code, mat = extractor.extract(blob.name)
                if code != 0:
                    raise MemoryError("ncnn ran out of memory")
                values = np.asarray(mat)
                inner = tile.within(outer).pixels(values.shape[1:], blob.places).slices
                part = values[(slice(None), *inner)]
                if blob.folded:
                    fold(part, result[(slice(None), *tile.within(box).slices)])
                else:
                    place = tile.within(box).pixels(result.shape[1:], blob.places).slices
                    result[(slice(None), *place)] = part

        spread = self._runtime.workers.map if self._alone and len(tiles) > 1 else map
        for _ in spread(compute, tiles, outers):
            pass
        return made


def fold(fine: FloatArray, into: FloatArray) -> None:
    """:func:`adain.nn.fold.fold` of ``(C, H, W)``, into ``(4 C, ceil(H / 2), ceil(W / 2))``."""
    height, width = into.shape[1:]
    odd = 2 * height - fine.shape[1], 2 * width - fine.shape[2]
    if any(odd):
        fine = np.pad(fine, ((0, 0), (0, odd[0]), (0, odd[1])), mode="edge")
    for part, (row, column) in zip(np.split(into, 4), _PLACES, strict=True):
        part[:] = fine[:, row::2, column::2]


_PLACES = ((0, 0), (0, 1), (1, 0), (1, 1))


def _equal(boxes: Sequence[Box], whole: Sequence[int]) -> list[Box]:
    """Boxes grown to the size of the largest, each way, so that all find use for the memory of the others."""
    height, width = (max(lengths) for lengths in zip(*map(size_of, boxes), strict=True))
    grown = []
    for box in boxes:
        bottom, right = min(box.top + height, whole[0]), min(box.left + width, whole[1])
        grown.append(Box(bottom - height, right - width, bottom, right))
    return grown


def load(graph: StageGraph, runtime: Runtime, *, threads: int) -> Any:
    """ncnn's network of a graph."""
    ncnn = require_ncnn()
    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.openmp_blocktime = 0  # see require_ncnn: the same for another OpenMP
    if runtime.gpu is None:
        net.opt.blob_allocator = net.opt.workspace_allocator = runtime.pool.allocator
    else:
        net.opt.use_vulkan_compute = True
        net.set_vulkan_device(runtime.gpu)
    keep_float32(net.opt)
    if net.load_param_mem(graph.text) != 0:
        raise InputError(f"this ncnn ({ncnn.__version__}) does not take the model: use --backend torch")
    # From a file, as ncnn goes on reading from what it was given in memory, which Python has taken back by then.
    with tempfile.TemporaryDirectory(prefix="adain-") as folder:
        path = Path(folder) / "weights.bin"
        path.write_bytes(graph.weights)
        if net.load_model(os.fspath(path)) != 0:
            raise InputError(f"this ncnn ({ncnn.__version__}) does not take the model: use --backend torch")
    return net


def find_gpu(device: str) -> int:
    """The number of a GPU that is named ``"vulkan"`` or ``"vulkan:N"``.

    Raises:
        InputError: if it is named otherwise, or there is none.
    """
    ncnn = require_ncnn()
    name, _, number = device.partition(":")
    if name != "vulkan" or not (number.isdigit() or device == name):
        raise InputError(f"there is no device {device!r} of ncnn: use cpu or vulkan")
    count = ncnn.get_gpu_count()
    found = int(number) if number else ncnn.get_default_gpu_index()
    if not 0 <= found < count:
        there = f"it has {count}, numbered from 0" if count else "no driver for Vulkan was found"
        raise InputError(f"this machine has no device {device!r}: {there}; use --device cpu")
    return found


def size_of(box: Box) -> tuple[int, int]:
    """Height and width."""
    return box.bottom - box.top, box.right - box.left
