"""The other networks, with random weights, against torchvision's own forward pass."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from adain._utils.errors import AdainError, InputError, MissingFileError, WeightsError
from adain.nn.backbones import ARCHITECTURES, TorchvisionBackbone, check_layers, load_backbone
from adain.nn.convert import IMAGENET_MEAN, IMAGENET_STD
from adain.nn.pretrained import load_encoder
from adain.nn.vgg import LAYERS, VGGEncoder, min_size
from tests.conftest import python

SHALLOW = ("relu1_1", "relu1_2", "relu2_1")


def features_only(network: nn.Module) -> dict[str, Tensor]:
    """Without the 400 MB of VGG-16's classifier."""
    return {key: value for key, value in network.state_dict().items() if key.startswith("features.")}


@pytest.fixture(scope="module")
def vgg() -> Any:
    torch.manual_seed(1)
    with torch.device("meta"):
        network = torchvision.models.vgg16(weights=None)
    network.classifier = nn.Identity()
    network = network.to_empty(device="cpu").eval()
    for p in network.parameters():
        nn.init.kaiming_normal_(p) if p.ndim == 4 else nn.init.uniform_(p, -0.1, 0.1)
    return network


@pytest.fixture(scope="module")
def vgg_file(vgg: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "vgg16.pth"
    torch.save(features_only(vgg), path)
    return path


@pytest.fixture(scope="module")
def vgg16(vgg_file: Path) -> TorchvisionBackbone:
    backbone = load_backbone("vgg16", weights=vgg_file)
    assert isinstance(backbone, TorchvisionBackbone)
    return backbone


@pytest.fixture(scope="module")
def resnet() -> Any:
    torch.manual_seed(2)
    network = torchvision.models.resnet50(weights=None).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.2, 0.5)
            nn.init.uniform_(module.bias, -0.1, 0.1)
    return network


