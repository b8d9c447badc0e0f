from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from adain._utils.errors import InputError
from adain.control.regions import Placement
from adain.control.style import Style
from adain.image import read_image, resize_shorter, to_tensor
from adain.metrics import warping_error
from adain.nn import adaptive_instance_norm, channel_mean_std
from adain.nn.statistics import EPS
from adain.stylizer.content import Content
from adain.stylizer.stylizer import Stylizer
from adain.stylizer.transfer import transfer
from adain.video import steady
from adain.video.steady import FlowFinder, Steadier
from benchmarks.motion import Camera, moving_view
from tests.conftest import sample


def style(seed: int = 0) -> Style:
    torch.manual_seed(seed)
    return Style(torch.rand(1, 8, 1, 1), torch.rand(1, 8, 1, 1) + 0.5, "s", torch.rand(1, 8, 1, 1) + 0.2)


def plain(style: Style) -> Style:
    return Style(style.mean, style.std, style.name)


def test_statistics_run_on_as_an_exponential_average() -> None:
    frames = [torch.rand(1, 8, 6, 7) * k for k in (1, 2, 3)]
    steadier = Steadier(0.5)
    decay = 0.5 * steady.MOMENT_DECAY
    mean, variance = channel_mean_std(frames[0])[0], channel_mean_std(frames[0])[1].square()
    for k, frame in enumerate(frames):
        m, s = channel_mean_std(frame)
        if k:
            mean, variance = decay * mean + (1 - decay) * m, decay * variance + (1 - decay) * s.square()
        target = steadier.target(plain(style()), frame)
        expected = adaptive_instance_norm(
            frame, style().mean, style().std, content_stats=(mean, variance.clamp_min(EPS).sqrt())
        )
        assert torch.allclose(transfer(frame, target), expected, atol=1e-5)
    steadier.cut()
    again = steadier.target(plain(style()), frames[0])
    assert torch.allclose(transfer(frames[0], again), transfer(frames[0], plain(style())), atol=1e-5)


def test_statistics_of_each_region_and_of_the_fine_band() -> None:
    frames = [torch.rand(1, 8, 6, 8), torch.rand(1, 8, 6, 8) * 2 + 1]
    left = torch.zeros(1, 1, 6, 8)
    left[..., :4] = 1
    cells = torch.cat([left, 1 - left])
    pair = Placement((plain(style(0)), plain(style(1))), (1.0, 1.0), cells, cells)
    both = Steadier(0.8)
    halves = [Steadier(0.8), Steadier(0.8)]
    for frame in frames:
        target = both.target(pair, frame)
        result = transfer(frame, target)
        for k, part in enumerate((slice(0, 4), slice(4, 8))):
            alone = halves[k].target(pair.styles[k], frame[..., part])
            assert torch.allclose(result[..., part], transfer(frame[..., part], alone), atol=1e-4)
    fine = Steadier(0.8)
    fine.target(style(), frames[0])
    moved = fine.target(style(), frames[1])
    assert isinstance(moved, Style)
    assert moved.fine_std is not None
    assert torch.allclose(moved.fine_std / style().fine_std, moved.std / style().std)


def test_arrays_get_arrays_of_the_same_numbers() -> None:
    content = [frame.image for frame in moving_view(photo(160), (48, 64), 3, Camera((2.0, 1.0)))]
    cells = torch.zeros(1, 1, 6, 8)
    cells[..., :4] = 1
    cells = torch.cat([cells, 1 - cells])
    for look in (style(), plain(style()), Placement((style(0), style(1)), (1.0, 0.5), cells, cells)):
        tensors, arrays, resumed = Steadier(0.7), Steadier(0.7), Steadier(0.7)
        for image in content:
            features, output = torch.rand(1, 8, 6, 8), torch.rand_like(image)
            expected = tensors.target(look, features)
            target = arrays.target(look.to(None), features.numpy())
            for a, b in zip(statistics(target), statistics(expected), strict=True):
                assert isinstance(a, np.ndarray)
                assert np.array_equal(a, b.numpy())
            painted = arrays.blend(output.numpy(), image.numpy())
            assert isinstance(painted, np.ndarray)
            assert np.array_equal(painted, tensors.blend(output, image).numpy())
            resumed.restore(arrays.state(), None)
        features, output = torch.rand(1, 8, 6, 8).numpy(), torch.rand(1, 3, 48, 64).numpy()
        for a, b in zip(*(statistics(s.target(look.to(None), features)) for s in (resumed, arrays)), strict=True):
            assert np.array_equal(a, b)
        assert np.array_equal(*(s.blend(output, content[0].numpy()) for s in (resumed, arrays)))


def statistics(target: Style | Placement) -> list[Any]:
    styles = [target] if isinstance(target, Style) else target.styles
    found = [part for each in styles for part in (each.mean, each.std, each.fine_std) if part is not None]
    return found if isinstance(target, Style) else [*found, target.masks, target.cells]


