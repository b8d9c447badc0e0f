"""Refining with the shipped networks, on small pictures and in few steps."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import adain
from adain import RefinementError
from adain._utils.errors import ImageError, InputError, MissingFileError
from adain.control.color import ColorPreservation
from adain.nn.backbones import ARCHITECTURES
from adain.refinement import pictures
from adain.refinement.recipe import load_recipe
from adain.refinement.report import Progress
from adain.stylizer.stylizer import Stylizer
from tests.conftest import noise_image

LIGHT = {"losses": {"content": {"weight": 1, "layers": ["relu2_1"]}, "gram": {"weight": 1, "layers": ["relu1_1"]}}}
"""A recipe of shallow layers."""


@pytest.fixture
def picture() -> Image.Image:
    return noise_image(48, 40, 1)


@pytest.fixture
def artwork() -> Image.Image:
    return noise_image(36, 44, 2)


@pytest.fixture
def refine(stylizer: Stylizer, picture: Image.Image, artwork: Image.Image) -> Any:
    """:func:`adain.refine` of the small pair at its own size in two steps, unless told otherwise."""

    def run(start: Any = None, *, content: Any = picture, style: Any = artwork, **values: Any) -> Any:
        given = {"steps": 2, "recipe": LIGHT, "stylizer": stylizer, "style_size": 0}
        return adain.refine(content, style, start=start, **(given | values))

    return run


def array(image: Image.Image) -> np.ndarray[Any, Any]:
    return np.asarray(image)


@pytest.mark.parametrize("name", ["gatys2016", "keras-vgg19", "refine-fast"])
def test_shipped_recipes_lower_the_loss(refine: Any, name: str) -> None:
    seen: list[Progress] = []
    result = refine(recipe=name, steps=5, progress=seen.append)
    assert result.size == (48, 40)
    assert set(seen[0].losses) == set(load_recipe(name).losses)
    assert min(p.total for p in seen) < seen[0].total


def test_dynamic_multiscale(refine: Any) -> None:
    seen: list[Progress] = []
    refine(recipe="dynamic-multiscale", steps=3, content=noise_image(72, 80, 1), progress=seen.append)
    assert len(seen[0].losses) == 3 * 5
    assert set(seen[0].factors) == {"content", "style"}
    assert seen[0].losses["secondary@1"] == 0.0  # where it starts
    with pytest.raises(InputError, match=r"at scale 0\.25 of 1, 0\.5, 0\.25: the image is 12x10 px: at least 16 px"):
        refine(recipe="dynamic-multiscale", steps=1)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam", "sgd"])
def test_optimizers_with_their_own_rates(refine: Any, optimizer: str) -> None:
    seen: list[Progress] = []
    refine("noise", recipe="gatys2016", optimizer=optimizer, steps=8, progress=seen.append)
    # A search along a direction may end its share of the steps with a trial that overshoots.
    assert min(p.total for p in seen[1:]) < seen[0].total
    assert optimizer == "lbfgs" or seen[-1].total < seen[0].total


def test_half_precision(refine: Any) -> None:
    totals = {}
    for precision in ("fp32", "bf16"):
        seen = watched(refine, recipe="gatys2016", optimizer="adam", lr=0.005, loss_precision=precision, steps=4)
        totals[precision] = [p.total for p in seen]
    assert totals["bf16"] == pytest.approx(totals["fp32"], rel=0.1)
    assert totals["bf16"] != totals["fp32"]


def test_all_losses_at_once(refine: Any) -> None:
    names = ("content", "secondary", "combined", "gram", "mean-std", "covariance", "sliced-wasserstein", "tv")
    seen: list[Progress] = []
    refine("content", recipe={"base": "gatys2016", "losses": dict.fromkeys(names, 1.0)}, progress=seen.append)
    assert set(seen[0].losses) == set(names)


# ------------------------------------------------------------------------------------------------------------- starts


def begun(refine: Any, start: Any, **values: Any) -> Image.Image:
    result = refine(start, steps=0, **values)
    assert isinstance(result, Image.Image)
    return result


def test_starts(refine: Any, stylizer: Stylizer, picture: Image.Image, artwork: Image.Image, tmp_path: Path) -> None:
    one_pass = stylizer.stylize(picture, artwork, alpha=0.7, content_size=0, style_size=0)
    assert np.abs(array(begun(refine, "adain", alpha=0.7, start_share=1)).astype(int) - array(one_pass)).max() <= 1
    quarter = array(begun(refine, "adain", alpha=0.7, start_share=0.25))
    assert np.abs(quarter - (0.25 * array(one_pass) + 0.75 * array(picture))).max() <= 1.5
    corrected = stylizer.stylize(picture, artwork, alpha=0.7, correct=2, content_size=0, style_size=0)
    assert np.abs(array(corrected).astype(int) - array(one_pass)).max() > 4
    start = array(begun(refine, "adain", alpha=0.7, correct=2, start_share=1)).astype(int)
    assert np.abs(start - array(corrected)).max() <= 1
    # A picture of the caller's own, and any start but the recipe's, is not mixed with the photograph.
    assert np.array_equal(array(begun(refine, one_pass, start_share=0.25)), array(one_pass))
    assert np.array_equal(array(begun(refine, "noise", start_share=0.25)), array(begun(refine, "noise")))
    assert np.array_equal(array(begun(refine, None)), array(begun(refine, "adain")))  # the recipe's
    assert np.array_equal(array(begun(refine, "content")), array(picture))
    noise = array(begun(refine, "noise"))
    assert noise.shape == (40, 48, 3)
    assert 60 < noise.std() < 90
    assert np.array_equal(noise, array(begun(refine, "noise", seed=0)))
    assert not np.array_equal(noise, array(begun(refine, "noise", seed=1)))
    blend = array(begun(refine, "blend", blend_share=0.25)).astype(float)
    assert np.corrcoef(blend.ravel(), array(picture).ravel())[0, 1] > 0.9
    assert not np.array_equal(blend, array(picture))
    assert np.array_equal(array(begun(refine, "blend", blend_share=0.0)), array(picture))

    other = noise_image(48, 40, 7)
    other.save(tmp_path / "start.png")
    for start in (other, tmp_path / "start.png", str(tmp_path / "start.png")):
        assert np.array_equal(array(begun(refine, start)), array(other))
    tensor = torch.rand(1, 3, 40, 48)
    assert np.abs(array(begun(refine, tensor)) / 255 - tensor[0].permute(1, 2, 0).numpy()).max() < 0.003
    assert begun(refine, noise_image(96, 80, 7)).size == (48, 40)  # of the same shape


def test_bad_starts(refine: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no start 'contents': did you mean 'content'"):
        refine("contents")
    with pytest.raises(InputError, match="there is no start 'xyz': use one of adain, content, noise, blend, or name a"):
        refine("xyz")
    with pytest.raises(InputError, match=r"the start is 40x48 px and the photograph 48x40 px: start from"):
        refine(noise_image(40, 48))
    with pytest.raises(MissingFileError):
        refine(tmp_path / "none.png")
    with pytest.raises(InputError, match="there is no start 'contnt': did you mean 'content'"):
        refine(recipe=LIGHT | {"start": "contnt"})


def test_a_start_named_in_a_recipe(refine: Any, tmp_path: Path) -> None:
    other = noise_image(48, 40, 7)
    other.save(tmp_path / "start.png")
    found = begun(refine, None, recipe=LIGHT | {"start": str(tmp_path / "start.png")})
    assert np.array_equal(array(found), array(other))


def test_same_call_same_bytes(refine: Any) -> None:
    before = torch.get_rng_state()
    first, second = (refine("noise", steps=3, seed=4) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert first.tobytes() != refine("noise", steps=3, seed=5).tobytes()
    assert torch.equal(torch.get_rng_state(), before)  # which are the caller's own


def test_called_as_in_version_0_1(stylizer: Stylizer, picture: Image.Image, artwork: Image.Image) -> None:
    values: dict[str, Any] = {"recipe": LIGHT, "steps": 2, "style_size": 0, "stylizer": stylizer, "optimizer": "adam"}
    seen: list[Progress] = []
    old: Any = adain.refine
    styles, told = [artwork, picture], r"is refine\(content, style, start=...\) now"
    with pytest.warns(DeprecationWarning, match=told) as caught:
        found = old("content", content=picture, style=styles, weights=[1, 3], callback=seen.append, **values)
    assert [warning.filename for warning in caught] == [__file__]
    assert len(seen) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        wanted = adain.refine(picture, styles, start="content", weights=[1, 3], **values)
    assert found.tobytes() == wanted.tobytes()
    with pytest.warns(DeprecationWarning, match=told):
        assert old(content=picture, style=artwork, **values).size == picture.size
    with pytest.raises(TypeError, match="missing a required argument"):
        old(content=picture)


# -------------------------------------------------------------------------------------------------- pictures in and out


def test_pictures_and_tensors(refine: Any, picture: Image.Image, tmp_path: Path) -> None:
    picture.save(tmp_path / "photo.png")
    for content in (picture, tmp_path / "photo.png"):
        assert isinstance(refine("content", content=content), Image.Image)
    batch = torch.rand(2, 3, 40, 48)
    result = refine("content", content=batch, steps=3)
    assert isinstance(result, Tensor)
    assert result.shape == batch.shape
    assert 0.0 <= float(result.min()) <= float(result.max()) <= 1.0
    torch.testing.assert_close(result[1:], refine("content", content=batch[1:], steps=3))
    assert torch.equal(refine("content", content=batch[1], steps=3), refine("content", content=batch[1:], steps=3)[0])
    levels = np.asarray(picture)
    expected = refine(picture, content=picture, steps=3).tobytes()
    assert refine(levels, content=levels, steps=3).tobytes() == expected
    assert refine(batch[0, :, :40, :48], content=levels, steps=3).size == picture.size
    with pytest.raises(ImageError, match="pixels with its shorter side at 99999"):
        refine("content", content=picture, content_size=99_999)


def test_batches_of_styles_and_starts(refine: Any) -> None:
    batch, styles, begin = (torch.rand(2, 3, 40, 48) for _ in range(3))
    result = refine(begin, content=batch, style=styles, steps=3)
    for k in range(2):
        part = slice(k, k + 1)
        torch.testing.assert_close(result[part], refine(begin[part], content=batch[part], style=styles[part], steps=3))


def test_transparency_is_kept(refine: Any, picture: Image.Image) -> None:
    picture.putalpha(noise_image(48, 40, 3, "L"))
    result = refine("content", content=picture)
    assert result.mode == "RGBA"
    assert result.getchannel("A").tobytes() == picture.getchannel("A").tobytes()


def test_sizes_and_crop(refine: Any, picture: Image.Image) -> None:
    assert refine("content", content_size=34).size == (41, 34)
    assert refine("adain", crop=True).size == (40, 40)
    assert refine(noise_image(48, 40, 5), crop=True).size == (40, 40)
    sizes = [p.total for p in watched(refine, style_size=0)], [p.total for p in watched(refine, style_size=64)]
    assert sizes[0] != sizes[1]


def watched(refine: Any, start: Any = "content", **values: Any) -> list[Progress]:
    seen: list[Progress] = []
    refine(start, progress=lambda p: seen.append(p), **values)
    return seen


def test_no_gradient_runs_through(refine: Any) -> None:
    content, style = torch.rand(1, 3, 40, 48, requires_grad=True), torch.rand(1, 3, 40, 48, requires_grad=True)
    for extra in ({}, {"color": "luminance"}, {"color": "linear"}):
        result = refine("adain", content=content, style=style, **extra)
        assert not result.requires_grad
    assert content.grad is None
    assert style.grad is None


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_inside_no_grad(refine: Any, mode: Any) -> None:
    with mode():
        content, style, begin = (torch.rand(1, 3, 40, 48) for _ in range(3))
        seen = watched(refine, begin, content=content, style=style, steps=3)
        refine("adain", content=content, style=style)
    assert seen[-1].total < seen[0].total


@pytest.mark.parametrize("size", [(31, 48), (48, 20)])
def test_small_pictures(refine: Any, size: tuple[int, int], tmp_path: Path) -> None:
    noise_image(*size).save(tmp_path / "small.png")
    message = rf"small\.png is {size[0]}x{size[1]} px: refining needs at least 32 px a side"
    with pytest.raises(ImageError, match=message):
        refine(content=tmp_path / "small.png")
    with pytest.raises(ImageError, match=message):
        refine(style=tmp_path / "small.png")
    with pytest.raises(ImageError, match="the photograph is"):
        refine(content=noise_image(*size))
    with pytest.raises(ImageError, match="the artwork is"):
        refine(style=noise_image(*size))
    assert refine("content", style=tmp_path / "small.png", style_size=32).size == (48, 40)


def test_the_smallest_pictures(refine: Any) -> None:
    small = noise_image(32, 32)
    assert refine("content", content=small, style=small, recipe="gatys2016").size == (32, 32)


def test_values_that_are_no_numbers(refine: Any) -> None:
    broken = torch.full((1, 3, 40, 48), math.nan)
    with pytest.raises(ImageError, match=r"image tensors must lie in .* no NaN"):
        refine(content=broken)
    with pytest.raises(ImageError, match=r"image tensors must lie in .* no NaN"):
        refine(style=broken)


# ------------------------------------------------------------------------------------------- several styles and masks


def half(left: bool) -> Image.Image:
    mask = Image.new("L", (48, 40), 0 if left else 255)
    mask.paste(255 if left else 0, (0, 0, 24, 40))
    return mask


def test_several_styles(refine: Any, artwork: Image.Image) -> None:
    other = noise_image(40, 40, 9)
    terms = {}
    for weights in ([1, 0], [0, 1], [3, 1]):
        terms[tuple(weights)] = watched(refine, style=[artwork, other], weights=weights)[0].losses["gram"]
    assert terms[1, 0] == watched(refine, style=artwork)[0].losses["gram"]
    assert terms[3, 1] == pytest.approx(0.75 * terms[1, 0] + 0.25 * terms[0, 1], rel=1e-4)
    even = watched(refine, style=(artwork, other))[0].losses["gram"]
    assert even == pytest.approx(0.5 * terms[1, 0] + 0.5 * terms[0, 1], rel=1e-4)


def test_a_full_mask_is_no_mask(refine: Any, artwork: Image.Image) -> None:
    plain = refine("content", steps=3)
    masked = refine("content", style=[artwork], masks=[Image.new("L", (12, 10), 255)], steps=3)
    own = refine("content", style_masks=[Image.new("L", (9, 11), 255)], steps=3)
    unset = refine("content", style_masks=[None], steps=3)
    assert np.abs(array(masked).astype(int) - array(plain)).max() <= 1
    assert np.abs(array(own).astype(int) - array(plain)).max() <= 1
    assert np.array_equal(array(unset), array(plain))


def test_complementary_masks(refine: Any, artwork: Image.Image) -> None:
    """Each style moves its own region alone, as if the other were not there."""
    other, masks = noise_image(40, 40, 9), [half(True), half(False)]
    values = {"optimizer": "adam", "steps": 4}
    both = array(refine("content", style=[artwork, other], masks=masks, **values))
    left = array(refine("content", style=[artwork], masks=masks[:1], **values))
    right = array(refine("content", style=[other], masks=masks[1:], **values))
    start = array(begun(refine, "content"))
    # On average: Adam makes much of a gradient of next to nothing.
    assert np.abs(both[:, :18].astype(int) - left[:, :18]).mean() < 0.5
    assert np.abs(both[:, 30:].astype(int) - right[:, 30:]).mean() < 0.5
    for part in (slice(0, 18), slice(30, 48)):
        assert np.abs(both[:, part].astype(int) - start[:, part]).mean() > 4


def test_a_background_fills_what_is_left(refine: Any, artwork: Image.Image) -> None:
    other = noise_image(40, 40, 9)
    both = watched(refine, style=[artwork, other], masks=[half(True), half(False)])[0].losses["gram"]
    filled = watched(refine, style=[artwork], masks=[half(True)], background=other)[0].losses["gram"]
    assert filled == pytest.approx(both, rel=1e-5)
    alone = watched(refine, style=[artwork], masks=[half(True)])[0].losses["gram"]
    assert alone < filled
    full = Image.new("L", (48, 40), 255)
    nothing_left = watched(refine, style=[artwork], masks=[full], background=other)[0].losses["gram"]
    assert nothing_left == watched(refine, style=[artwork], masks=[full])[0].losses["gram"]


def test_weights_of_regions(refine: Any, artwork: Image.Image) -> None:
    other, masks = noise_image(40, 40, 9), [half(True), half(False)]

    def gram(weights: Any, background: Any = None, regions: Any = masks) -> float:
        styles = [artwork, other][: len(regions)]
        found = watched(refine, style=styles, masks=regions, weights=weights, background=background)
        return found[0].losses["gram"]

    left, right = gram([1, 0]) / 2, gram([0, 1]) / 2
    assert gram(None) == gram([5, 5]) == pytest.approx(left + right, rel=1e-4)
    assert gram([3, 1]) == pytest.approx(1.5 * left + 0.5 * right, rel=1e-4)
    assert gram([7], other, masks[:1]) == gram(None, other, masks[:1])


def test_weights_wherever_styles_have_regions(refine: Any, artwork: Image.Image) -> None:
    """They are those of the regions' losses, whatever says where the regions are; and not strengths of styles."""
    other, left = noise_image(40, 40, 9), half(True)

    def gram(**values: Any) -> float:
        return float(watched(refine, style=[artwork, other], **values)[0].losses["gram"])

    for weights in (None, [3, 1]):
        by_masks = gram(masks=[left, half(False)], weights=weights)
        assert gram(gradient=left, weights=weights) == pytest.approx(by_masks, rel=1e-5)
        labels = {"label_map": left, "labels": ["255", "0"]}
        assert gram(**labels, weights=weights) == pytest.approx(by_masks, rel=1e-5)
    values = {"style": [artwork, other], "masks": [left, half(False)], "start": "adain", "steps": 0}
    assert np.array_equal(array(refine(**values)), array(refine(**values, weights=[3, 1])))


