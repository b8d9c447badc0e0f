from __future__ import annotations

import torch

from adain import blend
from adain.control.regions import Placement
from adain.control.style import Style
from adain.nn.adain import adaptive_instance_norm
from adain.nn.bands import fine_band
from adain.nn.statistics import channel_mean_std
from adain.stylizer.stylizer import Stylizer
from adain.stylizer.transfer import transfer
from tests.conftest import noise_image
from tests.models import stylizer

__all__ = ["stylizer"]


def style(seed: int, fine: float | None = None) -> Style:
    generator = torch.Generator().manual_seed(seed)
    mean, std = (torch.rand(1, 5, 1, 1, generator=generator) + 0.5 for _ in range(2))
    return Style(mean, std, f"s{seed}", None if fine is None else fine * std)


def test_fine_band_has_no_slope_and_keeps_detail() -> None:
    flat = torch.full((1, 2, 12, 20), 3.0)
    assert fine_band(flat).abs().max() < 1e-5
    dots = torch.zeros(1, 1, 21, 21)
    dots[..., 10, 10] = 1
    assert fine_band(dots)[..., 10, 10] > 0.9
    assert fine_band(torch.rand(1, 2, 1, 3)).isfinite().all()


def test_equal_deviations_are_adain() -> None:
    features, s = torch.rand(2, 5, 9, 12), style(1, 1.0)
    expected = adaptive_instance_norm(features, s.mean, s.std, 0.7)
    torch.testing.assert_close(transfer(features, s, 0.7), expected)


def test_each_band_has_its_deviation() -> None:
    features, s = torch.rand(2, 5, 16, 20), style(1, 3.0)
    mean, std = channel_mean_std(features)
    normal = (features - mean) / std
    high = fine_band(normal)
    expected = s.mean + s.std * (normal - high) + 3.0 * s.std * high
    torch.testing.assert_close(transfer(features, s), expected, atol=1e-4, rtol=1e-4)
    mixed = transfer(features, s, 0.25)
    torch.testing.assert_close(mixed, 0.75 * features + 0.25 * expected, atol=1e-4, rtol=1e-4)


def test_by_region() -> None:
    """Each half is what the style gives with the statistics of that half."""
    features = torch.rand(1, 5, 8, 40)
    cells = torch.zeros(2, 1, 8, 40)
    cells[0, ..., :20], cells[1, ..., 20:] = 1, 1
    styles = (style(1, 2.0), style(2))
    for shared in (False, True):
        got = transfer(features, Placement(styles, (1.0, 0.5), cells, cells, shared))
        for k, (part, alpha) in enumerate(((slice(0, 20), 1.0), (slice(20, 40), 0.5))):
            mean, std = channel_mean_std(features, None if shared else cells[k : k + 1])
            full = adaptive_instance_norm(features, styles[k].mean, styles[k].std, content_stats=(mean, std))
            if styles[k].fine_std is not None:
                full = full + (styles[k].fine_std - styles[k].std) / std * fine_band(features)
            expected = (1 - alpha) * features + alpha * full
            torch.testing.assert_close(got[..., part], expected[..., part], atol=1e-4, rtol=1e-4)


def test_blends_mix_the_fine_deviations_too() -> None:
    a, b = style(1, 2.0), style(2)
    mixed = blend([a, b], [1, 3])
    assert mixed.fine_std is not None
    torch.testing.assert_close(mixed.fine_std, 0.25 * a.fine_std + 0.75 * b.std)
    assert blend([b, b]).fine_std is None
    assert a.to("cpu").fine_std is not None


def test_two_sizes_of_an_artwork(stylizer: Stylizer) -> None:
    photo, art = noise_image(64, 48), noise_image(128, 128, 3)
    both = stylizer.encode_style(art, size=128, fine_size=32)
    coarse, fine = stylizer.encode_style(art, size=128), stylizer.encode_style(art, size=32)
    assert both.fine_std is not None
    assert torch.equal(both.mean, coarse.mean)
    assert torch.equal(both.std, coarse.std)
    assert torch.equal(both.fine_std, fine.std)
    out = stylizer.stylize(photo, art, style_size=128, fine_style_size=32)
    assert out.tobytes() == stylizer.stylize(photo, both).tobytes()
    assert out.tobytes() != stylizer.stylize(photo, coarse).tobytes()
    same = stylizer.stylize(torch.rand(1, 3, 32, 32), art, style_size=32, fine_style_size=32)
    assert same.isfinite().all()
