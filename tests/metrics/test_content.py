from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch

from adain import metrics
from adain._utils.errors import InputError
from adain.metrics import CFSD_LAYER, cfsd
from adain.metrics.content import DISTANCE_LAYERS
from adain.nn.vgg import CONTENT_LAYER


def features(seed: int) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    return {layer: torch.rand(2, 6, 8, 8, generator=g) * (seed + 1) for layer in DISTANCE_LAYERS}


def test_content_distance_ignores_the_statistics_a_style_replaces() -> None:
    content = features(0)
    recoloured = {k: v * 3.0 + 5.0 for k, v in content.items()}
    assert float(metrics.content_distance(recoloured, content)) < 1e-4
    unrelated = float(metrics.content_distance(features(7), content))
    assert unrelated == pytest.approx(2.0, abs=0.3)


def test_content_loss_of_a_shift() -> None:
    content = features(0)
    shifted = {k: v + 0.5 for k, v in content.items()}
    assert float(metrics.content_feature_loss(shifted, content)) == pytest.approx(0.25)
    assert float(metrics.content_feature_loss(content, content)) == 0.0


def test_the_target_itself_has_no_target_loss() -> None:
    content, style = features(0), features(3)
    f, s = content[CONTENT_LAYER], style[CONTENT_LAYER]
    moments = [
        (x.mean((2, 3), keepdim=True), (x.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()) for x in (f, s)
    ]
    target = (f - moments[0][0]) / moments[0][1] * moments[1][1] + moments[1][0]
    known = metrics.target_statistics(style)
    assert known.shape == (2, 2, 6, 1, 1)
    assert float(metrics.content_target_loss({CONTENT_LAYER: target}, content, known)) < 1e-10
    missed = float(metrics.content_target_loss({CONTENT_LAYER: target + 2.0}, content, known))
    assert missed == pytest.approx(4.0, rel=1e-5)
    # The content itself misses it by how far the style is from the content, and by nothing in its own style.
    own = metrics.target_statistics(content)
    assert float(metrics.content_target_loss(content, content, own)) < 1e-10
    assert float(metrics.content_target_loss(content, content, known)) == pytest.approx(
        float((f - target).square().mean())
    )


def test_vgg_distance_closed_forms() -> None:
    def along(channel: int, length: float) -> dict[str, torch.Tensor]:
        x = torch.zeros(1, 3, 4, 4)
        x[:, channel] = length
        return dict.fromkeys(DISTANCE_LAYERS, x)

    assert float(metrics.vgg_distance(along(0, 1.0), along(0, 7.0))) == 0.0  # length does not count
    assert float(metrics.vgg_distance(along(0, 1.0), along(1, 2.0))) == 2.0  # nothing in common
    diagonal = dict.fromkeys(DISTANCE_LAYERS, torch.ones(1, 3, 4, 4))
    expected = 2.0 - 2.0 / math.sqrt(3.0)
    assert float(metrics.vgg_distance(along(2, 1.0), diagonal)) == pytest.approx(expected, rel=1e-6)


def test_vgg_distance_recomputed_of_each_picture() -> None:
    output, content = features(0), features(2)
    expected = torch.zeros(2)
    for layer in DISTANCE_LAYERS:
        f, p = output[layer], content[layer]
        cosine = (f * p).sum(1) / (f.square().sum(1) * p.square().sum(1)).sqrt()
        expected += (2.0 - 2.0 * cosine).mean((1, 2)) / len(DISTANCE_LAYERS)
    torch.testing.assert_close(metrics.vgg_distance(output, content), expected)
    torch.testing.assert_close(metrics.vgg_distance(output, output), torch.zeros(2))


def test_vgg_distance_of_different_sizes() -> None:
    small = {layer: x[..., :4] for layer, x in features(0).items()}
    with pytest.raises(InputError, match="different sizes"):
        metrics.vgg_distance(small, features(0))


def seen(x: torch.Tensor) -> dict[str, torch.Tensor]:
    return {CFSD_LAYER: x}


def plain(output: torch.Tensor, content: torch.Tensor) -> float:
    """The formula in float64, cell by cell."""

    def rows(x: torch.Tensor) -> npt.NDArray[np.float64]:
        f = x[0].flatten(1).double().numpy()
        logits = f.T @ f / len(f) ** 2
        likeness = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(likeness / likeness.sum(axis=1, keepdims=True))

    s_content, s_output = rows(content), rows(output)
    return float(sum(np.sum(c * np.log(c / o)) for c, o in zip(s_content, s_output, strict=True)))


def test_identical_pictures() -> None:
    x = 9.0 * torch.rand(1, 8, 6, 5)
    assert float(cfsd(seen(x), seen(x))) == 0.0


def test_constant_pictures_are_alike_everywhere() -> None:
    # Every cell is as like every other, whatever the constant.
    a, b = torch.full((1, 8, 6, 6), 3.0), torch.full((1, 8, 6, 6), 0.5)
    assert float(cfsd(seen(a), seen(b))) < 1e-5


def test_against_a_constant_output_it_is_what_the_content_lacks_of_full_entropy() -> None:
    content = 8.0 * torch.rand(1, 4, 3, 3)
    f = content[0].flatten(1).double()
    p = torch.softmax(f.mT @ f / 16, dim=1)
    entropy = -(p * p.log()).sum()
    expected = 9 * np.log(9) - float(entropy)
    assert float(cfsd(seen(torch.ones(1, 4, 3, 3)), seen(content))) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("size", [(4, 7), (33, 20)])  # the second has more cells than are done at once
def test_recomputed(size: tuple[int, int]) -> None:
    output, content = 6.0 * torch.rand(1, 5, *size), 6.0 * torch.rand(1, 5, *size)
    assert float(cfsd(seen(output), seen(content))) == pytest.approx(plain(output, content), rel=1e-4)
    assert float(cfsd(seen(content), seen(output))) == pytest.approx(plain(content, output), rel=1e-4)


def test_large_maps_are_averaged() -> None:
    output, content = 6.0 * torch.rand(1, 5, 8, 12), 6.0 * torch.rand(1, 5, 8, 12)
    small = [torch.nn.functional.avg_pool2d(x, 2) for x in (output, content)]
    found = float(cfsd(seen(output), seen(content), cells=6))  # 8 by 12 cells become 6 by 6
    assert found != float(cfsd(seen(output), seen(content)))
    halved = [torch.nn.functional.adaptive_avg_pool2d(x, (4, 6)) for x in (output, content)]
    torch.testing.assert_close(halved, small)
    assert float(cfsd(seen(small[0]), seen(small[1]), cells=None)) == pytest.approx(plain(*small), rel=1e-4)
    whole = float(cfsd(seen(output), seen(content), cells=None))
    assert whole == pytest.approx(plain(output, content), rel=1e-4)


def test_pictures_that_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="of one size"):
        cfsd(seen(torch.ones(1, 4, 3, 3)), seen(torch.ones(1, 4, 3, 4)))
    with pytest.raises(InputError, match="two pictures"):
        cfsd(seen(torch.ones(2, 4, 3, 3)), seen(torch.ones(2, 4, 3, 3)))