def test_style_masks(refine: Any) -> None:
    """The style of the white part alone: as that part cut out, but for the row along the cut."""
    two = Image.new("RGB", (40, 80), "red")
    two.paste(noise_image(40, 40, 9), (0, 0))
    top = Image.new("L", (40, 80), 0)
    top.paste(255, (0, 0, 40, 40))
    masked, cut, whole = (
        watched(refine, **values)[0].losses["gram"]
        for values in ({"style": two, "style_masks": [top]}, {"style": two.crop((0, 0, 40, 40))}, {"style": two})
    )
    assert masked == pytest.approx(cut, rel=0.15)
    assert abs(masked / whole - 1) > 0.3


def test_feather(refine: Any, artwork: Image.Image) -> None:
    values = {"style": [artwork], "masks": [half(True)]}
    hard, soft = (watched(refine, **values, feather=f)[0].losses["gram"] for f in (0.0, 8.0))
    assert hard != soft


@pytest.mark.parametrize("crop", [False, True])
def test_masks_of_several_sizes(refine: Any, artwork: Image.Image, crop: bool) -> None:
    masks = [half(True), half(False)]
    values = {"style": [artwork, artwork], "masks": masks, "crop": crop, "steps": 4}
    result = refine("content", coarsest=32, growth=2, scales=[1, 0.9], **values)
    assert result.size == ((40, 40) if crop else (48, 40))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"style": []}, "no style given: at least one is needed"),
        ({"weights": [1, 2]}, "2 weights for 1 style"),
        ({"weights": [-1]}, "weights must be a number, at least 0, not -1"),
        ({"weights": [math.nan]}, "weights must be a number, at least 0, not nan"),
        ({"weights": [0]}, "weights must not all be 0"),
        ({"masks": []}, "0 masks for 1 style"),
        ({"masks": [half(True)] * 2}, "2 masks for 1 style"),
        ({"masks": [Image.new("L", (48, 40))]}, "black everywhere"),
        ({"style_masks": [None, None]}, "2 style masks for 1 style"),
        ({"background": noise_image(40, 40)}, "background needs masks or label_map to leave something for it"),
        ({"color": ["luminance", "none"]}, "2 colour modes for 1 style"),
        ({"color": "luma"}, "luma"),
        ({"feather": -1.0, "masks": [half(True)]}, "feather"),
        ({"content_size": -1}, "content_size must be a whole number, at least 0, not -1"),
        ({"alpha": 2.0}, "alpha"),
        ({"recipe": "gatys"}, "there is no recipe 'gatys': did you mean 'gatys2016'"),
        ({"recipe": {"losses": {"gran": 1}}}, "there is no loss 'gran': did you mean 'gram'"),
        ({"losses": {"gram": {"layers": ["relu1_9"]}}}, "vgg19 has no layer relu1_9: did you mean 'relu1_"),
        ({"optimiser": "adam"}, "there is no setting 'optimiser': did you mean 'optimizer'"),
        ({"steps": -1}, "steps must be a whole number, at least 0, not -1"),
        ({"backbone": "vgg-16"}, "there is no backbone 'vgg-16': did you mean 'vgg16'"),
        ({"backbone": "vgg16"}, "vgg16 does not ship: give a file of its weights"),
    ],
)
def test_bad_arguments(refine: Any, values: dict[str, Any], message: str) -> None:
    with pytest.raises((InputError, MissingFileError)) as caught:
        refine(**values)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_statistics_are_not_enough(refine: Any, stylizer: Stylizer, artwork: Image.Image) -> None:
    with pytest.raises(InputError, match="needs the artwork itself"):
        refine(style=stylizer.encode_style(artwork))


