"""The fast model's networks: against plain torch, and against their own tables."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from adain._utils.errors import InputError
from adain.nn.decoder import Decoder
from adain.nn.fast import FOLDED, FastDecoder, FastEncoder
from adain.nn.fold import fold, fuse, unfold
from adain.nn.layers import FAST_BLOCKS as BLOCKS
from adain.nn.layers import FAST_LAYERS as LAYERS
from adain.nn.vgg import CONTENT_LAYER, STRIDE, VGGEncoder
from adain.stylizer.halo import DECODER_HALO, ENCODER_HALO, Tiling, decoder_steps, encoder_steps
from adain.training.networks import FastNet
from tests.stylizer.test_halo import reach_of

LAYOUTS = [torch.contiguous_format, torch.channels_last]


@pytest.fixture
def net() -> FastNet:
    return FastNet.fresh(5)


def test_folding_lays_the_places_of_a_cell_one_behind_the_other() -> None:
    """Two channels, two by three cells: the value says channel, row and column."""
    rows, columns = torch.meshgrid(torch.arange(4), torch.arange(6), indexing="ij")
    x = torch.stack([100 * channel + 10 * rows + columns for channel in (0, 1)])[None].float()
    folded = fold(x)
    assert folded.shape == (1, 8, 2, 3)
    for index, (row, column) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        for channel in (0, 1):
            for i in range(2):
                for j in range(3):
                    expected = 100 * channel + 10 * (2 * i + row) + 2 * j + column
                    assert float(folded[0, 2 * index + channel, i, j]) == expected


@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9), st.sampled_from(LAYOUTS))
def test_unfolding_undoes_it(channels: int, height: int, width: int, layout: torch.memory_format) -> None:
    x = torch.rand(2, channels, height, width).contiguous(memory_format=layout)
    back = unfold(fold(x))
    assert back.shape == (2, channels, height + height % 2, width + width % 2)
    assert torch.equal(back[..., :height, :width], x)
    # The last row and column of odd sizes count twice.
    assert torch.equal(back, F.pad(x, (0, width % 2, 0, height % 2), mode="replicate"))
    whole = torch.rand(1, 4 * channels, height, width)
    assert torch.equal(fold(unfold(whole)), whole)


def plain(encoder: VGGEncoder, image: Tensor) -> dict[str, Tensor]:
    """The layers, by padding and convolving as they are described."""
    found, x = {}, image
    for spec in encoder.specs:
        if spec.pool_before:
            x = F.max_pool2d(x, 2, ceil_mode=True)
        convolution = encoder.get_submodule(spec.name)
        weight, bias = convolution.get_parameter("weight"), convolution.get_parameter("bias")
        x = F.relu(F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), weight, bias))
        found[spec.relu] = x
    return found


def plain_features(encoder: VGGEncoder, image: Tensor) -> Tensor:
    found = plain(encoder, image)
    fine = found[FOLDED]
    fine = F.pad(fine, (0, fine.shape[3] % 2, 0, fine.shape[2] % 2), mode="replicate")
    places = [fine[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)]
    return torch.cat([found[CONTENT_LAYER], *places], dim=1)


def plain_image(decoder: Decoder, features: Tensor) -> Tensor:
    """relu4_1 decoded and doubled, the finer layer unfolded and added, and the rest decoded; with torch's own parts.

    Where the network has a skip, that convolution stands between unfolding and adding.
    """
    wide = decoder.specs[0].c_out
    batch, _, height, width = features.shape
    fine = features[:, wide:].reshape(batch, 2, 2, -1, height, width)
    fine = fine.permute(0, 3, 4, 1, 5, 2).reshape(batch, -1, 2 * height, 2 * width)
    if decoder.network.skip is not None:
        skip = decoder.get_submodule(decoder.network.skip)
        fine = F.conv2d(fine, skip.get_parameter("weight"), skip.get_parameter("bias"))
    x = features[:, :wide]
    for index, spec in enumerate(decoder.specs):
        convolution = decoder.get_submodule(spec.name)
        weight, bias = convolution.get_parameter("weight"), convolution.get_parameter("bias")
        x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), weight, bias)
        x = x if index == len(decoder.specs) - 1 else F.relu(x)
        x = F.interpolate(x, scale_factor=2, mode="nearest") if spec.pool_before else x
        x = x + fine if index == 0 else x
    return x


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [(16, 16), (24, 40), (17, 31), (29, 18)])
def test_encoder_and_decoder_are_what_they_say(
    net: FastNet, size: tuple[int, int], layout: torch.memory_format
) -> None:
    """With gradients, which takes the modules' own padding, and without, which pads outside."""
    image = torch.rand(2, 3, *size).contiguous(memory_format=layout)
    net = net.to(memory_format=layout)
    features = plain_features(net.encoder, image)
    picture = plain_image(net.decoder, features)
    assert features.shape == (2, net.encoder.feature_channels, -(-size[0] // STRIDE), -(-size[1] // STRIDE))
    assert picture.shape == (2, 3, features.shape[2] * STRIDE, features.shape[3] * STRIDE)
    for wants in (True, False):
        with torch.set_grad_enabled(wants):
            torch.testing.assert_close(net.encoder.features(image), features, rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(net.decoder(features), picture, rtol=1e-4, atol=1e-4)


def test_layers_alone(net: FastNet) -> None:
    """Any of its layers can be asked for, as of VGG-19."""
    image = torch.rand(1, 3, 22, 26)
    found = net.encoder(image, [spec.relu for spec in LAYERS])
    for name, expected in plain(net.encoder, image).items():
        torch.testing.assert_close(found[name], expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(fuse(found, FOLDED), net.encoder.features(image))
    with pytest.raises(InputError, match="no layer 'relu5_1': choose one of relu1_1"):
        FastEncoder("relu5_1")
    with pytest.raises(InputError, match=f"{CONTENT_LAYER} asked of an encoder that ends at relu2_1"):
        FastEncoder("relu2_1").features(image)


def test_every_feature_and_every_weight_counts(net: FastNet) -> None:
    image = torch.rand(1, 3, 32, 40, requires_grad=True)
    features = net.encoder.features(image)
    features.retain_grad()
    net.decoder(features).square().mean().backward()
    assert image.grad is not None
    assert bool((image.grad != 0).any(dim=1).all())
    assert features.grad is not None
    assert bool((features.grad != 0).any(dim=3).any(dim=2).any(dim=0).all())  # of every channel
    for end in (net.encoder, net.decoder):
        assert all(p.grad is not None and bool((p.grad != 0).any()) for p in end.parameters())


def test_a_folded_place_is_decoded_at_its_own(net: FastNet) -> None:
    """The finer half of a cell moves the part of the picture it stands for, not the others' equally."""
    features = torch.rand(1, net.decoder.feature_channels, 6, 6)
    wide = net.decoder.specs[0].c_out
    each = (net.decoder.feature_channels - wide) // 4
    with torch.no_grad():
        before = net.decoder(features)
        centres = []
        for place in range(4):
            changed = features.clone()
            changed[:, wide + place * each : wide + (place + 1) * each, 3, 3] += 5.0
            change = (net.decoder(changed) - before).abs().sum(dim=(0, 1))
            weights = change / change.sum()
            position = torch.arange(48.0)
            centres.append((float(weights.sum(1) @ position), float(weights.sum(0) @ position)))
    (top, left), (_, right), (bottom, _), _ = centres
    assert bottom - top == pytest.approx(4, abs=1.5)
    assert right - left == pytest.approx(4, abs=1.5)


def test_it_is_small() -> None:
    """Under 1 MB in half precision, both files together."""
    count = sum(p.numel() for network in (FastEncoder(), FastDecoder()) for p in network.parameters())
    assert count < 500_000
    assert FastEncoder().feature_channels == FastDecoder().feature_channels
    assert FastEncoder().feature_channels == BLOCKS[3][0] + 4 * BLOCKS[2][0]


def test_halos_of_the_base_model_are_enough() -> None:
    """What its tables say of its reach is so, by the gradient, and no further than tiles are cut."""
    encoder, decoder = FastEncoder(pool="average"), FastDecoder()  # through it every pixel within reach has a share
    for parameter in (*encoder.parameters(), *decoder.parameters()):
        nn.init.constant_(parameter, 0.01)
    image = torch.rand(1, 3, 136, 136, requires_grad=True)
    encoder.features(image)[0, :, 8, 8].sum().backward()
    features = torch.rand(1, decoder.feature_channels, 16, 16, requires_grad=True)
    decoder(features)[..., 64:72, 64:72].sum().backward()
    assert image.grad is not None
    assert features.grad is not None
    pixels = next(iter(encoder_steps(LAYERS).values())).margin + 1
    cells = next(iter(decoder_steps(FastDecoder.specs).values())).margin + 1
    assert reach_of(image.grad[0].abs().sum(0), 64, 71) == pixels <= ENCODER_HALO * STRIDE
    assert reach_of(features.grad[0].abs().sum(0), 8, 8) == cells <= DECODER_HALO


def test_overlap_is_its_own() -> None:
    tiling = Tiling((64, 64), 128)
    assert Tiling((8, 8), 128).overlap(LAYERS, FastDecoder.specs) == 0.0
    assert 0.0 < tiling.overlap(LAYERS, FastDecoder.specs) != tiling.overlap()


def test_features_of_another_model_are_refused() -> None:
    for decoder, channels in ((Decoder(), 384), (FastDecoder(), 512)):
        with pytest.raises(InputError, match=f"have {channels} channels and the decoder takes") as caught:
            decoder(torch.zeros(1, channels, 2, 2))
        assert "\n" not in str(caught.value)


def test_hooks_are_called(net: FastNet) -> None:
    """The encoder is a module like any other, and what watches it sees the features being made."""
    calls: list[nn.Module] = []
    net.encoder.register_forward_hook(lambda module, *_: calls.append(module))
    net.encoder.features(torch.rand(1, 3, 16, 16))
    assert calls == [net.encoder]
