"""From options to networks that run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from adain._utils.errors import InputError, MissingFileError, WeightsError
from adain._utils.fingerprint import fingerprint
from adain.backends import OnnxStylizer, export_onnx, open_model, open_stylizer, weights_of
from adain.nn import pretrained
from adain.options import FileOptions, ModelOptions
from adain.stylizer.stylizer import Stylizer
from tests.conftest import noise_image, python

CPU: dict[str, Any] = {"device": "cpu"}


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
    open_model(ModelOptions(device="cpu"), share=share)
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


def test_what_an_exported_model_does_not_serve(exported: Path) -> None:
    opened, picture = OnnxStylizer(exported, threads=1), noise_image(40, 32)
    for more, named in (
        ({"masks": [picture]}, "masks does"),
        ({"color": "linear", "fine_style_size": 20}, "fine_style_size and color do"),
        ({"gradient": "radial"}, "gradient does"),
        ({"tile": 64}, "tile does"),
    ):
        with pytest.raises(InputError, match=f"^{named} not go with an exported model: use adain.Stylizer for that$"):
            opened.stylize(picture, picture, **more)  # type: ignore[arg-type]


def test_weights_by_their_checksums(fast_files: tuple[Path, Path], exported: Path) -> None:
    shipped = pretrained.find_model("fast")
    assert weights_of(ModelOptions(model="fast")) == [shipped.encoder.sha256, shipped.decoder.sha256]
    assert weights_of(ModelOptions()) == weights_of(ModelOptions(model="vgg19", device="cpu", max_pixels=9))
    encoder, decoder = fast_files
    assert weights_of(ModelOptions(encoder=str(encoder), decoder=decoder, model="nonsense")) == [encoder, decoder]
    assert weights_of(ModelOptions(model="fast", decoder=decoder)) == [shipped.encoder.sha256, decoder]
    assert [path.name for path in weights_of(ModelOptions(onnx=exported))] == ["style.onnx", "transfer.onnx"]


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