def test_strength_0_does_nothing() -> None:
    steadier, look = Steadier(0.0), style()
    assert steadier.target(look, torch.rand(1, 8, 4, 4)) is look
    for _ in range(2):
        image = torch.rand(1, 3, 32, 32)
        assert steadier.blend(image, torch.rand(1, 3, 32, 32)) is image
    assert steadier.state() == {}
    with pytest.raises(InputError, match="between 0"):
        Steadier(1.01)


def photo(size: int, name: str = "cincinnati-bridge") -> torch.Tensor:
    return resize_shorter(to_tensor(read_image(sample("content", name)).convert("RGB")), size)


def test_flow_is_found() -> None:
    frames = [*moving_view(photo(160), (96, 128), 3, Camera((2.3, -1.4), 1.01, 0.5))]
    flow, back = FlowFinder().both_ways(frames[2].image, frames[1].image)
    inner = (flow - frames[2].flow)[..., 8:-8, 8:-8]
    assert float(inner.norm(dim=1).median()) < 0.25
    assert float((flow + back)[..., 8:-8, 8:-8].norm(dim=1).median()) < 0.5
    tiny = torch.rand(1, 3, 8, 40)
    assert not FlowFinder().both_ways(tiny, tiny)[0].any()


def test_results_follow_what_they_are_on() -> None:
    content = [frame.image for frame in moving_view(photo(160), (96, 128), 2, Camera((3.0, 0.0)))]
    steadier = Steadier(1.0)
    marks = torch.rand(1, 3, 96, 128)
    assert steadier.blend(marks, content[0]) is marks
    result = steadier.blend(torch.zeros(1, 3, 96, 128), content[1])
    share = result[..., 8:-8, 8:-16] / marks[..., 8:-8, 11:-13].clamp_min(0.02)
    assert float(share.median()) == pytest.approx(steady.BLEND, abs=0.15)
    steadier.cut()
    assert not steadier.blend(torch.zeros(1, 3, 96, 128), content[1]).any()


def test_nothing_is_blended_where_the_source_changes() -> None:
    steadier = Steadier(1.0)
    steadier.blend(torch.ones(1, 3, 96, 128), photo(160)[..., :96, :128])
    result = steadier.blend(torch.zeros(1, 3, 96, 128), photo(160, "chelsea")[..., :96, :128])
    assert float(result.mean()) < 0.1


def test_state() -> None:
    content = [frame.image for frame in moving_view(photo(160), (48, 64), 3, Camera((2.0, 1.0)))]
    outputs = [torch.rand(1, 3, 48, 64) for _ in content]
    features = [torch.rand(1, 8, 6, 8) for _ in content]
    first = Steadier(0.7)
    for k in range(2):
        first.target(style(), features[k])
        first.blend(outputs[k], content[k])
    second = Steadier(0.7)
    second.restore(first.state(), torch.device("cpu"))
    a, b = (s.target(style(), features[2]) for s in (first, second))
    assert isinstance(a, Style)
    assert isinstance(b, Style)
    assert torch.equal(a.mean, b.mean)
    assert torch.equal(first.blend(outputs[2], content[2]), second.blend(outputs[2], content[2]))


@pytest.mark.slow
@torch.no_grad()
def test_stability_halves_the_warping_error(stylizer: Stylizer) -> None:
    wave = stylizer.encode_style(sample("style", "hokusai_great_wave"), size=192)
    disc = photo(56, "chelsea")
    frames = [*moving_view(photo(240), (112, 144), 6, Camera((1.7, 0.6), 1.005, 0.3), front=disc, front_pan=(-2, 0.4))]
    errors = []
    for strength in (0.0, 0.7):
        steadier, total = Steadier(strength), 0.0
        before: torch.Tensor | None = None
        for frame in frames:
            content: Content = stylizer.encode_content(frame.image)
            painted = stylizer.decode(content, steadier.target(wave, content.features))
            painted = steadier.blend(painted, frame.image)
            if before is not None:
                total += float(warping_error(painted, before, frame.flow, frame.visible))
            before = painted
        errors.append(total)
    assert errors[1] <= errors[0] / 2


@pytest.mark.slow
@torch.no_grad()
def test_a_still_scene_with_noise_is_no_less_still(stylizer: Stylizer) -> None:
    wave = stylizer.encode_style(sample("style", "hokusai_great_wave"), size=192)
    still = photo(112)
    steadier = Steadier(0.7)
    noisy = [(still + torch.randn_like(still) * 4 / 255).clamp(0, 1) for _ in range(6)]
    outputs = []
    for image in noisy:
        content = stylizer.encode_content(image)
        outputs.append(steadier.blend(stylizer.decode(content, steadier.target(wave, content.features)), image))
    change = [
        float(sum((a - b).abs().mean() for a, b in zip(x[2:], x[1:], strict=False))) / 4 for x in (noisy, outputs)
    ]
    assert change[1] <= change[0] + 1 / 255
