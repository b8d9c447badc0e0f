"""Foreign layouts, built here as the modules their owners use."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from adain._utils.errors import MissingFileError, WeightsError
from adain.image import read_image, resize_shorter, to_tensor
from adain.nn.convert import CAFFE_MEAN_BGR, IMAGENET_MEAN, IMAGENET_STD, activation_means, convert_state, read_tensors
from adain.nn.decoder import Decoder
from adain.nn.pretrained import load_decoder, load_encoder
from adain.nn.vgg import LAYERS, VGGEncoder, layers_upto
from tests.conftest import ROOT, sample

# Photographs, as far as the converter is concerned.
PICTURES = [torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(k)) for k in range(2)]


def sequential_encoder() -> nn.Sequential:
    """The field's 53-layer vgg_normalised: 1×1 colour layer, then pad, conv, ReLU; pooling in ceil mode."""
    layers: list[nn.Module] = [nn.Conv2d(3, 3, 1)]
    for spec in LAYERS:
        if spec.pool_before:
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        layers += [nn.ReflectionPad2d(1), nn.Conv2d(spec.c_in, spec.c_out, 3), nn.ReLU()]
    return nn.Sequential(*layers)


def sequential_decoder() -> nn.Sequential:
    """The field's 29-layer decoder."""
    layers: list[nn.Module] = []
    for spec in reversed(layers_upto("relu4_1")):
        layers += [nn.ReflectionPad2d(1), nn.Conv2d(spec.c_out, spec.c_in, 3), nn.ReLU()]
        if spec.pool_before:
            layers.append(nn.Upsample(scale_factor=2, mode="nearest"))
    return nn.Sequential(*layers[:-1])


def test_the_layouts_have_the_lengths_the_field_knows() -> None:
    assert len(sequential_encoder()) == 53
    assert len(sequential_decoder()) == 29
    assert [k for k in sequential_decoder().state_dict() if k.endswith("weight")] == [
        f"{k}.weight" for k in (1, 5, 8, 11, 14, 18, 21, 25, 28)
    ]


def test_vgg_normalised() -> None:
    source = sequential_encoder()
    # The first layer turns RGB in [0, 1] into BGR, 0-255, mean-subtracted.
    source[0].weight.data = (torch.eye(3).flip(0) * 255)[:, :, None, None]
    source[0].bias.data = -torch.tensor(CAFFE_MEAN_BGR)
    kind, state = convert_state(source.state_dict(), [])
    assert kind == "encoder"
    encoder = VGGEncoder("relu5_4")
    encoder.load_state_dict(state)
    image = torch.rand(1, 3, 37, 50)
    with torch.no_grad():
        expected = source[:31](image)  # ends with relu4_1
        torch.testing.assert_close(encoder(image)["relu4_1"], expected, atol=1e-3, rtol=1e-3)


def test_decoder() -> None:
    source = sequential_decoder()
    prefixed = {f"module.{k}": v for k, v in source.state_dict().items()}
    for state_in in (source.state_dict(), prefixed):
        kind, state = convert_state(state_in, [])
        assert kind == "decoder"
        decoder = Decoder()
        decoder.load_state_dict(state)
        x = torch.rand(1, 512, 4, 3)
        with torch.no_grad():
            torch.testing.assert_close(decoder(x), source(x))


def test_torchvision() -> None:
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(3)
    source = torchvision.models.vgg19(weights=None)
    for p in source.features.parameters():
        if p.ndim == 1:
            nn.init.uniform_(p, -0.05, 0.2)
    kind, state = convert_state(source.state_dict(), PICTURES)
    assert kind == "encoder"
    encoder = VGGEncoder("relu5_4")
    encoder.load_state_dict(state)
    with torch.no_grad():
        # Normalised: every channel fires once on average over the pictures it was normalised with.
        means = activation_means(state, PICTURES)
        for spec in LAYERS:
            alive = means[spec.name][means[spec.name] != 0]
            torch.testing.assert_close(alive, torch.ones_like(alive), atol=2e-2, rtol=2e-2)
        # And otherwise the same network: each channel is a multiple of the original's.
        image = PICTURES[0]
        mean = torch.tensor(IMAGENET_MEAN)[:, None, None]
        std = torch.tensor(IMAGENET_STD)[:, None, None]
        plain = source.features[:2]((image - mean) / std)
        ours = encoder(image, ("relu1_1",))["relu1_1"]
        inner = (..., slice(1, -1), slice(1, -1))  # torchvision pads with zeros
        ratio = plain[inner].sum((2, 3)) / ours[inner].sum((2, 3)).clamp(min=1e-9)
        torch.testing.assert_close(ours[inner] * ratio[..., None, None], plain[inner], atol=1e-3, rtol=1e-3)


