"""Exported models in onnxruntime against torch: every size, both models, all that is built on features."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from adain._utils.errors import ImageError, InputError, MissingFileError, WeightsError
from adain.backends.export import export_onnx
from adain.backends.onnx import PARTS, OnnxStylizer
from adain.control.regions import Region, Regions
from adain.control.style import Style, blend
from adain.image.box import Box
from adain.stylizer.stylizer import Stylizer
from tests.backends.looks import LOOKS, pictures
from tests.backends.test_export import fast_model
from tests.conftest import noise_image, python

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

SIDES = st.integers(16, 90)


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


@pytest.fixture(scope="module", params=["vgg19", "fast"])
def pair(
    request: pytest.FixtureRequest, stylizer: Stylizer, tmp_path_factory: pytest.TempPathFactory
) -> tuple[OnnxStylizer, Stylizer]:
    """A model in onnxruntime and in torch."""
    model = stylizer if request.param == "vgg19" else fast_model()
    folder = tmp_path_factory.mktemp("onnx")
    export_onnx(model.encoder, model.decoder, folder)
    return OnnxStylizer(folder, threads=1), model


def arrays(height: int, width: int, batch: int = 1, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(seed).random((batch, 3, height, width), np.float32)


def alike(made: Any, wanted: Any) -> None:
    if isinstance(made, Image.Image):
        assert (made.mode, made.size) == (wanted.mode, wanted.size)
        assert np.abs(np.asarray(made, np.int16) - np.asarray(wanted, np.int16)).max() <= 1
    else:
        assert made.shape == tuple(wanted.shape)
        assert np.abs(made - wanted.numpy()).max() <= 1e-4


def close(features: np.ndarray, expected: torch.Tensor) -> None:
    """Of relu3_1 they reach 30 and more, where float32 has six digits."""
    np.testing.assert_allclose(features, expected.numpy(), rtol=3e-5, atol=5e-4)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_both_ends_at_every_size(pair: tuple[OnnxStylizer, Stylizer], data: st.DataObject) -> None:
    made, wanted = pair
    pixels = arrays(data.draw(SIDES), data.draw(SIDES), data.draw(st.integers(1, 2)), data.draw(st.integers(0, 9)))
    features = made.engine.encode(pixels)
    with torch.no_grad():
        expected = wanted.encoder.features(torch.from_numpy(pixels))
        decoded = wanted.decoder(expected).clamp(0, 1)
    close(features, expected)
    alike(made.engine.decode(expected.numpy()), decoded)
    rows, columns = features.shape[2:]
    top, left = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    kept = Box(top, left, data.draw(st.integers(top + 1, rows)), data.draw(st.integers(left + 1, columns)))
    close(made.engine.encode(pixels, kept), expected[(..., *kept.slices)])
    pixels_of = kept.pixels((8 * rows, 8 * columns), 8)
    alike(made.engine.decode(expected.numpy(), kept), decoded[(..., *pixels_of.slices)])


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_every_size_and_strength(pair: tuple[OnnxStylizer, Stylizer], data: st.DataObject) -> None:
    made, wanted = pair
    batch, styles = data.draw(st.sampled_from([(1, 1), (2, 1), (2, 2)]))
    photos = arrays(data.draw(SIDES), data.draw(SIDES), batch)
    arts = arrays(data.draw(SIDES), data.draw(SIDES), styles, 1)
    style, expected = made.encode_style(arts, size=0), wanted.encode_style(torch.from_numpy(arts), size=0)
    alike(style.mean, expected.mean)
    alike(style.std, expected.std)
    how: dict[str, Any] = {"alpha": data.draw(st.floats(0, 1)), "tile": data.draw(st.sampled_from(["off", 64]))}
    alike(made.stylize(photos, style, **how), wanted.stylize(torch.from_numpy(photos), expected, **how))


@pytest.mark.parametrize("size", [(16, 16), (16, 640), (641, 17)])
def test_thin_pictures(pair: tuple[OnnxStylizer, Stylizer], size: tuple[int, int]) -> None:
    made, wanted = pair
    photo, art = arrays(*size), arrays(40, 57, seed=1)
    expected = wanted.stylize(torch.from_numpy(photo), torch.from_numpy(art), style_size=0)
    for tile in ("off", 64):
        alike(made.stylize(photo, art, style_size=0, tile=tile), expected)


@pytest.mark.parametrize("tile", ["off", 64])
@pytest.mark.parametrize("look", LOOKS, ids=lambda look: "-".join(look))
def test_whatever_is_asked_for(pair: tuple[OnnxStylizer, Stylizer], look: dict[str, Any], tile: Any) -> None:
    alike(*pictures(look, tile, *pair))


def test_pictures(fast: Stylizer, exported: OnnxStylizer, photo: Path, art: Path, tmp_path: Path) -> None:
    crop = {"crop": True, "alpha": 0.4, "style_size": 0}
    for how in ({}, {"content_size": 33, "style_size": 40}, crop, {"preview": True}):
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
    result = exported.stylize(batch, art, style_size=40)
    assert isinstance(result, np.ndarray)
    assert result.shape == (1, 3, 45, 70)
    tensor = exported.stylize(torch.from_numpy(batch), art, style_size=40)
    assert isinstance(tensor, torch.Tensor)
    assert (tensor.numpy() == result).all()
    for wrong in (batch * 255, batch * np.nan):
        with pytest.raises(ImageError, match=r"lie in \[0, 1\]"):
            exported.stylize(wrong, art)


def test_sizes_are_guarded(folder: Path, photo: Path, art: Path) -> None:
    small = OnnxStylizer(folder, threads=1, max_pixels=5000)
    with pytest.raises(ImageError, match=r"93 x 60 pixels .*limit of 5000"):
        small.stylize(photo, art, content_size=60, style_size=32)
    with pytest.raises(ImageError, match="133 x 100 pixels"):
        small.encode_style(art, size=100)


def test_styles_are_of_use_to_each_other(fast: Stylizer, exported: OnnxStylizer) -> None:
    photo, arts = noise_image(60, 50, 1), (noise_image(50, 60, 2), noise_image(50, 40, 9))
    array, tensor = exported.encode_style(arts[0], size=0), fast.encode_style(arts[1], size=0)
    assert isinstance(array.mean, np.ndarray)
    for style in (array, tensor, blend([array, tensor]), blend([tensor, array])):
        alike(exported.stylize(photo, style), fast.stylize(photo, style))
    regions = Regions([Region(tensor, noise_image(60, 50, 3)), Region(array, noise_image(60, 50, 4))])
    alike(exported.stylize(photo, regions), fast.stylize(photo, regions))
    assert blend([array, exported.encode_style(arts[1])], [1, 0]) is array


def test_encoded_styles_are_kept(folder: Path, art: Path, tmp_path: Path) -> None:
    model = OnnxStylizer(folder, threads=1, style_cache=tmp_path / "cache")
    first, second = (model.encode_style(art, size=0) for _ in range(2))
    assert len([*(tmp_path / "cache").iterdir()]) == 1
    assert isinstance(second.mean, np.ndarray)
    assert (first.mean == second.mean).all()


def test_starts_without_torch(folder: Path, photo: Path, art: Path) -> None:
    found = python(
        f"""
