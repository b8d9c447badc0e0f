"""A style's file where the name of an artwork may stand: commands, folders, processes, videos."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from adain import InputError, Style, Stylizer, stylize_folder, stylize_video
from adain._utils.signals import Stopped
from adain.augment import StyleBank
from adain.image import read_image
from adain.special import Specialiser
from tests.conftest import noise_image, one_line_error

Run = Callable[..., Result]


@pytest.fixture
def style_file(special: Style, tmp_path: Path) -> Path:
    return special.save(tmp_path / "wave.style.safetensors")


@pytest.fixture
def wanted(shipped_fast: Stylizer, special: Style, photo: Path) -> np.ndarray:
    return np.asarray(shipped_fast.stylize(photo, special))


def near(path: Path, wanted: np.ndarray) -> bool:
    return int(np.abs(np.asarray(read_image(path)).astype(int) - wanted).max()) <= 1


@pytest.mark.parametrize("backend", ["torch", "ncnn"])
def test_on_the_command_line(
    run_cli: Run, photo: Path, style_file: Path, tmp_path: Path, wanted: np.ndarray, backend: str
) -> None:
    result = run_cli("stylize", photo, style_file, "--model", "fast", "--backend", backend, "-o", tmp_path / "o.png")
    assert result.exit_code == 0, result.output
    assert near(tmp_path / "o.png", wanted)


def test_elsewhere_it_is_refused_in_a_line(run_cli: Run, photo: Path, style_file: Path, tmp_path: Path) -> None:
    line = one_line_error(run_cli("stylize", photo, style_file, "--model", "classic", "-o", tmp_path / "o.png"))
    assert "wave.style.safetensors was specialised for the model fast" in line
    assert "--model fast" in line
    line = one_line_error(run_cli("stylize", photo, style_file, "--model", "fast", "--refine", "1"))
    assert "--refine needs artworks" in line
    line = one_line_error(run_cli("stylize", photo, style_file, "--model", "fast", "--preserve-color", "linear"))
    assert "pass its picture" in line
    line = one_line_error(run_cli("refine", photo, style_file, "--model", "fast", "-o", tmp_path / "o.png"))
    assert "refining needs the artwork itself" in line
    line = one_line_error(run_cli("evaluate", photo, style_file, "--model", "fast"))
    assert "measured against the artwork itself" in line
    assert not (tmp_path / "o.png").exists()


def test_a_damaged_file_is_refused_in_a_line(run_cli: Run, photo: Path, style_file: Path, tmp_path: Path) -> None:
    style_file.write_bytes(style_file.read_bytes()[:-100])
    line = one_line_error(run_cli("stylize", photo, style_file, "--model", "fast", "-o", tmp_path / "o.png"))
    assert "it is damaged or no safetensors file" in line


def test_folders_of_styles(photo: Path, art: Path, style_file: Path, tmp_path: Path, wanted: np.ndarray) -> None:
    styles = tmp_path / "styles"
    styles.mkdir()
    shutil.copy(style_file, styles)
    shutil.copy(art, styles)
    how = {"model": "fast", "backend": "ncnn"}
    results = stylize_folder(photo, styles, tmp_path / "out", **how)  # type: ignore[arg-type]
    assert sorted(result.output.name for result in results) == ["photo_stylized_art.png", "photo_stylized_wave.png"]
    assert near(tmp_path / "out" / "photo_stylized_wave.png", wanted)
    again = stylize_folder(photo, styles, tmp_path / "out", **how)  # type: ignore[arg-type]
    assert [result.status for result in again] == ["skipped", "skipped"]
    plain = Style.load(style_file)
    Style(plain.mean, plain.std, plain.name).save(styles / style_file.name)
    more = stylize_folder(photo, styles, tmp_path / "out", **how)  # type: ignore[arg-type]
    assert sorted(result.status for result in more) == ["done", "skipped"]


@pytest.mark.slow
def test_processes_take_it_along(
    run_cli: Run, photo: Path, style_file: Path, tmp_path: Path, wanted: np.ndarray
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        shutil.copy(photo, folder / name)
    result = run_cli("stylize", folder, style_file, "--model", "fast", "--jobs", "2", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert near(tmp_path / "out" / "b_stylized_wave.png", wanted)


def test_videos(style_file: Path, photo: Path, tmp_path: Path, special: Style, shipped_fast: Stylizer) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for k in range(2):
        noise_image(48, 40, k).save(frames / f"{k}.png")
    stylize_video(frames, style_file, tmp_path / "out" / "%d.png", model="fast", stability=0.5)
    first = np.asarray(shipped_fast.stylize(frames / "0.png", special))
    assert near(min((tmp_path / "out").glob("*.png")), first)


def test_label_maps_and_backgrounds(run_cli: Run, photo: Path, style_file: Path, art: Path, tmp_path: Path) -> None:
    labels = np.zeros((45, 70), np.uint8)
    labels[:, 35:] = 1
    Image.fromarray(labels).save(tmp_path / "map.png")
    words = ["--label-map", tmp_path / "map.png", "--label", f"0={style_file}", "--background", art]
    result = run_cli("stylize", photo, *words, "--model", "fast", "-o", tmp_path / "o.png")
    assert result.exit_code == 0, result.output


def test_the_artwork_of_a_file_cannot_be_masked(shipped_fast: Stylizer, style_file: Path, photo: Path) -> None:
    assert shipped_fast.encode_style(style_file).change is not None
    with pytest.raises(InputError, match="holds statistics: to mask or to recolour"):
        shipped_fast.encode_style(style_file, mask=photo)


def test_banks_keep_no_change(shipped_fast: Stylizer, special: Style, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has a change of the decoder, which a bank does not keep"):
        StyleBank.save(tmp_path / "bank.safetensors", [special], shipped_fast)


def test_specialise(run_cli: Run, photographs: Path, artwork: Path, tmp_path: Path) -> None:
    words = ["--content-dir", photographs, "--model", "fast", "--steps", "2", "--patch", "64", "--batch-size", "1"]
    words += ["--style-size", "0", "--rank", "2", "--preview-every", "0", "-o", tmp_path / "a.style.safetensors"]
    result = run_cli("specialise", artwork, *words)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(tmp_path / "a.style.safetensors")
    assert "style residual" in result.stderr
    assert "over 3 photographs that it was trained on; 2 steps" in result.stderr
    assert "no checkpoint to resume" in one_line_error(run_cli("specialise", *words, "--resume"))


def test_what_was_broken_off_before_training_began_is_begun_anew(
    run_cli: Run, artwork: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_off(*_: object) -> None:
        raise Stopped("SIGINT")

    monkeypatch.setattr(Specialiser, "_prepared", broken_off)
    result = run_cli("specialise", artwork, "--model", "fast", "--steps", "2", "-o", tmp_path / "a.safetensors")
    assert result.exit_code == 130
    assert "the same command begins anew" in result.stderr
    assert "--resume" not in result.stderr


def test_specialise_says_what_is_missing(run_cli: Run, artwork: Path) -> None:
    assert "--output is missing" in one_line_error(run_cli("specialise", artwork))
    assert "no artwork given" in one_line_error(run_cli("specialise", "-o", "a.safetensors"))
