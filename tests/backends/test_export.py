from __future__ import annotations

import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn

from adain._utils.errors import InputError, WeightsError
from adain.backends import export
from adain.backends import onnx_graphs as graphs
from adain.backends.export import export_onnx, provenance
from adain.backends.onnx import OnnxStylizer
from adain.backends.options import Storage
from adain.nn.fast import FastDecoder, FastEncoder
from adain.nn.vgg import VGGEncoder
from adain.stylizer.stylizer import Stylizer

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

SIZES = ((16, 16), (48, 40), (53, 75), (17, 30))


def fast_model() -> Stylizer:
    """The fast model with random weights that keep activations and pictures in range."""
    torch.manual_seed(5)
    networks = FastEncoder(), FastDecoder()
    for network in networks:
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        network.requires_grad_(False)
    last = networks[1].get_submodule("conv1_1")
    assert isinstance(last, nn.Conv2d)
    assert last.bias is not None
    last.weight *= 0.1
    last.bias.fill_(0.5)
    return Stylizer(*networks, device="cpu")


@pytest.fixture(scope="session", params=["vgg19", "fast"])
def pair(
    request: pytest.FixtureRequest, stylizer: Stylizer, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Stylizer, OnnxStylizer]:
    """A model in torch and in onnxruntime."""
    model = stylizer if request.param == "vgg19" else fast_model()
    folder = tmp_path_factory.mktemp("onnx")
    assert export_onnx(model.encoder, model.decoder, folder).difference <= 1e-4
    return model, OnnxStylizer(folder, threads=1)


@pytest.mark.parametrize("size", SIZES)
def test_agrees_with_torch(pair: tuple[Stylizer, OnnxStylizer], size: tuple[int, int]) -> None:
    ours, theirs = pair
    photos, art = torch.rand(2, 3, *size), torch.rand(1, 3, size[1] + 1, size[0])
    style, exported = ours.encode_style(art, size=0), theirs.encode_style(art.numpy())
    np.testing.assert_allclose(exported.mean, style.mean.numpy(), atol=1e-4)
    np.testing.assert_allclose(exported.std, style.std.numpy(), atol=1e-4)
    for alpha in (0.0, 0.5, 1.0):
        wanted = ours.stylize(photos, style, alpha=alpha).numpy()
        made = theirs.stylize(photos.numpy(), exported, alpha=alpha)
        assert wanted.std() > 0.01
        assert made.shape == (2, 3, *size)
        assert np.abs(made - wanted).max() <= 1e-4  # 2e-3 is what is promised


def test_a_style_for_each_photograph(pair: tuple[Stylizer, OnnxStylizer]) -> None:
    ours, theirs = pair
    photos, arts = torch.rand(2, 3, 20, 27), torch.rand(2, 3, 31, 24)
    wanted = ours.stylize(photos, ours.encode_style(arts, size=0)).numpy()
    made = theirs.stylize(photos.numpy(), theirs.encode_style(arts.numpy()))
    assert np.abs(made - wanted).max() <= 1e-4


@pytest.mark.parametrize("opset", [13, 18, 23])
@pytest.mark.parametrize("pool", ["max", "average"])
def test_opsets_and_pooling(tmp_path: Path, opset: int, pool: str) -> None:
    model = fast_model()
    model.encoder.pool = pool  # type: ignore[assignment]
    assert export_onnx(model.encoder, model.decoder, tmp_path, opset=opset).difference <= 1e-4
    art = torch.rand(1, 3, 21, 19)
    exported = OnnxStylizer(tmp_path, threads=1).encode_style(art.numpy())
    np.testing.assert_allclose(exported.mean, model.encode_style(art, size=0).mean.numpy(), atol=1e-4)
    assert onnx.load(tmp_path / "style.onnx").opset_import[0].version == opset


def test_fewer_bits(tmp_path: Path) -> None:
    model, found = fast_model(), {}
    for storage in get_args(Storage):
        written = export_onnx(model.encoder, model.decoder, tmp_path / storage, storage=storage)
        assert written.difference <= 1e-4
        found[storage] = (sum(file.stat().st_size for file in written.files), written.psnr)
    # Half precision has 11 bits, so that its error is far below one of 256 levels; 8 bits come close to one.
    assert found["fp32"][1] > 90
    assert found["fp16"][1] > 60
    assert 30 < found["int8"][1] < found["fp16"][1]
    assert found["fp16"][0] < 0.55 * found["fp32"][0]
    assert found["int8"][0] < 0.32 * found["fp32"][0]


def test_metadata(tmp_path: Path) -> None:
    model = fast_model()
    export_onnx(model.encoder, model.decoder, tmp_path, storage="fp16", details={"model": "mine", "licence": "MIT"})
    for part in ("style", "transfer"):
        loaded = onnx.load(tmp_path / f"{part}.onnx")
        found = {entry.key: entry.value for entry in loaded.metadata_props}
        assert found["part"] == part
        assert (found["model"], found["licence"], found["precision"]) == ("mine", "MIT", "fp16")
    assert [i.name for i in loaded.graph.input] == ["image", "mean", "std", "alpha"]
    assert [o.name for o in loaded.graph.output] == ["stylized"]


def test_provenance(tmp_path: Path) -> None:
    shipped = provenance()
    assert shipped["model"] == "vgg19"
    assert "CC BY 4.0" in shipped["licence"]
    assert len(shipped["decoder_sha256"]) == 64
    own = tmp_path / "own.safetensors"
    own.write_bytes(b"x")
    mixed = provenance(decoder=own)
    assert mixed["model"] == "custom"
    assert mixed["encoder_sha256"] == shipped["encoder_sha256"]
    assert "decoder: not known" in mixed["licence"]


def test_wrong_graphs_are_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = fast_model()
    (tmp_path / "style.onnx").write_bytes(b"old")
    monkeypatch.setattr(graphs, "EPS", 1.0)
    with pytest.raises(WeightsError, match="differ from torch"):
        export_onnx(model.encoder, model.decoder, tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(export, "LEAST_PSNR", 200.0)
    with pytest.raises(WeightsError, match=r"int8.*use fp32"):
        export_onnx(model.encoder, model.decoder, tmp_path, storage="int8")
    assert [file.name for file in tmp_path.iterdir()] == ["style.onnx"]
    assert (tmp_path / "style.onnx").read_bytes() == b"old"


def test_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = fast_model()
    for bad in ({"storage": "int4"}, {"opset": 12}, {"opset": 99}):
        with pytest.raises(InputError):
            export_onnx(model.encoder, model.decoder, tmp_path, **bad)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="one model"):
        export_onnx(VGGEncoder(), model.decoder, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        export_onnx(model.encoder, model.decoder, tmp_path / "file")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InputError, match=r'pip install "adain\[onnx\]"'):
        export_onnx(model.encoder, model.decoder, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
