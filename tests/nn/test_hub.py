from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from adain._utils.errors import AdainError, InputError, MissingFileError, WeightsError
from adain.nn import Decoder, FastDecoder, FastEncoder, HubModel, VGGEncoder, load_decoder, load_encoder
from adain.nn.hub import CONFIG, WEIGHTS, Provenance
from adain.stylizer.stylizer import Stylizer
from tests.conftest import python

pytest.importorskip("huggingface_hub")


@pytest.fixture(scope="module")
def shipped() -> Stylizer:
    return Stylizer.from_pretrained("fast", device="cpu")


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    own, others = one.state_dict(), other.state_dict()
    return own.keys() == others.keys() and all(torch.equal(own[key], others[key]) for key in own)


def test_parts_come_back_to_the_bit(shipped: Stylizer, tmp_path: Path) -> None:
    for part, kind in ((shipped.encoder, FastEncoder), (shipped.decoder, FastDecoder)):
        folder = tmp_path / part.part
        part.save_pretrained(folder)
        assert sorted(path.name for path in folder.iterdir()) == ["README.md", CONFIG, WEIGHTS]
        loaded = kind.from_pretrained(folder)
        assert type(loaded) is kind
        assert same(loaded, part)
        assert not loaded.training
        assert not any(each.requires_grad for each in loaded.parameters())
        assert loaded.hub_config() == part.hub_config()


def test_an_encoder_keeps_how_it_was_made(tmp_path: Path) -> None:
    encoder = load_encoder("vgg19", upto="relu2_1", pool="average").giving(None)
    encoder.save_pretrained(tmp_path)
    config = json.loads((tmp_path / CONFIG).read_text())
    assert [layer["name"] for layer in config["layers"]] == ["conv1_1", "conv1_2", "conv2_1"]
    assert (config["model"], config["upto"], config["pool"], config["folded"]) == ("vgg19", "relu2_1", "average", None)
    assert config["licence"].startswith("CC BY 4.0")
    assert "VGG_ILSVRC_19" in config["origin"]
    loaded = VGGEncoder.from_pretrained(str(tmp_path))
    image = torch.rand(1, 3, 20, 20)
    assert torch.equal(loaded(image, ["relu2_1"])["relu2_1"], encoder(image, ["relu2_1"])["relu2_1"])
    assert "license: cc-by-4.0" in (tmp_path / "README.md").read_text()


def test_a_whole_model_and_its_parts(shipped: Stylizer, tmp_path: Path) -> None:
    shipped.save_pretrained(tmp_path)
    config = json.loads((tmp_path / CONFIG).read_text())
    assert (config["library"], config["kind"], config["model"]) == ("adain", "stylizer", "fast")
    assert config["channels"] == shipped.channels
    assert config["licence"] == "MIT"
    assert [layer["shape"] for layer in config["decoder"]["layers"]][-1] == [3, 16, 3, 3]
    loaded = Stylizer.from_pretrained(tmp_path, device="cpu")
    assert same(loaded, shipped)
    assert loaded.hub_config() == shipped.hub_config()
    photo, art = torch.rand(1, 3, 24, 40), torch.rand(1, 3, 32, 32)
    assert torch.equal(loaded(photo, art), shipped(photo, art))
    assert same(FastEncoder.from_pretrained(tmp_path), shipped.encoder)
    assert same(Decoder.from_pretrained(tmp_path), shipped.decoder)
    mixed = Stylizer.from_pretrained(tmp_path, decoder=_own(shipped.decoder, tmp_path), device="cpu")
    assert same(mixed, shipped)


def _own(network: torch.nn.Module, folder: Path) -> Path:
    from adain.training.checkpoint import save_weights

    save_weights(network, folder / "own.safetensors")
    return folder / "own.safetensors"


