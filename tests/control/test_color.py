from __future__ import annotations

import dataclasses
import math

import kornia.color
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from adain._utils.errors import InputError
from adain.control.color import METHODS, MODES, SPACES, ColorPreservation, match_luma, preserve_luminance
from adain.control.recolor import match_histogram, match_linear
from adain.options import Options

from ..colors import picture
from ..conftest import python

SEEDS = st.integers(0, 2**31)


def chroma(image: Tensor, space: str) -> Tensor:
    """Chroma in units in which 1/255 is one 8-bit level, by kornia where it has the space."""
    if space == "ycbcr":
        return kornia.color.rgb_to_ycbcr(image)[:, 1:]
    return kornia.color.rgb_to_lab(image)[:, 1:] / 255


def lightness(image: Tensor, space: str) -> Tensor:
    return kornia.color.rgb_to_lab(image)[:, :1] if space == "lab" else kornia.color.rgb_to_y(image)


# Luminance


@pytest.mark.parametrize("space", SPACES)
@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_luminance_of_the_output_and_chroma_of_the_content(space: str, seed: int) -> None:
    output, content = picture(seed), picture(seed + 1)
    kept = preserve_luminance(output, content, space=space, clamp=False)
    assert float((chroma(kept, space) - chroma(content, space)).abs().max()) < 1 / 255 / 10
    torch.testing.assert_close(lightness(kept, space), lightness(output, space), atol=2e-2, rtol=1e-4)


@pytest.mark.parametrize("space", SPACES)
def test_chroma_is_kept_beyond_the_gamut(space: str) -> None:
    # Pure yellow, blue and red at the lightness of black, and of white.
    content = torch.tensor([[1.0, 1, 0], [0, 0, 1], [1, 0, 0]]).T.view(1, 3, 1, 3).repeat(1, 1, 2, 1)
    output = torch.tensor([0.0, 1.0]).view(1, 1, 2, 1).expand(1, 3, 2, 3)
    kept = preserve_luminance(output, content, space=space, clamp=False)
    assert float((chroma(kept, space) - chroma(content, space)).abs().max()) < 1 / 255
    cut = preserve_luminance(output, content, space=space)
    torch.testing.assert_close(cut, kept.clamp(0, 1))
    assert float(kept.min()) < 0 < 1 < float(kept.max())


def test_luminance_in_ycbcr_agrees_with_kornia() -> None:
    output, content = picture(1), picture(2)
    mixed = torch.cat([kornia.color.rgb_to_ycbcr(output)[:, :1], kornia.color.rgb_to_ycbcr(content)[:, 1:]], dim=1)
    torch.testing.assert_close(preserve_luminance(output, content), kornia.color.ycbcr_to_rgb(mixed), atol=5e-4, rtol=0)