@pytest.fixture(scope="module")
def resnet_file(resnet: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "resnet50.pth"
    torch.save({f"module.{key}": value for key, value in resnet.state_dict().items()}, path)
    return path


@pytest.fixture(scope="module")
def resnet50(resnet_file: Path) -> TorchvisionBackbone:
    backbone = load_backbone("resnet50", weights=resnet_file)
    assert isinstance(backbone, TorchvisionBackbone)
    return backbone


def hooked(network: nn.Module, modules: Mapping[str, str], image: Tensor) -> dict[str, Tensor]:
    """torchvision's own forward pass: outputs of modules by the names they have here."""
    found: dict[str, Tensor] = {}
    handles = [
        network.get_submodule(path).register_forward_hook(lambda _m, _i, out, n=name: found.update({n: out.clone()}))
        for name, path in modules.items()
    ]
    mean, std = torch.tensor(IMAGENET_MEAN)[:, None, None], torch.tensor(IMAGENET_STD)[:, None, None]
    with torch.no_grad():
        network((image - mean) / std)
    for handle in handles:
        handle.remove()
    return found


def test_table_of_vgg19_is_the_encoders() -> None:
    assert tuple(ARCHITECTURES["vgg19"].layers) == tuple(spec.relu for spec in LAYERS)
    for architecture in ARCHITECTURES.values():
        assert {architecture.content_layer, *architecture.style_layers} <= set(architecture.layers)
        halvings = list(architecture.layers.values())
        assert halvings == sorted(halvings)


def test_vgg16_inside_is_torchvisions(vgg: Any, vgg16: TorchvisionBackbone) -> None:
    """Away from the borders, where reflection and zero padding differ; sides divisible by 4 need no rounding."""
    image = torch.rand(1, 3, 64, 72)
    relus = [str(k) for k, module in enumerate(vgg.features) if isinstance(module, nn.ReLU)]
    assert len(relus) == len(vgg16.layer_names) == 13
    names = vgg16.layer_names[:7]  # to relu3_3: 20 px from a border
    expected = hooked(vgg, {name: f"features.{k}" for name, k in zip(names, relus, strict=False)}, image)
    found = vgg16(image, names)
    for name in names:
        margin = -(-20 // 2 ** ARCHITECTURES["vgg16"].layers[name])
        inner = (..., slice(margin, -margin), slice(margin, -margin))
        assert found[name][inner].numel()
        torch.testing.assert_close(found[name][inner], expected[name][inner], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(found["relu1_1"][..., 0, :], expected["relu1_1"][..., 0, :])


@pytest.mark.parametrize("pool", ["max", "average"])
def test_vgg16_whole_in_plain_torch(vgg: Any, vgg_file: Path, pool: Any) -> None:
    image = torch.rand(1, 3, 35, 50)
    backbone = load_backbone("vgg16", weights=vgg_file, pool=pool)
    found = backbone(image, backbone.layer_names)
    x = (image - torch.tensor(IMAGENET_MEAN)[:, None, None]) / torch.tensor(IMAGENET_STD)[:, None, None]
    names = iter(backbone.layer_names)
    for module in vgg.features:
        if isinstance(module, nn.MaxPool2d) and x.shape[2] > 3:  # the last pooling has nothing behind it
            x = F.max_pool2d(x, 2, ceil_mode=True) if pool == "max" else F.avg_pool2d(x, 2, ceil_mode=True)
        elif isinstance(module, nn.Conv2d):
            x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), module.weight, module.bias).clamp(min=0)
            name = next(names)
            torch.testing.assert_close(found[name], x, atol=1e-3, rtol=1e-3)
    assert next(names, None) is None


def test_resnet50_is_torchvisions(resnet: Any, resnet50: TorchvisionBackbone) -> None:
    image = torch.rand(1, 3, 49, 70)
    # The stem's ReLU is a module of its own; blocks end in a ReLU themselves.
    modules = {name: "relu" if name == "relu1" else name for name in resnet50.layer_names}
    expected = hooked(resnet, modules, image)
    found = resnet50(image, resnet50.layer_names)
    assert list(found) == ["relu1", *(f"layer{s}.{b}" for s, n in enumerate((3, 4, 6, 3), 1) for b in range(n))]
    for name, halvings in ARCHITECTURES["resnet50"].layers.items():
        torch.testing.assert_close(found[name], expected[name])
        assert found[name].shape[2:] == (-(-49 // 2**halvings), -(-70 // 2**halvings))


@pytest.mark.parametrize("name", ["vgg19", "vgg16", "resnet50"])
def test_frozen_and_differentiable(name: str, request: pytest.FixtureRequest) -> None:
    weights = None if name == "vgg19" else request.getfixturevalue({"vgg16": "vgg_file"}.get(name, "resnet_file"))
    backbone = load_backbone(name, weights=weights)
    backbone.train()
    assert not any(p.requires_grad for p in backbone.parameters())
    assert not any(t.is_meta for t in backbone.state_dict().values())
    image = torch.rand(1, 3, 40, 36, requires_grad=True)
    layers = (backbone.content_layer, *backbone.style_layers)
    features = backbone(image, layers)
    assert set(features) == set(layers)
    assert all(float(x.detach().min()) >= 0 for x in features.values())
    before = {layer: x.detach().clone() for layer, x in features.items()}
    # One layer alone gives what it gave among others: nothing later writes into it.
    for layer in layers:
        torch.testing.assert_close(backbone(image.detach(), [layer])[layer], before[layer])
    torch.stack([x.square().mean() for x in features.values()]).sum().backward()
    assert image.grad is not None
    assert torch.isfinite(image.grad).all()
    assert (image.grad != 0).any(dim=1).float().mean() > 0.9


def test_training_mode_changes_nothing(resnet50: TorchvisionBackbone) -> None:
    image = torch.rand(1, 3, 40, 40)
    before = resnet50(image, ["layer2.0"])["layer2.0"]
    nn.Sequential(resnet50).train()
    assert not any(module.training for module in resnet50.modules())
    assert torch.equal(resnet50(image, ["layer2.0"])["layer2.0"], before)


def test_stops_at_the_deepest_layer_and_ends_where_told(resnet_file: Path) -> None:
    backbone = load_backbone("resnet50", weights=resnet_file, upto=["layer2.1", "relu1"])
    assert isinstance(backbone, TorchvisionBackbone)
    assert backbone.layer_names[-1] == "layer2.1"
    calls: list[int] = []
    for k, step in enumerate(backbone.steps):
        step.register_forward_hook(lambda *_, k=k: calls.append(k))
    backbone(torch.rand(1, 3, 32, 32), ["layer1.0", "relu1"])
    assert calls == [0, 1]
    with pytest.raises(
        InputError,
        match=r"resnet50 has no layer layer2\.2: did you mean 'layer2\.1' or 'layer2\.0'\? \(it has relu1 … l",
    ):
        backbone(torch.rand(1, 3, 32, 32), ["layer2.2"])
    assert "resnet50, upto=layer2.1, pool=max" in repr(backbone)


def test_vgg19_ships_and_takes_files(tmp_path: Path) -> None:
    backbone = load_backbone()
    assert isinstance(backbone, VGGEncoder)
    assert backbone.layer_names[-1] == "relu5_1"
    assert load_backbone(upto=["relu1_1", "relu3_1"], pool="average").layer_names[-1] == "relu3_1"
    small = VGGEncoder("relu2_1")
    save_file(small.state_dict(), tmp_path / "small.safetensors")
    image = torch.rand(1, 3, 20, 20)
    found = load_backbone(weights=tmp_path / "small.safetensors", upto=SHALLOW)(image, SHALLOW)
    torch.testing.assert_close(found, small(image, SHALLOW))
    with pytest.raises(WeightsError, match="does not reach relu5_1: it ends at relu2_1"):
        load_backbone(weights=tmp_path / "small.safetensors")


def test_calibration_brings_every_mean_to_one(vgg_file: Path) -> None:
    backbone = load_backbone("vgg16", weights=vgg_file)
    assert isinstance(backbone, TorchvisionBackbone)
    image = torch.rand(1, 3, 33, 40)
    plain = backbone(image, backbone.layer_names)
    assert torch.equal(backbone.gains, torch.ones(13))
    backbone.calibrate(torch.rand(2, 3, 20, 20))
    backbone.calibrate(image)  # replaces the first
    scaled = backbone(image, backbone.layer_names)
    for name, gain in zip(backbone.layer_names, backbone.gains, strict=True):
        assert float(scaled[name].mean()) == pytest.approx(1.0, abs=1e-4)
        assert torch.equal(scaled[name], plain[name] * gain)
    with pytest.raises(InputError, match="20x16 px: at least 17"):
        backbone.calibrate(torch.rand(1, 3, 16, 20))


def test_a_silent_layer_keeps_its_gain(vgg: Any, tmp_path: Path) -> None:
    state = features_only(vgg)
    state["features.5.weight"] = torch.zeros_like(state["features.5.weight"])
    state["features.5.bias"] = torch.full_like(state["features.5.bias"], -1.0)
    torch.save(state, tmp_path / "x.pth")
    backbone = load_backbone("vgg16", weights=tmp_path / "x.pth", upto=["relu2_1"])
    assert isinstance(backbone, TorchvisionBackbone)
    backbone.calibrate(torch.rand(1, 3, 20, 20))
    assert backbone.gains[-1] == 1.0
    assert torch.isfinite(backbone.gains).all()


def test_layouts_of_the_file(vgg: Any, vgg16: TorchvisionBackbone, tmp_path: Path) -> None:
    state = {f"module.{key}": value.half() for key, value in features_only(vgg).items()}
    state["module.classifier.6.weight"] = torch.zeros(2, 2)
    torch.save({"state_dict": state}, tmp_path / "a.pth")
    save_file(state, tmp_path / "a.safetensors")
    image = torch.rand(1, 3, 20, 20)
    for name in ("a.pth", "a.safetensors"):
        found = load_backbone("vgg16", weights=tmp_path / name)(image, SHALLOW)
        torch.testing.assert_close(found, vgg16(image, SHALLOW), atol=1e-2, rtol=1e-2)
        assert found["relu1_1"].dtype == torch.float32


@pytest.mark.parametrize(
    ("name", "layer", "size"),
    [
        ("vgg19", "relu5_1", 17),
        ("vgg16", "relu4_3", 16),
        ("vgg16", "relu5_1", 17),
        ("resnet50", "layer2.3", 16),
        ("resnet50", "layer3.5", 17),
        ("resnet50", "layer4.2", 33),
    ],
)
def test_smallest_image(name: str, layer: str, size: int, request: pytest.FixtureRequest) -> None:
    backbone = load_backbone() if name == "vgg19" else request.getfixturevalue(name)
    assert min_size(ARCHITECTURES[name].layers[layer]) == size
    assert min(backbone(torch.rand(1, 3, size, size), [layer])[layer].shape[2:]) >= 2
    with pytest.raises(InputError, match=f"40x{size - 1} px: at least {size}"):
        backbone(torch.rand(1, 3, size - 1, 40), [layer])


def test_wrong_images_and_layers(vgg16: TorchvisionBackbone) -> None:
    for shape in ((3, 32, 32), (1, 1, 32, 32)):
        with pytest.raises(InputError, match="images must be"):
            vgg16(torch.rand(shape), SHALLOW)
    with pytest.raises(InputError, match="no layer of vgg16 was named: it has relu1_1 … relu5_3"):
        vgg16(torch.rand(1, 3, 32, 32), [])


@pytest.mark.parametrize(
    ("network", "layer", "message"),
    [
        (
            "vgg19",
            "relu4_9",
            "vgg19 has no layer relu4_9: did you mean 'relu4_4' or 'relu4_3'? (it has relu1_1 … relu5_4)",
        ),
        ("vgg19", "block5_conv2", "use one of relu1_1, relu1_2"),
        (
            "vgg16",
            "relu4_4",
            "vgg16 has no layer relu4_4: did you mean 'relu4_3' or 'relu4_2'? (it has relu1_1 … relu5_3)",
        ),
        (
            "resnet50",
            "layer4.3",
            "resnet50 has no layer layer4.3: did you mean 'layer4.2' or 'layer4.1'? (it has relu1 … layer4.2)",
        ),
        ("resnet50", "layer3", "did you mean 'layer3.5' or 'layer3.4'?"),
    ],
)
def test_unknown_layers(network: str, layer: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        check_layers(network, ["relu1_1" if "vgg" in network else "relu1", layer])
    assert message in str(caught.value)
    with pytest.raises(InputError, match="has no layer"):
        load_backbone(network, upto=[layer])


def test_layers_of_a_loaded_network() -> None:
    encoder = load_encoder()
    assert check_layers(encoder, ["relu4_1", "relu1_1", "relu4_1"]) == ("relu4_1", "relu1_1")
    assert check_layers(encoder, "relu4_1") == ("relu4_1",)
    with pytest.raises(
        InputError,
        match=r"vgg19 has no layer relu5_1: did you mean 'relu4_1' or 'relu3_1'\? \(it has relu1_1 … relu4_1",
    ):
        check_layers(encoder, encoder.style_layers)
    with pytest.raises(InputError, match="it has relu1_1 alone"):
        check_layers(VGGEncoder("relu1_1"), [])


def test_unknown_names_and_poolings(resnet_file: Path) -> None:
    with pytest.raises(InputError, match="there is no backbone 'vgg-16': did you mean 'vgg16'"):
        load_backbone("vgg-16")
    with pytest.raises(InputError, match="use one of vgg19, vgg16, resnet50"):
        load_backbone("clip")
    with pytest.raises(InputError, match="pool must be 'max'"):
        load_backbone("resnet50", weights=resnet_file, pool="average")
    with pytest.raises(InputError, match="pool must be 'max' or 'average', not 'min'"):
        load_backbone("vgg16", pool="min")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["vgg16", "resnet50"])
def test_missing_files_are_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(
        MissingFileError, match=rf"{name} does not ship: .*{name}-\w+\.pth .*Weights\.IMAGENET1K_V1"
    ) as e:
        load_backbone(name)
    assert "\n" not in str(e.value)
    assert "http" not in str(e.value)
    with pytest.raises(MissingFileError, match="is not a file"):
        load_backbone(name, weights=tmp_path / "none.pth")


def test_named_files_are_torchvisions() -> None:
    weights = (torchvision.models.VGG16_Weights.IMAGENET1K_V1, torchvision.models.ResNet50_Weights.IMAGENET1K_V1)
    for name, entry in zip(("vgg16", "resnet50"), weights, strict=True):
        file = entry.url.rpartition("/")[2]
        assert ARCHITECTURES[name].weights == f"{file} (torchvision.models.{type(entry).__name__}.{entry.name})"


def test_files_of_other_networks(vgg: Any, resnet_file: Path, vgg_file: Path, tmp_path: Path) -> None:
    state = features_only(vgg)
    torch.save({k: v for k, v in state.items() if k != "features.28.bias"}, tmp_path / "cut.pth")
    torch.save({**state, "features.30.weight": torch.zeros(1)}, tmp_path / "long.pth")
    torch.save({**state, "features.0.weight": torch.zeros(64, 1, 3, 3)}, tmp_path / "grey.pth")
    (tmp_path / "text.pth").write_text("nonsense")
    cases = {
        ("vgg16", tmp_path / "cut.pth"): "another network than vgg16",
        ("vgg16", tmp_path / "long.pth"): "another network than vgg16",
        ("vgg16", tmp_path / "grey.pth"): "another network than vgg16",
        ("vgg16", tmp_path / "text.pth"): "holds no weights",
        ("vgg16", resnet_file): "holds no vgg16",
        ("resnet50", vgg_file): "holds no resnet50",
    }
    for (name, path), message in cases.items():
        with pytest.raises(WeightsError, match=message) as caught:
            load_backbone(name, weights=path)
        assert "\n" not in str(caught.value)


def test_a_torchvision_that_does_not_fit(vgg_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr("adain.nn.backbones.importlib.import_module", fail)
    with pytest.raises(AdainError, match="vgg16 needs the torchvision that belongs to this torch: operator"):
        load_backbone("vgg16", weights=vgg_file)


def test_vgg19_needs_no_torchvision() -> None:
    found = python(
        """
import json, sys
from adain.nn.backbones import load_backbone
load_backbone(upto=["relu1_1"])
print(json.dumps({"torchvision": "torchvision" in sys.modules}))
"""
    )
    assert found == {"torchvision": False}
