"""ncnn against torch: every size, both models, all that is built on features, and no torch where none is needed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from adain._utils.errors import ImageError, InputError, WeightsError
from adain.backends import NcnnStylizer, ncnn, ncnn_graphs, ncnn_stages
from adain.control.regions import Region, Regions
from adain.control.style import blend
from adain.image.box import Box
from adain.nn.layers import BASE, CLASSIC, FAST
from adain.nn.states import read_network
from adain.stylizer.stylizer import Stylizer
from tests.backends.looks import LOOKS, pictures
from tests.conftest import noise_image, python

TOLERANCE = 1e-3
"""What a back end may differ from torch in any pixel, of 1."""

SIDES = st.integers(16, 90)


@pytest.fixture(scope="module", params=["vgg19", "fast"])
def pair(request: pytest.FixtureRequest) -> tuple[NcnnStylizer, Stylizer]:
    return NcnnStylizer(request.param, threads=2), Stylizer.from_pretrained(request.param, device="cpu")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize("threads", [1, 2])
def test_after_a_fork(threads: int) -> None:
    """A model of one thread computes in a child as well; one of several says that it cannot, and a new one can."""
    code = f"""
import json, os, signal
import numpy as np
from adain._utils.errors import InputError
from adain.backends import NcnnStylizer
image, artwork = np.random.default_rng(0).random((2, 1, 3, 300, 300), np.float32)
model = NcnnStylizer("fast", threads={threads})
style = model.encode_style(artwork)
wanted, several = model.stylize(image, style), model.engine.runtime.threads > 1
child = os.fork()
if child == 0:
    signal.alarm(60)
    said = ""
    try:
        made = model.stylize(image, style)
    except InputError as error:
        said = str(error)
        made = NcnnStylizer("fast", threads={threads}).stylize(image, style)
    os._exit(0 if ("this process was forked" in said) == several and np.abs(made - wanted).max() < 1e-5 else 1)
