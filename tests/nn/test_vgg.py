from __future__ import annotations

from typing import Literal

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from adain._utils.errors import InputError
from adain.image import read_image, resize_shorter, to_tensor
from adain.nn.pretrained import load_encoder, registry
from adain.nn.vgg import CONTENT_LAYER, LAYERS, MIN_SIZE, STYLE_LAYERS, VGGEncoder, layers_upto
from tests.conftest import sample


def test_table_is_torchvisions_vgg19() -> None:
    torchvision = pytest.importorskip("torchvision")
    modules = list(torchvision.models.vgg19(weights=None).features)
    pool_before, table = False, []
    for module in modules:
        if isinstance(module, torch.nn.MaxPool2d):
            pool_before = True
        elif isinstance(module, torch.nn.Conv2d):
            table.append((module.in_channels, module.out_channels, pool_before))
            pool_before = False
    assert [(s.c_in, s.c_out, s.pool_before) for s in LAYERS] == table


def test_parameter_counts() -> None:
    # Figures of the published architecture.
    assert sum(p.numel() for p in VGGEncoder("relu4_1").parameters()) == 3_505_728
    assert sum(p.numel() for p in VGGEncoder("relu5_1").parameters()) == 12_944_960


def test_plain_reference() -> None:
    """The same network written out with torch.nn.functional alone."""
    encoder = load_encoder()
    image = torch.rand(1, 3, 35, 50)
    found = encoder(image, STYLE_LAYERS)
    x = image
    for spec in layers_upto(CONTENT_LAYER):
        if spec.pool_before:
            x = F.max_pool2d(x, 2, ceil_mode=True)
        weight = encoder.get_parameter(f"{spec.name}.weight")
        bias = encoder.get_parameter(f"{spec.name}.bias")
        x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), weight, bias).clamp(min=0)
        if spec.relu in STYLE_LAYERS:
            torch.testing.assert_close(found[spec.relu], x, atol=1e-4, rtol=1e-4)
    assert set(found) == set(STYLE_LAYERS)


@pytest.mark.parametrize("pool", ["max", "average"])
def test_relu5_2_of_the_network_as_released(pool: Literal["max", "average"]) -> None:
    """From the values in the palettes alone, without normalisation: relu5_2 differs by its mean activation only."""
    model = registry()["vgg19"]
    tensors = {key: t for file in (model.encoder, *model.encoder_deeper) for key, t in load_file(file.path).items()}
    image = torch.rand(1, 3, 37, 50)
    x = image * 255.0
    for spec in layers_upto("relu5_2"):
        if spec.pool_before:
            x = (F.max_pool2d if pool == "max" else F.avg_pool2d)(x, 2, ceil_mode=True)
        weight = tensors[f"{spec.name}.table"][tensors[f"{spec.name}.index"].long()]
        bias = tensors[f"{spec.name}.bias"] * tensors[f"{spec.name}.out_scale"]
        x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), weight, bias).clamp(min=0)
    expected = x / tensors["conv5_2.out_scale"][:, None, None]
    found = load_encoder(upto="relu5_2", pool=pool)(image, ["relu5_2"])["relu5_2"]
    assert float(expected.max()) > 1
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("size", [(16, 16), (17, 23), (64, 40), (33, 16)])
def test_shapes(size: tuple[int, int]) -> None:
    features = VGGEncoder()(torch.rand(2, 3, *size), STYLE_LAYERS)
    for k, (layer, channels) in enumerate(zip(STYLE_LAYERS, (64, 128, 256, 512), strict=True)):
        expected = tuple(-(-side // 2**k) for side in size)
        assert features[layer].shape == (2, channels, *expected)


def test_one_pass_gives_every_layer_and_stops_early() -> None:
    encoder = load_encoder(upto="relu5_1")
    image = torch.rand(1, 3, 32, 32)
    calls: list[str] = []
    for spec in encoder.specs:
        encoder.get_submodule(spec.name).register_forward_hook(lambda *_, n=spec.name: calls.append(n))
    together = encoder(image, ("relu1_1", "relu3_1"))
    assert calls == [s.name for s in layers_upto("relu3_1")]
    torch.testing.assert_close(together["relu1_1"], encoder(image, ("relu1_1",))["relu1_1"])


def test_normalised_filters_fire_about_once_on_average(stylizer) -> None:  # type: ignore[no-untyped-def]
    means = []
    for name in ("astronaut", "chelsea", "montStMichel", "cincinnati-bridge"):
        content = stylizer.encode_content(sample("content", name), size=256)
        means.append(content.features.mean())
    assert 0.8 < float(torch.stack(means).mean()) < 1.25


def test_so_do_the_deepest() -> None:
    encoder = load_encoder(upto="relu5_2")
    means = []
    for name in ("astronaut", "chelsea", "montStMichel", "cincinnati-bridge", "machuPicchu", "european-honey-bee"):
        features = encoder(to_tensor(resize_shorter(read_image(sample("content", name)), 256)), ["relu5_1", "relu5_2"])
        means.append(torch.stack([features["relu5_1"].mean(), features["relu5_2"].mean()]))
    assert all(0.8 < mean < 1.25 for mean in torch.stack(means).mean(dim=0).tolist())


def test_average_pooling() -> None:
    image = torch.rand(1, 3, 16, 16)
    encoder = VGGEncoder("relu2_1", pool="average")
    features = encoder(image, ("relu1_2", "relu2_1"))
    pooled = F.avg_pool2d(features["relu1_2"], 2)
    expected = F.relu(encoder.get_submodule("conv2_1")(pooled))
    torch.testing.assert_close(features["relu2_1"], expected)


def test_readable() -> None:
    assert "upto=relu4_1, pool=max" in repr(VGGEncoder())


@pytest.mark.parametrize(
    ("image", "layers", "message"),
    [
        (torch.rand(1, 3, MIN_SIZE - 1, 64), (CONTENT_LAYER,), "64x15 px: at least 16"),
        (torch.rand(1, 1, 32, 32), (CONTENT_LAYER,), "must be"),
        (torch.rand(3, 32, 32), (CONTENT_LAYER,), "must be"),
        (torch.rand(1, 3, 32, 32), ("relu5_1",), "relu5_1 asked of an encoder that ends at relu4_1"),
        (torch.rand(1, 3, 32, 32), (), "nothing asked"),
    ],
)
def test_errors(image: torch.Tensor, layers: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        VGGEncoder()(image, layers)


def test_unknown_layer_and_pooling() -> None:
    with pytest.raises(InputError, match="relu9_1"):
        VGGEncoder("relu9_1")
    with pytest.raises(InputError, match="pool must be"):
        VGGEncoder(pool="min")  # type: ignore[arg-type]
