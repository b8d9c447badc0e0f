from __future__ import annotations

import copy
import dataclasses
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import Result
from safetensors.torch import load_file, save_file

from adain._utils.errors import ImageError, InputError, MissingFileError
from adain.control.style import Style
from adain.nn.pretrained import load_encoder
from adain.nn.vgg import VGGEncoder
from adain.stylizer.cache import VERSION, StyleCache, fingerprint
from adain.stylizer.stylizer import Stylizer
from tests.conftest import noise_image, one_line_error, python
from tests.models import stylizer

__all__ = ["stylizer"]


def same(a: Style, b: Style) -> bool:
    fine = (a.fine_std is None) == (b.fine_std is None)
    if a.fine_std is not None and b.fine_std is not None:
        fine = torch.equal(a.fine_std, b.fine_std)
    return fine and torch.equal(a.mean, b.mean) and torch.equal(a.std, b.std)


def cached(stylizer: Stylizer, folder: Path) -> Stylizer:
    """The same networks with a folder of styles."""
    return Stylizer(stylizer.encoder, stylizer.decoder, device="cpu", style_cache=folder)


def test_the_second_time_it_is_read(stylizer: Stylizer, art: Path, tmp_path: Path, encoded: list[int]) -> None:
    one = cached(stylizer, tmp_path / "styles")
    first = one.encode_style(art, size=32)
    assert len(encoded) == 1
    for other in (one, cached(stylizer, tmp_path / "styles")):
        assert same(other.encode_style(art, size=32), first)
    assert len(encoded) == 1
    assert first.name == "art.png"
    assert same(first, stylizer.encode_style(art, size=32))
    assert [p.suffix for p in (tmp_path / "styles").iterdir()] == [".safetensors"]


def test_names_do_not_matter_and_contents_do(stylizer: Stylizer, art: Path, tmp_path: Path, encoded: list[int]) -> None:
    one = cached(stylizer, tmp_path / "styles")
    one.encode_style(art, size=32)
    moved = tmp_path / "moved.png"
    shutil.copy(art, moved)
    assert one.encode_style(str(moved), size=32).name == "moved.png"
    assert len(encoded) == 1
    noise_image(64, 48, 9).save(art)
    one.encode_style(art, size=32)
    assert len(encoded) == 2


