"""From options to networks that run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from adain._utils.errors import InputError, MissingFileError, WeightsError
from adain._utils.fingerprint import fingerprint
from adain.backends import OnnxStylizer, choose_backend, export_onnx, models, open_model, open_stylizer, weights_of
from adain.nn import pretrained
from adain.options import FileOptions, ModelOptions
from adain.stylizer.stylizer import Stylizer
from tests.conftest import noise_image, python

CPU: dict[str, Any] = {"device": "cpu", "backend": "torch"}


@pytest.fixture(scope="module")
def exported(fast: Stylizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("exported")
    export_onnx(fast.encoder, fast.decoder, folder)
    return folder


def test_shipped_models() -> None:
    opened = open_model(ModelOptions(**CPU))
    assert isinstance(opened, Stylizer)
    assert fingerprint(opened.identity()) == fingerprint(Stylizer.from_pretrained(device="cpu").identity())
    assert fingerprint(opened.identity()) != fingerprint(open_stylizer(ModelOptions(model="fast", **CPU)).identity())
    with pytest.raises(WeightsError, match="there is no model 'vgg': did you mean 'vgg19'"):
        open_model(ModelOptions(model="vgg", **CPU))


def test_all_that_options_say_of_a_model(fast_files: tuple[Path, Path], fast: Stylizer, tmp_path: Path) -> None:
    encoder, decoder = fast_files
    own = {
        "encoder": str(encoder),
        "decoder": decoder,
        "max_pixels": 1000,
        "precision": "bf16",
        "style_cache": tmp_path,
    }
    opened = open_stylizer(FileOptions(**own, **CPU, alpha=0.5))  # type: ignore[arg-type]
    assert (opened.max_pixels, opened.dtype, opened.device) == (1000, torch.bfloat16, torch.device("cpu"))
    opened.encode_style(noise_image(20, 20), size=0)
    assert opened.style_cache is not None
    exact = open_stylizer(ModelOptions(encoder=encoder, decoder=decoder, **CPU))
    assert fingerprint(exact.identity()) == fingerprint(fast.identity()) != fingerprint(opened.identity())
    with pytest.raises(InputError, match="one model"):
        open_model(ModelOptions(encoder=encoder, **CPU))
    with pytest.raises(MissingFileError):
        open_model(ModelOptions(encoder=tmp_path / "none.safetensors", decoder=decoder, **CPU))


def test_threads_and_random_numbers_are_the_callers() -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    open_model(ModelOptions(seed=7, **CPU))
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_processes_share_the_cores() -> None:
    code = """
import json, torch
from adain.backends import open_model
from adain.options import ModelOptions
torch.set_num_threads(6)
found = [torch.get_num_threads()]
for share in (2, 9):
    open_model(ModelOptions(device="cpu", backend="torch"), share=share)
    found.append(torch.get_num_threads())
