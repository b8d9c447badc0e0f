from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from adain._utils.errors import InputError, WeightsError
from adain.backends import export
from adain.backends import onnx_graphs as graphs
from adain.backends.export import export_onnx, provenance
from adain.backends.onnx import PARTS
from adain.backends.options import Storage
from adain.nn.fast import FastDecoder, FastEncoder
from adain.nn.vgg import VGGEncoder
from adain.stylizer.stylizer import Stylizer
from adain.stylizer.tiles import complete
from tests.conftest import ROOT

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


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


class Graphs:
    """The graphs of a folder as another runtime has them: without adain."""

    def __init__(self, folder: Path) -> None:
        self.encoder, self.decoder = (onnxruntime.InferenceSession(folder / f"{part}.onnx") for part in PARTS)

    def encode(self, image: torch.Tensor) -> list[Any]:
        found: list[Any] = self.encoder.run(["features", "mean", "std"], {"image": image.numpy()})
        return found

    def stylize(self, photo: torch.Tensor, art: torch.Tensor, alpha: float) -> Any:
        height, width = photo.shape[2:]
        features, content_mean, content_std = self.encode(complete(photo))
        _, style_mean, style_std = self.encode(art)
        known = {"content_mean": content_mean, "content_std": content_std}
        known |= {"style_mean": style_mean, "style_std": style_std, "alpha": np.array(alpha, np.float32)}
        (made,) = self.decoder.run(None, {"features": features, **known})
        return made[..., :height, :width]


@pytest.fixture(scope="module", params=["vgg19", "fast"])
def pair(
    request: pytest.FixtureRequest, stylizer: Stylizer, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Stylizer, Graphs]:
    """A model in torch and in onnxruntime."""
    model = stylizer if request.param == "vgg19" else fast_model()
    folder = tmp_path_factory.mktemp("onnx")
    assert export_onnx(model.encoder, model.decoder, folder).difference <= 1e-4
    return model, Graphs(folder)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_agrees_with_torch(pair: tuple[Stylizer, Graphs], data: st.DataObject) -> None:
    ours, theirs = pair
    sides = st.integers(16, 75)
    batch, styles = data.draw(st.sampled_from([(1, 1), (2, 1), (2, 2)]))
    photos = torch.rand(batch, 3, data.draw(sides), data.draw(sides))
    arts = torch.rand(styles, 3, data.draw(sides), data.draw(sides))
    features, mean, std = theirs.encode(arts)
    style = ours.encode_style(arts, size=0)
    # Of relu3_1 they reach 30 and more, where float32 has six digits.
    for found, expected in ((features, ours.encoder.features(arts)), (mean, style.mean), (std, style.std)):
        np.testing.assert_allclose(found, expected, rtol=3e-5, atol=5e-4)
    alpha = data.draw(st.sampled_from([0.0, 0.5, 1.0]))
    wanted = ours.stylize(photos, style, alpha=alpha).numpy()
    made = theirs.stylize(photos, arts, alpha)
    assert wanted.std() > 0.01
    assert made.shape == wanted.shape
    assert np.abs(made - wanted).max() <= 1e-4  # 2e-3 is what is promised


@pytest.mark.parametrize("size", [(16, 16), (16, 640), (641, 17)])
def test_thin_pictures(pair: tuple[Stylizer, Graphs], size: tuple[int, int]) -> None:
    ours, theirs = pair
    photo, art = torch.rand(1, 3, *size), torch.rand(1, 3, *size[::-1])
    wanted = ours.stylize(photo, art, style_size=0).numpy()
    assert np.abs(theirs.stylize(photo, art, 1.0) - wanted).max() <= 1e-4


