"""One way to stylise on a device: how long it takes a picture, how much memory, and how far it is from the CPU."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from PIL import Image
from torch import Tensor

from adain import Style, Stylizer
from adain._utils.errors import InputError
from adain._utils.memory import peak_memory, reset_peak_memory
from adain.image import read_image, to_tensor
from adain.nn import Network, load_decoder
from adain.training import fast_arithmetic, synchronize

from .gpu_clock import paced
from .gpu_floors import flops_of, numbers_of, widest
from .measuring import ART, PHOTO, Spread

WAYS = {
    "eager": "the module is called",
    "graph": "a CUDA graph of that",
    "compile": "torch.compile",
    "tuned": "a CUDA graph of the kernels that cuDNN found fastest by trying (its benchmark mode)",
    "exact": "eager, without TensorFloat-32",
}
"""What is measured, and what it means."""

WARM_UP = 3
"""Passes before a graph is captured: torch's own advice."""

VAST = 2**31
"""Numbers in one tensor beyond which kernels that count in 32 bits fail, some of them for the rest of a process."""


class Case(NamedTuple):
    """What is stylised, and how."""

    model: str
    precision: str
    way: str
    width: int
    height: int
    batch: int

    @property
    def name(self) -> str:
        return f"{self.model} {self.width}x{self.height}, batch {self.batch}, {self.precision}, {self.way}"

    @property
    def is_vast(self) -> bool:
        """Whether feature maps have more than :data:`VAST` numbers."""
        return self.batch * widest(network_of(self.model), self.width, self.height) > VAST


@functools.cache
def network_of(model: str) -> Network:
    """The tables of a model."""
    return load_decoder(model).network


@functools.cache
def opened(model: str, precision: str, device: torch.device) -> tuple[Stylizer, Style]:
    """A model, and a style that it has encoded."""
    stylizer = Stylizer.from_pretrained(model, device=device, precision=precision)
    return stylizer, stylizer.encode_style(ART)


@functools.cache
def photograph(width: int, height: int) -> Image.Image:
    """A sample stretched to that size."""
    return read_image(PHOTO).resize((width, height), Image.Resampling.BICUBIC)


@functools.cache
def reference(model: str, width: int, height: int) -> Tensor:
    """The photograph as the CPU stylises it in float32, style and all."""
    stylizer, style = opened(model, "fp32", torch.device("cpu"))
    with torch.inference_mode():
        return stylizer(to_tensor(photograph(width, height)), style)  # type: ignore[no-any-return]


def stylised(case: Case, device: torch.device, seconds: float, *, compares: bool) -> dict[str, Any]:
    """What there is to say of a case.

    Args:
        seconds: of the measurement, without what comes before.
        compares: whether the first picture is compared with the CPU's.
    """
    stylizer, style = opened(case.model, case.precision, device)
    network, size = network_of(case.model), (case.width, case.height)
    wanted = reference(case.model, *size) if compares else None
    pixels = to_tensor(photograph(*size)).to(device).repeat(case.batch, 1, 1, 1)
    pixels = pixels.contiguous(memory_format=torch.channels_last)
    reset_peak_memory(device)
    begun = time.perf_counter()
    with torch.inference_mode(), arithmetic(case.way, device):
        work = prepared(case.way, stylizer, style, pixels)
        result = work()
        synchronize(device)
        row: dict[str, Any] = {"ready_s": round(time.perf_counter() - begun, 2)}
        if wanted is not None:
            change = (result[:1].cpu() - wanted).abs()
            row |= {"greatest": float(change.max()), "mean": float(change.mean())}
        each = Spread.of([taken / case.batch for taken in paced(work, device, seconds)])
    row |= {"ms": each.rounded(4), "per_second": round(1e3 / each.median, 2)}
    row |= {"flops": flops_of(network, *size), "numbers": numbers_of(network, *size)}
    return row | {"peak_gb": round(peak_memory(device) / 1e3, 3)}


@contextmanager
def arithmetic(way: str, device: torch.device) -> Iterator[None]:
    """The settings of torch that belong to a way; those that the library leaves alone, for most."""
    if way == "tuned":
        with fast_arithmetic(device):
            yield
    elif way == "exact":
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
    else:
        yield


def prepared(way: str, stylizer: Stylizer, style: Style, pixels: Tensor) -> Callable[[], Tensor]:
    """What stylises the pixels; in inference mode."""
    statistics = style.mean, style.std  # tensors alone, for a compiler
    if way == "compile":
        torch.compiler.reset()  # of one function, only so many shapes are compiled
        compiled = torch.compile(stylizer, dynamic=False)
        return lambda: compiled(pixels, statistics)

    def called() -> Tensor:
        made: Tensor = stylizer(pixels, statistics)
        return made

    return captured(called, pixels) if way in ("graph", "tuned") else called


def captured(work: Callable[[], Tensor], pixels: Tensor) -> Callable[[], Tensor]:
    """Work on pixels as a CUDA graph, which is replayed after new pixels have been put in their place."""
    device = pixels.device
    if device.type != "cuda":
        raise InputError("a CUDA graph needs a device of CUDA")
    photographs = pixels.clone()
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            work()
    torch.cuda.current_stream(device).wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = work()

    def replay() -> Tensor:
        pixels.copy_(photographs)
        graph.replay()
        return result

    return replay
