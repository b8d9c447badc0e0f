"""LPIPS and ArtFID with random weights, against a recomputation with torchvision's own modules."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor

from adain._utils.errors import AdainError, InputError, MissingFileError, WeightsError
from adain.metrics.networks import LPIPS, ArtInception, art_fid

WIDTHS = {"alexnet": (64, 192, 384, 256, 256), "vgg16": (64, 128, 256, 512, 512)}


def linear(name: str) -> dict[str, Tensor]:
    g = torch.Generator().manual_seed(1)
    return {f"lin{k}.model.1.weight": torch.rand(1, c, 1, 1, generator=g) for k, c in enumerate(WIDTHS[name])}


@pytest.fixture(scope="module")
def alexnet() -> dict[str, Tensor]:
    torch.manual_seed(0)
    state: dict[str, Tensor] = torchvision.models.alexnet(weights=None).features.state_dict()
    return {f"features.{key}": value for key, value in state.items()}


def alexnet_layers(state: dict[str, Tensor], image: Tensor) -> list[Tensor]:
    """The five ReLUs of AlexNet (Krizhevsky 2014), without torchvision."""
    x = (2 * image - 1 - torch.tensor([-0.030, -0.088, -0.188])[:, None, None]) / torch.tensor([0.458, 0.448, 0.450])[
        :, None, None
    ]
    found = []
    for index, stride, padding in ((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1)):
        if index in (3, 6):
            x = F.max_pool2d(x, 3, 2)
        x = F.relu(F.conv2d(x, state[f"features.{index}.weight"], state[f"features.{index}.bias"], stride, padding))
        found.append(x)
    return found


def test_lpips_of_alexnet_recomputed(alexnet: dict[str, Tensor]) -> None:
    weights = linear("alexnet")
    network = LPIPS(alexnet, weights)
    a, b = torch.rand(2, 3, 64, 71), torch.rand(2, 3, 64, 71)
    expected = torch.zeros(2)
    for k, (f, g) in enumerate(zip(alexnet_layers(alexnet, a), alexnet_layers(alexnet, b), strict=True)):
        f, g = f / f.norm(dim=1, keepdim=True), g / g.norm(dim=1, keepdim=True)
        expected += (weights[f"lin{k}.model.1.weight"] * (f - g).square()).sum(1).mean((1, 2))
    torch.testing.assert_close(network(a, b), expected)
    torch.testing.assert_close(network(a, a), torch.zeros(2))
    torch.testing.assert_close(network(a, b), network(b, a))


def test_lpips_from_files_with_a_classifier_and_a_prefix(alexnet: dict[str, Tensor], tmp_path: Path) -> None:
    state = {f"module.{key}": value for key, value in alexnet.items()} | {"module.classifier.1.weight": torch.ones(2)}
    torch.save(state, tmp_path / "alexnet.pth")
    torch.save(linear("alexnet"), tmp_path / "alex.pth")
    network = LPIPS.from_files(tmp_path / "alexnet.pth", tmp_path / "alex.pth")
    a, b = torch.rand(1, 3, 31, 40), torch.rand(1, 3, 31, 40)
    torch.testing.assert_close(network(a, b), LPIPS(alexnet, linear("alexnet"))(a, b))
    assert not any(p.requires_grad for p in network.parameters())


def test_lpips_of_vgg16_recomputed() -> None:
    torch.manual_seed(0)
    vgg = torchvision.models.vgg
    trunk = vgg.make_layers(vgg.cfgs["D"]).eval()  # without the classifier's 120 M weights
    state = {f"features.{key}": value for key, value in trunk.state_dict().items()}
    weights = linear("vgg16")
    network = LPIPS(state, weights)
    a, b = torch.rand(1, 3, 33, 32), torch.rand(1, 3, 33, 32)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = torch.zeros(1)
    for k, end in enumerate((4, 9, 16, 23, 30)):
        # LPIPS's shift and scale are ImageNet's to three digits.
        f, g = (trunk[:end]((x - mean[:, None, None]) / std[:, None, None]) for x in (a, b))
        f, g = f / (f.norm(dim=1, keepdim=True) + 1e-10), g / (g.norm(dim=1, keepdim=True) + 1e-10)
        expected += (weights[f"lin{k}.model.1.weight"] * (f - g).square()).sum(1).mean((1, 2))
    torch.testing.assert_close(network(a, b), expected.detach(), rtol=0.01, atol=0)


def test_lpips_of_wrong_files(alexnet: dict[str, Tensor], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no AlexNet or VGG-16"):
        LPIPS({"features.0.weight": torch.ones(64, 3, 7, 7)}, linear("alexnet"))
    with pytest.raises(WeightsError, match="no AlexNet or VGG-16"):
        LPIPS(linear("alexnet"), alexnet)
    with pytest.raises(WeightsError, match=r"has no lin0\.model\.1\.weight"):
        LPIPS(alexnet, alexnet)
    with pytest.raises(WeightsError, match="not for alexnet"):
        LPIPS(alexnet, linear("vgg16"))
    with pytest.raises(WeightsError, match="no alexnet"):
        LPIPS({k: v for k, v in alexnet.items() if "10" not in k}, linear("alexnet"))
    with pytest.raises(MissingFileError):
        LPIPS.from_files(tmp_path / "none.pth", tmp_path / "none.pth")


def test_lpips_of_pictures_it_cannot_compare(alexnet: dict[str, Tensor]) -> None:
    network = LPIPS(alexnet, linear("alexnet"))
    with pytest.raises(InputError, match="at least 31 px"):
        network(torch.rand(1, 3, 30, 40), torch.rand(1, 3, 30, 40))
    with pytest.raises(InputError, match="same size"):
        network(torch.rand(1, 3, 40, 40), torch.rand(1, 3, 40, 80))


@pytest.fixture(scope="module")
def inception() -> torchvision.models.Inception3:
    torch.manual_seed(0)
    return torchvision.models.inception_v3(weights=None, init_weights=False).eval()


def test_inception_features_recomputed(inception: torchvision.models.Inception3) -> None:
    # As in the release: two classifiers under other names, auxiliary heads, no counts of steps.
    state = {k: v for k, v in inception.state_dict().items() if not k.endswith("num_batches_tracked")}
    state |= {"fc1.weight": torch.ones(3, 2048), "AuxLogits2.fc.bias": torch.ones(3)}
    network = ArtInception(state)
    image = torch.rand(1, 3, 80, 96)
    caught: list[Tensor] = []
    handle = inception.avgpool.register_forward_hook(lambda _m, _i, output: caught.append(output))
    with torch.no_grad():
        inception(image)
    handle.remove()
    found = network(image)
    assert found.shape == (1, 2048)
    torch.testing.assert_close(found, caught[0].flatten(1))


def test_inception_of_wrong_files_and_pictures(
    inception: torchvision.models.Inception3, alexnet: dict[str, Tensor], tmp_path: Path
) -> None:
    with pytest.raises(WeightsError, match="no Inception v3"):
        ArtInception(alexnet)
    with pytest.raises(MissingFileError):
        ArtInception.from_file(tmp_path / "none.pth")
    network = ArtInception(inception.state_dict())
    with pytest.raises(InputError, match="at least 75 px"):
        network(torch.rand(1, 3, 74, 80))


def test_without_torchvision(alexnet: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(AdainError, match="LPIPS needs the torchvision"):
        LPIPS(alexnet, linear("alexnet"))


def test_art_fid() -> None:
    assert art_fid(0.0, 0.0) == 1.0
    assert art_fid(0.5, 19.0) == 30.0