def test_alpha_0_leaves_every_bit(tmp_path: Path) -> None:
    """So that whoever normalises by other means, by regions or in tiles, can have that decoded as it is."""
    model, rng = fast_model(), np.random.default_rng(3)
    export_onnx(model.encoder, model.decoder, tmp_path)
    graph = onnx.load(tmp_path / "decoder.onnx")
    graph.graph.output.append(onnx.helper.make_tensor_value_info("changed", onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    features = (rng.standard_normal((2, 384, 5, 7)) * 10.0 ** rng.integers(-9, 5, (2, 384, 5, 7))).astype(np.float32)
    for low in (1e-3, 1.0):
        means = {f"{one}_mean": rng.standard_normal((2, 384, 1, 1), np.float32) for one in ("content", "style")}
        stds = {f"{one}_std": rng.random((2, 384, 1, 1), np.float32) + np.float32(low) for one in ("content", "style")}
        feed = {"features": features, **means, **stds, "alpha": np.zeros((), np.float32)}
        assert (session.run(["changed"], feed)[0] == features).all()


def test_nothing_is_stored_twice(tmp_path: Path) -> None:
    model = fast_model()
    export_onnx(model.encoder, model.decoder, tmp_path)
    count = sum(parameter.numel() for part in (model.encoder, model.decoder) for parameter in part.parameters())
    size = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert 4 * count < size < 4 * count + 40_000


def test_any_runtime_pools(tmp_path: Path) -> None:
    """Those in browsers have no ceil mode."""
    model = fast_model()
    export_onnx(model.encoder, model.decoder, tmp_path)
    nodes = onnx.load(tmp_path / "encoder.onnx").graph.node
    pools = [node for node in nodes if node.op_type == "MaxPool"]
    assert len(pools) == 3
    assert not any(each.name == "ceil_mode" and each.i for pool in pools for each in pool.attribute)


@pytest.mark.slow
def test_the_example_of_the_docs(fast: Stylizer, tmp_path: Path, photo: Path, art: Path) -> None:
    text = (ROOT / "docs" / "onnx.md").read_text(encoding="utf-8")
    (code,) = (part for part in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "InferenceSession" in part)
    assert "adain" not in code
    export_onnx(fast.encoder, fast.decoder, tmp_path / "model")
    for name, picture in (("photo.jpg", photo), ("great-wave.jpg", art)):
        Image.open(picture).save(tmp_path / name, "png")
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    made = Image.open(tmp_path / "out.png")
    wanted = fast.stylize(photo, art, alpha=0.8, style_size=0)
    assert made.size == wanted.size
    assert np.abs(np.asarray(made, np.int16) - np.asarray(wanted, np.int16)).max() <= 1


@pytest.mark.parametrize("opset", [13, 18, 23])
@pytest.mark.parametrize("pool", ["max", "average"])
def test_opsets_and_pooling(tmp_path: Path, opset: int, pool: str) -> None:
    model = fast_model()
    model.encoder.pool = pool  # type: ignore[assignment]
    assert export_onnx(model.encoder, model.decoder, tmp_path, opset=opset).difference <= 1e-4
    art = torch.rand(1, 3, 21, 19)
    features, mean, std = Graphs(tmp_path).encode(art)
    np.testing.assert_allclose(features, model.encoder.features(art), atol=1e-4)
    np.testing.assert_allclose(mean, model.encode_style(art, size=0).mean, atol=1e-4)
    np.testing.assert_allclose(std, model.encode_style(art, size=0).std, atol=1e-4)
    for part in PARTS:
        graph = onnx.load(tmp_path / f"{part}.onnx")
        onnx.checker.check_model(graph, full_check=True)
        assert graph.opset_import[0].version == opset


@pytest.mark.parametrize("opset", [17, 23])
def test_statistics_of_large_flat_pictures(opset: int) -> None:
    """Where the error of a running sum in float32 would be a hundredth, and a fifth of the deviation."""
    values = np.array([0.1, 1.3, 7.7, 1234.5], np.float32)
    features = np.ascontiguousarray(np.broadcast_to(values.reshape(1, -1, 1, 1), (1, 4, 500, 1024)))
    session = onnxruntime.InferenceSession(graphs.statistics_graph(opset).SerializeToString())
    mean, std = session.run(["mean", "std"], {"features": features})
    np.testing.assert_allclose(mean.ravel(), values, rtol=1e-5)
    np.testing.assert_allclose(std.ravel()[:3], np.sqrt(graphs.EPS), rtol=1e-3)
    noise = np.random.default_rng(3).random((1, 2, 300, 700), np.float32) ** 3
    mean, std = session.run(["mean", "std"], {"features": noise})
    np.testing.assert_allclose(mean.ravel(), noise.mean((0, 2, 3), dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(std.ravel(), np.sqrt(noise.var((0, 2, 3), dtype=np.float64) + graphs.EPS), rtol=1e-5)


def test_sums_that_run_are_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check before writing sees what a small sample does not."""

    def at_once(graph: graphs.Graph, x: str, name: str = "") -> str:
        return graph.add("ReduceMean", x, name=name, axes=[2, 3], keepdims=1)

    monkeypatch.setattr(graphs.Graph, "mean", at_once)
    model = fast_model()
    with pytest.raises(WeightsError, match="differ from torch"):
        export_onnx(model.encoder, model.decoder, tmp_path)
    assert not [*tmp_path.iterdir()]


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
    for part in PARTS:
        loaded = onnx.load(tmp_path / f"{part}.onnx")
        found = {entry.key: entry.value for entry in loaded.metadata_props}
        assert (found["part"], found["network"], found["channels"]) == (part, "fast", "384")
        assert (found["model"], found["licence"], found["precision"]) == ("mine", "MIT", "fp16")
    names = ["features", "content_mean", "content_std", "style_mean", "style_std", "alpha"]
    assert [i.name for i in loaded.graph.input] == names
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
    (tmp_path / "encoder.onnx").write_bytes(b"old")
    monkeypatch.setattr(graphs, "EPS", 1.0)
    with pytest.raises(WeightsError, match="differ from torch"):
        export_onnx(model.encoder, model.decoder, tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(export, "LEAST_PSNR", 200.0)
    with pytest.raises(WeightsError, match=r"int8.*use fp32"):
        export_onnx(model.encoder, model.decoder, tmp_path, storage="int8")
    assert [file.name for file in tmp_path.iterdir()] == ["encoder.onnx"]
    assert (tmp_path / "encoder.onnx").read_bytes() == b"old"


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
