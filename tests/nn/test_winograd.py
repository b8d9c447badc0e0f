from __future__ import annotations

import copy
import os
import pickle
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from adain.nn import winograd
from adain.nn.padding import pad
from adain.nn.pretrained import load_decoder, load_encoder
from adain.nn.vgg import STYLE_LAYERS
from adain.nn.winograd import WinogradConvolution, WinogradFilters, convolve, prepare

pytest.importorskip("ncnn")
CPU = torch.device("cpu")


def convolution(c_in: int, c_out: int, *, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, 3, padding=1, padding_mode="reflect", bias=bias)


def gap(found: Tensor | None, wanted: Tensor | None) -> float:
    assert found is not None
    assert wanted is not None
    assert found.shape == wanted.shape
    return float((found - wanted).abs().max() / wanted.abs().max().clamp_min(1e-12))


def gradients(network: nn.Module, x: Tensor) -> list[Tensor]:
    """The result, and the gradients of the input and of every parameter that learns."""
    x = x.clone().requires_grad_()
    made = network(x)
    torch.manual_seed(1)
    learning = [p for p in network.parameters() if p.requires_grad]
    return [made.detach(), *torch.autograd.grad(made, [x, *learning], torch.randn(made.shape).to(made))]


@given(
    st.sampled_from([(3, 64), (64, 3), (64, 64), (128, 160), (256, 128), (5, 70)]),
    st.integers(1, 3),
    st.integers(2, 40),
    st.integers(2, 40),
    st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_values_and_gradients(channels: tuple[int, int], count: int, height: int, width: int, bias: bool) -> None:
    plain = convolution(*channels, bias=bias).double()
    x = torch.randn(count, channels[0], height, width)
    wanted = gradients(plain, x.double())
    found = gradients(WinogradConvolution(copy.deepcopy(plain).float()), x)
    for ours, theirs in zip(found, wanted, strict=True):
        assert gap(ours, theirs) < 3e-5


@pytest.mark.parametrize("size", [(300, 70), (16, 2000)])
def test_in_strips(size: tuple[int, int]) -> None:
    """Those of a large picture fit each other; and they are others for other numbers of threads, in rounding alone."""
    plain = convolution(64, 64)
    x = torch.randn(1, 64, *size)
    wanted = gradients(plain, x)
    for ours, theirs in zip(gradients(WinogradConvolution(plain), x), wanted, strict=True):
        assert gap(ours, theirs) < 3e-5


def test_strips_cover_everything_once() -> None:
    for shape, count in (((2, 3, 100, 7), 3), ((1, 3, 7, 9), 4), ((1, 3, 5000, 5000), 2), ((4, 3, 8, 8), 16)):
        rows = torch.zeros(shape[0], shape[2])
        for number, top, bottom in winograd._strips(shape, count):
            assert bottom - top >= min(shape[2], winograd.LEAST_ROWS)
            rows[number, top:bottom] += 1
        assert bool((rows == 1).all())


def test_any_number_of_threads_and_the_same_bits_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    network = WinogradConvolution(convolution(64, 128))
    x = torch.randn(3, 64, 40, 33)
    wanted = gradients(network, x)
    for count in (1, 2, 5):
        monkeypatch.setattr(winograd, "count_threads", lambda count=count: count)
        once, twice = gradients(network, x), gradients(network, x)
        for ours, again, theirs in zip(once, twice, wanted, strict=True):
            assert torch.equal(ours, again)
            assert gap(ours, theirs) < 3e-5


def test_what_it_learns_is_used() -> None:
    """An optimiser that torch has fused changes weights without counting their version up."""
    plain = convolution(64, 64)
    ours = WinogradConvolution(copy.deepcopy(plain))
    x = torch.randn(2, 64, 9, 9)
    for network in (plain, ours):
        optimizer = torch.optim.Adam(network.parameters(), lr=0.1, fused=True)
        for _ in range(3):
            optimizer.zero_grad()
            network(x).square().sum().backward()
            optimizer.step()
        network.requires_grad_(False)
    assert gap(ours(x), plain(x)) < 1e-3


def test_frozen_weights_are_read_once_until_they_change(monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0
    make = winograd._network

    def counted(*args: object) -> object:
        nonlocal made
        made += 1
        return make(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(winograd, "_network", counted)
    plain = convolution(64, 64).requires_grad_(False)
    network, x = WinogradConvolution(plain), torch.randn(1, 64, 8, 8)
    for _ in range(3):
        gradients(network, x)
    assert made == 2  # one way and the other
    plain.weight.mul_(2)
    assert gap(network(x), plain(x)) < 3e-5
    assert made == 3


def test_weights_of_one_call() -> None:
    """Tensors of one call after the other may lie at the same address."""
    network, x = WinogradConvolution(convolution(64, 64).requires_grad_(False)), torch.randn(1, 64, 6, 6)

    def differs() -> float:
        weights = {"weight": torch.randn(64, 64, 3, 3), "bias": torch.randn(64)}
        wanted = nn.functional.conv2d(pad(x), weights["weight"], weights["bias"])
        return gap(torch.func.functional_call(network, weights, (x,)), wanted)

    assert max(differs() for _ in range(20)) < 3e-5


@pytest.mark.parametrize("shape", [(1, 32, 9, 9), (1, 128, 8, 8), (1, 64, 1, 8), (1, 64, 8, 1), (64, 8)])
def test_pictures_that_do_not_fit(shape: tuple[int, ...]) -> None:
    for network in (convolution(64, 64), WinogradConvolution(convolution(64, 64))):
        with torch.no_grad(), pytest.raises((RuntimeError, NotImplementedError)):
            network(torch.randn(shape))


def test_pictures_of_no_batch() -> None:
    network = convolution(64, 64)
    for shape in ((64, 6, 6), (0, 64, 6, 6)):
        x = torch.randn(shape)
        assert torch.equal(WinogradConvolution(network)(x), network(x))


def test_what_it_cannot_compute_is_torchs() -> None:
    plain = convolution(64, 64)
    for dtype in (torch.float64, torch.bfloat16):
        network, x = copy.deepcopy(plain).to(dtype), torch.randn(1, 64, 6, 6, dtype=dtype)
        assert torch.equal(convolve(x, network.weight, network.bias, WinogradFilters()), network(x))


@pytest.mark.parametrize("learns", [False, True])
def test_the_shipped_networks(learns: bool) -> None:
    encoder, decoder = load_encoder(upto="relu4_1"), load_decoder().requires_grad_(learns)
    keys = list(decoder.state_dict())
    image = torch.rand(1, 3, 48, 64)

    def run() -> list[Tensor]:
        features = encoder.giving("relu3_1").features(image).detach()
        painted = decoder(features.requires_grad_())
        found = encoder(painted, STYLE_LAYERS)
        loss = torch.stack([f.square().mean() for f in found.values()]).sum()
        return [
            painted.detach(),
            *torch.autograd.grad(loss, [features, *decoder.parameters()] if learns else [features]),
        ]

    wanted = run()
    for network in (encoder, decoder):
        assert prepare(network, by_winograd=True) is network
        assert sum(isinstance(module, WinogradConvolution) for module in network.modules()) == 9
    assert list(decoder.state_dict()) == keys
    for ours, theirs in zip(run(), wanted, strict=True):
        assert gap(ours, theirs) < 2e-4


def test_narrow_networks_are_left() -> None:
    decoder = load_decoder("fast")
    prepare(decoder, by_winograd=True)
    assert not any(isinstance(module, WinogradConvolution) for module in decoder.modules())


def test_copies() -> None:
    network = WinogradConvolution(convolution(64, 64))
    x = torch.randn(1, 64, 5, 5)
    wanted = network(x)
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(other(x), wanted)
        with torch.no_grad():
            other.weight.zero_()
    assert torch.equal(network(x), wanted)


def test_from_several_threads() -> None:
    network = WinogradConvolution(convolution(64, 64).requires_grad_(False))
    pictures = [torch.randn(2, 64, 20, 20) for _ in range(8)]
    wanted = [network(x) for x in pictures]
    with ThreadPoolExecutor(4) as pool:
        for ours, theirs in zip(pool.map(network, pictures), wanted, strict=True):
            assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("capability", "has", "expected"), [("AVX2", True, True), ("AVX512", True, False), ("AVX2", False, False)]
)
def test_where_it_is_worthwhile(monkeypatch: pytest.MonkeyPatch, capability: str, has: bool, expected: bool) -> None:
    class Machine:
        def cpu_support_x86_avx2(self) -> int:
            return int(has)

    monkeypatch.setattr(winograd, "require_ncnn", Machine)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert winograd.is_worthwhile(CPU) == expected
    assert not winograd.is_worthwhile(CPU, torch.bfloat16)
    assert not winograd.is_worthwhile(torch.device("meta"))


def test_without_ncnn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ncnn", None)
    assert not winograd.is_worthwhile(CPU)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_after_a_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child has no threads of its parent's, and starts its own."""
    monkeypatch.setattr(winograd, "count_threads", lambda: 2)
    network, x = WinogradConvolution(convolution(64, 64).requires_grad_(False)), torch.randn(2, 64, 9, 9)
    wanted = network(x)
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os._exit(0 if torch.equal(network(x), wanted) else 1)
    assert os.waitpid(child, 0)[1] == 0
