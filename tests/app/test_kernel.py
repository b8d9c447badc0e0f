"""What the kernel of the page without a server computes, against PyTorch and plain NumPy."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from adain.app.offline.modules import APP
from adain.app.offline.site import KERNEL

wasmtime = pytest.importorskip("wasmtime")

from .kernels import Array, Kernel  # noqa: E402

SOURCE = (APP / "web" / "kernel" / "kernel-blocks.h").read_text("utf-8")

FLAGS = dict(re.findall(r"(\w+) = (\d+)", re.findall(r"^enum \{(.+)\};$", SOURCE, re.M)[0]))

IS_DOUBLED, IS_HALVED, HAS_RELU, IS_CLAMPED = (
    int(FLAGS[name]) for name in ("IS_DOUBLED", "IS_HALVED", "HAS_RELU", "IS_CLAMPED")
)

SETTINGS = settings(deadline=None, max_examples=60)

sides = st.integers(2, 21)
fours = st.integers(1, 5).map(lambda k: 4 * k)
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module", params=KERNEL)
def kernel(request: pytest.FixtureRequest) -> Kernel:
    return Kernel(request.param)


@pytest.fixture(scope="module", params=KERNEL)
def crew(request: pytest.FixtureRequest) -> Kernel:
    return Kernel(request.param, threads=4)


def numbers(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def planes(cells: Array) -> torch.Tensor:
    return torch.from_numpy(cells.astype(np.float64)).permute(2, 0, 1)[None]


def convolved(cells: Array, filters: Array, bias: Array, flags: int) -> Array:
    """The layer as PyTorch computes it, in double precision."""
    map_ = planes(cells)
    if flags & IS_DOUBLED:
        map_ = functional.interpolate(map_, scale_factor=2)
    bordered = functional.pad(map_, (1, 1, 1, 1), mode="reflect")
    made = functional.conv2d(bordered, torch.from_numpy(filters).double(), torch.from_numpy(bias).double())
    if flags & HAS_RELU:
        made = made.relu()
    if flags & IS_CLAMPED:
        made = made.clamp(0, 1)
    if flags & IS_HALVED:
        made = functional.max_pool2d(made, 2, ceil_mode=True)
    return made[0].permute(1, 2, 0).numpy()


def convolve(kernel: Kernel, cells: Array, filters: Array, bias: Array, flags: int, threads: int = 1) -> Array:
    """The same by the kernel, of filters for as many channels as the map has, or fewer."""
    height, width, channels = cells.shape
    out = filters.shape[0]
    stored = -(-out // 4) * 4
    tall, wide = (2 * height, 2 * width) if flags & IS_DOUBLED else (height, width)
    shape = (-(-tall // 2), -(-wide // 2), stored) if flags & IS_HALVED else (tall, wide, stored)
    to = kernel.room(*shape)
    shift = kernel.put(np.pad(bias, (0, stored - out)))
    packed, scratch = kernel.pack(filters, channels), kernel.scratch(channels, stored)
    kernel.call("convolve", kernel.put(cells), height, width, channels, to, stored, packed, shift, flags, scratch, threads)  # fmt: skip # noqa: E501
    result = kernel.get(to, *shape)
    kernel.forget()
    return result


@SETTINGS
@given(height=sides, width=sides, channels=fours, out=st.integers(1, 24), flags=st.integers(0, 15), seed=seeds)
def test_a_convolution_is_that_of_pytorch(
    kernel: Kernel, height: int, width: int, channels: int, out: int, flags: int, seed: int
) -> None:
    cells, filters = numbers(seed, height, width, channels), numbers(seed + 1, out, channels, 3, 3)
    bias = numbers(seed + 2, out)
    made = convolve(kernel, cells, filters, bias, flags)
    expected = convolved(cells, filters, bias, flags)
    # What the rounding of a sum of so many numbers of about 1 comes to, with Winograd's larger factors.
    np.testing.assert_allclose(made[..., :out], expected, rtol=0, atol=1e-4 * np.sqrt(channels))
    assert np.all(made[..., out:] == 0), "channels that only fill up a vector"


@SETTINGS
@given(height=sides, width=sides, channels=fours, flags=st.integers(0, 7), seed=seeds)
def test_channels_of_a_map_that_filters_do_not_know_count_for_nothing(
    kernel: Kernel, height: int, width: int, channels: int, flags: int, seed: int
) -> None:
    cells, filters = numbers(seed, height, width, channels), numbers(seed + 1, 8, channels - 1, 3, 3)
    made = convolve(kernel, cells, filters, np.zeros(8, np.float32), flags)
    cells[..., -1] = 0
    assert np.array_equal(made, convolve(kernel, cells, filters, np.zeros(8, np.float32), flags))


@SETTINGS
@given(height=sides, width=sides, channels=fours, out=st.integers(1, 24), seed=seeds)
def test_a_convolution_of_one_place_is_a_product(
    kernel: Kernel, height: int, width: int, channels: int, out: int, seed: int
) -> None:
    cells, filters, bias = (
        numbers(seed, height, width, channels),
        numbers(seed + 1, out, channels),
        numbers(seed, out),
    )
    stored = -(-out // 4) * 4
    to, packed = kernel.room(height, width, stored), kernel.pack(filters[..., None, None], channels)
    shift, scratch = kernel.put(np.pad(bias, (0, stored - out))), kernel.scratch(channels, stored)
    kernel.call("pointwise", kernel.put(cells), height, width, channels, to, stored, packed, shift, scratch, 1)
    result = kernel.get(to, height, width, stored)
    expected = cells.astype(np.float64) @ filters.T.astype(np.float64) + bias
    np.testing.assert_allclose(result[..., :out], expected, rtol=0, atol=1e-5)
    assert np.all(result[..., out:] == 0), "channels that only fill up a vector"
    kernel.forget()


@SETTINGS
@given(out=st.integers(1, 17), channels=st.integers(1, 9), seed=seeds)
def test_filters_are_transformed_as_winograd_has_it(kernel: Kernel, out: int, channels: int, seed: int) -> None:
    filters = numbers(seed, out, channels, 3, 3)
    given_, made = -(-channels // 4) * 4, -(-out // 8) * 8
    g = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
    expected = np.zeros((6, 6, made, given_))
    expected[:, :, :out, :channels] = np.einsum("ra,oiab,cb->rcoi", g, filters.astype(np.float64), g)
    blocks = expected.reshape(36, made // 8, 8, given_).swapaxes(2, 3)
    np.testing.assert_allclose(kernel.get(kernel.pack(filters, given_), *blocks.shape), blocks, rtol=1e-6, atol=1e-7)
    kernel.forget()


@SETTINGS
@given(height=sides, width=sides, channels=fours, seed=seeds)
def test_a_map_is_halved_by_the_largest_of_four(
    kernel: Kernel, height: int, width: int, channels: int, seed: int
) -> None:
    cells = numbers(seed, height, width, channels)
    shape = (-(-height // 2), -(-width // 2), channels)
    to = kernel.room(*shape)
    kernel.call("halve", kernel.put(cells), height, width, channels, to, 1)
    expected = functional.max_pool2d(planes(cells), 2, ceil_mode=True)[0].permute(1, 2, 0).numpy()
    assert np.array_equal(kernel.get(to, *shape), expected.astype(np.float32))
    kernel.forget()


@SETTINGS
@given(height=sides, width=sides, channels=fours, step=st.integers(1, 3), seed=seeds, data=st.data())
def test_places_go_to_planes(
    kernel: Kernel, height: int, width: int, channels: int, step: int, seed: int, data: st.DataObject
) -> None:
    made = data.draw(st.integers(1, channels))
    row, column = data.draw(st.integers(0, step - 1)), data.draw(st.integers(0, step - 1))
    cells = numbers(seed, height, width, channels)
    rows = np.minimum(np.arange(0, height, step) + row, height - 1)
    columns = np.minimum(np.arange(0, width, step) + column, width - 1)
    expected = cells[np.ix_(rows, columns)][..., :made].transpose(2, 0, 1)
    to = kernel.room(*expected.shape)
    kernel.call("to_planes", kernel.put(cells), height, width, channels, to, made, row, column, step, 1)
    assert np.array_equal(kernel.get(to, *expected.shape), expected)
    kernel.forget()


@SETTINGS
@given(height=sides, width=sides, stored=fours, step=st.integers(1, 3), seed=seeds, data=st.data())
def test_planes_go_to_places(
    kernel: Kernel, height: int, width: int, stored: int, step: int, seed: int, data: st.DataObject
) -> None:
    made = data.draw(st.integers(1, stored))
    row, column = data.draw(st.integers(0, step - 1)), data.draw(st.integers(0, step - 1))
    flat = numbers(seed, made, height, width)
    before = numbers(seed + 1, step * height, step * width, stored)
    expected = before.copy()
    expected[row::step, column::step] = 0
    expected[row::step, column::step, :made] = flat.transpose(1, 2, 0)
    to = kernel.put(before)
    kernel.call("to_cells", kernel.put(flat), made, height, width, to, stored, row, column, step, 1)
    assert np.array_equal(kernel.get(to, *expected.shape), expected)
    kernel.forget()


@SETTINGS
@given(height=sides, width=sides, channels=fours, seed=seeds)
def test_a_doubled_map_is_added(kernel: Kernel, height: int, width: int, channels: int, seed: int) -> None:
    cells, sums = numbers(seed, height, width, channels), numbers(seed + 1, 2 * height, 2 * width, channels)
    to = kernel.put(sums)
    kernel.call("add_doubled", kernel.put(cells), height, width, channels, to, 1)
    assert np.array_equal(kernel.get(to, *sums.shape), sums + cells.repeat(2, 0).repeat(2, 1))
    kernel.forget()


@SETTINGS
@given(
    height=st.integers(2, 60), width=st.integers(2, 60), flags=st.integers(0, 7), threads=st.integers(2, 4), seed=seeds
)
def test_several_threads_make_the_same_bytes_as_one(
    crew: Kernel, height: int, width: int, flags: int, threads: int, seed: int
) -> None:
    cells, filters, bias = numbers(seed, height, width, 8), numbers(seed + 1, 16, 8, 3, 3), numbers(seed + 2, 16)
    alone = convolve(crew, cells, filters, bias, flags)
    assert np.array_equal(convolve(crew, cells, filters, bias, flags, threads), alone)


def test_a_thousand_small_jobs_in_a_row_end_for_several_threads(crew: Kernel) -> None:
    """Threads that are late for one job come to the next."""
    cells = [numbers(k, 3 + k % 17, 5, 4) for k in range(1000)]
    to = [crew.room(-(-len(each) // 2), 3, 4) for each in cells]
    given_ = [crew.put(each) for each in cells]
    for each, source, target in zip(cells, given_, to, strict=True):
        crew.call("halve", source, *each.shape, target, 4)
    for each, target in zip(cells, to, strict=True):
        expected = functional.max_pool2d(planes(each), 2, ceil_mode=True)[0].permute(1, 2, 0).numpy()
        assert np.array_equal(crew.get(target, *expected.shape), expected.astype(np.float32))
    crew.forget()


def test_what_javascript_knows_of_the_kernel_is_what_its_source_says() -> None:
    def constants(module: str) -> dict[str, str]:
        return dict(re.findall(r"^const (\w+) = (\d+);$", (APP / "web" / module).read_text("utf-8"), re.M))

    made = re.findall(r"^#define MADE (\d+)$", SOURCE, re.M)
    assert constants("tiles.js")["STEP"] == made[0], "tiles begin where those of the kernel do"
    assert {name: value for name, value in constants("wasm-networks.js").items() if name in FLAGS} == FLAGS
