from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adain._utils.errors import InputError
from adain.losses import GramLoss, gram_loss, gram_matrix

from . import (
    SIZE,
    box_guide,
    check_autocast,
    check_batch_is_mean,
    check_gradient,
    check_half,
    feature_map,
    features,
    gradient,
    soft_guide,
)


def test_matrix_loops() -> None:
    x, guide = feature_map(0, b=2), soft_guide(b=2)
    got, guided = gram_matrix(x), gram_matrix(x, guide)
    assert got.shape == (2, 3, 3)
    for b in range(2):
        for i in range(3):
            for j in range(3):
                product = x[b, i] * x[b, j]
                torch.testing.assert_close(got[b, i, j], product.mean())
                torch.testing.assert_close(guided[b, i, j], (guide[b, 0] * product).sum() / guide[b, 0].sum())


def test_classic_form() -> None:
    """1/(4 N² M²) Σ (G − A)² with unnormalised Gram matrices (Gatys et al. 2016, eq. 3 and 4)."""
    x, y = feature_map(0), feature_map(1)
    n, m = 3, SIZE[0] * SIZE[1]
    total = 0.0
    for i in range(n):
        for j in range(n):
            total += float((x[0, i] * x[0, j]).sum() - (y[0, i] * y[0, j]).sum()) ** 2
    expected = torch.tensor(total / (4 * n**2 * m**2), dtype=torch.float64)
    torch.testing.assert_close(gram_loss(gram_matrix(x), gram_matrix(y)), expected)
    torch.testing.assert_close(GramLoss({"a": y}, 5.0, "a")({"a": x}), 5.0 * expected)


def test_layers_are_weighted_and_summed() -> None:
    x, y = features(0), features(10)
    got = GramLoss(y, 2.0, {"relu1_1": 0.5, "relu3_1": 3.0})(x)
    one, three = (GramLoss(y, 1.0, layer)(x) for layer in ("relu1_1", "relu3_1"))
    torch.testing.assert_close(got, 2.0 * (0.5 * one + 3.0 * three))


@pytest.mark.parametrize("guide", [None, soft_guide()], ids=["everywhere", "guided"])
@pytest.mark.parametrize("layer", ["relu1_1", "relu2_1", "relu3_1"])
def test_gradient(layer: str, guide: torch.Tensor | None) -> None:
    loss = GramLoss(features(10), 2.0, layer, guide)
    check_gradient(lambda f: loss({layer: f}), features(0)[layer])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_full_guide_is_none(dtype: torch.dtype) -> None:
    """To the bit: the features are multiplied by ones, and the sum is divided by the same count."""
    x = feature_map(0, b=2, c=16, size=(37, 53)).to(dtype)
    assert torch.equal(gram_matrix(x, torch.ones(1, 1, 37, 53)), gram_matrix(x))


def test_guide_counts_by_its_own_area() -> None:
    """5 % of the picture give the Gram matrix, and so the loss, of that part alone."""
    size = (20, 30)
    x, y = feature_map(0, size=size), feature_map(1, size=size)
    guide = box_guide(4, 7, 5, 6, size)
    assert float(guide.mean()) == pytest.approx(0.05)
    part = x[..., 4:9, 7:13]
    torch.testing.assert_close(gram_matrix(x, guide), gram_matrix(part))
    torch.testing.assert_close(gram_matrix(x, 0.1 * guide), gram_matrix(part))
    torch.testing.assert_close(GramLoss({"a": y}, 1.0, "a", guide)({"a": x}), GramLoss({"a": y}, 1.0, "a")({"a": part}))
    torch.testing.assert_close(
        GramLoss({"a": y}, 1.0, "a", target_guide=guide)({"a": x}),
        GramLoss({"a": y[..., 4:9, 7:13]}, 1.0, "a")({"a": x}),
    )


def test_loss_does_not_scale_with_the_area() -> None:
    """The same texture in a larger region costs the same."""
    tile = feature_map(0, size=(4, 4))
    x = tile.repeat(1, 1, 6, 6)
    target = {"a": feature_map(1)}
    losses = [
        float(GramLoss(target, 1.0, "a", box_guide(0, 0, side, side, (24, 24)))({"a": x})) for side in (4, 8, 16, 24)
    ]
    assert losses == pytest.approx([losses[0]] * 4)


def test_nothing_outside_the_guide_moves() -> None:
    loss = GramLoss({"a": feature_map(1)}, 1.0, "a", box_guide(2, 3, 7, 4))
    slope = gradient(lambda f: loss({"a": f}), feature_map(0))
    outside = box_guide(2, 3, 7, 4) == 0
    assert bool((slope.masked_select(outside) == 0).all())
    assert float(slope.abs().sum()) > 0


def test_batch() -> None:
    loss = GramLoss({"a": feature_map(1)}, 1.0, "a")
    check_batch_is_mean(lambda f: loss({"a": f}), feature_map(0, b=3))
    x, guides = feature_map(0, b=2), soft_guide(b=2)
    each = [GramLoss({"a": feature_map(1)}, 1.0, "a", guides[k : k + 1])({"a": x[k : k + 1]}) for k in range(2)]
    torch.testing.assert_close(GramLoss({"a": feature_map(1)}, 1.0, "a", guides)({"a": x}), torch.stack(each).mean())


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(0.1, 10.0))
def test_laws(seed: int, scale: float) -> None:
    x, y = feature_map(seed), feature_map(seed + 1)
    value = GramLoss({"a": y}, 1.0, "a")({"a": x})
    assert float(value) >= 0.0
    assert float(GramLoss({"a": x}, 1.0, "a")({"a": x})) == 0.0
    shuffled = x.flatten(2)[..., torch.randperm(SIZE[0] * SIZE[1])].view_as(x)
    torch.testing.assert_close(GramLoss({"a": y}, 1.0, "a")({"a": shuffled}), value)
    # Second moments are quadratic in the features, their squared difference of the fourth power.
    torch.testing.assert_close(GramLoss({"a": scale * y}, 1.0, "a")({"a": scale * x}), scale**4 * value)


def test_half_precision() -> None:
    loss = GramLoss({"a": feature_map(1, c=8).float()}, 1.0, "a")
    check_half(lambda f: loss({"a": f}), feature_map(0, c=8))
    check_autocast(lambda f: loss({"a": f}), feature_map(0, c=8))
    check_autocast(gram_matrix, feature_map(0, c=8))
    check_autocast(lambda f: gram_matrix(f, soft_guide()), feature_map(0, c=8))


def test_errors() -> None:
    with pytest.raises(InputError, match=r"Gram matrices \(1, 3, 3\) cannot be compared with a target \(1, 4, 4\)"):
        GramLoss({"a": feature_map(0, c=4)}, 1.0, "a")({"a": feature_map(0)})
    with pytest.raises(InputError, match="cannot be compared"):
        GramLoss({"a": feature_map(0, b=2)}, 1.0, "a")({"a": feature_map(0, b=3)})
    with pytest.raises(InputError, match="GramLoss needs b, which is not among a"):
        GramLoss({"a": feature_map(0)}, 1.0, "b")


def test_repr() -> None:
    loss = GramLoss(features(0), 1e3, {"relu1_1": 1.0, "relu2_1": 0.25}, soft_guide())
    assert repr(loss) == "GramLoss(weight=1000, layers=relu1_1, 0.25 relu2_1, guided)"