print(json.dumps({{"status": os.waitpid(child, 0)[1]}}))
"""
    assert python(code) == {"status": 0}


def arrays(height: int, width: int, batch: int = 1, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(seed).random((batch, 3, height, width), np.float32)


def alike(made: Any, wanted: Any) -> None:
    if isinstance(made, Image.Image):
        assert (made.mode, made.size) == (wanted.mode, wanted.size)
        assert np.abs(np.asarray(made, np.int16) - np.asarray(wanted, np.int16)).max() <= 1
    else:
        assert made.shape == tuple(wanted.shape)
        assert np.abs(made - wanted.numpy()).max() < TOLERANCE


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_both_ends_at_every_size(pair: tuple[NcnnStylizer, Stylizer], data: st.DataObject) -> None:
    made, wanted = pair
    pixels = arrays(data.draw(SIDES), data.draw(SIDES), data.draw(st.integers(1, 2)), data.draw(st.integers(0, 9)))
    features = made.engine.encode(pixels)
    with torch.no_grad():
        expected = wanted.encoder.features(torch.from_numpy(pixels))
        decoded = wanted.decoder(expected)
    alike(features, expected)
    alike(made.engine.decode(expected.numpy()), decoded)
    rows, columns = features.shape[2:]
    top, left = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    kept = Box(top, left, data.draw(st.integers(top + 1, rows)), data.draw(st.integers(left + 1, columns)))
    alike(made.engine.encode(pixels, kept), expected[(..., *kept.slices)])
    pixels_of = kept.pixels((8 * rows, 8 * columns), 8)
    alike(made.engine.decode(expected.numpy(), kept), decoded[(..., *pixels_of.slices)])


@pytest.mark.parametrize("size", [(16, 640), (641, 16), (17, 17), (300, 513)])
def test_thin_and_large(pair: tuple[NcnnStylizer, Stylizer], size: tuple[int, int]) -> None:
    made, wanted = pair
    photo, art = arrays(*size), arrays(40, 57, seed=1)
    result = made.stylize(photo, art, style_size=0)
    alike(result, wanted.stylize(torch.from_numpy(photo), torch.from_numpy(art), style_size=0))
    assert (made.stylize(photo, art, style_size=0) == result).all()


@pytest.mark.parametrize("size", [(64, 64), (300, 513)])
def test_as_many_threads_as_there_are_give_the_same_bytes(
    pair: tuple[NcnnStylizer, Stylizer], size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = pair
    monkeypatch.setattr(ncnn_stages, "count_cores", lambda: 3)
    name = "fast" if made.engine.network is FAST else "vgg19"
    pixels = arrays(*size)
    found = []
    for threads in (1, 2, 3):
        engine = NcnnStylizer(name, threads=threads).engine
        features = engine.encode(pixels)
        found.append((features, engine.decode(features)))
    for other in found[1:]:
        assert (other[0] == found[0][0]).all()
        assert (other[1] == found[0][1]).all()


@pytest.mark.parametrize("side", [64, 128])
def test_small_tiles_of_every_stage(
    pair: tuple[NcnnStylizer, Stylizer], monkeypatch: pytest.MonkeyPatch, side: int
) -> None:
    made, _ = pair
    pixels = arrays(150, 203)
    features = made.engine.encode(pixels)
    whole = made.engine.decode(features)
    monkeypatch.setattr(ncnn, "SHALLOW_TILE", side // 4)
    monkeypatch.setattr(ncnn, "LEAST_TILE", 16)
    monkeypatch.setattr(ncnn, "DEEP_TILE", side)
    assert np.abs(made.engine.encode(pixels) - features).max() < TOLERANCE
    assert np.abs(made.engine.decode(features) - whole).max() < TOLERANCE


@pytest.mark.parametrize("tile", ["off", 64])
@pytest.mark.parametrize("look", LOOKS, ids=lambda look: "-".join(look))
def test_whatever_is_asked_for(pair: tuple[NcnnStylizer, Stylizer], look: dict[str, Any], tile: Any) -> None:
    alike(*pictures(look, tile, *pair))


def test_styles_are_of_use_to_each_other(pair: tuple[NcnnStylizer, Stylizer], tmp_path: Path) -> None:
    made, wanted = pair
    photo, art = noise_image(60, 50, 1), noise_image(50, 60, 2)
    array, tensor = made.encode_style(art, size=0), wanted.encode_style(art, size=0)
    assert isinstance(array.mean, np.ndarray)
    assert np.abs(array.mean - tensor.mean.numpy()).max() < TOLERANCE
    for style in (array, tensor, blend([array, tensor]), blend([tensor, array])):
        alike(made.stylize(photo, style), wanted.stylize(photo, style))
    regions = Regions([Region(tensor, noise_image(60, 50, 3)), Region(array, noise_image(60, 50, 4))])
    alike(made.stylize(photo, regions), wanted.stylize(photo, regions))
    name = "fast" if made.engine.network is FAST else "vgg19"
    kept = NcnnStylizer(name, threads=1, style_cache=tmp_path / "cache")
    art.save(tmp_path / "art.png")
    first = kept.encode_style(tmp_path / "art.png", size=0)
    assert len([*(tmp_path / "cache").iterdir()]) == 1
    second = kept.encode_style(tmp_path / "art.png", size=0)
    assert (first.mean == second.mean).all()
    assert isinstance(second.mean, np.ndarray)


def test_what_comes_back_is_of_the_kind_given(pair: tuple[NcnnStylizer, Stylizer]) -> None:
    made, wanted = pair
    art = noise_image(40, 40, 2)
    tensor = torch.from_numpy(arrays(33, 40, 2))
    result = made.stylize(tensor, art)
    assert isinstance(result, torch.Tensor)
    assert result.shape == tensor.shape
    assert float((result - wanted.stylize(tensor, art)).abs().max()) < TOLERANCE
    assert made.stylize(tensor[0], art).shape == tensor[0].shape
    assert isinstance(made.stylize(tensor.numpy(), art), np.ndarray)
    assert isinstance(made.stylize(tensor, art, tile=64), torch.Tensor)
    clear = noise_image(30, 20, 3, "RGBA")
    clear.putalpha(noise_image(30, 20, 4, "L"))
    assert made.stylize(clear, art).getchannel("A").tobytes() == clear.getchannel("A").tobytes()
    with pytest.raises(InputError, match="gradients need torch"):
        made.stylize(tensor.requires_grad_(), art)
    for wrong in (arrays(20, 20).astype(np.float64) + 2, np.zeros((1, 4, 20, 20), np.float32), arrays(20, 12)):
        with pytest.raises(ImageError):
            made.stylize(wrong, art)


def test_weights_of_ones_own(fast_files: tuple[Path, Path], fast: Stylizer, tmp_path: Path) -> None:
    encoder, decoder = fast_files
    made = NcnnStylizer(encoder=encoder, decoder=decoder, threads=1)
    photo, art = noise_image(50, 40, 1), noise_image(40, 50, 2)
    alike(made.stylize(photo, art), fast.stylize(photo, art))
    assert made.identity() != NcnnStylizer("fast", threads=1).identity()
    with pytest.raises(InputError, match="encoder and the decoder of one model"):
        NcnnStylizer(encoder=encoder, threads=1)
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="damaged"):
        NcnnStylizer(decoder=tmp_path / "bad.safetensors", threads=1)


def test_halos() -> None:
    """What convolutions, poolings and doublings reach, by hand; that it is enough is seen where tiles are compared."""
    expected = {"vgg19": (BASE, [2, 3, 3, 2]), "classic": (CLASSIC, [2, 3, 3, 2]), "fast": (FAST, [1, 2, 3, 2])}
    for name, (network, wanted) in expected.items():
        found, encoder, decoder = read_network(name)
        assert found is network
        graphs = (*ncnn_graphs.encoder_graphs(network, encoder), *ncnn_graphs.decoder_graphs(network, decoder))
        assert [graph.halo for graph in graphs] == wanted


def test_more_threads_than_cores() -> None:
    many = NcnnStylizer("fast", threads=64)
    assert many.engine.runtime.threads <= (os.cpu_count() or 1)
    photo, art = noise_image(90, 70, 1), noise_image(40, 50, 2)
    assert many.stylize(photo, art).tobytes() == NcnnStylizer("fast", threads=64).stylize(photo, art).tobytes()
    alike(many.stylize(photo, art), NcnnStylizer("fast", threads=1).stylize(photo, art))


def test_a_graph_that_ncnn_does_not_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ncnn_graphs, "_MAGIC", "1")
    with pytest.raises(InputError, match="does not take the model: use --backend torch"):
        NcnnStylizer("fast", threads=1)


def test_memory_that_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def input(self, *_: object) -> int:
            return 0

        def extract(self, _: str) -> tuple[int, None]:
            return -100, None

    class Net:
        def create_extractor(self) -> Full:
            return Full()

    stylizer = NcnnStylizer("fast", threads=1)
    stylizer.engine._pixels._net = Net()
    with pytest.raises(MemoryError, match="out of memory"):
        stylizer.stylize(noise_image(40, 40), noise_image(40, 40))


def test_no_torch_on_the_plain_path(tmp_path: Path) -> None:
    noise_image(70, 50, 1).save(tmp_path / "photo.png")
    noise_image(70, 50, 2).save(tmp_path / "a.png")
    noise_image(50, 70, 3).save(tmp_path / "b.png")
    noise_image(70, 50, 4, "L").save(tmp_path / "mask.png")
    for more in (
        ["a.png"],
        ["a.png", "--alpha", "0.5", "--content-size", "40", "--style-size", "30", "--crop"],
        ["a.png", "b.png", "--style-weights", "0.3,0.7", "--tile", "64", "--model", "fast"],
        ["a.png", "b.png", "--mask", "mask.png", "--mask", "mask.png", "--feather", "4"],
        ["a.png", "b.png", "--gradient", "radial"],
        ["a.png", "b.png", "--mask", "mask.png", "--mask", "mask.png", "--tile", "64", "--background", "a.png"],
    ):
        arguments = ["stylize", "photo.png", *more, "-o", "out.png", "--backend", "ncnn"]
        found = python(
            "import contextlib, io, json, os, sys\n"
            f"os.chdir({str(tmp_path)!r})\n"
            "from adain.cli import main\n"
            "with contextlib.redirect_stdout(io.StringIO()):\n"
            f"    try: main({arguments!r})\n"
            "    except SystemExit as stop: code = stop.code\n"
            "seen = sorted({'torch', 'kornia', 'torchvision', 'scipy', 'cv2'} & set(sys.modules))\n"
            "print(json.dumps({'code': code or 0, 'seen': seen}))"
        )
        assert found == {"code": 0, "seen": []}, more


@pytest.mark.parametrize("model", ["vgg19", "fast"])
def test_vulkan(model: str) -> None:
    """By whatever driver there is; Debian's mesa-vulkan-drivers has one that needs no GPU."""
    import ncnn as runtime

    if not runtime.get_gpu_count():
        pytest.skip("no driver for Vulkan")
    made, wanted = NcnnStylizer(model, device="vulkan"), NcnnStylizer(model, threads=1)
    # Of odd sizes, whose channels do not begin where a GPU has them begin.
    photo, art = arrays(75, 51, 2), arrays(37, 45, seed=1)
    style = wanted.encode_style(art, size=0)
    for tile in ("off", 64):
        assert np.abs(made.stylize(photo, style, tile=tile) - wanted.stylize(photo, style)).max() < TOLERANCE
    assert np.abs(made.encode_style(art, size=0).std - style.std).max() < TOLERANCE