# ------------------------------------------------------------------------------------------------------------- colours


def chroma(image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    values = image.astype(float)
    luma = values @ np.array([0.299, 0.587, 0.114])
    return values - luma[..., None]


def pale() -> Image.Image:
    """Colours that exist at every lightness near their own."""
    return noise_image(48, 40, 1).point(lambda v: 96 + v // 4)


def test_luminance(refine: Any) -> None:
    values = {"content": pale(), "optimizer": "adam", "steps": 3}
    result = array(refine("content", color="luminance", **values))
    assert not np.array_equal(result, array(pale()))
    assert np.abs(chroma(result) - chroma(array(pale()))).max() < 3
    off = array(refine("content", color=ColorPreservation(mode="luminance", strength=0.0), **values))
    assert np.array_equal(off, array(refine("content", color="none", **values)))
    assert not np.array_equal(off, result)


@pytest.mark.parametrize("mode", ["linear", "histogram"])
def test_recoloured_styles(refine: Any, mode: str) -> None:
    """The style takes the photograph's colours: with a red artwork the result does not turn red."""
    grain = noise_image(40, 40, 4).getchannel(0)
    red = Image.merge("RGB", (grain, Image.new("L", (40, 40)), Image.new("L", (40, 40))))
    recipe = {"losses": {"mean-std": {"weight": 10, "layers": ["relu1_1"]}}, "optimizer": "adam"}
    kept = array(refine("content", style=red, recipe=recipe, color=mode, steps=5)).astype(int)
    plain = array(refine("content", style=red, recipe=recipe, steps=5)).astype(int)
    start = array(begun(refine, "content")).astype(int)
    assert np.abs((kept - start)[..., 1].mean()) < np.abs((plain - start)[..., 1].mean())


def test_a_choice_for_each_style(refine: Any, artwork: Image.Image) -> None:
    values = {"style": [artwork, noise_image(40, 40, 9)], "masks": [half(True), half(False)], "content": pale()}
    values["optimizer"] = "adam"
    result = array(refine("content", color=["luminance", None], steps=4, **values))
    difference = np.abs(chroma(result) - chroma(array(pale())))
    assert difference[:, :22].max() < 3
    assert difference[:, 26:].max() > 3
    everywhere = array(refine("content", color="luminance", steps=4, background=artwork, **values))
    assert np.abs(chroma(everywhere) - chroma(array(pale()))).max() < 3
    shared = {"style": values["style"], "content": pale(), "optimizer": "adam", "steps": 4}
    halfway = chroma(array(refine("content", color=["luminance", None], **shared)))
    none, both = (chroma(array(refine("content", color=color, **shared))) for color in (None, "luminance"))
    assert np.abs(halfway - (none + both) / 2).max() < 4


# ------------------------------------------------------------------------------------------------ stopping and failing


def test_the_callback_stops_it(refine: Any) -> None:
    seen: list[Progress] = []
    result = refine("content", steps=100, progress=lambda p: seen.append(p) or p.step == 2)
    assert len(seen) == 2
    assert result.size == (48, 40)


def test_errors_of_the_callback_are_the_callers(refine: Any) -> None:
    def fail(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refine("content", progress=fail)


@pytest.mark.parametrize("extra", [{}, {"coarsest": 32, "growth": 2}, {"color": "luminance"}])
def test_numbers_gone_wrong(refine: Any, extra: dict[str, Any]) -> None:
    with pytest.raises(RefinementError, match="no longer a finite number at step") as caught:
        refine("content", steps=20, optimizer="sgd", lr=1e38, bounds="none", **extra)
    image = caught.value.image
    assert image.shape == (1, 3, 40, 48)
    assert bool(image.isfinite().all())
    assert isinstance(caught.value, adain.AdainError)
    assert caught.value.step >= 2


# ------------------------------------------------------------------------------------------------------ other networks


def weights_file(name: str, path: Path) -> Path:
    """Random weights in torchvision's form."""
    import torchvision
    from torch import nn

    torch.manual_seed(1)
    with torch.device("meta"):
        network = getattr(torchvision.models, name)(weights=None)
    setattr(network, ARCHITECTURES[name].head.removesuffix("."), nn.Identity())
    network = network.to_empty(device="cpu")
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
    torch.save(network.state_dict(), path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vgg16", "resnet50"])
def test_other_backbones(refine: Any, name: str, tmp_path: Path) -> None:
    path = weights_file(name, tmp_path / f"{name}.pth")
    values = {"recipe": "refine-fast", "backbone": name, "backbone_weights": path}
    seen = watched(refine, "content", steps=4, **values)
    assert set(seen[0].losses) == {"content", "gram"}
    assert min(p.total for p in seen) < seen[0].total
    refine("content", content=torch.rand(2, 3, 40, 48), **values)
    with pytest.raises(InputError, match=rf"{name} has no layer relu1_9: did you mean 'relu1"):
        refine(losses={"gram": {"layers": ["relu1_9"]}}, **values)
    with pytest.raises(InputError, match=rf"{name} has no layer relu9_1"):
        refine(losses={"gram": {"layers": ["relu9_1", "relu1_1"]}}, **values)
    with pytest.raises(MissingFileError):
        refine(**(values | {"backbone_weights": tmp_path / "none.pth"}))


def test_missing_weights_are_told_before_any_work(refine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(pictures, "one_pass", never)
    with pytest.raises(MissingFileError, match="vgg16 does not ship"):
        refine(backbone="vgg16")


@pytest.mark.slow
def test_the_shipped_model_and_default_sizes() -> None:
    """As in the documentation's first lines, without a stylizer of one's own."""
    content, style = noise_image(64, 48), noise_image(48, 48, 2)
    before = torch.get_rng_state()
    result = adain.refine(content, style, steps=1, content_size=48, style_size=48, device="cpu")
    assert torch.equal(torch.get_rng_state(), before)
    assert result.size == (64, 48)