def test_own_layout_passes_through() -> None:
    decoder = load_decoder()
    kind, state = convert_state(decoder.state_dict(), [])
    assert kind == "decoder"
    assert all(torch.equal(state[k], v) for k, v in decoder.state_dict().items())


def test_own_encoder_passes_through() -> None:
    own = load_encoder(upto="relu4_1").state_dict()
    photo = to_tensor(resize_shorter(read_image(sample("content", "chelsea")), 96))
    for given in (own, {f"module.{k}": v for k, v in own.items()}):
        kind, state = convert_state(given, [photo])
        assert kind == "encoder"
        assert all(torch.equal(state[k], v) for k, v in own.items())


def test_its_names_alone_do_not_make_an_encoder_our_own() -> None:
    # The network as it was before it was normalised: BGR, 0 to 255, means subtracted.
    own = load_encoder(upto="relu4_1").state_dict()
    means = load_file(ROOT / "weights" / "activation-means.safetensors")
    plain, previous = {}, torch.ones(3)
    for spec in layers_upto("relu4_1"):
        mean = means[spec.name]
        weight = own[f"{spec.name}.weight"] * mean[:, None, None, None] / previous[:, None, None]
        plain[f"{spec.name}.weight"], plain[f"{spec.name}.bias"] = weight, own[f"{spec.name}.bias"] * mean
        previous = mean
    first = plain["conv1_1.weight"].flip(1) / 255
    plain["conv1_1.bias"] += torch.einsum("oihw,i->o", first, torch.tensor(CAFFE_MEAN_BGR))
    plain["conv1_1.weight"] = first
    photo = to_tensor(resize_shorter(read_image(sample("content", "chelsea")), 96))
    with pytest.raises(WeightsError, match="whose names these are"):
        convert_state(plain, [photo])


@pytest.mark.parametrize("nested", [False, True])
def test_reading_pickles(tmp_path: Path, nested: bool) -> None:
    path = tmp_path / "decoder.pth"
    state = sequential_decoder().state_dict()
    torch.save({"state_dict": state} if nested else state, path)
    assert set(read_tensors(path)) == set(state)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (eval, ("open('hacked', 'w')",))


def test_pickles_cannot_run_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Evil()}, "evil.pth")
    with pytest.raises(WeightsError, match="nothing else is unpickled") as caught:
        read_tensors("evil.pth")
    assert "\n" not in str(caught.value)
    assert not Path("hacked").exists()


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="not a file"):
        read_tensors(tmp_path / "none.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="a list, not a state dict"):
        read_tensors(tmp_path / "list.pth")


def test_files_without_weights_are_told_in_one_line(tmp_path: Path) -> None:
    save_file({"a": torch.ones(9)}, tmp_path / "whole.safetensors")
    torch.save({"a": torch.ones(9)}, tmp_path / "whole.pth")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    cut = {name: (tmp_path / f"whole.{name}").read_bytes()[:-20] for name in ("safetensors", "pth")}
    files = {
        "hello.txt": (b"hello world, this is text", "holds no weights: give a .safetensors file, or a .pth"),
        "question.txt": (b"question and answer", "holds no weights"),
        "empty.pth": (b"", "is empty: give"),
        "empty.safetensors": (b"", "is empty: give"),
        "text.safetensors": (b"12345678901234567890", "is damaged or not a safetensors file"),
        "cut.safetensors": (cut["safetensors"], "is damaged or not a safetensors file"),
        "cut.pth": (cut["pth"], "is damaged or not a plain PyTorch state dict"),
        "other.zip": ((tmp_path / "other.zip").read_bytes(), "is damaged or not a plain PyTorch state dict"),
    }
    for name, (content, message) in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WeightsError) as caught:
            read_tensors(tmp_path / name)
        assert f"{name} {message}" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not str(caught.value)[-1].isdigit()


def test_other_networks_are_refused() -> None:
    with pytest.raises(WeightsError, match="neither VGG-19"):
        convert_state(nn.Sequential(nn.Conv2d(3, 8, 3)).state_dict(), [])
    with pytest.raises(WeightsError, match="neither VGG-19"):
        convert_state({}, [])


def test_normalising_needs_a_picture() -> None:
    state = dict(VGGEncoder().state_dict())
    with pytest.raises(WeightsError, match="at least one photograph"):
        activation_means(state, [])


def test_converted_files_load(tmp_path: Path) -> None:
    decoder = sequential_decoder()
    _, state = convert_state(decoder.state_dict(), [])
    save_file(state, tmp_path / "d.safetensors")
    loaded = load_decoder(tmp_path / "d.safetensors")
    x = torch.rand(1, 512, 2, 2)
    with torch.no_grad():
        torch.testing.assert_close(loaded(x), decoder(x))
    with pytest.raises(WeightsError, match="not those of VGGEncoder"):
        load_encoder(tmp_path / "d.safetensors")
