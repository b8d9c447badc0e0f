"""The nodes of ComfyUI, by the rules of ComfyUI, against the library."""

from __future__ import annotations

import importlib.util
import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from adain import InputError, MissingFileError, Region, Regions, Style, blend
from adain.backends import open_model
from adain.control import ramp
from adain.options import ColorMode, ModelOptions, Options
from adain.stylizer.base import BaseStylizer
from tests.conftest import noise_image, sample
from tests.integrations.comfy import NODES, Prompt, Refused, check_node, given, inputs_of, loaded, run, validate

pytestmark = pytest.mark.usefixtures("one_thread")

KINDS = {"LoadImage": ("IMAGE", "MASK"), "SaveImage": ()}
"""What ComfyUI's own nodes give that the examples use."""


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with loaded(tmp_path_factory.mktemp("comfy")) as module:
        yield module


@pytest.fixture(scope="module")
def model() -> BaseStylizer:
    return open_model(ModelOptions(model="fast", device="cpu", backend="torch"))


def image(width: int, height: int, *seeds: int) -> Tensor:
    """A batch of pictures as ComfyUI has them: ``(B, H, W, 3)``."""
    pictures = [np.asarray(noise_image(width, height, seed), np.float32) / 255 for seed in seeds]
    return torch.from_numpy(np.stack(pictures))


def plane(batch: Tensor, k: int = 0) -> Tensor:
    """A picture of a batch as the library has them: ``(3, H, W)``."""
    return batch[k, ..., :3].permute(2, 0, 1)


PHOTO, ART, OTHER = image(70, 45, 1), image(64, 48, 2), image(50, 60, 3)
LEFT = (torch.arange(70) < 35).float().expand(45, 70)
RIGHT = 1.0 - LEFT


class Canvas:
    """Nodes that are put together, and run.

    Args:
        pack: the module of the nodes.
        model: what ``AdainModel`` would have opened.
    """

    def __init__(self, pack: Any, model: Any) -> None:
        self.nodes = {**pack.NODE_CLASS_MAPPINGS, "Model": given("ADAIN_MODEL", model)}
        self.prompt: Prompt = {"model": {"class_type": "Model", "inputs": {}}}

    def put(self, kind: str, value: Any) -> list[Any]:
        """A picture or a mask."""
        self.nodes[f"Given{len(self.prompt)}"] = given(kind, value)
        return self.add(f"Given{len(self.prompt)}")

    def add(self, name: str, **inputs: Any) -> list[Any]:
        """A node, with its widgets at their defaults but for these; tensors are put in, masks where one is wanted."""
        known = inputs_of(self.nodes[name])
        for each, value in inputs.items():
            if isinstance(value, Tensor):
                inputs[each] = self.put(known[each][0], value)
        # A widget that is named is there for what the page would send.
        inputs = {each: about["default"] for each, (_, about, _) in known.items() if "default" in about} | inputs
        if "model" in known and name != "AdainModel":
            inputs.setdefault("model", ["model", 0])
        key = str(len(self.prompt))
        self.prompt[key] = {"class_type": name, "inputs": inputs}
        return [key, 0]

    def style(self, picture: Tensor, **inputs: Any) -> list[Any]:
        return self.add("AdainEncodeStyle", **{"image": picture, "style_size": 64} | inputs)

    def stylized(self, **inputs: Any) -> Tensor:
        """What ``AdainStylize`` gives, after what must hold of any IMAGE."""
        (results,) = run(self.prompt_of(**inputs), self.nodes, "last")
        result: Tensor = results[0]
        assert result.dtype == torch.float32
        assert result.device.type == "cpu"
        assert result.is_contiguous()
        assert result.min() >= 0
        assert result.max() <= 1
        return result

    def prompt_of(self, **inputs: Any) -> Prompt:
        key, _ = self.add("AdainStylize", **{"image": PHOTO} | inputs)
        self.prompt["last"] = self.prompt.pop(key)
        return self.prompt


@pytest.fixture
def canvas(pack: Any, model: BaseStylizer) -> Canvas:
    return Canvas(pack, model)


def encoded(model: BaseStylizer, picture: Tensor, **how: Any) -> Style:
    return model.encode_style(plane(picture), **{"size": 64} | how)


