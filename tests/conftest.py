"""Fixtures shared by all tests: small random pictures on disk and the shipped model, loaded once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from adain._utils.resources import sample_folder
from adain.backends import open_model
from adain.options import ModelOptions
from adain.stylizer.base import BaseStylizer
from adain.stylizer.stylizer import Stylizer

ROOT = Path(__file__).resolve().parent.parent


def noise_image(width: int, height: int, seed: int = 0, mode: str = "RGB") -> Image.Image:
    """A picture of smooth noise, so that it has structure at more than one scale."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (max(2, height // 8), max(2, width // 8), 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("needs a GPU of CUDA")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Networks this small gain nothing from threads, which on a busy machine wait for each other all the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def stylizer() -> Stylizer:
    return Stylizer.from_pretrained(device="cpu")


@pytest.fixture(scope="session")
def cpu_model() -> BaseStylizer:
    """What a CPU computes the base model with, unless something else is asked for."""
    return open_model(ModelOptions(device="cpu"))


@pytest.fixture(scope="session")
def fast_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Encoder and decoder of a fast model of random weights, the same ones each time, that gives pictures of tones."""
    from adain.image import to_tensor
    from adain.training.checkpoint import save_weights
    from adain.training.networks import FastNet

    net = FastNet.fresh(7).requires_grad_(False)
    raw = net.decoder(net.encoder.features(to_tensor(noise_image(64, 64, 1))))
    # Spread over the range of colours, for what lies outside is cut off and shows no difference.
    last = net.decoder.get_submodule(net.decoder.specs[-1].name)
    scale = 0.2 / raw.std(dim=(0, 2, 3))
    last.get_parameter("weight").mul_(scale.view(3, 1, 1, 1))
    last.get_parameter("bias").copy_(0.5 - scale * raw.mean(dim=(0, 2, 3)))
    folder = tmp_path_factory.mktemp("fast")
    files = folder / "encoder.safetensors", folder / "decoder.safetensors"
    for network, path in zip((net.encoder, net.decoder), files, strict=True):
        save_weights(network, path)
    return files


@pytest.fixture(scope="session")
def fast(fast_files: tuple[Path, Path]) -> Stylizer:
    """A fast model: see :func:`fast_files`."""
    encoder, decoder = fast_files
    return Stylizer.from_pretrained(encoder=encoder, decoder=decoder, device="cpu")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    noise_image(70, 45, 1).save(path)
    return path


@pytest.fixture
def art(tmp_path: Path) -> Path:
    path = tmp_path / "art.png"
    noise_image(64, 48, 2).save(path)
    return path


@pytest.fixture
def run_cli() -> Callable[..., Result]:
    """The command line in this process: ``run_cli("stylize", a, b)``."""
    from adain.cli import main

    def run(*args: object) -> Result:
        return CliRunner().invoke(main, [str(a) for a in args], prog_name="adain")

    return run


@pytest.fixture(autouse=True)
def _fixed_seed() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def one_line_error(result: Result) -> str:
    """The single line of a failed call, after checking code, streams and form."""
    assert result.exit_code == 2, (result.exit_code, result.output, result.exception)
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("adain")
    assert ": error: " in lines[0]
    return lines[0]


def python(code: str, **env: str) -> dict[str, object]:
    """Run code in a fresh interpreter from the checkout; it prints one JSON object."""
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=True,
    )
    parsed: dict[str, object] = json.loads(result.stdout)
    return parsed


def sample(kind: str, name: str) -> Path:
    """A shipped sample picture."""
    return sample_folder("content" if kind == "content" else "style") / f"{name}.jpg"