def test_devices_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    import ncnn as runtime

    monkeypatch.setattr(runtime, "get_gpu_count", lambda: 0)
    with pytest.raises(InputError, match="no device 'vulkan': no driver for Vulkan was found; use --device cpu"):
        NcnnStylizer("fast", device="vulkan")
    monkeypatch.setattr(runtime, "get_gpu_count", lambda: 2)
    with pytest.raises(InputError, match="no device 'vulkan:2': it has 2, numbered from 0"):
        NcnnStylizer("fast", device="vulkan:2")
    for name in ("cuda", "vulkan:x", "Vulkan"):
        with pytest.raises(InputError, match=f"there is no device '{name}' of ncnn: use cpu or vulkan"):
            NcnnStylizer("fast", device=name)


def test_large_photographs_are_tiled() -> None:
    stylizer = NcnnStylizer("fast", threads=1)
    assert [stylizer.choose_tile("auto", side**2) for side in (1024, 1200, 1300, 4096)] == [None, None, 768, 768]
    assert stylizer.choose_tile("off", 9000**2) is None
    assert stylizer.choose_tile(512, 100**2) == 512


def test_memory_is_that_of_the_last_sizes() -> None:
    """What was computed with other tiles is not kept beside what is computed now."""
    stylizer = NcnnStylizer("fast", threads=1)
    art = noise_image(40, 40)
    for sides in ((40, 60), (200, 90), (40, 60), (64, 64)):
        stylizer.stylize(noise_image(*sides), art, style_size=0)
    sizes = stylizer.engine.runtime.pool.sizes
    assert len(sizes) == 4
    stylizer.stylize(noise_image(64, 64), stylizer.encode_style(art, size=64))
    assert set(sizes.values()) == {(16, 16), (8, 8)}


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is that of /proc")
def test_memory_of_a_large_photograph(tmp_path: Path) -> None:
    """Of several within what the engine promises, and of one in less."""
    photo, art = tmp_path / "photo.png", tmp_path / "art.png"
    noise_image(1040, 1000, 1).save(photo)
    noise_image(512, 512, 2).save(art)
    found = python(
        "import json\n"
        "from adain._utils.memory import resident, resident_peak\n"
        "from adain.backends import NcnnStylizer\n"
        "stylizer, peaks = NcnnStylizer(threads=2), []\n"
        "before = resident()\n"
        "for _ in range(2):\n"
        f"    stylizer.stylize({str(photo)!r}, {str(art)!r})\n"
        "    peaks.append(resident_peak() * 1e6 - before)\n"
        "print(json.dumps({'peaks': peaks, 'promised': stylizer.pass_bytes() * 1040 * 1000}))"
    )
    peaks, promised = found["peaks"], found["promised"]
    assert isinstance(peaks, list)
    assert isinstance(promised, int)
    assert promised / 3 < peaks[0] < 0.85 * promised
    assert peaks[-1] < promised


def test_what_a_large_picture_leaves_is_given_back_between_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one larger than all before; and not of small ones, nor of tiles, which others of their size follow."""
    stylizer = NcnnStylizer("fast", threads=2)
    engine, given_back = stylizer.engine, []
    monkeypatch.setattr(engine.runtime, "release", lambda: given_back.append(1))
    features = 4 * engine.network.channels * 5 * 60
    monkeypatch.setattr(ncnn, "LARGE", features)
    for width, times in ((472, 0), (480, 2), (480, 2), (496, 4), (488, 4)):
        engine.decode(engine.encode(arrays(40, width)))
        engine.decode(engine.encode(arrays(40, width), Box(0, 4, 5, 59)), Box(1, 2, 3, 40))
        assert len(given_back) == times
