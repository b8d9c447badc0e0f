from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adain._utils.errors import ImageError, InputError, MissingFileError, WeightsError
from adain.backends.export import export_onnx
from adain.backends.onnx import OnnxStylizer
from adain.control.style import Style, blend
from adain.stylizer.stylizer import Stylizer
from tests.backends.test_export import fast_model
from tests.conftest import noise_image, python

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def fast() -> Stylizer:
    return fast_model()


@pytest.fixture(scope="module")
def folder(fast: Stylizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("onnx")
    export_onnx(fast.encoder, fast.decoder, folder)
    return folder


@pytest.fixture(scope="module")
def exported(folder: Path) -> OnnxStylizer:
    return OnnxStylizer(folder, threads=1)


def alike(a: Image.Image, b: Image.Image) -> None:
    assert (a.mode, a.size) == (b.mode, b.size)
    assert np.abs(np.asarray(a, np.int16) - np.asarray(b, np.int16)).max() <= 1


def test_pictures(fast: Stylizer, exported: OnnxStylizer, photo: Path, art: Path, tmp_path: Path) -> None:
    for how in ({}, {"content_size": 33, "style_size": 40}, {"crop": True, "alpha": 0.4, "style_size": 0}):
        alike(exported.stylize(photo, art, **how), fast.stylize(photo, art, **how))  # type: ignore[arg-type, call-overload]
    # Turned by EXIF, with transparency, grey.
    turned = noise_image(40, 24)
    turned.getexif()[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=turned.getexif())
    result = exported.stylize(tmp_path / "turned.jpg", art)
    assert result.size == (24, 40)
    clear = noise_image(30, 20, 3, "RGBA")
    clear.putalpha(noise_image(30, 20, 4, "L"))
    alike(exported.stylize(clear, art), fast.stylize(clear, art))
    alike(exported.stylize(noise_image(30, 20, 3, "L"), art), fast.stylize(noise_image(30, 20, 3, "L"), art))


def test_whatever_a_picture_is_given_as(exported: OnnxStylizer, photo: Path, art: Path) -> None:
    expected = exported.stylize(photo, art, style_size=40).tobytes()
    levels = np.asarray(Image.open(photo))
    for content in (levels, levels / 255, io.BytesIO(photo.read_bytes()), photo.read_bytes()):
        assert exported.stylize(content, np.asarray(Image.open(art)), style_size=40).tobytes() == expected
    batch = np.moveaxis(levels[None] / np.float32(255), 3, 1)
    assert exported.stylize(batch, art, style_size=40).shape == (1, 3, 45, 70)
    for wrong in (batch * 255, batch * np.nan):
        with pytest.raises(ImageError, match=r"lie in \[0, 1\]"):
            exported.stylize(wrong, art)


def test_sizes_are_guarded(folder: Path, photo: Path, art: Path) -> None:
    small = OnnxStylizer(folder, threads=1, max_pixels=5000)
    with pytest.raises(ImageError, match=r"93 x 60 pixels .*limit of 5000"):
        small.stylize(photo, art, content_size=60, style_size=32)
    with pytest.raises(ImageError, match="133 x 100 pixels"):
        small.encode_style(art, size=100)


def test_blends(fast: Stylizer, exported: OnnxStylizer, photo: Path, art: Path) -> None:
    other = noise_image(50, 40, 9)
    alike(
        exported.stylize(photo, [art, other], weights=[3, 1], style_size=0),
        fast.stylize(photo, [art, other], weights=[3, 1], style_size=0),
    )
    first = exported.encode_style(art)
    assert blend([first, exported.encode_style(other)], [1, 0]) is first


def test_starts_without_torch(folder: Path, photo: Path, art: Path) -> None:
    found = python(
        f"import json, sys, adain; r = adain.OnnxStylizer({str(folder)!r}).stylize({str(photo)!r}, {str(art)!r}); "
        "print(json.dumps({'size': r.size, 'torch': 'torch' in sys.modules, 'onnx': 'onnx' in sys.modules}))"
    )
    assert found == {"size": [70, 45], "torch": False, "onnx": False}


def test_errors(exported: OnnxStylizer, folder: Path, photo: Path, art: Path, tmp_path: Path) -> None:
    style = exported.encode_style(art)
    for bad in ({"alpha": 1.5}, {"weights": [1, 2]}):
        with pytest.raises(InputError):
            exported.stylize(photo, style, **bad)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="512 channels and the model 384"):
        exported.stylize(photo, Style(np.zeros((1, 512, 1, 1), np.float32), np.ones((1, 512, 1, 1), np.float32)))
    with pytest.raises(InputError, match="2 styles do not fit 1"):
        exported.stylize(photo, Style(style.mean.repeat(2, 0), style.std.repeat(2, 0)))
    for picture in (noise_image(15, 40), np.zeros((1, 3, 40, 15), np.float32), np.zeros((3, 20, 20), np.float32)):
        with pytest.raises(ImageError):
            exported.stylize(picture, style)
    with pytest.raises(InputError, match="no Nonsense here: choose of"):
        OnnxStylizer(folder, providers=["Nonsense"])
    with pytest.raises(MissingFileError, match="adain export"):
        OnnxStylizer(tmp_path)
    for name in ("style", "transfer"):
        (tmp_path / f"{name}.onnx").write_bytes(b"nonsense")
    with pytest.raises(WeightsError, match="damaged"):
        OnnxStylizer(tmp_path)
    for name, source in (("style", "transfer"), ("transfer", "transfer")):
        (tmp_path / f"{name}.onnx").write_bytes((folder / f"{source}.onnx").read_bytes())
    with pytest.raises(WeightsError, match="not the style graph"):
        OnnxStylizer(tmp_path)


def test_graphs_of_two_exports(fast: Stylizer, folder: Path, tmp_path: Path) -> None:
    other = fast_model()
    other.decoder.get_submodule("conv1_1").bias.fill_(0.4)  # type: ignore[union-attr, operator]
    export_onnx(other.encoder, other.decoder, tmp_path)
    (tmp_path / "style.onnx").write_bytes((folder / "style.onnx").read_bytes())
    with pytest.raises(WeightsError, match="of different models"):
        OnnxStylizer(tmp_path)


def test_missing_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r'needs onnxruntime: pip install "adain\[onnx\]"'):
        OnnxStylizer(folder)
