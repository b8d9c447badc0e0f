"""Colour, regions, blends and scale in the one pass, through the stylizer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import adain
from adain import ColorPreservation, Region, Regions
from adain._utils.errors import InputError
from adain.control.color import _lightness, _to_coordinates
from adain.control.masks import ramp
from adain.control.recolor import mean_covariance
from adain.control.regions import lay_cells
from adain.control.style import Style
from adain.nn.adain import adaptive_instance_norm
from adain.nn.statistics import channel_mean_std
from adain.stylizer.content import Content
from adain.stylizer.looks import canvas_of
from adain.stylizer.stylizer import Stylizer
from adain.stylizer.transfer import transfer
from tests.conftest import noise_image
from tests.models import stylizer

__all__ = ["stylizer"]

PHOTO, ART, OTHER = noise_image(72, 48, 1), noise_image(64, 48, 2), noise_image(48, 48, 3)
MODES = ("luminance", "linear", "histogram")
LEFT = torch.zeros(48, 72)
LEFT[:, :40] = 1


@pytest.fixture(scope="module")
def wave(stylizer: Stylizer) -> Style:
    return stylizer.encode_style(ART, size=48)


@pytest.fixture(scope="module")
def harbour(stylizer: Stylizer) -> Style:
    return stylizer.encode_style(OTHER, size=48)


@pytest.fixture(scope="module")
def content(stylizer: Stylizer) -> Content:
    return stylizer.encode_content(PHOTO)


def picture(result: Any) -> np.ndarray[Any, Any]:
    return np.asarray(result).astype(int)


# Regions


@pytest.mark.parametrize("mask", [torch.ones(48, 72), torch.ones(31, 46), Image.new("1", (144, 96), 1)])
@pytest.mark.parametrize("color", [None, *MODES])
def test_a_full_mask_is_no_mask(stylizer: Stylizer, content: Content, mask: Any, color: str | None) -> None:
    plain = stylizer.stylize(content, ART, style_size=48, alpha=0.9, color=color)
    size: dict[str, Any] = {"style_size": 48, "alpha": 0.9}
    masked = stylizer.stylize(content, [ART], masks=[mask], color=[color], **size)
    assert masked.tobytes() == plain.tobytes()
    by_region = stylizer.stylize(content, [ART], masks=[mask], color=color, style_size=48, alpha=[0.9])
    assert by_region.tobytes() == plain.tobytes()
    covered = stylizer.stylize(content, [ART], masks=[mask], color=color, feather=6, background=OTHER, **size)
    assert covered.tobytes() == plain.tobytes()


def test_a_full_mask_with_two_sizes(stylizer: Stylizer, content: Content) -> None:
    sizes: dict[str, Any] = {"style_size": 64, "fine_style_size": 32}
    masked = stylizer.stylize(content, [ART], masks=[torch.ones(48, 72)], **sizes)
    assert masked.tobytes() == stylizer.stylize(content, ART, **sizes).tobytes()


def test_a_full_style_mask_is_no_style_mask(stylizer: Stylizer) -> None:
    plain = stylizer.encode_style(ART, size=40)
    masked = stylizer.encode_style(ART, size=40, mask=torch.ones(30, 40))
    assert torch.equal(plain.mean, masked.mean)
    assert torch.equal(plain.std, masked.std)


def test_hard_masks_give_what_each_style_gives_with_the_regions_statistics(
    stylizer: Stylizer, wave: Style, harbour: Style
) -> None:
    content = stylizer.encode_content(torch.rand(1, 3, 32, 208))
    left = torch.zeros(1, 1, 32, 208)
    left[..., :104] = 1
    got = stylizer.stylize(content, [wave, harbour], masks=[left, 1 - left])
    assert isinstance(got, torch.Tensor)
    # Beyond the reach of the decoder from the seam: 5 cells of 8 px.
    for style, mask, inside in ((wave, left, slice(0, 64)), (harbour, 1 - left, slice(144, 208))):
        stats = channel_mean_std(content.features, lay_cells(mask, ["mask 1"]))
        single = adaptive_instance_norm(content.features, style.mean, style.std, content_stats=stats)
        with torch.no_grad():
            expected = stylizer.decoder(single).clamp(0, 1)
        torch.testing.assert_close(got[..., inside], expected[..., inside], atol=1e-4, rtol=1e-4)


def test_uncovered_parts_keep_the_photograph_or_take_a_background(
    stylizer: Stylizer, content: Content, wave: Style, harbour: Style
) -> None:
    plain = picture(stylizer.stylize(content, wave, alpha=0))
    corner = torch.zeros(48, 72)
    corner[:, :8] = 1
    kept = picture(stylizer.stylize(content, [wave], masks=[corner]))
    assert np.abs(kept - plain)[:, 56:].max() == 0
    given = stylizer.stylize(content, [wave], masks=[LEFT], background=harbour)
    both = stylizer.stylize(content, [wave, harbour], masks=[LEFT, 1 - LEFT])
    assert given.tobytes() == both.tobytes()


def test_alpha_for_each_region(stylizer: Stylizer, content: Content, wave: Style, harbour: Style) -> None:
    def run(alpha: float | list[float], **more: Any) -> bytes:
        return bytes(stylizer.stylize(content, [wave, harbour], masks=[LEFT, 1 - LEFT], alpha=alpha, **more).tobytes())

    assert run([0.5, 0.5]) == run(0.5)
    assert run([0.5, 1.0]) not in (run(0.5), run(1.0))
    assert run([0, 0]) == stylizer.stylize(content, wave, alpha=0).tobytes()
    with_background = stylizer.stylize(content, [wave], masks=[LEFT], background=harbour, alpha=[0.5, 0.25])
    assert with_background.tobytes() == run([0.5, 0.25])


def test_values_and_arguments_agree(stylizer: Stylizer, content: Content, wave: Style, harbour: Style) -> None:
    value = Regions([Region(wave, LEFT, 0.5)], background=harbour, feather=4, background_alpha=0.8)
    arguments = stylizer.stylize(content, [wave], masks=[LEFT], alpha=[0.5, 0.8], background=harbour, feather=4)
    assert stylizer.stylize(content, value).tobytes() == arguments.tobytes()
    decoded = stylizer.decode(content, value)
    assert decoded.shape == (1, 3, 48, 72)
    weaker = stylizer.stylize(content, [wave], masks=[LEFT], alpha=[0.25, 0.4], background=harbour, feather=4)
    assert stylizer.stylize(content, value, alpha=0.5).tobytes() == weaker.tobytes()


def test_blends_stand_in_regions(stylizer: Stylizer, content: Content, wave: Style, harbour: Style) -> None:
    mixed = adain.blend([wave, harbour], [1, 0])
    one = stylizer.stylize(content, Regions([Region(mixed, LEFT)]))
    assert one.tobytes() == stylizer.stylize(content, [wave], masks=[LEFT]).tobytes()


def test_gradient(stylizer: Stylizer, wave: Style, harbour: Style) -> None:
    content = stylizer.encode_content(torch.rand(1, 3, 32, 160))
    for direction in ("horizontal", ramp((32, 160), "horizontal")):
        target = adain.gradient(wave, harbour, direction)  # type: ignore[arg-type]
        placed = target.place(canvas_of(content))
        torch.testing.assert_close(placed.masks.sum(dim=0), torch.ones(1, 32, 160))
        got = transfer(content.features, placed)
        ends = [transfer(content.features, style) for style in (wave, harbour)]
        share = placed.cells[0]
        torch.testing.assert_close(got, share * ends[0] + (1 - share) * ends[1], atol=1e-3, rtol=1e-3)


def test_masks_follow_size_and_crop(stylizer: Stylizer, wave: Style) -> None:
    assert stylizer.stylize(PHOTO, [wave], masks=[LEFT], content_size=32).size == (48, 32)
    out = picture(stylizer.stylize(PHOTO, [wave], masks=[torch.ones(48, 72)], crop=True))
    assert (out == picture(stylizer.stylize(PHOTO, wave, crop=True))).all()
    right = torch.zeros(48, 72)
    right[:, 60:] = 1
    with pytest.raises(InputError, match="black everywhere"):  # all of it cut off
        stylizer.stylize(PHOTO, [wave], masks=[right], crop=True)


def test_transparency_is_kept_with_masks(stylizer: Stylizer, wave: Style) -> None:
    image = PHOTO.copy()
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    out = stylizer.stylize(image, [wave], masks=[LEFT], color="luminance")
    assert out.mode == "RGBA"
    assert out.getchannel("A").tobytes() == image.getchannel("A").tobytes()


def test_mask_from_the_alpha_channel(stylizer: Stylizer, content: Content, wave: Style) -> None:
    cutout = Image.new("RGBA", (72, 48), (9, 9, 9, 0))
    cutout.paste((0, 0, 0, 255), (0, 0, 40, 48))
    out = stylizer.stylize(content, [wave], masks=[cutout], mask_channel="alpha")
    assert out.tobytes() == stylizer.stylize(content, [wave], masks=[LEFT]).tobytes()


def test_batches_share_masks(stylizer: Stylizer, wave: Style) -> None:
    photos = torch.rand(2, 3, 48, 72)
    together = stylizer.stylize(photos, [wave], masks=[LEFT], color="luminance")
    for k in range(2):
        alone = stylizer.stylize(photos[k : k + 1], [wave], masks=[LEFT], color="luminance")
        torch.testing.assert_close(together[k : k + 1], alone, atol=1e-4, rtol=1e-4)


def test_networks_run_once_whatever_the_regions(stylizer: Stylizer, wave: Style, harbour: Style) -> None:
    calls: list[str] = []
    hooks = [
        net.register_forward_hook(lambda *_, name=name: calls.append(name))
        for name, net in (("encoder", stylizer.encoder), ("decoder", stylizer.decoder))
    ]
    thirds = torch.zeros(3, 48, 72)
    for k in range(3):
        thirds[k, :, 24 * k : 24 * k + 24] = 1
    stylizer.stylize(PHOTO, [wave, harbour, wave], masks=[*thirds], color=["luminance", None, "none"], feather=2)
    for hook in hooks:
        hook.remove()
    assert calls == ["encoder", "decoder"]


def test_style_masks(stylizer: Stylizer, content: Content) -> None:
    both = Image.new("RGB", (96, 48))
    both.paste(ART.resize((48, 48)), (0, 0))
    both.paste(OTHER, (48, 0))
    mask = torch.zeros(48, 96)
    mask[:, :48] = 1
    part = stylizer.encode_style(both, size=48, mask=mask)
    with torch.no_grad():
        features = stylizer.encoder.features(stylizer.open(both).to_tensor())
    mean, std = channel_mean_std(features, lay_cells(mask[None, None], ["mask 1"]))
    assert torch.equal(part.mean, mean)
    assert torch.equal(part.std, std)
    out = stylizer.stylize(content, [both], style_masks=[mask], style_size=48)
    assert out.tobytes() == stylizer.stylize(content, part).tobytes()
    whole = stylizer.stylize(content, both, style_masks=[None], style_size=48)
    assert whole.tobytes() == stylizer.stylize(content, both, style_size=48).tobytes()


# Blends


def test_weights(stylizer: Stylizer, content: Content, wave: Style, harbour: Style) -> None:
    def run(weights: list[float] | None, color: Any = None) -> bytes:
        return bytes(stylizer.stylize(content, [wave, harbour], weights=weights, color=color).tobytes())

    assert run([1, 0]) == stylizer.stylize(content, wave).tobytes()
    assert run([3, 1]) == run([0.75, 0.25])
    assert run(None) == run([1, 1])
    assert run([1, 0], ["luminance", None]) == stylizer.stylize(content, wave, color="luminance").tobytes()
    assert run([0, 1], ["luminance", None]) == stylizer.stylize(content, harbour).tobytes()
    half = picture(stylizer.stylize(content, [wave, harbour], color=["luminance", "none"]))
    strength = ColorPreservation("luminance", strength=0.5)
    assert np.abs(half - picture(stylizer.stylize(content, [wave, harbour], color=strength))).max() <= 1


# Colour


@pytest.mark.parametrize("space", ["ycbcr", "lab"])
def test_luminance_keeps_the_chroma(stylizer: Stylizer, wave: Style, space: str) -> None:
    """Where nothing had to be cut to [0, 1], in the pixels that come out."""
    content = stylizer.encode_content(0.35 + 0.3 * torch.rand(1, 3, 48, 72))
    out = stylizer.stylize(content, wave, alpha=0.5, color=ColorPreservation("luminance", space=space))
    assert isinstance(out, torch.Tensor)
    uncut = ((out > 0) & (out < 1)).all(dim=1, keepdim=True)
    assert uncut.float().mean() > 0.5
    planes = [_to_coordinates(image, space) for image in (out, content.colors())]
    chroma = [plane - _lightness(image, space) for plane, image in zip(planes, (out, content.colors()), strict=True)]
    assert float(((chroma[0] - chroma[1]).abs() * uncut).max()) < 1 / 255
    plain = stylizer.stylize(content, wave, alpha=0.5)
    if space == "ycbcr":
        light = [_lightness(image, space) for image in (out, plain)]
        assert float(((light[0] - light[1]).abs() * uncut).max()) < 1 / 255


@pytest.mark.parametrize("method", ["monge-kantorovich", "cholesky", "symmetric"])
def test_linear_gives_the_style_the_colours_of_its_region(
    stylizer: Stylizer, content: Content, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Tensor] = []
    encoder = stylizer.encoder.forward
    monkeypatch.setattr(stylizer.encoder, "forward", lambda x, *a, **k: (seen.append(x), encoder(x, *a, **k))[1])
    color = ColorPreservation("linear", method=method)
    stylizer.stylize(content, [ART, OTHER], masks=[LEFT, 1 - LEFT], color=color, style_size=48)
    stylizer.stylize(content, ART, color=color, style_size=48)
    masks = [LEFT[None, None], 1 - LEFT[None, None], None]
    assert len(seen) == 3
    for recoloured, mask in zip(seen, masks, strict=True):
        for got, wanted in zip(mean_covariance(recoloured), mean_covariance(content.colors(), mask), strict=True):
            torch.testing.assert_close(got, wanted, atol=1e-3, rtol=0)


@pytest.mark.parametrize("mode", ["none", *MODES])
@pytest.mark.parametrize(
    "art",
    [
        noise_image(32, 32, 4, "L"),
        Image.new("RGB", (32, 32), (200, 30, 30)),
        Image.fromarray(np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8)),
    ],
    ids=["grey", "one colour", "two pixels"],
)
def test_poor_styles_give_finite_output(stylizer: Stylizer, mode: str, art: Image.Image) -> None:
    photo = torch.rand(1, 3, 32, 48)
    color = ColorPreservation(mode, match_luma=mode == "luminance")
    for masks in (None, [ramp((32, 48))]):
        out = stylizer.stylize(photo, [art], color=color, style_size=32, masks=masks)
        assert bool(out.isfinite().all())


def test_colour_by_region(stylizer: Stylizer, content: Content, wave: Style, harbour: Style) -> None:
    masks = [LEFT, 1 - LEFT]
    plain = picture(stylizer.stylize(content, [wave, harbour], masks=masks))
    kept = picture(stylizer.stylize(content, [wave, harbour], masks=masks, color="luminance"))
    mixed = picture(stylizer.stylize(content, [wave, harbour], masks=masks, color=["luminance", None]))
    assert (mixed[:, :40] == kept[:, :40]).all()
    assert (mixed[:, 40:] == plain[:, 40:]).all()
    lab = ColorPreservation("luminance", space="lab")
    two = picture(stylizer.stylize(content, [wave, harbour], masks=masks, color=["luminance", lab]))
    assert np.abs(two[:, :40] - kept[:, :40]).max() <= 1
    rest = picture(stylizer.stylize(content, [wave], masks=[LEFT], background=harbour, color=[None, "luminance"]))
    assert (rest[:, :40] == plain[:, :40]).all()
    assert (rest[:, 40:] == kept[:, 40:]).all()


def test_styles_by_hand(stylizer: Stylizer, content: Content) -> None:
    for source in (content, PHOTO):
        by_hand = stylizer.encode_style(ART, size=48, color="linear", content=source)
        out = stylizer.stylize(content, by_hand)
        assert out.tobytes() == stylizer.stylize(content, ART, color="linear", style_size=48).tobytes()


def test_gradients_pass_through_the_controls(stylizer: Stylizer) -> None:
    photo = torch.rand(1, 3, 16, 24, requires_grad=True)
    art = torch.rand(1, 3, 16, 16, requires_grad=True)
    color = [ColorPreservation("linear"), ColorPreservation("luminance", match_luma=True)]
    out = stylizer.stylize(photo, [art, art], masks=[ramp((16, 24)), 1 - ramp((16, 24))], color=color, style_size=16)
    out.mean().backward()
    for tensor in (photo, art):
        assert tensor.grad is not None
        assert bool(tensor.grad.isfinite().all())
        assert float(tensor.grad.abs().sum()) > 0


# Errors


def one_dot(side: int = 480) -> torch.Tensor:
    mask = torch.zeros(side, side * 3 // 2)
    mask[0, 0] = 1
    return mask


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"masks": [LEFT]}, "1 mask for 2 styles"),
        ({"masks": [LEFT, 0 * LEFT]}, "mask 2 is black everywhere"),
        ({"masks": [LEFT, one_dot(48)]}, "mask 2 vanishes in the features"),
        ({"masks": [LEFT, LEFT.mT]}, "mask 2 is 48x72 px and the picture 72x48 px"),
        ({"masks": [LEFT, LEFT], "weights": [1, 1]}, "with masks give each region an alpha"),
        ({"masks": [LEFT, LEFT], "alpha": [1, 1, 1]}, "3 alphas for 2 regions"),
        ({"masks": [LEFT, LEFT], "alpha": [1, 2]}, "alpha must be between"),
        ({"masks": [LEFT, LEFT], "feather": -1}, "feather must be a number, at least 0, not -1"),
        ({"alpha": [1, 1]}, "several values of alpha need masks"),
        ({"weights": [1, float("nan")]}, "weights must be a number, at least 0, not nan"),
        ({"weights": [1, -1]}, "weights must be a number, at least 0, not -1"),
        ({"weights": [0, 0]}, "weights must not all be 0"),
        ({"weights": [1]}, "1 weight for 2 styles: weights takes one for each"),
        ({"background": ART}, "background needs masks"),
        ({"feather": 3}, "feather needs masks"),
        ({"style_masks": [LEFT]}, "1 style mask for 2 styles"),
        ({"style_masks": [LEFT, None]}, "style 1 is encoded already"),
        ({"color": "linear"}, "pass its picture"),
        ({"color": ["none", "linear"]}, "pass its picture"),
        ({"color": "sepia"}, "color cannot be 'sepia': use one of none, luminance, linear"),
        ({"color": ["none"] * 3}, "3 colour modes for 2 styles"),
    ],
)
def test_one_line_errors(
    stylizer: Stylizer, content: Content, wave: Style, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        stylizer.stylize(content, [wave, wave], **arguments)
    assert "\n" not in str(caught.value)


def test_more_errors(stylizer: Stylizer, content: Content, wave: Style) -> None:
    def fails(message: str, style: Any, content: Any = content, **arguments: Any) -> None:
        with pytest.raises(InputError, match=message):
            stylizer.stylize(content, style, **arguments)

    fails("no style given", [])
    fails("Regions hold their own", Regions([Region(wave, LEFT)]), masks=[LEFT])
    fails("pass its picture", Regions([Region(wave, LEFT)]), color="histogram")
    fails("no pixels to keep", wave, Content(content.features, content.size), color="luminance")
    with pytest.raises(InputError, match="at least one Region"):
        Regions([])
    with pytest.raises(InputError, match="alpha must be"):
        Region(wave, LEFT, 2)
    with pytest.raises(InputError, match="needs the photograph"):
        stylizer.encode_style(ART, color="linear")


def test_messages_name_the_mask(stylizer: Stylizer, content: Content, wave: Style, tmp_path: Path) -> None:
    path = tmp_path / "sky.png"
    Image.new("L", (72, 48)).save(path)
    with pytest.raises(InputError, match=r"mask sky\.png is black"):
        stylizer.stylize(content, [wave], masks=[path])
    with pytest.raises(InputError, match="mask of label 3 is black"):
        stylizer.stylize(content, Regions([Region(wave, 0 * LEFT, name="of label 3")]))
    with pytest.raises(InputError, match="mask of the style is black"):
        stylizer.encode_style(ART, mask=torch.zeros(48, 64))


def test_sequences_are_not_paths(stylizer: Stylizer, content: Content, photo: Path, art: Path) -> None:
    def run(style: Any) -> Sequence[int]:
        return bytes(stylizer.stylize(content, style, style_size=32).tobytes())

    assert run(str(art)) == run([str(art)]) == run((art,))