def test_luminance_in_lab_agrees_with_kornia() -> None:
    output, content = picture(1), picture(2)
    mixed = torch.cat([kornia.color.rgb_to_lab(output)[:, :1], kornia.color.rgb_to_lab(content)[:, 1:]], dim=1)
    torch.testing.assert_close(
        preserve_luminance(output, content, space="lab"), kornia.color.lab_to_rgb(mixed), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("space", SPACES)
def test_luminance_of_an_image_with_itself(space: str) -> None:
    image = torch.cat([picture(3), torch.zeros(1, 3, 1, 10), torch.ones(1, 3, 1, 10)], dim=2)
    torch.testing.assert_close(preserve_luminance(image, image, space=space), image, atol=1e-5, rtol=0)


@pytest.mark.parametrize("space", SPACES)
def test_grey_content_gives_a_grey_result(space: str) -> None:
    kept = preserve_luminance(picture(1), picture(2).mean(dim=1, keepdim=True).expand(-1, 3, -1, -1), space=space)
    assert float((kept.amax(1) - kept.amin(1)).max()) < 1e-3


def test_luminance_strength() -> None:
    output, content = picture(1), picture(2)
    assert preserve_luminance(output, content, strength=0) is output
    full = preserve_luminance(output, content, clamp=False)
    torch.testing.assert_close(
        preserve_luminance(output, content, strength=0.3), (0.7 * output + 0.3 * full).clamp(0, 1)
    )


def test_luminance_mask() -> None:
    output, content = picture(1, batch=2), picture(2)
    full = preserve_luminance(output, content)
    assert torch.equal(preserve_luminance(output, content, mask=torch.ones(2, 1, 12, 10)), full)
    mask = torch.zeros(1, 1, 12, 10)
    mask[..., 5:] = 1
    mixed = preserve_luminance(output, content, mask=mask)
    assert torch.equal(mixed[..., :5], output[..., :5])
    assert torch.equal(mixed[..., 5:], full[..., 5:])
    soft = preserve_luminance(output, content, mask=mask * 0.5, clamp=False)
    torch.testing.assert_close(soft, preserve_luminance(output, content, mask=mask, strength=0.5, clamp=False))


@pytest.mark.parametrize("space", SPACES)
def test_luminance_gradient(space: str) -> None:
    output, content = (0.1 + 0.8 * picture(k, 2, 3, dtype=torch.float64) for k in (1, 2))
    mask = torch.rand(1, 1, 2, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda o, c: preserve_luminance(o, c, space=space, strength=0.7, mask=mask, clamp=False),
        (output.requires_grad_(), content.requires_grad_()),
    )


@pytest.mark.parametrize("space", SPACES)
def test_luminance_gradient_of_black_and_white_is_finite(space: str) -> None:
    output = torch.tensor([0.0, 1.0]).expand(1, 3, 2, 2).clone().requires_grad_()
    preserve_luminance(output, output.detach().flip(3), space=space).sum().backward()
    assert output.grad is not None
    assert bool(output.grad.isfinite().all())


# The style's luma


@pytest.mark.parametrize("space", SPACES)
@given(seed=SEEDS)
@settings(max_examples=10, deadline=None)
def test_luma_gets_the_mean_and_deviation_of_the_content(space: str, seed: int) -> None:
    style, content = picture(seed, dtype=torch.float64), 0.2 + 0.5 * picture(seed + 1, 7, 9, dtype=torch.float64)
    matched = match_luma(style, content, space=space)
    scale = 100 if space == "lab" else 1
    got, wanted = (lightness(x, space) / scale for x in (matched, content))
    # The formula of the paper, but for the epsilon in the deviations.
    luma = lightness(style, space) / scale
    expected = wanted.std(correction=0) / luma.std(correction=0) * (luma - luma.mean()) + wanted.mean()
    torch.testing.assert_close(got, expected, atol=2e-3, rtol=0)
    assert float((chroma(matched, space) - chroma(style, space)).abs().max()) < 1e-4


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize(("style", "content"), [(0.3, None), (None, 0.7), (0.0, 1.0)])
def test_luma_of_flat_pictures(space: str, style: float | None, content: float | None) -> None:
    s = picture(1) if style is None else torch.full((1, 3, 4, 4), style)
    c = picture(2) if content is None else torch.full((1, 3, 4, 4), content)
    matched = match_luma(s, c, space=space)
    assert bool(matched.isfinite().all())
    assert float(lightness(matched, space).std()) <= float(lightness(c, space).std()) + (5 if space == "lab" else 0.02)
    torch.testing.assert_close(lightness(matched, space).mean(), lightness(c, space).mean(), atol=1e-2, rtol=1e-3)


def test_luma_masks() -> None:
    style, content = picture(1), picture(2)
    ones = torch.ones(1, 1, 12, 10)
    full = match_luma(style, content)
    torch.testing.assert_close(match_luma(style, content, style_mask=ones, content_mask=ones), full)
    left = torch.zeros(1, 1, 12, 10)
    left[..., :4] = 1
    torch.testing.assert_close(
        match_luma(style, content, style_mask=left, content_mask=left)[..., :4],
        match_luma(style[..., :4], content[..., :4]),
    )


def test_luma_strength_clamp_and_gradient() -> None:
    style, content = picture(1), picture(2) * 3 - 1
    assert match_luma(style, content, strength=0) is style
    full = match_luma(style, content)
    torch.testing.assert_close(match_luma(style, content, strength=0.5), (style + full) / 2)
    assert torch.equal(match_luma(style, content, clamp=True), full.clamp(0, 1))
    pair = tuple(picture(k, 2, 3, dtype=torch.float64).requires_grad_() for k in (1, 2))
    assert torch.autograd.gradcheck(match_luma, pair)


# Everything


@pytest.mark.parametrize(("outputs", "contents"), [(2, 2), (1, 3), (3, 1)])
@pytest.mark.parametrize("space", SPACES)
def test_luminance_of_batches(space: str, outputs: int, contents: int) -> None:
    output, content = picture(1, batch=outputs), picture(2, batch=contents)
    got = preserve_luminance(output, content, space=space, strength=0.9)
    for k in range(max(outputs, contents)):
        i, j = min(k, outputs - 1), min(k, contents - 1)
        expected = preserve_luminance(output[i : i + 1], content[j : j + 1], space=space, strength=0.9)
        torch.testing.assert_close(got[k : k + 1], expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(
    "settings_",
    [
        *(ColorPreservation("luminance", space=s, match_luma=True) for s in SPACES),
        *(ColorPreservation("linear", method=m) for m in METHODS),
        ColorPreservation("histogram"),
    ],
    ids=lambda s: f"{s.mode}-{s.space}-{s.method}",
)
def test_other_types_keep_theirs(settings_: ColorPreservation, dtype: torch.dtype) -> None:
    style, content = picture(1, 32, 32).to(dtype), picture(2, 32, 32).to(dtype)
    results = settings_.apply_to_style(style, content), settings_.apply_to_output(style, content)
    expected = (
        settings_.apply_to_style(style.float(), content.float()),
        settings_.apply_to_output(style.float(), content.float()),
    )
    for got, wanted in zip(results, expected, strict=True):
        assert got.dtype == dtype
        torch.testing.assert_close(got.float(), wanted, atol=1e-2, rtol=0)


def test_autocast_changes_nothing() -> None:
    style, content = picture(1), picture(2)
    for settings_ in (ColorPreservation("linear"), ColorPreservation(space="lab", match_luma=True)):
        plain = settings_.apply_to_output(settings_.apply_to_style(style, content), content)
        with torch.autocast("cpu", torch.bfloat16):
            cast = settings_.apply_to_output(settings_.apply_to_style(style, content), content)
        assert torch.equal(cast, plain)


def test_channels_last_gives_the_same() -> None:
    style, content = picture(1), picture(2)
    for mode in MODES:
        kept = ColorPreservation(mode, match_luma=True)
        last = [x.contiguous(memory_format=torch.channels_last) for x in (style, content)]
        torch.testing.assert_close(kept.apply_to_style(*last), kept.apply_to_style(style, content))
        torch.testing.assert_close(kept.apply_to_output(*last), kept.apply_to_output(style, content))


def test_errors_of_luminance() -> None:
    with pytest.raises(InputError, match="output is 10x12 px and the content 10x6"):
        preserve_luminance(picture(1), picture(2, height=6))
    for space in ("hsv", "yiq"):  # the last gave the picture of ycbcr
        with pytest.raises(InputError, match=f"unknown colour space '{space}': choose one of ycbcr, lab$"):
            preserve_luminance(picture(1), picture(2), space=space)
    with pytest.raises(InputError, match="mask must be"):
        preserve_luminance(picture(1), picture(2), mask=torch.ones(12, 10))
    with pytest.raises(InputError, match="strength must be between 0"):
        preserve_luminance(picture(1), picture(2), strength=math.nan)


# The settings


def test_settings_default_to_the_defaults() -> None:
    kept = ColorPreservation()
    assert (kept.mode, kept.space, kept.method) == ("luminance", "ycbcr", "monge-kantorovich")
    assert kept.strength == 1.0
    options = Options()
    assert (kept.space, kept.method, kept.strength, kept.match_luma) == (
        options.color_space,
        options.color_method,
        options.color_strength,
        options.match_luma,
    )
    assert (MODES[1], SPACES[0], METHODS[0]) == (kept.mode, kept.space, kept.method)
    with pytest.raises(dataclasses.FrozenInstanceError):
        kept.mode = "none"  # type: ignore[misc]


def test_settings_do_what_the_functions_do() -> None:
    style, content = picture(1), picture(2)
    mask = torch.rand(1, 1, 12, 10)
    masks = {"style_mask": mask, "content_mask": mask.flip(3)}
    linear = ColorPreservation("linear", method="cholesky", strength=0.5)
    assert torch.equal(
        linear.apply_to_style(style, content, **masks),
        match_linear(style, content, method="cholesky", strength=0.5, **masks),
    )
    histogram = ColorPreservation("histogram", strength=0.5)
    assert torch.equal(
        histogram.apply_to_style(style, content, **masks), match_histogram(style, content, strength=0.5, **masks)
    )
    luminance = ColorPreservation(space="lab", strength=0.5, match_luma=True)
    assert torch.equal(
        luminance.apply_to_style(style, content, **masks),
        match_luma(style, content, space="lab", strength=0.5, **masks),
    )
    assert torch.equal(
        luminance.apply_to_output(style, content, mask=mask),
        preserve_luminance(style, content, space="lab", strength=0.5, mask=mask),
    )


@pytest.mark.parametrize(
    ("kept", "before", "after"),
    [
        (ColorPreservation("none", match_luma=True), False, False),
        (ColorPreservation("luminance"), False, True),
        (ColorPreservation("luminance", match_luma=True), True, True),
        (ColorPreservation("luminance", match_luma=True, strength=0), False, False),
        (ColorPreservation("linear"), True, False),
        (ColorPreservation("linear", strength=0), False, False),
        (ColorPreservation("histogram"), True, False),
    ],
)
def test_settings_tell_what_they_change(kept: ColorPreservation, before: bool, after: bool) -> None:
    style, content = picture(1), picture(2)
    assert kept.needs_content is before
    assert kept.changes_output is after
    assert (kept.apply_to_style(style, content) is not style) is before
    assert (kept.apply_to_output(style, content) is not style) is after


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "lab"}, "unknown colour mode 'lab': choose one of none, luminance, linear, histogram"),
        ({"space": "RGB"}, "unknown colour space 'RGB': choose one of ycbcr, lab"),
        ({"method": "pca"}, "unknown colour method 'pca': choose one of monge-kantorovich, cholesky, symmetric"),
        ({"strength": -0.1}, "colour strength must be between 0 (no change) and 1 (full), not -0.1"),
    ],
)
def test_settings_refuse_what_they_do_not_know(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        ColorPreservation(**arguments)  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_only_lab_waits_for_kornia() -> None:
    code = """
import json, sys, torch
from adain.control import color
x = torch.rand(1, 3, 4, 4)
for kept in (color.ColorPreservation(match_luma=True), color.ColorPreservation("linear")):
    kept.apply_to_output(kept.apply_to_style(x, x), x)
before = [m for m in ("kornia", "torchvision") if m in sys.modules]
color.preserve_luminance(x, x, space="lab")
print(json.dumps({"before": before, "after": [m for m in ("kornia", "torchvision") if m in sys.modules]}))
"""
    assert python(code) == {"before": [], "after": ["kornia"]}
