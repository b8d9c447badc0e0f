"""The base model's decoder, grown from the plain one by a finer layer: against plain torch, and against its start."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from adain._utils.errors import InputError, WeightsError
from adain.nn.decoder import Decoder
from adain.nn.fast import FastDecoder
from adain.nn.fold import fold, fuse, layers_of
from adain.nn.folded import BaseDecoder
from adain.nn.layers import BASE, CLASSIC, FAST, NETWORKS, STRIDE
from adain.nn.pretrained import load_decoder, load_encoder, registry
from adain.nn.states import read_network, recognise_decoder
from adain.nn.vgg import CONTENT_LAYER, VGGEncoder
from adain.stylizer.halo import DECODER_REACH
from adain.stylizer.stylizer import Stylizer
from adain.training.checkpoint import save_weights
from adain.training.networks import grown
from tests.nn.test_fast import plain_image
from tests.stylizer.test_halo import reach_of

SKIP = "skip3_1"


@pytest.fixture(scope="module")
def classic() -> Decoder:
    return load_decoder("classic")


@pytest.fixture(scope="module")
def encoder() -> VGGEncoder:
    return load_encoder("classic")


@pytest.fixture
def net() -> BaseDecoder:
    """With a skip that shows."""
    torch.manual_seed(3)
    decoder = BaseDecoder().requires_grad_(False)
    nn.init.normal_(decoder.get_submodule(SKIP).get_parameter("weight"), std=0.1)
    return decoder


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [(2, 2), (3, 5)])
def test_decoder_is_what_it_says(net: BaseDecoder, size: tuple[int, int], layout: torch.memory_format) -> None:
    features = torch.rand(2, BASE.channels, *size).contiguous(memory_format=layout)
    net = net.to(memory_format=layout)
    expected = plain_image(net, features)
    assert expected.shape == (2, 3, size[0] * STRIDE, size[1] * STRIDE)
    torch.testing.assert_close(net(features), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(net.requires_grad_(True)(features), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(16, 16), (35, 22), (41, 17)])
def test_features_are_relu4_1_and_relu3_1_by_the_cell(encoder: VGGEncoder, size: tuple[int, int]) -> None:
    image = torch.rand(1, 3, *size)
    giving = encoder.giving(BASE.folded)
    found = encoder(image, (CONTENT_LAYER, "relu3_1"))
    features = giving.features(image)
    assert features.shape == (1, BASE.channels, -(-size[0] // 8), -(-size[1] // 8))
    assert torch.equal(features, torch.cat([found[CONTENT_LAYER], fold(found["relu3_1"])], dim=1))
    assert torch.equal(features, fuse(found, BASE.folded))
    assert giving.feature_channels == BASE.channels
    # The encoder serves decoders of both kinds: asking for one leaves the other as it was.
    assert encoder.feature_channels == CLASSIC.channels
    assert torch.equal(encoder.features(image), found[CONTENT_LAYER])
    assert encoder.giving(None) is encoder
    assert giving.conv1_1 is encoder.conv1_1


def test_it_begins_as_what_it_has_grown_from(classic: Decoder, encoder: VGGEncoder) -> None:
    """To the bit, at any strength: by torch, whatever the finer layer holds."""
    photo, art = torch.rand(1, 3, 45, 70), torch.rand(1, 3, 64, 48)
    before, after = (Stylizer(encoder, decoder, device="cpu") for decoder in (classic, grown(classic)))
    for alpha in (0.0, 0.5, 1.0):
        assert torch.equal(before.stylize(photo, art, alpha=alpha), after.stylize(photo, art, alpha=alpha))


def test_the_shipped_model_takes_the_finer_layer_in() -> None:
    """Its skip has been trained, and what the finer layer holds shows."""
    shipped = Stylizer.from_pretrained(device="cpu")
    assert isinstance(shipped.decoder, BaseDecoder)
    assert shipped.channels == BASE.channels
    content = shipped.encode_content(torch.rand(1, 3, 32, 32))
    coarse = CLASSIC.channels
    blind = torch.cat([content.features[:, :coarse], torch.zeros_like(content.features[:, coarse:])], dim=1)
    assert float((shipped.decoder(content.features) - shipped.decoder(blind)).abs().max()) > 0.02


def test_reach_is_that_of_the_plain_decoder() -> None:
    decoder = BaseDecoder()
    for parameter in decoder.parameters():
        nn.init.constant_(parameter, 0.01)
    features = torch.rand(1, BASE.channels, 16, 16, requires_grad=True)
    decoder(features)[..., 64:72, 64:72].sum().backward()
    assert features.grad is not None
    assert reach_of(features.grad[0].abs().sum(0), 8, 8) == DECODER_REACH


def test_tables_fit_the_modules() -> None:
    for decoder in (BaseDecoder(), Decoder(), FastDecoder()):
        found = {name.removesuffix(".weight"): tuple(p.shape) for name, p in decoder.named_parameters() if p.ndim == 4}
        assert found == decoder.network.decoder_shapes
        assert decoder.feature_channels == decoder.network.channels
    assert (BASE.channels, CLASSIC.channels, FAST.channels) == (1536, 512, 384)
    assert layers_of(None) == (CONTENT_LAYER,)
    assert len({network.name for network in NETWORKS}) == len(NETWORKS)


def test_files_say_which_decoder_they_hold(tmp_path: Path, classic: Decoder) -> None:
    path = tmp_path / "own.safetensors"
    for decoder in (classic, grown(classic)):
        save_weights(decoder, path)  # in half precision, as what ships was stored
        loaded = load_decoder(path)
        assert type(loaded) is type(decoder)
        assert all(torch.equal(loaded.state_dict()[name], values) for name, values in decoder.state_dict().items())
        # Either goes with the same encoder, whatever the model's own decoder is.
        network, _, weights = read_network(None, decoder=path)
        assert network is decoder.network
        assert set(weights) == set(decoder.state_dict())
        for model in ("vgg19", "classic"):
            assert Stylizer.from_pretrained(model, decoder=path, device="cpu").channels == network.channels


@pytest.mark.parametrize("extra", ["skip2_1.weight", "skip3_1.weight", "optimizer.step", "conv5_1.weight"])
def test_a_decoder_with_unknown_tensors_is_refused(tmp_path: Path, classic: Decoder, extra: str) -> None:
    """What is not understood would be left out, and the picture another than its maker's."""
    path = tmp_path / "more.safetensors"
    state = {name: values.contiguous() for name, values in classic.state_dict().items()}
    save_file(state | {extra: torch.zeros(256, 256, 1, 1)}, path)
    with pytest.raises(WeightsError, match=rf"does not belong to one, {extra}: leave that out") as caught:
        load_decoder(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(WeightsError, match="does not belong to one"):
        read_network(None, decoder=path)


def test_the_fields_layout_is_known_and_nothing_beside_it(classic: Decoder) -> None:
    """The 29-layer ``nn.Sequential`` of other repositories, whose names are numbers."""
    numbers = [1, 4, 7, 10, 13, 16, 19, 22, 25]
    state = {}
    for number, spec in zip(numbers, classic.specs, strict=True):
        for part in ("weight", "bias"):
            state[f"{number}.{part}"] = classic.get_submodule(spec.name).get_parameter(part)
    network, found = recognise_decoder(state, "decoder.pth")
    assert network is CLASSIC
    assert all(torch.equal(found[name], values) for name, values in classic.state_dict().items())
    with pytest.raises(WeightsError, match="holds no decoder"):
        recognise_decoder(state | {"26.running_mean": torch.zeros(3)}, "decoder.pth")


def test_models_that_share_an_encoder_share_its_files() -> None:
    models = registry()
    assert models["vgg19"].encoder is models["classic"].encoder
    assert models["vgg19"].decoder.file != models["classic"].decoder.file
    for name, network in (("vgg19", BASE), ("classic", CLASSIC)):
        encoder = load_encoder(name)
        assert type(encoder) is VGGEncoder
        assert (encoder.folded, encoder.feature_channels) == (network.folded, network.channels)
        assert load_decoder(name).network is network


def test_ends_of_two_models_are_refused(fast_files: tuple[Path, Path]) -> None:
    for pair in ({"encoder": fast_files[0]}, {"decoder": fast_files[1]}):
        with pytest.raises(InputError, match="channels and the decoder takes"):
            Stylizer.from_pretrained(**pair, device="cpu")  # type: ignore[arg-type]
        with pytest.raises(InputError, match="channels and the decoder takes"):
            read_network(None, **pair)


def test_loaded_files_are_as_saved(tmp_path: Path) -> None:
    shipped = load_file(registry()["vgg19"].decoder.path)
    assert set(shipped) == {f"{name}.{part}" for name in BASE.decoder_shapes for part in ("weight", "bias")}
    assert all(values.dtype == torch.float16 for values in shipped.values())
