from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from adain.nn.decoder import MIRRORED, Decoder
from adain.nn.pretrained import load_decoder


def test_architecture() -> None:
    # Table of the published decoder: nine convolutions, 3,505,219 parameters.
    assert [(s.c_out, s.c_in) for s in MIRRORED] == [
        (512, 256),
        (256, 256),
        (256, 256),
        (256, 256),
        (256, 128),
        (128, 128),
        (128, 64),
        (64, 64),
        (64, 3),
    ]
    assert sum(p.numel() for p in Decoder().parameters()) == 3_505_219


def test_plain_reference() -> None:
    decoder = load_decoder("classic")
    features = torch.rand(1, 512, 3, 5)
    x = features
    for index, spec in enumerate(MIRRORED):
        weight = decoder.get_parameter(f"{spec.name}.weight")
        bias = decoder.get_parameter(f"{spec.name}.bias")
        x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), weight, bias)
        x = x.clamp(min=0) if index < 8 else x
        if index in (0, 4, 6):
            x = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    torch.testing.assert_close(decoder(features), x, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("size", [(2, 2), (3, 7)])
def test_eight_pixels_a_cell(size: tuple[int, int]) -> None:
    assert Decoder()(torch.rand(2, 512, *size)).shape == (2, 3, 8 * size[0], 8 * size[1])


def test_does_not_change_its_input() -> None:
    features = torch.randn(1, 512, 2, 2)
    before = features.clone()
    load_decoder("classic")(features)
    assert torch.equal(features, before)