def test_names_keep_their_meaning(shipped: Stylizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    other = Stylizer(FastEncoder(), FastDecoder(), device="cpu")
    other.save_pretrained("fast")
    assert same(Stylizer.from_pretrained("fast", device="cpu"), shipped)
    assert same(Stylizer.from_pretrained("./fast", device="cpu"), other)
    assert isinstance(Decoder.from_pretrained("fast"), FastDecoder)
    with pytest.raises(WeightsError, match="fast is a FastEncoder"):
        type("Mine", (VGGEncoder,), {}).from_pretrained("fast")
    with pytest.raises(WeightsError, match="there is no model 'fats'"):
        Stylizer.from_pretrained("fats")


def test_half_precision_comes_back(shipped: Stylizer, tmp_path: Path) -> None:
    half = Stylizer(shipped.encoder, shipped.decoder, device="cpu", precision="bf16")
    assert half.hub_config()["model"] == "fast"
    half.save_pretrained(tmp_path)
    assert same(Stylizer.from_pretrained(tmp_path, device="cpu", precision="bf16"), half)
    assert Stylizer.from_pretrained(tmp_path, device="cpu").dtype == torch.float32


def test_changed_weights_are_no_longer_the_models(tmp_path: Path) -> None:
    decoder = load_decoder("fast")
    assert decoder.hub_config()["model"] == "fast"
    decoder.get_submodule("conv1_1").get_parameter("bias").add_(1)
    config = decoder.hub_config()
    assert (config["model"], config["based_on"], config["licence"]) == (None, "fast", "MIT")
    decoder.save_pretrained(tmp_path)
    assert FastDecoder.from_pretrained(tmp_path).provenance == decoder.provenance


def test_ones_own_weights_say_what_their_maker_says(tmp_path: Path) -> None:
    own = FastDecoder()
    assert own.provenance == Provenance()
    own.save_pretrained(tmp_path, config={"licence": "CC0-1.0", "origin": "mine", "note": "of a rainy Sunday"})
    config = json.loads((tmp_path / CONFIG).read_text())
    assert (config["model"], config["note"]) == (None, "of a rainy Sunday")
    assert FastDecoder.from_pretrained(tmp_path).provenance == Provenance(None, "CC0-1.0", "mine")
    whole = Stylizer(FastEncoder(), own, device="cpu")
    whole.save_pretrained(tmp_path / "whole", config={"licence": "CC0-1.0"})
    assert Stylizer.from_pretrained(tmp_path / "whole", device="cpu").hub_config()["licence"] == "CC0-1.0"
    with pytest.raises(InputError, match="config cannot say kind"):
        own.save_pretrained(tmp_path, config={"kind": "encoder"})


def _with(folder: Path, name: str, change: Any) -> None:
    path = folder / name
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


@pytest.mark.parametrize(
    ("damage", "kind", "said"),
    [
        (lambda f: (f / CONFIG).unlink(), MissingFileError, "holds no config.json"),
        (lambda f: (f / WEIGHTS).unlink(), MissingFileError, "holds no model.safetensors"),
        (lambda f: (f / CONFIG).write_text("{"), WeightsError, "config.json is damaged"),
        (lambda f: (f / CONFIG).write_text("[]"), WeightsError, "is not of this library"),
        (lambda f: (f / WEIGHTS).write_bytes(b"x" * 50), WeightsError, "model.safetensors is damaged"),
        (lambda f: _with(f, CONFIG, lambda c: c | {"kind": "encoder"}), WeightsError, "holds no decoder"),
        (lambda f: _with(f, CONFIG, lambda c: c | {"network": "slow"}), WeightsError, "not known here"),
        (lambda f: _with(f, CONFIG, lambda c: c | {"network": "vgg19"}), WeightsError, "not those of Decoder"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, damage: Any, kind: type[AdainError], said: str) -> None:
    FastDecoder().save_pretrained(tmp_path)
    damage(tmp_path)
    with pytest.raises(kind, match=said) as caught:
        Decoder.from_pretrained(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"mine\.txt"):
        FastDecoder().save_pretrained(tmp_path / "mine.txt")
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_an_address_that_cannot_be_reached(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="there is no folder nobody/nothing, and no such model") as caught:
        Stylizer.from_pretrained("nobody/nothing", local_files_only=True, cache_dir=tmp_path)
    assert "\n" not in str(caught.value)


def test_without_huggingface_hub(shipped: Stylizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from adain.nn import hub

    shipped.save_pretrained(tmp_path / "kept")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    hub._bridge.cache_clear()
    for ask in (lambda: shipped.save_pretrained(tmp_path), lambda: Stylizer.from_pretrained("owner/name")):
        with pytest.raises(InputError, match=r'pip install "adain\[hub\]"'):
            ask()
    assert same(Stylizer.from_pretrained(tmp_path / "kept", device="cpu"), shipped)
    hub._bridge.cache_clear()


def test_an_address_is_not_downloaded_for_a_command(run_cli: Any, photo: Path, art: Path, tmp_path: Path) -> None:
    options = ("--model", "owner/name", "--backend", "torch", "-o", tmp_path / "out.png")
    result = run_cli("stylize", photo, art, *options)
    assert result.exit_code == 2
    assert "there is no model 'owner/name'" in result.stderr


def test_plain_use_does_not_import_it(photo: Path, art: Path) -> None:
    code = f"""
import json, sys, adain
stylizer = adain.Stylizer.from_pretrained("fast", device="cpu")
stylizer.stylize({str(photo)!r}, {str(art)!r}, style_size=32)
print(json.dumps("huggingface_hub" in sys.modules))
"""
    assert python(code) is False
    assert issubclass(Stylizer, HubModel)
