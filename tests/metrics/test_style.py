from __future__ import annotations

import torch

from adain import metrics
from adain.nn.vgg import STYLE_LAYERS

LAYERS = metrics.GRAM_LAYERS


def features(seed: int) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    return {layer: torch.rand(2, 6, 8, 8, generator=g) * (seed + 1) for layer in LAYERS}


def test_residual_is_one_for_the_content_and_zero_for_the_style() -> None:
    content, style = features(0), features(1)
    torch.testing.assert_close(metrics.style_residual(content, content, style), torch.ones(2))
    torch.testing.assert_close(metrics.style_residual(style, content, style), torch.zeros(2))


def test_residual_half_way_is_a_quarter() -> None:
    # Statistics half-way from content to style leave a quarter of the squared distance.
    content = features(0)
    shift = {k: content[k] - content[k].mean((2, 3), keepdim=True) for k in content}
    a = {k: v + 1.0 for k, v in shift.items()}
    b = {k: v + 3.0 for k, v in shift.items()}
    middle = {k: v + 2.0 for k, v in shift.items()}
    torch.testing.assert_close(metrics.style_residual(middle, a, b), torch.full((2,), 0.25))


def test_residual_where_there_is_no_way_to_go() -> None:
    same = features(0)
    assert bool(metrics.style_residual(same, same, same).isnan().all())


def test_style_distance_recomputed() -> None:
    output, style = features(0), features(3)
    expected = torch.zeros(2, dtype=torch.float64)
    for layer in STYLE_LAYERS:
        f, g = output[layer].double().flatten(2), style[layer].double().flatten(2)
        expected += (f.mean(2) - g.mean(2)).square().mean(1)
        deviations = [(x.var(2, correction=0) + 1e-5).sqrt() for x in (f, g)]
        expected += (deviations[0] - deviations[1]).square().mean(1)
    found = metrics.style_distance(metrics.style_stats(output), metrics.style_stats(style))
    torch.testing.assert_close(found.double(), expected)


def test_gram_difference_of_constant_features() -> None:
    # All channels a everywhere: every entry of the Gram matrix is a², whatever the size.
    a = {layer: torch.full((1, 4, 5, 7), 1.5) for layer in LAYERS}
    b = {layer: torch.full((1, 4, 3, 2), 0.5) for layer in LAYERS}
    assert float(metrics.gram_difference(a, b)) == len(LAYERS) * (1.5**2 - 0.5**2) ** 2
    assert float(metrics.gram_difference(a, a)) == 0.0


def test_gram_difference_recomputed() -> None:
    output, style = features(0), features(1)
    expected = 0.0
    for layer in LAYERS:
        grams = [torch.einsum("bip,bjp->bij", x.flatten(2), x.flatten(2)) / 64 for x in (output[layer], style[layer])]
        expected += float((grams[0] - grams[1]).square().mean())
    torch.testing.assert_close(float(metrics.gram_difference(output, style)), expected, rtol=1e-5, atol=0)
    kept = metrics.gram_distance(metrics.gram_matrices(output), metrics.gram_matrices(style))
    assert float(kept) == float(metrics.gram_difference(output, style))
