from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result
from PIL import Image

from adain._utils.errors import InputError
from adain.nn.devices import resolve_precision
from adain.stylizer.stylizer import Stylizer
from tests.conftest import one_line_error
from tests.models import stylizer

__all__ = ["stylizer"]


@pytest.fixture(scope="module")
def half(stylizer: Stylizer) -> Stylizer:
    return Stylizer(stylizer.encoder, stylizer.decoder, device="cpu", precision="bf16")


def test_names() -> None:
    cpu = torch.device("cpu")
    assert resolve_precision("auto", cpu) == resolve_precision("fp32", cpu) == torch.float32
    assert resolve_precision("auto", torch.device("mps")) == torch.float32
    assert resolve_precision("bf16", cpu) == torch.bfloat16
    assert resolve_precision("fp16", cpu) == torch.float16
    with pytest.raises(InputError, match="use auto, fp32, bf16, fp16"):
        resolve_precision("half", cpu)


@pytest.mark.parametrize(("can", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_on_a_gpu(monkeypatch: pytest.MonkeyPatch, can: bool, expected: torch.dtype) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: can or including_emulation)
    assert resolve_precision("auto", torch.device("cuda")) == expected


@pytest.mark.parametrize(("precision", "mean", "most"), [("bf16", 2.0, 24.0), ("fp16", 0.3, 4.0)])
def test_half_precision_is_close_and_not_the_same(
    stylizer: Stylizer, photo: Path, art: Path, precision: str, mean: float, most: float
) -> None:
    rough = Stylizer(stylizer.encoder, stylizer.decoder, device="cpu", precision=precision)
    exact = np.asarray(stylizer.stylize(photo, art, style_size=48), dtype=float)
    gap = np.abs(np.asarray(rough.stylize(photo, art, style_size=48), dtype=float) - exact)
    assert 0 < gap.mean() < mean
    assert gap.max() < most


def test_what_goes_in_and_out_is_float32(half: Stylizer, photo: Path, art: Path) -> None:
    style = half.encode_style(art, size=48, fine_size=32)
    assert style.mean.dtype == style.std.dtype == torch.float32
    content = half.encode_content(photo)
    assert content.features.dtype == torch.bfloat16
    assert content.pixels is not None
    assert content.pixels.dtype == torch.float32
    assert half.decode(content, style).dtype == torch.float32
    mask = torch.zeros(45, 70)
    mask[:, :35] = 1.0
    out = half.stylize(photo, [style, art], masks=[mask, 1 - mask], style_size=48, color="luminance")
    assert isinstance(out, Image.Image)


def test_statistics_do_not_overflow_in_half_precision(half: Stylizer, stylizer: Stylizer, art: Path) -> None:
    exact, rough = stylizer.encode_style(art, size=64), half.encode_style(art, size=64)
    torch.testing.assert_close(rough.mean, exact.mean, rtol=0.05, atol=0.02)
    torch.testing.assert_close(rough.std, exact.std, rtol=0.05, atol=0.02)


def test_the_callers_networks_keep_their_digits(stylizer: Stylizer) -> None:
    other = Stylizer(stylizer.encoder, stylizer.decoder, device="cpu", precision="bf16")
    assert other.dtype == torch.bfloat16
    assert all(p.dtype == torch.float32 for p in (*stylizer.encoder.parameters(), *stylizer.decoder.parameters()))
    assert stylizer.dtype == torch.float32


def test_gradients_pass_through_half_precision(half: Stylizer) -> None:
    content = torch.rand(1, 3, 16, 24, requires_grad=True)
    half.stylize(content, torch.rand(1, 3, 16, 16), style_size=24).mean().backward()
    assert content.grad is not None
    assert bool(content.grad.isfinite().all())
    assert float(content.grad.abs().sum()) > 0


def test_command_line(run_cli: Callable[..., Result], photo: Path, art: Path, tmp_path: Path) -> None:
    one_line_error(run_cli("stylize", photo, art, "--precision", "half"))
    result = run_cli(
        "stylize", photo, art, "--style-size", 48, "--precision", "bf16", "--device", "cpu", "-o", tmp_path / "a.png"
    )
    assert result.exit_code == 0, result.output
    plain = run_cli("stylize", photo, art, "--style-size", 48, "--device", "cpu", "-o", tmp_path / "b.png")
    assert plain.exit_code == 0, plain.output
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()
