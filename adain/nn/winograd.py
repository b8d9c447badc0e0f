"""3×3 convolutions with gradients on a CPU, by Winograd's algorithm, which saves up to three multiplications of four.

Of processors without AVX-512, torch computes these convolutions one product after the other. ncnn has Winograd's
F(4×4, 3×3) (Lavin & Gray 2016): it computes the convolution and, with the filters turned round, the gradient of its
input. The gradient of the weights, for which it has nothing, is written out here.
"""

from __future__ import annotations

import functools
import itertools
import operator
import os
import weakref
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .._utils.arrays import FloatArray
from .._utils.errors import InputError
from .._utils.ncnn import keep_float32, lasting_pool, require_ncnn
from .._utils.threads import count_threads
from .ncnn_layer import convolution_layer
from .padding import add_reflected, is_plain, pad, replace_plain

Net = TypeVar("Net", bound=nn.Module)

WIDE = 64
"""Channels in or out of every convolution of a network that is worth its while."""

LEAST_PLACES = 1 << 13
"""Of a batch that is trained with, pixels: with fewer the making of filters takes longer than what they save."""

FEWEST_FOR_WEIGHTS = 128
"""In and out, of weights whose gradient is computed by Winograd's algorithm: with fewer the transforms take longer than
what they save."""

STRIP_PLACES = 1 << 14
"""Of a picture, what a thread computes at a time: their transform, 2.25 times as large, is to stay in the caches."""

LEAST_ROWS = 8
"""Of such a part, and no fewer to give every thread one: each reads all weights."""

TILES = 256
"""4 × 4 places that the gradient of the weights takes at a time, about."""

# F(4×4, 3×3) of Lavin & Gray 2016, section 4.1: y = Aᵀ[(G w Gᵀ) ⊙ (Bᵀ d B)]A of a 6 × 6 part d of the picture.
_B = torch.tensor(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    dtype=torch.float32,
)  # Bᵀ
_A = torch.tensor(
    [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]], dtype=torch.float32
)  # Aᵀ
_G = (
    torch.tensor(
        [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]],
        dtype=torch.float32,
    )
    / 24
)


def is_worthwhile(device: torch.device, dtype: torch.dtype = torch.float32) -> bool:
    """Whether convolutions there are faster by this module, as has been measured on x86 with AVX2 and not AVX-512."""
    if not serves(device, dtype) or torch.backends.cpu.get_cpu_capability() != "AVX2":
        return False
    try:
        return bool(require_ncnn().cpu_support_x86_avx2())
    except InputError:
        return False


def serves(device: torch.device, dtype: torch.dtype = torch.float32) -> bool:
    """Whether these convolutions can be computed at all."""
    return device.type == "cpu" and dtype == torch.float32


def prepare(network: Net, *, by_winograd: bool) -> Net:
    """A network in the memory layout that its convolutions are fastest in: of torch channels last, of ncnn first.

    Args:
        network: is changed in place: with ``by_winograd``, its convolutions become those of this module, if it
            :func:`is_wide`. Their weights are the same parameters by the same names, trained or not. Results and
            gradients are the same to rounding, and gradients can be taken once.
        by_winograd: whether that is wanted, see :func:`is_worthwhile`.
    """
    if not by_winograd or not is_wide(module.weight.shape for module in network.modules() if is_plain(module)):
        return network.to(memory_format=torch.channels_last)
    network = network.to(memory_format=torch.contiguous_format)
    replace_plain(network, WinogradConvolution)
    return network


def is_wide(shapes: Iterable[Sequence[int]]) -> bool:
    """Whether filters ``(C_out, C_in, 3, 3)`` are of a network as wide as VGG-19: torch is faster at narrow ones."""
    return all(max(shape[:2]) >= WIDE for shape in shapes)