def test_stylising_uses_it(
    stylizer: Stylizer, photo: Path, art: Path, tmp_path: Path, encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = cached(stylizer, tmp_path / "styles")
    mask = tmp_path / "mask.png"
    noise_image(70, 45, 3, "L").save(mask)
    content = one.encode_content(photo)
    how: dict[str, Any] = {"style_size": 32, "masks": [mask], "background": photo}
    results = [model.stylize(content, art, **how).tobytes() for model in (stylizer, one, one)]
    assert len(set(results)) == 1
    assert len(encoded) == 1 + 3 * 2 - 2  # the photograph; artwork and background but for the third time
    assert len(list((tmp_path / "styles").iterdir())) == 2


def test_pictures_in_memory_and_recoloured_styles_are_not_kept(stylizer: Stylizer, art: Path, tmp_path: Path) -> None:
    one = cached(stylizer, tmp_path / "styles")
    one.encode_style(noise_image(40, 40), size=32)
    one.encode_style(art, size=32, mask=torch.ones(48, 64))
    for color in ("linear", "histogram"):
        expected = stylizer.encode_style(art, size=32, color=color, content=noise_image(40, 32))
        for _ in range(2):
            assert same(one.encode_style(art, size=32, color=color, content=noise_image(40, 32)), expected)
    assert not (tmp_path / "styles").exists()


def test_everything_that_changes_statistics_changes_the_place(stylizer: Stylizer, art: Path, tmp_path: Path) -> None:
    cache = StyleCache(tmp_path)
    masks = [tmp_path / f"{k}.png" for k in range(2)]
    for seed, mask in enumerate(masks):
        noise_image(64, 48, seed, "L").save(mask)
    variants: list[dict[str, Any]] = [
        {},
        {"size": 32},
        {"crop": True},
        {"fine_size": 32},
        {"mask": masks[0]},
        {"mask": masks[1]},
        {"mask": masks[0], "mask_channel": "alpha"},
    ]
    paths = [cache.path(stylizer, art, **{"size": 512, **variant}) for variant in variants]
    half = Stylizer(stylizer.encoder, stylizer.decoder, device="cpu", precision="bf16")
    limited = Stylizer(stylizer.encoder, stylizer.decoder, device="cpu", max_pixels=10_000)
    other = copy.deepcopy(stylizer.encoder)
    with torch.no_grad():
        other.get_submodule("conv3_2").bias[5] += 0.1
    changed = Stylizer(other, stylizer.decoder, device="cpu")
    paths += [cache.path(one, art, size=512) for one in (half, limited, changed)]
    assert None not in paths
    assert len(set(paths)) == len(paths)


def test_a_folder_of_earlier_versions_serves_on(stylizer: Stylizer, art: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256(art.read_bytes()).hexdigest()
    how = (512, True, 32, (digest, "alpha"), stylizer.max_pixels)
    text = repr((VERSION, digest, how, (fingerprint(stylizer.encoder), "torch.float32", "cpu")))
    found = StyleCache(tmp_path).path(stylizer, art, size=512, crop=True, mask=art, mask_channel="alpha", fine_size=32)
    assert found == tmp_path / f"{hashlib.sha256(text.encode()).hexdigest()}.safetensors"


@dataclasses.dataclass
class Model:
    """What a cache asks of a model; without a device, one of arrays."""

    name: str = "engine"
    channels: int = 8
    device: str | None = None
    max_pixels: int | None = 1000

    def encoder_identity(self) -> str:
        return self.name


def test_models_of_arrays(art: Path, tmp_path: Path) -> None:
    cache, one = StyleCache(tmp_path), Model()
    path = cache.path(one, art, size=32)
    assert path is not None
    assert path == cache.path(dataclasses.replace(one, device="cpu"), art, size=32)
    others = [Model("other"), Model(max_pixels=None)]
    assert path not in [cache.path(other, art, size=32) for other in others]
    assert cache.read(path, one) is None
    style = Style(np.ones((1, 8, 1, 1), np.float32), np.ones((1, 8, 1, 1), np.float32), "art")
    style.save(path)
    for device, kind in ((None, np.ndarray), ("cpu", torch.Tensor)):
        known = cache.read(path, Model(device=device))
        assert known is not None
        assert isinstance(known.mean, kind)
        assert isinstance(known.std, kind)
    assert cache.read(path, Model(channels=16)) is None
    path.write_bytes(path.read_bytes()[:-1])
    assert cache.read(path, one) is None


def test_models_of_arrays_need_no_torch(art: Path, tmp_path: Path) -> None:
    found = python(
        "import json, os, sys, types, numpy as np\n"
        "from adain.control.style import Style\n"
        "from adain.stylizer.cache import StyleCache\n"
        "cache = StyleCache(os.environ['FOLDER'])\n"
        "model = types.SimpleNamespace(max_pixels=9, device=None, channels=8, encoder_identity=lambda: 'engine')\n"
        "path = cache.path(model, os.environ['ART'], size=32)\n"
        "Style(np.ones((1, 8, 1, 1), np.float32), np.ones((1, 8, 1, 1), np.float32)).save(path)\n"
        "print(json.dumps(['torch' in sys.modules, repr(cache.read(path, model))]))",
        FOLDER=str(tmp_path),
        ART=str(art),
    )
    assert found == [False, "Style('unnamed', channels=8, arrays)"]


def test_whatever_is_asked_for_is_what_is_kept(stylizer: Stylizer, art: Path, tmp_path: Path) -> None:
    """One folder for all of it: nothing is taken for something else."""
    mask = tmp_path / "mask.png"
    noise_image(64, 48, 3, "LA").save(mask)
    one = cached(stylizer, tmp_path / "styles")
    variants: list[dict[str, Any]] = [
        {},
        {"size": 48},
        {"crop": True},
        {"fine_size": 16},
        {"mask": mask},
        {"mask": mask, "mask_channel": "alpha"},
    ]
    expected = [stylizer.encode_style(art, **{"size": 32, **variant}) for variant in variants]
    for _ in range(2):
        for variant, style in zip(variants, expected, strict=True):
            assert same(one.encode_style(art, **{"size": 32, **variant}), style)


def test_fingerprint_is_of_what_relu4_1_needs() -> None:
    assert fingerprint(load_encoder(upto="relu5_1")) == fingerprint(load_encoder())
    assert fingerprint(load_encoder(pool="average")) != fingerprint(load_encoder())
    assert fingerprint(VGGEncoder()) != fingerprint(load_encoder())


def test_masks_and_fine_sizes_are_kept(stylizer: Stylizer, art: Path, tmp_path: Path, encoded: list[int]) -> None:
    mask = tmp_path / "mask.png"
    noise_image(64, 48, 3, "L").save(mask)
    one = cached(stylizer, tmp_path / "styles")
    how: dict[str, Any] = {"size": 48, "fine_size": 32, "mask": mask}
    first = one.encode_style(art, **how)
    assert same(first, stylizer.encode_style(art, **how))
    before = len(encoded)
    assert same(one.encode_style(art, **how), first)
    assert len(encoded) == before


def damage(kind: str, path: Path) -> None:
    tensors = load_file(path)
    match kind:
        case "empty":
            path.write_bytes(b"")
        case "cut":
            path.write_bytes(path.read_bytes()[:-100])
        case "text":
            path.write_text("no style")
        case "unmarked":
            save_file(tensors, path)
        case "half":
            save_file({k: t.half() for k, t in tensors.items()}, path, {"format": "adain-style-1"})
        case "missing":
            save_file({"mean": tensors["mean"]}, path, {"format": "adain-style-1"})
        case "nan":
            save_file({**tensors, "mean": tensors["mean"] * torch.nan}, path, {"format": "adain-style-1"})
        case "narrow":
            Style(torch.ones(1, 8, 1, 1), torch.ones(1, 8, 1, 1)).save(path)


@pytest.mark.parametrize("kind", ["empty", "cut", "text", "unmarked", "half", "missing", "nan", "narrow"])
def test_what_is_damaged_or_foreign_is_written_anew(
    stylizer: Stylizer, art: Path, tmp_path: Path, encoded: list[int], kind: str
) -> None:
    one = cached(stylizer, tmp_path / "styles")
    first = one.encode_style(art, size=32)
    (path,) = (tmp_path / "styles").iterdir()
    damage(kind, path)
    for _ in range(2):
        assert same(one.encode_style(art, size=32), first)
        assert len(encoded) == 2


def test_errors_are_those_of_encoding(stylizer: Stylizer, art: Path, tmp_path: Path) -> None:
    one = cached(stylizer, tmp_path / "styles")
    with pytest.raises(MissingFileError, match="nowhere"):
        one.encode_style(tmp_path / "nowhere.png")
    with pytest.raises(MissingFileError, match="no-mask"):
        one.encode_style(art, size=32, mask=tmp_path / "no-mask.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ImageError, match=r"text\.png"):
        one.encode_style(tmp_path / "text.png")
    assert not (tmp_path / "styles").exists()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot write"):
        cached(stylizer, tmp_path / "file").encode_style(art, size=32)


def test_style_files(tmp_path: Path) -> None:
    style = Style(torch.randn(1, 8, 1, 1), torch.rand(1, 8, 1, 1) + 0.1, "wave", torch.rand(1, 8, 1, 1) + 0.1)
    back = Style.load(style.save(tmp_path / "wave.safetensors"))
    assert same(back, style)
    assert back.name == "wave"
    assert Style.load(Style(style.mean, style.std).save(tmp_path / "b.safetensors")).fine_std is None
    with pytest.raises(InputError, match=r"must end in \.safetensors"):
        style.save(tmp_path / "wave.pt")
    with pytest.raises(MissingFileError, match="nowhere"):
        Style.load(tmp_path / "nowhere.safetensors")
    (tmp_path / "c.safetensors").write_bytes(b"x" * 50)
    with pytest.raises(InputError, match="damaged") as caught:
        Style.load(tmp_path / "c.safetensors")
    assert "\n" not in str(caught.value)


def test_command_line(run_cli: Callable[..., Result], photo: Path, art: Path, tmp_path: Path) -> None:
    folder = tmp_path / "styles"
    call = ("stylize", photo, art, "--style-size", 32, "--device", "cpu", "-o")
    plain, first, second = (tmp_path / f"{k}.png" for k in range(3))
    assert run_cli(*call, plain).exit_code == 0
    assert run_cli(*call, first, "--style-cache", folder).exit_code == 0
    kept = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert len(kept) == 1
    assert run_cli(*call, second, "--style-cache", folder).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == kept
    assert plain.read_bytes() == first.read_bytes() == second.read_bytes()
    # A background is a style, too; one that takes the photograph's colours is not for the cache.
    mask = tmp_path / "mask.png"
    noise_image(70, 45, 3, "L").save(mask)
    other = tmp_path / "other.png"
    noise_image(64, 48, 4).save(other)
    region = (*call, tmp_path / "d.png", "--mask", mask, "--background", other, "--style-cache", folder)
    assert run_cli(*region).exit_code == 0
    assert len(list(folder.iterdir())) == 2
    assert run_cli(*call, tmp_path / "e.png", "--preserve-color", "linear", "--style-cache", folder).exit_code == 0
    assert len(list(folder.iterdir())) == 2
    (tmp_path / "file").write_text("in the way")
    one_line_error(run_cli(*call, tmp_path / "f.png", "--style-cache", tmp_path / "file"))
