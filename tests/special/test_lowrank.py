"""The decoder that learns a change."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from adain import InputError, Stylizer
from adain.control.change import Change
from adain.nn.layers import BASE, CLASSIC, FAST, Network
from adain.nn.pretrained import load_decoder
from adain.special.lowrank import SpecialDecoder, change_bytes, check_rank, factors_of
from adain.special.options import MOST_BYTES, SpecialOptions


def test_it_begins_with_what_the_decoder_gives_to_the_bit(shipped_fast: Stylizer) -> None:
    features = torch.rand(1, 384, 5, 6)
    special = SpecialDecoder(shipped_fast.decoder, 4, seed=0)
    assert torch.equal(special(features), shipped_fast.decoder(features))


def test_its_change_makes_the_same_decoder(shipped_fast: Stylizer) -> None:
    special = SpecialDecoder(shipped_fast.decoder, 4, seed=0)
    with torch.no_grad():
        for parameter in special.parameters():
            parameter.copy_((0.05 * torch.randn_like(parameter)).half())
    factors = factors_of(special.state_dict(), shipped_fast.decoder.network)
    changed = shipped_fast.changed(Change("fast", shipped_fast.weights, ((1.0, factors),)))
    features = torch.rand(1, 384, 5, 6)
    torch.testing.assert_close(special(features), changed.decoder(features), atol=1e-4, rtol=1e-4)


def test_only_the_change_learns(shipped_fast: Stylizer) -> None:
    special = SpecialDecoder(shipped_fast.decoder, 4, seed=0)
    assert {name.rpartition(".")[2] for name, _ in special.named_parameters()} == {"up", "down", "shift"}
    assert set(special.state_dict()) == {name for name, _ in special.named_parameters()}


def test_the_seed_decides_the_beginning(shipped_fast: Stylizer) -> None:
    one, same, other = (SpecialDecoder(shipped_fast.decoder, 4, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["decoder.conv4_1.down"], other["decoder.conv4_1.down"])


@pytest.mark.parametrize("network", [BASE, CLASSIC, FAST])
def test_the_default_rank_makes_small_files(network: Network) -> None:
    assert change_bytes(network, SpecialOptions.rank) + 30_000 <= MOST_BYTES
    check_rank(network, SpecialOptions.rank)


def test_the_size_of_a_change(shipped_fast: Stylizer) -> None:
    network = shipped_fast.decoder.network
    factors = factors_of(SpecialDecoder(shipped_fast.decoder, 5, 0).state_dict(), network)
    assert sum(value.nbytes for value in factors.values()) == change_bytes(network, 5)
    assert all(value.dtype == np.float16 for value in factors.values())


def test_too_large_a_rank_is_refused() -> None:
    with pytest.raises(InputError, match=r"a change of rank 64 makes a file of 2\.\d MB, and 1\.5 MB is the most"):
        check_rank(BASE, 64)
    check_rank(FAST, 512)  # its filters have less


def test_by_winograd_but_for_rounding() -> None:
    pytest.importorskip("ncnn")
    decoder = load_decoder()
    features = torch.rand(2, decoder.feature_channels, 5, 6)
    found = []
    for by_winograd in (False, True):
        special = SpecialDecoder(decoder, 4, seed=0, by_winograd=by_winograd)
        with torch.no_grad():
            for name, parameter in special.named_parameters():
                if name.endswith("up"):
                    parameter.fill_(0.01)
        painted = special(features)
        found.append([painted, *torch.autograd.grad(painted.square().sum(), list(special.parameters()))])
        with torch.no_grad():  # nothing of the weights before is kept
            for parameter in special.parameters():
                parameter.mul_(2)
            found[-1].append(special(features))
    for plain, ours in zip(*found, strict=True):
        assert float((plain - ours).abs().max()) <= 1e-4 * float(plain.abs().max())