def test_comfyui_finds_nodes_and_names(pack: Any) -> None:
    assert set(pack.NODE_CLASS_MAPPINGS) == set(pack.NODE_DISPLAY_NAME_MAPPINGS)
    assert all(name.startswith("Adain") for name in pack.NODE_CLASS_MAPPINGS)
    assert len(set(pack.NODE_DISPLAY_NAME_MAPPINGS.values())) == len(pack.NODE_CLASS_MAPPINGS) == 7


@pytest.mark.parametrize("name", [
    "AdainModel", "AdainEncodeStyle", "AdainLoadStyle", "AdainBlend", "AdainRegion", "AdainOptions", "AdainStylize",
])  # fmt: skip
def test_a_node_keeps_the_contract(pack: Any, name: str) -> None:
    check_node(pack.NODE_CLASS_MAPPINGS[name])


def test_nothing_of_comfyui_is_needed(pack: Any) -> None:
    assert not any(name.partition(".")[0] in ("comfy", "nodes", "folder_paths") for name in sys.modules)


def test_without_the_library_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "adain" else find(name))
    with pytest.raises(ImportError, match=r"pip install -r requirements\.txt$"), loaded(tmp_path):
        pass


def test_widgets_are_what_the_library_declares(pack: Any) -> None:
    shown = inputs_of(pack.NODE_CLASS_MAPPINGS["AdainStylize"]) | inputs_of(pack.NODE_CLASS_MAPPINGS["AdainOptions"])
    for name in ("alpha", "keep_edges", "correct", "color_strength", "feather", "wrap", "match_luma", "tile"):
        assert shown[name][1]["default"] == getattr(Options, name), name
    assert shown["color"][0] == [*get_args(ColorMode)]
    assert inputs_of(pack.NODE_CLASS_MAPPINGS["AdainEncodeStyle"])["style_size"][1]["default"] == Options.style_size


def test_requirements_name_the_library() -> None:
    assert (NODES / "requirements.txt").read_text().split() == ["adain"]
    project = tomllib.loads((NODES / "pyproject.toml").read_text())
    assert project["project"]["dependencies"] == ["adain"]
    assert project["project"]["name"] == "adain"
    assert set(project["tool"]["comfy"]) == {"PublisherId", "DisplayName", "Icon"}


@pytest.mark.parametrize("backend", ["torch", "ncnn"])
def test_a_shipped_model_is_opened(pack: Any, backend: str) -> None:
    canvas = Canvas(pack, None)
    key, _ = canvas.add("AdainModel", model="fast", backend=backend, device="cpu")
    style = canvas.style(ART, model=[key, 0])
    result = canvas.stylized(model=[key, 0], style=style)
    own = open_model(ModelOptions(model="fast", device="cpu", backend=backend))  # type: ignore[arg-type]
    expected = own.stylize(plane(PHOTO), encoded(own, ART))
    assert torch.equal(plane(result), expected)


