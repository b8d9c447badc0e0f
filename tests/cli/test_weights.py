from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from click.testing import Result

from tests.conftest import noise_image, one_line_error
from tests.nn.test_convert import sequential_decoder, sequential_encoder

Run = Callable[..., Result]


def test_list(run_cli: Run) -> None:
    text = run_cli("weights", "list").stdout
    assert "vgg19 encoder: vgg19.safetensors" in text
    assert "vgg19 encoder_deeper: vgg19-conv5_2.safetensors, 2.4 MB" in text
    assert "CC BY 4.0" in text
    records = [json.loads(line) for line in run_cli("weights", "list", "--json").stdout.splitlines()]
    parts = [(r["model"], r["part"]) for r in records]
    assert parts[:3] == [("vgg19", "encoder"), ("vgg19", "encoder_deeper"), ("vgg19", "decoder")]
    assert parts[3] == ("vgg19", "styles")
    assert parts[4:7] == [("classic", part) for _, part in parts[:3]]
    assert parts[7:] == [("fast", "encoder"), ("fast", "decoder"), ("fast", "styles")]
    assert all(Path(r["file"]).exists() for r in records)


def test_verify(run_cli: Run) -> None:
    result = run_cli("weights", "verify")
    assert result.exit_code == 0
    assert result.stdout.count(": good (") == 8  # two models share an encoder


def test_import_and_use(run_cli: Run, tmp_path: Path, photo: Path, art: Path) -> None:
    torch.save(sequential_decoder().state_dict(), tmp_path / "decoder.pth")
    encoder = sequential_encoder()
    encoder[0].weight.data = torch.eye(3)[:, :, None, None]
    torch.save(encoder.state_dict(), tmp_path / "vgg_normalised.pth")
    for name in ("decoder", "vgg_normalised"):
        out = tmp_path / f"{name}.safetensors"
        result = run_cli("weights", "import", tmp_path / f"{name}.pth", "-o", out)
        assert result.exit_code == 0, result.output
        assert ("decoder, 9 conv" if name == "decoder" else "encoder, 16 conv") in result.stdout
    result = run_cli(
        "stylize", photo, art, "-o", tmp_path / "o.png", "--style-size", "32",
        "--encoder", tmp_path / "vgg_normalised.safetensors",
        "--decoder", tmp_path / "decoder.safetensors",
    )  # fmt: skip
    assert result.exit_code == 0, result.output


def test_import_torchvision_with_own_photographs(run_cli: Run, tmp_path: Path) -> None:
    import torchvision

    state = torchvision.models.vgg19(weights=None).features.state_dict()
    torch.save({f"features.{k}": v for k, v in state.items()}, tmp_path / "vgg19.pth")
    noise_image(40, 40).save(tmp_path / "a.png")
    out = tmp_path / "tv.safetensors"
    result = run_cli("weights", "import", tmp_path / "vgg19.pth", "-o", out, "--images", tmp_path)
    assert result.exit_code == 0, result.output
    assert out.exists()


def test_errors(run_cli: Run, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pth"
    bad.write_text("hello world, this is text")
    assert "bad.pth holds no weights: give" in one_line_error(
        run_cli("weights", "import", bad, "-o", tmp_path / "x.safetensors")
    )
    assert "not a file" in one_line_error(
        run_cli("weights", "import", tmp_path / "none.pth", "-o", tmp_path / "x.safetensors")
    )
    assert "must end in .safetensors" in one_line_error(run_cli("weights", "import", bad, "-o", tmp_path / "x.bin"))
    torch.save({"a.weight": torch.zeros(1, 1, 3, 3), "a.bias": torch.zeros(1)}, tmp_path / "o.pth")
    assert "neither VGG-19" in one_line_error(
        run_cli("weights", "import", tmp_path / "o.pth", "-o", tmp_path / "x.safetensors")
    )
    assert not (tmp_path / "x.safetensors").exists()
