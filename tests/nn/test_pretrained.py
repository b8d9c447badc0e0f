from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from adain._utils.errors import InputError, MissingFileError, WeightsError
from adain._utils.resources import weights_dir
from adain.nn import pretrained, shipped, states
from adain.nn.fast import FastDecoder, FastEncoder
from adain.nn.pretrained import find_model, load_decoder, load_encoder, read_verified, registry
from adain.nn.shipped import WeightsFile


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A writable copy of the shipped weights that the registry reads instead."""
    folder = tmp_path / "weights"
    shutil.copytree(weights_dir(), folder)
    monkeypatch.setattr(shipped, "weights_dir", lambda: folder)
    registry.cache_clear()
    yield folder
    registry.cache_clear()


def test_manifest_describes_the_files() -> None:
    for model in registry().values():
        for entry in model:
            data = entry.path.read_bytes()
            assert len(data) == entry.bytes
            assert hashlib.sha256(data).hexdigest() == entry.sha256
            assert entry.licence
            assert entry.origin


def test_licence_of_vgg_is_named() -> None:
    model = registry()["vgg19"]
    assert model.encoder_deeper
    for entry in (model.encoder, *model.encoder_deeper):
        assert "CC BY 4.0" in entry.licence


def test_size_limits() -> None:
    # Limits of the project: 31 MB of weights in all, those of two decoders for VGG-19 among them.
    assert sum({e.file: e.bytes for m in registry().values() for e in m}.values()) < 31e6


def test_one_flipped_byte_is_found(copy: Path) -> None:
    for name, load in (("vgg19", load_encoder), ("decoder", load_decoder)):
        path = copy / f"{name}.safetensors"
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        with pytest.raises(WeightsError, match="damaged: its SHA-256") as caught:
            load()
        assert "\n" not in str(caught.value)


def test_cut_file_is_found(copy: Path) -> None:
    path = copy / "decoder.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(WeightsError, match="cut short"):
        load_decoder()


def test_missing_file_and_manifest(copy: Path) -> None:
    (copy / "vgg19.safetensors").unlink()
    with pytest.raises(MissingFileError, match="install adain again"):
        load_encoder()
    (copy / "manifest.json").unlink()
    registry.cache_clear()
    with pytest.raises(MissingFileError, match=r"manifest\.json is missing"):
        load_decoder()


@pytest.mark.parametrize(
    "text",
    ["", "{}", '{"files": {"a": {}}, "models": {}}', "[]", '{"files": {}, "models": {"a": []}}', '{"files": []}'],
)
def test_damaged_manifest(copy: Path, text: str) -> None:
    (copy / "manifest.json").write_text(text)
    registry.cache_clear()
    with pytest.raises(WeightsError, match="is damaged"):
        registry()


def test_manifest_keeps_details(copy: Path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"]["decoder.safetensors"]["note"] = "hello"
    (copy / "manifest.json").write_text(json.dumps(manifest))
    registry.cache_clear()
    assert registry()["vgg19"].decoder.details["note"] == "hello"
    read_verified(registry()["vgg19"].decoder)


def test_unknown_names_are_helped() -> None:
    with pytest.raises(WeightsError, match="did you mean 'vgg19'"):
        find_model("vgg16")
    with pytest.raises(WeightsError, match="use one of vgg19, classic, fast"):
        load_encoder("zzz")
    with pytest.raises(MissingFileError, match="does not exist"):
        load_encoder("nowhere/x.safetensors")


def test_other_file_kinds(tmp_path: Path) -> None:
    (tmp_path / "x.pth").write_bytes(b"x")
    with pytest.raises(WeightsError, match="adain weights import"):
        load_decoder(tmp_path / "x.pth")
    (tmp_path / "x.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError, match="is empty: give a"):
        load_decoder(tmp_path / "x.safetensors")


def test_depth_and_precision() -> None:
    encoder = load_encoder(upto="relu5_2")
    assert all(p.dtype == torch.float32 and not p.requires_grad for p in encoder.parameters())
    with pytest.raises(WeightsError, match=r"vgg19-conv5_2\.safetensors does not reach relu5_3: it ends at relu5_2"):
        load_encoder(upto="relu5_3")
    with pytest.raises(WeightsError, match="does not reach relu5_2: it ends at relu5_1"):
        load_encoder(registry()["vgg19"].encoder.path, upto="relu5_2")


def test_the_deeper_file_is_read_for_relu5_2_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def spy(weights: WeightsFile) -> bytes:
        read.append(weights.file)
        return read_verified(weights)

    for module in (pretrained, states):
        monkeypatch.setattr(module, "read_verified", spy)
    load_encoder(upto="relu5_1")
    assert read == ["vgg19.safetensors"]
    load_encoder("vgg19", upto="relu5_2")
    assert read[1:] == ["vgg19.safetensors", "vgg19-conv5_2.safetensors"]


def test_damaged_or_missing_deeper_file(copy: Path) -> None:
    path = copy / "vgg19-conv5_2.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"conv5_2.*damaged: its SHA-256"):
        load_encoder(upto="relu5_2")
    path.write_bytes(data[:-1])
    with pytest.raises(WeightsError, match=r"conv5_2.*cut short"):
        load_encoder(upto="relu5_2")
    path.unlink()
    with pytest.raises(MissingFileError, match=r"conv5_2\.safetensors is missing: install adain again"):
        load_encoder(upto="relu5_2")
    load_encoder(upto="relu5_1")  # which others need goes on working


def test_a_manifest_without_deeper_files(copy: Path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    del manifest["models"]["vgg19"]["encoder_deeper"]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    registry.cache_clear()
    assert [part for part, _ in registry()["vgg19"].parts()] == ["encoder", "decoder"]
    with pytest.raises(WeightsError, match=r"vgg19\.safetensors does not reach relu5_2: it ends at relu5_1"):
        load_encoder(upto="relu5_2")


def rewritten(path: Path, folder: Path, change: Callable[[str, torch.Tensor], torch.Tensor | None]) -> Path:
    """A copy of a weights file with tensors changed or left out."""
    tensors = {name: change(name, tensor) for name, tensor in load_file(path).items()}
    save_file({name: tensor for name, tensor in tensors.items() if tensor is not None}, folder / path.name)
    return folder / path.name


def test_the_fast_models_files(fast_files: tuple[Path, Path]) -> None:
    encoder, decoder = load_encoder(fast_files[0]), load_decoder(fast_files[1])
    assert (type(encoder), type(decoder)) == (FastEncoder, FastDecoder)
    for network, path in zip((encoder, decoder), fast_files, strict=True):
        assert all(p.dtype == torch.float32 and not p.requires_grad for p in network.parameters())
        assert all(torch.equal(network.state_dict()[name], t.float()) for name, t in load_file(path).items())
    assert load_encoder(fast_files[0], upto="relu2_1").layer_names == ("relu1_1", "relu2_1")


def test_what_the_fast_models_files_are_not(fast_files: tuple[Path, Path], tmp_path: Path) -> None:
    encoder, decoder = fast_files
    first, last = FastEncoder.table[0].name, FastEncoder.table[-1].name
    deep = r"encoder\.safetensors does not reach relu5_1: it is the fast model's, which ends at relu4_1"
    messages: list[tuple[str, Callable[[], object]]] = [
        (deep, lambda: load_encoder(encoder, upto="relu5_1")),
        (r"decoder\.safetensors holds no encoder but a decoder", lambda: load_encoder(decoder)),
        (r"encoder\.safetensors holds no decoder", lambda: load_decoder(encoder)),
    ]
    (tmp_path / "cut").mkdir()
    for path, load in ((encoder, load_encoder), (decoder, load_decoder)):
        cut = tmp_path / "cut" / path.name
        cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        messages.append(("is damaged or not a safetensors file", lambda load=load, cut=cut: load(cut)))
    kinds: dict[str, Callable[[str, torch.Tensor], torch.Tensor | None]] = {
        "half": lambda name, t: None if name.startswith(last) else t,
        "shapes": lambda name, t: t[:, :-1].contiguous() if name == f"{last}.weight" else t,
        "width": lambda name, t: t[:-1].contiguous() if name == f"{first}.bias" else t,
    }
    for kind, change in kinds.items():
        (tmp_path / kind).mkdir()
        files = [rewritten(path, tmp_path / kind, change) for path in fast_files]
        wanted = {"half": "does not reach relu4_1: it ends at relu3_2", "shapes": "not those of FastEncoder"}
        messages.append((wanted.get(kind, "a network of another width"), lambda files=files: load_encoder(files[0])))
        if kind != "width":
            messages.append(("holds no decoder", lambda files=files: load_decoder(files[1])))
    for message, call in messages:
        with pytest.raises(WeightsError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no layer 'relu9_9'"):
        load_encoder(encoder, upto="relu9_9")


def test_a_decoder_is_no_encoder() -> None:
    with pytest.raises(WeightsError, match="not those of VGGEncoder"):
        load_encoder(registry()["vgg19"].decoder.path)
    with pytest.raises(WeightsError, match="holds no decoder"):
        load_decoder(registry()["vgg19"].encoder.path)