class WinogradConvolution(nn.Module):
    """A 3×3 convolution behind reflection padding, in float32 on the CPU.

    It shares the weights of another; sides must be at least 2.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight, convolution.bias
        self._filters = WinogradFilters()

    def forward(self, x: Tensor) -> Tensor:
        return convolve(x, self.weight, self.bias, self._filters)


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, filters: WinogradFilters) -> Tensor:
    """A 3×3 convolution behind reflection padding; its gradients can be taken once.

    Args:
        x: ``(B, C_in, H, W)``, sides of at least 2; by torch if it is not in float32 on the CPU, or cannot be computed.
        weight: ``(C_out, C_in, 3, 3)``.
        bias: ``(C_out,)`` or None.
        filters: of this convolution.
    """
    if not (serves(x.device, x.dtype) and weight.dtype == x.dtype and _fits(x.shape, weight.shape)):
        return F.conv2d(pad(x), weight, bias)  # which says what is wrong, if anything is
    return cast(Tensor, _Convolve.apply(x, weight, bias, filters))


def _fits(given: Sequence[int], weight: Sequence[int]) -> bool:
    """Whether pictures ``(B, C_in, H, W)`` are for filters ``(C_out, C_in, 3, 3)``: ncnn does not ask."""
    return len(given) == 4 and given[0] > 0 and given[1] == weight[1] and min(given[2:]) > 1


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, filters: WinogradFilters) -> Tensor:
        x = x.contiguous()
        ctx.save_for_backward(x if ctx.needs_input_grad[1] else None, weight)
        ctx.filters = filters
        made = x.new_empty((len(x), len(weight), *x.shape[2:]))
        _convolve(x.numpy(), filters.ahead(weight, bias), made.numpy())
        return made

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        of_x = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            of_x = gradient.new_empty((len(gradient), weight.shape[1], *gradient.shape[2:]))
            _convolve_back(gradient.numpy(), ctx.filters.back(weight), of_x.numpy())
        if ctx.needs_input_grad[1]:
            of_weight = weight_gradient(x, gradient)
        if ctx.needs_input_grad[2]:
            of_bias = gradient.sum((0, 2, 3))
        return of_x, of_weight, of_bias, None


class WinogradFilters:
    """A convolution's weights as ncnn has them, both ways, until they change.

    Those that are trained change with every step, and are made anew at every use. Tensors do have a number of their
    version, but torch's fused optimisers do not count it up; nor does who writes to their ``data``, after which frozen
    ones stay what they were.
    """

    def __init__(self) -> None:
        self._made: dict[str, _Made] = {}

    def ahead(self, weight: Tensor, bias: Tensor | None) -> _Network:
        """The convolution."""
        return self._network("ahead", weight, bias, lambda filters: filters)

    def back(self, weight: Tensor) -> _Network:
        """The one of which the gradient of the input is made."""
        return self._network("back", weight, None, lambda filters: filters.transpose(0, 1).flip(2, 3))

    def _network(self, way: str, weight: Tensor, bias: Tensor | None, turned: Callable[[Tensor], Tensor]) -> _Network:
        given = [tensor for tensor in (weight, bias) if tensor is not None]
        learns = any(tensor.requires_grad for tensor in given)
        known = None if learns else self._made.get(way)
        if known is not None and known.is_of(given):
            return known.network
        biases = None if bias is None else bias.detach().numpy()
        made = _network(turned(weight.detach()).contiguous().numpy(), biases)
        if learns:
            self._made.pop(way, None)
        else:
            self._made[way] = _Made.of(given, made)
        return made

    def __deepcopy__(self, _: object) -> WinogradFilters:
        return WinogradFilters()

    def __reduce__(self) -> tuple[Any, ...]:
        return WinogradFilters, ()


class _Made(NamedTuple):
    """Filters, and what they were made of: tensors, where these lay and their versions.

    The place alone does not tell: another tensor may come to lie where one has been.
    """

    tensors: list[weakref.ref[Tensor]]
    states: list[tuple[int, int]]
    network: _Network

    @classmethod
    def of(cls, given: Sequence[Tensor], network: _Network) -> _Made:
        return cls([weakref.ref(tensor) for tensor in given], _states(given), network)

    def is_of(self, given: Sequence[Tensor]) -> bool:
        known = [reference() for reference in self.tensors]
        return self.states == _states(given) and all(map(operator.is_, known, given))


def _states(tensors: Sequence[Tensor]) -> list[tuple[int, int]]:
    return [(tensor.data_ptr(), tensor._version) for tensor in tensors]


class _Network(NamedTuple):
    net: Any
    weights: bytes  # which ncnn may go on reading

    def run(self, part: FloatArray) -> FloatArray:
        """``(C_in, H, W)`` → ``(C_out, H - 2, W - 2)``."""
        extractor = self.net.create_extractor()
        extractor.input("x", require_ncnn().Mat(part))
        code, mat = extractor.extract("y")
        if code != 0:
            raise MemoryError("ncnn ran out of memory")
        return np.asarray(mat)


def _network(weight: FloatArray, bias: FloatArray | None) -> _Network:
    ncnn = require_ncnn()
    net = ncnn.Net()
    net.opt.num_threads = 1
    net.opt.blob_allocator = net.opt.workspace_allocator = _pool()
    keep_float32(net.opt)
    layer = convolution_layer(weight, bias)
    if net.load_param_mem(f"7767517\n2 2\nInput x 0 1 x\n{layer.kind} y 1 1 x y {layer.settings}\n") != 0:
        raise InputError(f"this ncnn ({ncnn.__version__}) does not take a convolution: use --winograd off")
    net.load_model_mem(layer.weights)
    return _Network(net, layer.weights)


@functools.cache
def _pool() -> Any:
    return lasting_pool()


def release() -> None:
    """Give back memory that is kept for further convolutions."""
    if _pool.cache_info().currsize:
        _pool().clear()


@functools.cache
def _workers(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "winograd")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_workers.cache_clear)  # threads do not come along


def _strips(shape: tuple[int, ...], threads: int) -> list[tuple[int, int, int]]:
    """Number of the picture, first row and the row behind the last."""
    count, _, height, width = shape
    strips = max(1, min(max(-(-height * width // STRIP_PLACES), -(-threads // count)), height // LEAST_ROWS))
    ends = [height * k // strips for k in range(strips + 1)]
    return [(number, *rows) for number, rows in itertools.product(range(count), itertools.pairwise(ends))]


def _spread(work: Callable[[tuple[int, int, int]], None], shape: tuple[int, ...]) -> None:
    threads = count_threads()
    strips = _strips(shape, threads)
    for _ in map(work, strips) if threads == 1 or len(strips) == 1 else _workers(threads).map(work, strips):
        pass


def _convolve(x: FloatArray, network: _Network, made: FloatArray) -> None:
    """Behind reflection padding."""
    _, channels, height, width = x.shape

    def compute(strip: tuple[int, int, int]) -> None:
        number, top, bottom = strip
        part = np.empty((channels, bottom - top + 2, width + 2), np.float32)
        first, last = max(top - 1, 0), min(bottom + 1, height)
        part[:, first - top + 1 : last - top + 1, 1:-1] = x[number, :, first:last]
        if top == 0:
            part[:, 0, 1:-1] = x[number, :, 1]
        if bottom == height:
            part[:, -1, 1:-1] = x[number, :, -2]
        part[..., 0], part[..., -1] = part[..., 2], part[..., -3]
        made[number, :, top:bottom] = network.run(part)

    _spread(compute, x.shape)


def _convolve_back(gradient: FloatArray, network: _Network, made: FloatArray) -> None:
    """The gradient of the input, given that of the result; what was reflected goes back to where it came from."""
    _, channels, height, width = gradient.shape

    def compute(strip: tuple[int, int, int]) -> None:
        number, top, bottom = strip
        # Rows of the padded input whose gradient is wanted; each depends on three rows of the result.
        begin = 0 if top == 0 else top + 1
        end = height + 2 if bottom == height else bottom + 1
        part = np.zeros((channels, end - begin + 2, width + 4), np.float32)
        first, last = max(begin - 2, 0), min(end, height)
        part[:, first - begin + 2 : last - begin + 2, 2:-2] = gradient[number, :, first:last]
        found = network.run(part)
        add_reflected(found, top=top == 0, bottom=bottom == height)
        made[number, :, top:bottom] = found[:, top + 1 - begin : bottom + 1 - begin, 1:-1]

    _spread(compute, gradient.shape)


def weight_gradient(x: Tensor, gradient: Tensor) -> Tensor:
    """The gradient of the weights of a convolution behind reflection padding: ``(C_out, C_in, 3, 3)``.

    Args:
        x: ``(B, C_in, H, W)``, what was convolved.
        gradient: ``(B, C_out, H, W)``, that of the result.
    """
    inside, outside = x.shape[1], gradient.shape[1]
    if min(inside, outside) < FEWEST_FOR_WEIGHTS:
        weight = torch.empty((outside, inside, 3, 3))
        grad = torch.ops.aten.convolution_backward
        found = grad(gradient, pad(x), weight, [0], [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [False, True, False])
        return cast(Tensor, found[1])
    more = -x.shape[3] % 4, -x.shape[2] % 4  # whole tiles; no gradient comes from there
    padded = F.pad(pad(x), (0, more[0], 0, more[1]))
    gradient = F.pad(gradient, (0, more[0], 0, more[1])) if any(more) else gradient
    parts = padded.unfold(2, 6, 4).unfold(3, 6, 4)
    tiles = gradient.unfold(2, 4, 4).unfold(3, 4, 4)
    down, across = tiles.shape[2:4]
    rows = max(1, TILES // across)
    to_places, to_tiles, to_weights = torch.kron(_B, _B), torch.kron(_A, _A).T, torch.kron(_G, _G).T
    total = torch.zeros(36, outside, inside)
    for number, top in itertools.product(range(len(x)), range(0, down, rows)):
        of_x = parts[number, :, top : top + rows].permute(3, 4, 0, 1, 2).reshape(36, -1)
        of_y = tiles[number, :, top : top + rows].permute(3, 4, 0, 1, 2).reshape(16, -1)
        transformed = (to_places @ of_x).view(36, inside, -1)
        total.baddbmm_((to_tiles @ of_y).view(36, outside, -1), transformed.transpose(1, 2))
    return (to_weights @ total.view(36, -1)).view(3, 3, outside, inside).permute(2, 3, 0, 1).contiguous()
