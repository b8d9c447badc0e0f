from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from safetensors.torch import save_file

from tests.backends.test_export import fast_model
from tests.conftest import noise_image, one_line_error

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

Run = Callable[..., Result]


@pytest.fixture
def weights(tmp_path: Path) -> tuple[object, ...]:
    """Options that name files of a small model."""
    model, options = fast_model(), []
    for part in ("encoder", "decoder"):
        path = tmp_path / f"{part}.safetensors"
        state = {name: tensor.contiguous() for name, tensor in getattr(model, part).state_dict().items()}
        save_file(state, path)
        options += [f"--{part}", str(path)]
    return tuple(options)


def test_export_and_stylize(run_cli: Run, weights: tuple[object, ...], tmp_path: Path, photo: Path, art: Path) -> None:
    result = run_cli("export", "-o", tmp_path / "model", *weights)
    assert result.exit_code == 0, result.output
    assert [line.split(":")[0].rpartition("/")[2] for line in result.stdout.splitlines()] == [
        "encoder.onnx",
        "decoder.onnx",
    ]
    sizes = ("--style-size", 32, "--alpha", 0.8)
    result = run_cli("stylize", photo, art, "--onnx", tmp_path / "model", "-o", tmp_path / "a.png", *sizes)
    assert result.exit_code == 0, result.output
    assert run_cli("stylize", photo, art, "-o", tmp_path / "b.png", *sizes, *weights).exit_code == 0
    a, b = (np.asarray(Image.open(tmp_path / name), np.int16) for name in ("a.png", "b.png"))
    assert np.abs(a - b).max() <= 1
    more = ("--gradient", "radial", "--tile", 64, *sizes)
    result = run_cli("stylize", photo, art, photo, "--onnx", tmp_path / "model", "-o", tmp_path / "c.png", *more)
    assert result.exit_code == 0, result.output

    # A folder, twice: what is there is not made again, unless something has changed.
    (tmp_path / "in").mkdir()
    for seed in (1, 2):
        noise_image(40, 30, seed).save(tmp_path / "in" / f"{seed}.png")
    command = ("stylize", tmp_path / "in", art, photo, "--style-weights", "2,1", "--onnx", tmp_path / "model")
    for alpha, status in ((1, "done"), (1, "skipped"), (0.5, "done")):
        result = run_cli(*command, "-o", tmp_path / "out", "--json", "--alpha", alpha)
        assert result.exit_code == 0, result.output
        assert [json.loads(line)["status"] for line in result.stdout.splitlines()] == [status] * 2
    one = [(tmp_path / "out" / f"{name}_stylized_art+photo.png").read_bytes() for name in (1, 2)]
    result = run_cli(*command, "-o", tmp_path / "two", "--jobs", 2, "--alpha", 0.5)
    assert result.exit_code == 0, result.output
    assert [file.read_bytes() for file in sorted((tmp_path / "two").glob("*.png"))] == one


def test_shipped_model(run_cli: Run, tmp_path: Path) -> None:
    result = run_cli("export", "-o", tmp_path / "model", "--storage", "int8")
    assert result.exit_code == 0, result.output
    assert "dB PSNR to fp32" in result.stdout
    assert sum(path.stat().st_size for path in (tmp_path / "model").iterdir()) < 11e6


def test_errors(
    run_cli: Run,
    tmp_path: Path,
    photo: Path,
    art: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "did you mean 'vgg19'" in one_line_error(run_cli("export", "-o", tmp_path / "m", "--model", "vgg18"))
    assert "must be from 13 to 23" in one_line_error(run_cli("export", "-o", tmp_path / "m", "--opset", 5))
    assert "cannot write" in one_line_error(run_cli("export", "-o", photo))
    assert "does not exist" in one_line_error(run_cli("export", "-o", tmp_path / "m", "--decoder", "no.safetensors"))
    command = ("stylize", photo, art, "--onnx", tmp_path / "m", "-o", tmp_path / "o.png")
    assert "write it with adain export" in one_line_error(run_cli(*command))
    for option in (("--model", "vgg19"), ("--device", "cpu"), ("--refine", 3)):
        assert f"{option[0]} does not go with --onnx" in one_line_error(run_cli(*command, *option))
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert 'pip install "adain[onnx]"' in one_line_error(run_cli("export", "-o", tmp_path / "m"))
    assert not (tmp_path / "m").exists()