print(json.dumps({"threads": found}))
"""
    assert python(code) == {"threads": [6, 3, 1]}


def test_an_exported_model(exported: Path, tmp_path: Path) -> None:
    opened = open_model(ModelOptions(onnx=str(exported), max_pixels=1000))
    assert isinstance(opened, OnnxStylizer)
    assert opened.max_pixels == 1000
    with pytest.raises(MissingFileError, match="adain export"):
        open_model(ModelOptions(onnx=tmp_path))


@pytest.mark.parametrize(
    ("options", "gpu", "wanted"),
    [
        ({}, False, "ncnn"),
        ({}, True, "torch"),
        ({"device": "cpu"}, True, "ncnn"),
        ({"device": "cpu", "precision": "fp32"}, False, "ncnn"),
        ({"device": "cuda:1"}, False, "torch"),
        ({"precision": "bf16"}, False, "torch"),
        ({"backend": "torch"}, False, "torch"),
        ({"device": "vulkan"}, True, "ncnn"),
        ({"device": "vulkan:1", "backend": "ncnn"}, False, "ncnn"),
        ({"backend": "ncnn"}, True, "ncnn"),
        ({"onnx": "folder"}, True, "onnx"),
        ({"onnx": "folder", "backend": "onnx"}, False, "onnx"),
    ],
)
def test_what_computes(monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], gpu: bool, wanted: str) -> None:
    monkeypatch.setattr(models, "has_gpu", lambda: gpu)
    monkeypatch.setattr(models, "is_fast_cpu", lambda: True)
    assert choose_backend(ModelOptions(**options)) == wanted


def test_a_cpu_that_ncnn_is_not_made_for(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(models, "is_fast_cpu", lambda: False)
    assert choose_backend(ModelOptions(device="cpu")) == "torch"
    assert choose_backend(ModelOptions(device="cpu", backend="ncnn")) == "ncnn"
    assert caplog.records == []


def test_a_missing_wheel(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setitem(sys.modules, "ncnn", None)
    opened = open_model(ModelOptions(device="cpu"))
    assert isinstance(opened, Stylizer)
    assert [record.getMessage() for record in caplog.records] == [
        "ncnn is not installed, so torch computes, in twice the time: pip install ncnn"
    ]
    with pytest.raises(InputError, match=r"^the back end ncnn is not installed .*: pip install ncnn, or use --backend"):
        open_model(ModelOptions(backend="ncnn"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "onnx"}, "backend onnx runs a model that was exported: name its folder by onnx"),
        ({"backend": "ncnn", "onnx": "a"}, "backend do not go with onnx"),
        ({"model": "fast", "precision": "fp32", "onnx": "a"}, "model and precision do not go with onnx"),
        ({"backend": "ncnn", "device": "cuda"}, "ncnn computes in fp32, on cpu or vulkan: leave out device"),
        ({"backend": "torch", "device": "vulkan"}, "device vulkan goes with backend ncnn, not with torch"),
        ({"device": "vulkan", "precision": "bf16"}, "ncnn computes in fp32, on cpu or vulkan: leave out precision"),
        ({"backend": "ncnn", "precision": "bf16"}, "ncnn computes in fp32, on cpu or vulkan: leave out precision"),
    ],
)
def test_contradictions(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        choose_backend(ModelOptions(**options))


def test_weights_by_their_checksums(fast_files: tuple[Path, Path], exported: Path) -> None:
    shipped = pretrained.find_model("fast")
    assert weights_of(ModelOptions(model="fast")) == [shipped.encoder.sha256, shipped.decoder.sha256]
    assert weights_of(ModelOptions()) == weights_of(ModelOptions(model="vgg19", device="cpu", max_pixels=9))
    encoder, decoder = fast_files
    assert weights_of(ModelOptions(encoder=str(encoder), decoder=decoder, model="nonsense")) == [encoder, decoder]
    assert weights_of(ModelOptions(model="fast", decoder=decoder)) == [shipped.encoder.sha256, decoder]
    assert [path.name for path in weights_of(ModelOptions(onnx=exported))] == ["decoder.onnx", "encoder.onnx"]


@pytest.mark.slow
def test_folders_by_an_exported_model_without_torch(exported: Path, fast: Stylizer, tmp_path: Path) -> None:
    for name in ("photos/a.png", "photos/b.png", "arts/x.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        noise_image(40, 36, len(name)).save(tmp_path / name)
    code = f"""
import json, sys
from pathlib import Path
import adain
here = Path({str(tmp_path)!r})
given = here / "photos", here / "arts"
first = adain.stylize_folder(*given, here / "one", onnx={str(exported)!r}, style_size=32, alpha=0.5)
again = adain.stylize_folder(*given, here / "one", onnx={str(exported)!r}, style_size=32, alpha=0.5)
blend = adain.stylize_folder(*given, here / "blend", onnx={str(exported)!r}, style_size=32, weights=[1])
found = {{"torch": "torch" in sys.modules, "states": [r.status for r in (*first, *again, *blend)]}}
print(json.dumps(found))
"""
    assert python(code) == {"torch": False, "states": ["done"] * 2 + ["skipped"] * 2 + ["done"] * 2}
    assert (tmp_path / "one" / "a_stylized_x.png").is_file()