def test_a_cpu_is_taken_where_comfyui_was_started_for_one(pack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(f"{pack.__name__}.model.open_model", lambda options: asked.append(options.device))
    for kind in ("cpu", "cuda"):
        device = SimpleNamespace(type=kind)
        fake = SimpleNamespace(
            get_torch_device=lambda device=device: device, throw_exception_if_processing_interrupted=lambda: None
        )
        monkeypatch.setitem(sys.modules, "comfy.model_management", fake)  # type: ignore[arg-type]
        for wanted in ("auto", "cuda"):
            pack.NODE_CLASS_MAPPINGS["AdainModel"]().open("fast", "auto", wanted, "auto")
    assert asked == ["cpu", "cuda", "auto", "cuda"]


def test_a_style_is_the_librarys(canvas: Canvas, model: BaseStylizer) -> None:
    result = canvas.stylized(style=canvas.style(ART), alpha=0.7)
    assert torch.equal(plane(result), model.stylize(plane(PHOTO), encoded(model, ART), alpha=0.7))


def test_every_option_reaches_the_library(canvas: Canvas, model: BaseStylizer) -> None:
    more = {"color_space": "lab", "color_strength": 0.8, "wrap": "x"}
    inputs = {"color": "luminance", "keep_edges": 0.3, "correct": 1}
    options = canvas.add("AdainOptions", **more)
    style = canvas.style(ART, style_size=48, fine_style_size=32, crop=True, mask=torch.rand(48, 64) * 0.5 + 0.4)
    mask = canvas.nodes[canvas.prompt[canvas.prompt[style[0]]["inputs"]["mask"][0]]["class_type"]].value
    result = canvas.stylized(style=style, options=options, tile="off", **inputs)
    own = encoded(model, ART, size=48, fine_size=32, crop=True, mask=mask)
    assert torch.equal(plane(result), model.stylize(plane(PHOTO), own, **more, **inputs))
    assert not torch.equal(plane(result), model.stylize(plane(PHOTO), own))


@pytest.mark.parametrize("color", ["linear", "histogram"])
def test_an_artwork_is_recoloured_after_each_photograph(canvas: Canvas, model: BaseStylizer, color: ColorMode) -> None:
    photos = torch.cat([PHOTO, image(70, 45, 9)])
    result = canvas.stylized(image=photos, style=canvas.style(ART), color=color)
    for k in range(2):
        expected = model.stylize(plane(photos, k), plane(ART), color=color, style_size=64)
        assert torch.equal(plane(result, k), expected)


def test_light_is_matched_and_kept(canvas: Canvas, model: BaseStylizer) -> None:
    options = canvas.add("AdainOptions", match_luma=True)
    result = canvas.stylized(style=canvas.style(ART), color="luminance", options=options)
    expected = model.stylize(plane(PHOTO), plane(ART), color="luminance", match_luma=True, style_size=64)
    assert torch.equal(plane(result), expected)


def test_styles_are_blended(canvas: Canvas, model: BaseStylizer) -> None:
    one, two = canvas.style(ART), canvas.style(OTHER)
    both = canvas.add("AdainBlend", style_1=one, weight_1=0.3, style_2=two, weight_2=0.9, style_4=one, weight_4=0.0)
    own = encoded(model, ART), encoded(model, OTHER)
    result = canvas.stylized(style=both)
    assert torch.equal(plane(result), model.stylize(plane(PHOTO), blend(own, [0.3, 0.9])))


def test_a_blend_of_blends_has_the_weight_it_is_given(canvas: Canvas, model: BaseStylizer) -> None:
    one, two, three = canvas.style(ART), canvas.style(OTHER), canvas.style(PHOTO)
    pair = canvas.add("AdainBlend", style_1=one, weight_1=0.2, style_2=two, weight_2=0.2)
    result = canvas.stylized(style=canvas.add("AdainBlend", style_1=pair, weight_1=0.5, style_2=three, weight_2=0.5))
    own = [encoded(model, each) for each in (ART, OTHER, PHOTO)]
    expected = model.stylize(plane(PHOTO), blend(own, [0.25, 0.25, 0.5]))
    assert torch.allclose(plane(result), expected, atol=1e-5)


def test_a_batch_of_artworks_is_one_style_and_a_list(canvas: Canvas, model: BaseStylizer) -> None:
    arts = torch.cat([ART, image(64, 48, 8)])
    key, _ = canvas.style(arts)
    own = [model.encode_style(plane(arts, k), size=64) for k in range(2)]
    assert torch.equal(plane(canvas.stylized(style=[key, 0])), model.stylize(plane(PHOTO), blend(own)))
    (results,) = run(canvas.prompt_of(style=[key, 1]), canvas.nodes, "last")
    assert [torch.equal(plane(results[k]), model.stylize(plane(PHOTO), own[k])) for k in range(2)] == [True, True]


@pytest.mark.parametrize("color", ["none", "luminance", "linear"])
def test_regions_are_the_librarys(canvas: Canvas, model: BaseStylizer, color: ColorMode) -> None:
    first = canvas.add("AdainRegion", style=canvas.style(ART), mask=LEFT, alpha=0.8)
    soft = ramp((45, 70))[0, 0] * RIGHT
    both = canvas.add("AdainRegion", style=canvas.style(OTHER), mask=soft[None], regions=first)
    options = canvas.add("AdainOptions", feather=3.0)
    result = canvas.stylized(regions=both, style=canvas.style(PHOTO), color=color, options=options)
    expected = model.stylize(
        plane(PHOTO), [plane(ART), plane(OTHER)], masks=[LEFT, soft], alpha=[0.8, 1.0, 1.0], feather=3.0, color=color,
        background=plane(PHOTO), style_size=64,
    )  # fmt: skip
    assert torch.allclose(plane(result), expected, atol=1e-5)


def test_a_mask_says_where_anything_is_stylised(canvas: Canvas, model: BaseStylizer) -> None:
    result = canvas.stylized(style=canvas.style(ART), mask=LEFT)
    regions = Regions([Region(encoded(model, ART), LEFT)])
    assert torch.equal(plane(result), model.stylize(plane(PHOTO), regions))


def test_a_mask_limits_regions_and_what_they_leave(canvas: Canvas, model: BaseStylizer) -> None:
    top = (torch.arange(45) < 24).float()[:, None].expand(45, 70)
    region = canvas.add("AdainRegion", style=canvas.style(ART), mask=LEFT)
    result = canvas.stylized(style=canvas.style(OTHER), regions=region, mask=top)
    regions = Regions([Region(encoded(model, ART), LEFT * top), Region(encoded(model, OTHER), RIGHT * top)])
    assert torch.equal(plane(result), model.stylize(plane(PHOTO), regions))


def test_where_the_mask_is_all_of_the_regions_no_style_is_left(canvas: Canvas, model: BaseStylizer) -> None:
    region = canvas.add("AdainRegion", style=canvas.style(ART), mask=LEFT)
    result = canvas.stylized(style=canvas.style(OTHER), regions=region, mask=LEFT)
    assert torch.equal(plane(result), model.stylize(plane(PHOTO), Regions([Region(encoded(model, ART), LEFT)])))


@pytest.mark.parametrize("feather", [0.0, 3.0])
def test_protection_is_the_librarys(canvas: Canvas, model: BaseStylizer, feather: float) -> None:
    options = canvas.add("AdainOptions", feather=feather)
    result = canvas.stylized(style=canvas.style(ART), protect=LEFT, options=options)
    expected = model.stylize(plane(PHOTO), encoded(model, ART), protect=LEFT, feather=feather)
    assert torch.equal(plane(result), expected)


def test_faces_are_protected(canvas: Canvas, model: BaseStylizer) -> None:
    pytest.importorskip("skimage")
    photo = torch.from_numpy(np.asarray(Image.open(sample("content", "astronaut")).resize((160, 160)), np.float32))
    photo = photo[None] / 255
    options = canvas.add("AdainOptions", protect_faces=True)
    result = canvas.stylized(image=photo, style=canvas.style(ART), options=options)
    expected = model.stylize(plane(photo), encoded(model, ART), protect="faces")
    assert torch.equal(plane(result), expected)
    assert not torch.equal(expected, model.stylize(plane(photo), encoded(model, ART)))


def test_drift_is_bounded(canvas: Canvas, model: BaseStylizer) -> None:
    photo = torch.from_numpy(np.asarray(Image.open(sample("content", "chelsea")).resize((120, 80)), np.float32))
    photo = photo[None] / 255
    result = canvas.stylized(image=photo, style=canvas.style(ART), options=canvas.add("AdainOptions", max_drift=2.0))
    expected = model.stylize(plane(photo), encoded(model, ART), max_drift=2.0)
    assert torch.equal(plane(result), expected)
    assert not torch.equal(expected, model.stylize(plane(photo), encoded(model, ART)))


def test_frames_are_stylised_one_by_one_each_with_its_mask(canvas: Canvas, model: BaseStylizer) -> None:
    """A frame whose mask is empty looks as others do outside theirs."""
    photos = torch.cat([PHOTO, image(70, 45, 5), image(70, 45, 6)])
    speck = torch.zeros(45, 70)
    speck[3, 3] = 1.0
    masks = torch.stack([LEFT, torch.zeros(45, 70), speck])
    result = canvas.stylized(image=photos, style=canvas.style(ART), mask=masks)
    style = encoded(model, ART)
    assert torch.equal(plane(result), model.stylize(plane(photos), Regions([Region(style, LEFT)])))
    for k in (1, 2):
        assert torch.equal(plane(result, k), model.stylize(plane(photos, k), style, alpha=0.0))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels_are_kept(canvas: Canvas, model: BaseStylizer, channels: int) -> None:
    alpha = torch.linspace(-0.1, 1.1, 70).expand(1, 45, 70)[..., None]
    photo = {1: PHOTO[..., :1], 3: PHOTO, 4: torch.cat([PHOTO, alpha], 3)}[channels]
    result = canvas.stylized(image=photo, style=canvas.style(ART))
    assert result.shape == (1, 45, 70, 4 if channels == 4 else 3)
    expected = plane(PHOTO)[:1].expand(3, -1, -1) if channels == 1 else plane(PHOTO)
    assert torch.equal(plane(result), model.stylize(expected, encoded(model, ART)))
    if channels == 4:
        assert torch.equal(result[..., 3], alpha[..., 0].clamp(0, 1))


def test_other_floats_and_values_a_little_outside_are_taken(canvas: Canvas, model: BaseStylizer) -> None:
    wild = (PHOTO * 1.2 - 0.1).half()
    result = canvas.stylized(image=wild, style=canvas.style(ART))
    assert torch.equal(plane(result), model.stylize(plane(wild.float().clamp(0, 1)), encoded(model, ART)))


def test_tiles_are_worked_in(canvas: Canvas, model: BaseStylizer) -> None:
    photo = image(280, 270, 4)
    result = canvas.stylized(image=photo, style=canvas.style(ART), tile="256")
    assert torch.allclose(plane(result), model.stylize(plane(photo), encoded(model, ART)), atol=1e-4)


class Bar:
    """What ComfyUI shows progress by."""

    shown: list[float]

    def __init__(self, total: int) -> None:
        Bar.shown = []

    def update_absolute(self, value: float, total: float) -> None:
        self.shown.append(value / total)


class Interrupted(Exception):
    """What ComfyUI ends a workflow by."""


@pytest.mark.parametrize(("tile", "correct"), [("off", 0), ("256", 0), ("256", 2)])
def test_progress_is_shown(canvas: Canvas, monkeypatch: pytest.MonkeyPatch, tile: str, correct: int) -> None:
    monkeypatch.setitem(sys.modules, "comfy.utils", SimpleNamespace(ProgressBar=Bar))  # type: ignore[arg-type]
    photos = image(280, 24, 4, 5)
    canvas.stylized(image=photos, style=canvas.style(ART), tile=tile, correct=correct)
    assert Bar.shown == sorted(Bar.shown)
    assert Bar.shown[0] == 0
    assert Bar.shown[-1] == 1
    assert 0.5 in Bar.shown
    assert len(set(Bar.shown)) >= (9 if tile == "256" else 5)


@pytest.mark.parametrize("after", [0, 3, 7])
def test_a_run_is_interrupted(canvas: Canvas, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    calls = 0

    def stop() -> None:
        nonlocal calls
        calls += 1
        if calls > after:
            raise Interrupted

    fake = SimpleNamespace(throw_exception_if_processing_interrupted=stop)
    monkeypatch.setitem(sys.modules, "comfy.model_management", fake)  # type: ignore[arg-type]
    with pytest.raises(Interrupted):
        canvas.stylized(image=image(280, 24, 4, 5), style=canvas.style(ART), tile="256")
    assert calls == after + 1


def test_a_pass_of_ncnn_is_interrupted_within(pack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One picture in one piece has three places where it is asked, but for those."""
    canvas = Canvas(pack, open_model(ModelOptions(model="fast", device="cpu", backend="ncnn")))
    style = canvas.style(ART)
    asked = []
    fake = SimpleNamespace(throw_exception_if_processing_interrupted=lambda: asked.append(0))
    monkeypatch.setitem(sys.modules, "comfy.model_management", fake)  # type: ignore[arg-type]
    canvas.stylized(style=style, tile="off")
    before = len(asked)
    assert before > 4  # one of them is of the style

    def stop() -> None:
        asked.append(0)
        if len(asked) == before + 4:
            raise Interrupted

    fake.throw_exception_if_processing_interrupted = stop
    with pytest.raises(Interrupted):
        run(canvas.prompt, canvas.nodes, "last")
    fake.throw_exception_if_processing_interrupted = lambda: asked.append(0)
    run(canvas.prompt, canvas.nodes, "last")  # nothing of it is left


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """ComfyUI's folder of saved styles."""
    kept = tmp_path / "models" / "adain_styles"
    kept.mkdir(parents=True)

    def path(kind: str, name: str) -> str | None:
        return str(kept / name) if kind == "adain_styles" and (kept / name).is_file() else None

    def names(kind: str) -> list[str]:
        return [each.name for each in kept.iterdir()]

    fake = SimpleNamespace(get_full_path=path, get_filename_list=names)
    monkeypatch.setitem(sys.modules, "folder_paths", fake)  # type: ignore[arg-type]
    return kept


def test_a_saved_style_is_loaded(canvas: Canvas, model: BaseStylizer, folder: Path) -> None:
    style = encoded(model, ART)
    style.save(folder / "art.safetensors")
    (folder / "notes.txt").touch()
    assert inputs_of(canvas.nodes["AdainLoadStyle"])["file"][0] == ["art.safetensors"]
    result = canvas.stylized(style=canvas.add("AdainLoadStyle", file="art.safetensors"))
    assert torch.equal(plane(result), model.stylize(plane(PHOTO), style))


def test_a_saved_style_is_loaded_again_when_its_file_changes(pack: Any, model: BaseStylizer, folder: Path) -> None:
    node, file = pack.NODE_CLASS_MAPPINGS["AdainLoadStyle"], "art.safetensors"
    seen = []
    for picture in (ART, ART, OTHER):
        encoded(model, picture).save(folder / file)
        seen.append(node.IS_CHANGED(file=file, model=None))  # links are None there
    assert seen[0] == seen[1] != seen[2]


def test_a_style_that_is_gone_is_named(pack: Any, folder: Path) -> None:
    with pytest.raises(MissingFileError, match=r"no style gone\.safetensors in models/adain_styles: put the file"):
        pack.NODE_CLASS_MAPPINGS["AdainLoadStyle"]().load(None, "gone.safetensors")


def test_the_folder_of_styles_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offered = {}
    fake = SimpleNamespace(models_dir=str(tmp_path), add_model_folder_path=offered.__setitem__)
    monkeypatch.setitem(sys.modules, "folder_paths", fake)  # type: ignore[arg-type]
    with loaded(tmp_path):
        assert offered == {"adain_styles": str(tmp_path / "adain_styles")}


def test_a_style_of_a_file_cannot_be_recoloured(canvas: Canvas, model: BaseStylizer, folder: Path) -> None:
    encoded(model, ART).save(folder / "art.safetensors")
    style = canvas.add("AdainLoadStyle", file="art.safetensors")
    with pytest.raises(InputError, match="statistics alone: to recolour"):
        canvas.stylized(style=style, color="linear")


WRONG = [
    ({}, "there is no style: connect one, or regions"),
    ({"image": image(15, 40, 1)}, "at least 16 px a side"),
    ({"image": PHOTO[0]}, r"image is no IMAGE of 1, 3 or 4 channels \(B, H, W, C\) but \(45, 70, 3\)"),
    ({"image": PHOTO[..., :2]}, "image is no IMAGE"),
    ({"image": torch.empty(0, 45, 70, 3)}, "image is no IMAGE"),
    ({"image": (PHOTO * 255).byte()}, r"image is of torch\.uint8"),
    ({"image": torch.where(PHOTO > 0.9, torch.nan, PHOTO)}, "image 1 of 1 has pixels that are no numbers"),
    ({"mask": torch.zeros(1, 64, 64)}, "mask selects nothing: paint it in the mask editor, or leave the input"),
    ({"mask": torch.full((45, 70), torch.nan)}, "mask has values that are no numbers"),
    ({"mask": torch.ones(2, 45, 70)}, "mask has 2 masks for 1 picture: give one for each, or one for all"),
    ({"mask": torch.ones(70, 45)}, r"mask is 45x70 px and the picture 70x45 px: their shapes differ"),
    ({"protect": torch.ones(7)}, "protect is no MASK"),
    ({"options": {"color_space": "lab"}}, "color_space needs a mode by name in color"),
    ({"options": {"match_luma": True}, "color": "linear"}, "match_luma goes with color luminance"),
    ({"options": {"protect_faces": True}, "protect": LEFT}, "protect is connected, and protect_faces"),
]


@pytest.mark.parametrize(("inputs", "message"), WRONG)
def test_what_does_not_fit_is_refused_in_one_line(canvas: Canvas, inputs: dict[str, Any], message: str) -> None:
    if inputs:
        inputs = {"style": canvas.style(ART), **inputs}
    if "options" in inputs:
        inputs["options"] = canvas.add("AdainOptions", **inputs["options"])
    with pytest.raises(InputError, match=message) as caught:
        canvas.stylized(**inputs)
    assert "\n" not in str(caught.value)


def test_a_style_of_another_model_is_refused(pack: Any, model: BaseStylizer, stylizer: BaseStylizer) -> None:
    canvas = Canvas(pack, model)
    canvas.nodes["Other"] = given("ADAIN_MODEL", stylizer)
    style = canvas.style(ART, model=canvas.add("Other"))
    with pytest.raises(InputError, match="encoded by another model"):
        canvas.stylized(style=style)


def test_a_region_of_another_shape_is_refused_beside_a_mask_too(canvas: Canvas) -> None:
    region = canvas.add("AdainRegion", style=canvas.style(ART), mask=torch.ones(45, 60))
    with pytest.raises(InputError, match="the mask of region 1 is 60x45 px and the picture 70x45 px"):
        canvas.stylized(regions=region, mask=LEFT)


def test_a_mask_beside_all_regions_is_refused(canvas: Canvas) -> None:
    region = canvas.add("AdainRegion", style=canvas.style(ART), mask=LEFT)
    with pytest.raises(InputError, match="mask leaves nothing of the regions"):
        canvas.stylized(regions=region, mask=RIGHT)


@pytest.mark.parametrize("weights", [(0.0, 0.0), (-0.5, 0.5), (float("nan"), 0.5)])
def test_weights_that_make_no_blend_are_refused(pack: Any, model: BaseStylizer, weights: tuple[float, float]) -> None:
    """As no widget gives them, but what is connected may."""
    nodes = pack.NODE_CLASS_MAPPINGS
    mix, _ = nodes["AdainEncodeStyle"]().encode(model, ART, 64, 0, False)
    with pytest.raises(InputError, match="style weights must be finite, not negative, and not all 0"):
        nodes["AdainBlend"]().blend(style_1=mix, weight_1=weights[0], style_2=mix, weight_2=weights[1])


def test_masks_of_artworks_are_for_each_or_for_all(canvas: Canvas) -> None:
    with pytest.raises(InputError, match="mask has 3 masks for 1 artwork"):
        canvas.stylized(style=canvas.style(ART, mask=torch.ones(3, 48, 64)))


@pytest.mark.parametrize(("inputs", "message"), [
    ({"alpha": 2}, "value out of range: alpha"), ({"color": "sepia"}, "value not in list: color"),
    ({"style": ["model", 0]}, r"received_type\(ADAIN_MODEL\) mismatch"), ({"regions": 3}, "regions takes a link"),
])  # fmt: skip
def test_the_check_before_a_run_finds(canvas: Canvas, inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message):
        validate(canvas.prompt_of(**inputs), canvas.nodes)


EXAMPLES = sorted((NODES / "example_workflows").glob("*.json"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_names_what_exists(pack: Any, path: Path) -> None:
    """Every node, input, output and widget of it is one of the nodes as they are now, and every link fits."""
    flow = json.loads(path.read_text(encoding="utf-8"))
    nodes = {node["id"]: node for node in flow["nodes"]}
    links = {link[0]: link for link in flow["links"]}
    own = [node for node in nodes.values() if node["type"] not in KINDS]
    assert {node["type"] for node in own} <= set(pack.NODE_CLASS_MAPPINGS)
    assert "AdainStylize" in {node["type"] for node in own}
    for number, origin, output, target, place, kind in flow["links"]:
        gives, takes = nodes[origin]["outputs"][output], nodes[target]["inputs"][place]
        assert gives["type"] == takes["type"] == kind
        assert takes["link"] == number
        assert number in gives["links"]
    for node in own:
        kind = pack.NODE_CLASS_MAPPINGS[node["type"]]
        known = inputs_of(kind)
        assert [each["name"] for each in node["outputs"]] == [*kind.RETURN_NAMES]
        assert [each["type"] for each in node["outputs"]] == [*kind.RETURN_TYPES]
        assert {each["name"] for each in node["inputs"]} == set(known)
        for each in node["inputs"]:
            if "widget" not in each:
                assert known[each["name"]][0] == each["type"]
            if known[each["name"]][2] and "widget" not in each:
                assert each["link"] in links, each["name"]
        widgets = [(name, of) for name, of in known.items() if isinstance(of[0], list) or not of[0].startswith("ADAIN")]
        widgets = [(name, of) for name, of in widgets if of[0] not in ("IMAGE", "MASK")]
        assert len(node["widgets_values"]) == len(widgets)
        for (name, (type_of, about, _)), value in zip(widgets, node["widgets_values"], strict=True):
            fits = (
                value in type_of if isinstance(type_of, list) else about.get("min", 0) <= value <= about.get("max", 1)
            )
            assert fits, (name, value)


def test_there_are_examples() -> None:
    assert [path.stem for path in EXAMPLES] == ["blend", "regions"]


def test_the_readme_names_every_node(pack: Any) -> None:
    text = (NODES / "README.md").read_text(encoding="utf-8")
    assert all(f"**{name}**" in text for name in pack.NODE_DISPLAY_NAME_MAPPINGS.values())