import json, sys, adain
model, photo, art = adain.OnnxStylizer({str(folder)!r}), {str(photo)!r}, {str(art)!r}
plain = model.stylize(photo, art)
mask = plain.convert("L")
several = [
    model.stylize(photo, [art, art], style_size=32, **how)
    for how in (
        {{"weights": [1, 2], "alpha": 0.5}},
        {{"masks": [mask, mask], "feather": 2, "tile": 64}},
        {{"gradient": "radial", "fine_style_size": 20}},
        {{"gradient": "diagonal", "tile": 64}},
    )
]
seen = sorted({{"torch", "onnx", "kornia", "torchvision"}} & {{*sys.modules}})
print(json.dumps({{"sizes": sorted({{each.size for each in (plain, *several)}}), "seen": seen}}))
"""
    )
    assert found == {"sizes": [[70, 45]], "seen": []}


def test_errors(exported: OnnxStylizer, folder: Path, photo: Path, art: Path, tmp_path: Path) -> None:
    style = exported.encode_style(art)
    for bad in ({"alpha": 1.5}, {"weights": [1, 2]}):
        with pytest.raises(InputError):
            exported.stylize(photo, style, **bad)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="512 channels and the content 384"):
        exported.stylize(photo, Style(np.zeros((1, 512, 1, 1), np.float32), np.ones((1, 512, 1, 1), np.float32)))
    for picture in (noise_image(15, 40), np.zeros((1, 3, 40, 15), np.float32), np.zeros((3, 20, 20), np.float32)):
        with pytest.raises(ImageError):
            exported.stylize(picture, style)
    with pytest.raises(InputError, match="no Nonsense here: choose of"):
        OnnxStylizer(folder, providers=["Nonsense"])
    with pytest.raises(MissingFileError, match="adain export"):
        OnnxStylizer(tmp_path)
    for name in PARTS:
        (tmp_path / f"{name}.onnx").write_bytes(b"nonsense")
    with pytest.raises(WeightsError, match="damaged"):
        OnnxStylizer(tmp_path)
    for name in PARTS:
        (tmp_path / f"{name}.onnx").write_bytes((folder / "decoder.onnx").read_bytes())
    with pytest.raises(WeightsError, match="not the encoder graph"):
        OnnxStylizer(tmp_path)


def test_what_the_model_says_of_itself(exported: OnnxStylizer) -> None:
    assert exported.channels == 384
    assert exported.metadata["network"] == exported.engine.network.name == "fast"
    assert repr(exported) == "OnnxStylizer('custom', fp32)"


def test_models_of_an_older_adain(tmp_path: Path) -> None:
    for name in ("style", "transfer"):
        (tmp_path / f"{name}.onnx").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"of an older adain: write it anew with adain export -o .*$"):
        OnnxStylizer(tmp_path)


def test_graphs_of_two_exports(folder: Path, tmp_path: Path) -> None:
    other, average = fast_model(), fast_model()
    other.decoder.get_submodule("conv1_1").bias.fill_(0.4)  # type: ignore[union-attr, operator]
    average.encoder.pool = "average"
    for model in (other, average):
        export_onnx(model.encoder, model.decoder, tmp_path)
        assert OnnxStylizer(tmp_path).identity() != OnnxStylizer(folder).identity()
        (tmp_path / "encoder.onnx").write_bytes((folder / "encoder.onnx").read_bytes())
        with pytest.raises(WeightsError, match="of different models"):
            OnnxStylizer(tmp_path)


@pytest.mark.parametrize("text", ["Failed to allocate memory for requested buffer of size 9", "std::bad_alloc"])
def test_memory_that_runs_out(folder: Path, photo: Path, art: Path, text: str) -> None:
    class Full:
        def run(self, *_: object) -> None:
            raise RuntimeError(text)

    model = OnnxStylizer(folder, threads=1)
    model.engine._encoder = Full()  # type: ignore[attr-defined]
    with pytest.raises(MemoryError, match="onnxruntime ran out of memory"):
        model.stylize(photo, art)


def test_missing_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r'needs onnxruntime: pip install "adain\[onnx\]"'):
        OnnxStylizer(folder)
