from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from adain._utils.resources import weights_dir
from adain.nn import palettes
from adain.nn.pretrained import registry


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_every_weight_bit_for_bit(c_out: int, c_in: int, seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    index = torch.randint(0, 256, (c_out, c_in, 3, 3), generator=g, dtype=torch.uint8)
    table = torch.randn(256, generator=g)
    gain, scale = torch.rand(c_in, generator=g) + 0.5, torch.rand(c_out, generator=g) + 0.5
    tensors = palettes.pack("conv", index, table, gain, scale)
    weight = palettes.unpack(tensors, "conv")
    for o in range(c_out):
        for i in range(c_in):
            assert torch.equal(weight[o, i], table[index[o, i].long()] * gain[i] / scale[o])


def test_shipped_encoder_is_palettes() -> None:
    tensors = load_file(registry()["vgg19"].encoder.path)
    assert palettes.is_palette(tensors, "conv5_1")
    assert not palettes.is_palette(tensors, "conv5_2")
    assert tensors["conv4_1.index"].dtype == torch.uint8
    # A filter has at most 256 values, before its scales.
    assert tensors["conv4_1.table"].shape == (256,)


def test_deeper_file_goes_on_where_the_encoder_ends() -> None:
    model = registry()["vgg19"]
    tensors, (deeper,) = load_file(model.encoder.path), map(load_file, (f.path for f in model.encoder_deeper))
    assert {key.partition(".")[0] for key in deeper} == {"conv5_2"}
    assert torch.equal(deeper["conv5_2.in_scale"], tensors["conv5_1.out_scale"])
    means = load_file(weights_dir() / "activation-means.safetensors")
    for name, scales in (("conv1_1", tensors), ("conv5_1", tensors), ("conv5_2", deeper)):
        assert torch.equal(means[name], scales[f"{name}.out_scale"])
