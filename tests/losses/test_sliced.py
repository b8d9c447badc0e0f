from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adain._utils.errors import InputError
from adain.losses import SlicedWassersteinLoss, directions, sliced_wasserstein_loss, sorted_projections
from adain.losses import sliced as module

from . import (
    SIZE,
    box_guide,
    check_autocast,
    check_batch_is_mean,
    check_gradient,
    check_half,
    feature_map,
    soft_guide,
)


def reference(x: torch.Tensor, y: torch.Tensor, along: torch.Tensor) -> torch.Tensor:
    """One picture against one with as many positions: sorted values, one direction at a time."""
    costs = []
    for direction in along:
        p = torch.stack([(direction * v).sum() for v in x[0].flatten(1).T]).sort().values
        q = torch.stack([(direction * v).sum() for v in y[0].flatten(1).T]).sort().values
        costs.append((p - q).square().mean())
    return torch.stack(costs).mean()


def test_directions() -> None:
    turn = directions(5)
    torch.testing.assert_close(turn @ turn.T, torch.eye(5, dtype=torch.float64))
    more = directions(5, 12)
    assert more.shape == (12, 5)
    torch.testing.assert_close(more.norm(dim=1), torch.ones(12, dtype=torch.float64))
    assert torch.equal(more[:5], turn)
    assert torch.equal(directions(5, 12), more)
    assert not torch.equal(directions(5, seed=1), turn)
    assert directions(5, 2).shape == (2, 5)


def test_sorted_formula() -> None:
    x, y = feature_map(0), feature_map(1)
    loss = SlicedWassersteinLoss({"a": y}, 2.0, "a", count=7)
    torch.testing.assert_close(loss({"a": x}), 2.0 * reference(x, y, directions(3, 7)))


def test_different_sizes() -> None:
    """Twice the same positions are the same distribution, so that the distance hardly changes."""
    x, y = feature_map(0, size=(40, 40)), feature_map(1, size=(40, 40)) + 1.0
    twice = torch.cat([y, y], dim=3)
    one = SlicedWassersteinLoss({"a": y}, layers="a")({"a": x})
    torch.testing.assert_close(SlicedWassersteinLoss({"a": twice}, layers="a")({"a": x}), one, rtol=1e-2, atol=0.0)
    assert float(SlicedWassersteinLoss({"a": twice}, layers="a")({"a": y})) < 1e-3 * float(one)


def test_interpolated_quantiles() -> None:
    """Two target values, three found ones: their levels 1/6, 1/2, 5/6 lie before, between and behind 1/4 and 3/4."""
    x = torch.tensor([5.0, 1.0, 3.0]).view(1, 1, 1, 3)
    values, shares = torch.tensor([[[0.0, 10.0]]]), torch.tensor([[[0.5, 0.5]]])
    got = sliced_wasserstein_loss(x, torch.ones(1, 1), values, shares)
    torch.testing.assert_close(got, torch.tensor(((1 - 0) ** 2 + (3 - 5) ** 2 + (5 - 10) ** 2) / 3.0))
    single = sliced_wasserstein_loss(x, torch.ones(1, 1), values[..., :1], torch.ones(1, 1, 1))
    torch.testing.assert_close(single, torch.tensor((1 + 9 + 25) / 3.0))
    alone = sliced_wasserstein_loss(x[..., :1], torch.ones(1, 1), values, shares)
    torch.testing.assert_close(alone, torch.tensor(0.0))


@pytest.mark.parametrize("guide", [None, soft_guide()], ids=["everywhere", "guided"])
@pytest.mark.parametrize("size", [SIZE, (6, 5)])
def test_gradient(size: tuple[int, int], guide: torch.Tensor | None) -> None:
    loss = SlicedWassersteinLoss({"a": feature_map(1, size=size)}, 2.0, "a", guide)
    check_gradient(lambda f: loss({"a": f}), feature_map(0))


def test_guide() -> None:
    """Also of a style whose excluded values lie between those that count."""
    x, y = feature_map(0), feature_map(1, size=(10, 11))
    guided = SlicedWassersteinLoss(
        {"a": y}, layers="a", guide=box_guide(2, 3, 7, 4), target_guide=box_guide(1, 1, 5, 6, (10, 11))
    )
    cropped = SlicedWassersteinLoss({"a": y[..., 1:6, 1:7]}, layers="a")
    torch.testing.assert_close(guided({"a": x}), cropped({"a": x[..., 2:9, 3:7]}))
    full = SlicedWassersteinLoss({"a": y}, layers="a", guide=torch.ones(1, 1, *SIZE))
    torch.testing.assert_close(full({"a": x}), SlicedWassersteinLoss({"a": y}, layers="a")({"a": x}))
    same = SlicedWassersteinLoss({"a": x}, layers="a", guide=box_guide(2, 3, 7, 4), target_guide=box_guide(2, 3, 7, 4))
    assert float(same({"a": x})) < 1e-20


def test_soft_guide_repeats_positions() -> None:
    """Half the weight is half the positions: a position of weight 1 equals two of weight 1/2 beside each other."""
    x, y = feature_map(0, size=(30, 30)), feature_map(1, size=(30, 30)) + 1.0
    guide = 0.5 * torch.ones(1, 1, 30, 60, dtype=torch.float64)
    guide[..., 20:, :] = 1.0
    doubled = x.repeat_interleave(2, dim=3)
    loss = SlicedWassersteinLoss({"a": y}, layers="a", guide=guide)({"a": doubled})
    plain = SlicedWassersteinLoss({"a": y}, layers="a", guide=guide[..., ::2].contiguous())({"a": x})
    torch.testing.assert_close(loss, plain, rtol=1e-2, atol=0.0)


def test_sorted_projections() -> None:
    x, guide = feature_map(0, b=2), soft_guide(b=2)
    values, shares = sorted_projections(x, directions(3, 4), guide)
    assert values.shape == shares.shape == (2, 4, SIZE[0] * SIZE[1])
    assert bool((values.diff(dim=2) >= 0).all())
    assert bool(values.isfinite().all())
    torch.testing.assert_close(shares.sum(dim=2), torch.ones(2, 4, dtype=torch.float64))
    values, shares = sorted_projections(x, directions(3, 4))
    assert shares.shape == (1, 1, SIZE[0] * SIZE[1])
    torch.testing.assert_close(shares.sum(), torch.ones((), dtype=torch.float64))


@pytest.mark.parametrize("guide", [None, soft_guide(b=3)], ids=["everywhere", "guided"])
def test_pieces(guide: torch.Tensor | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many directions are sorted at a time does not matter."""
    x, y = feature_map(0, b=3, c=5), feature_map(1, c=5)
    loss = SlicedWassersteinLoss({"a": y}, layers="a", guide=guide, target_guide=soft_guide(8))
    at_once = loss({"a": x})
    for size in (1, 2 * x[:, 0].numel()):
        monkeypatch.setattr(module, "CHUNK", size)
        torch.testing.assert_close(loss({"a": x}), at_once, rtol=1e-12, atol=0.0)


def test_batch() -> None:
    x = feature_map(0, b=3)
    for guide in (None, soft_guide()):
        loss = SlicedWassersteinLoss({"a": feature_map(1)}, layers="a", guide=guide)
        check_batch_is_mean(lambda f, m=loss: m({"a": f}), x)
    target = feature_map(1, b=3)
    each = [SlicedWassersteinLoss({"a": target[k : k + 1]}, layers="a")({"a": x[k : k + 1]}) for k in range(3)]
    torch.testing.assert_close(SlicedWassersteinLoss({"a": target}, layers="a")({"a": x}), torch.stack(each).mean())


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(0.1, 10.0))
def test_laws(seed: int, scale: float) -> None:
    x, y = feature_map(seed), feature_map(seed + 1)
    value = SlicedWassersteinLoss({"a": y}, layers="a")({"a": x})
    assert float(value) >= 0.0
    shuffled = x.flatten(2)[..., torch.randperm(SIZE[0] * SIZE[1])].view_as(x)
    torch.testing.assert_close(SlicedWassersteinLoss({"a": y}, layers="a")({"a": shuffled}), value)
    assert float(SlicedWassersteinLoss({"a": x}, layers="a")({"a": x})) == 0.0
    assert float(SlicedWassersteinLoss({"a": x}, layers="a")({"a": shuffled})) < 1e-24
    torch.testing.assert_close(SlicedWassersteinLoss({"a": scale * y}, layers="a")({"a": scale * x}), scale**2 * value)
    # A shift by the vector s costs |s|² / C: the mean over an orthonormal set of directions.
    shift = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64).view(1, 3, 1, 1)
    moved = SlicedWassersteinLoss({"a": x}, layers="a")({"a": x + shift})
    torch.testing.assert_close(moved, shift.square().sum() / 3)


def test_many_positions_keep_their_rank() -> None:
    """A guide of ones agrees with none among hundreds of thousands of positions."""
    x, y = feature_map(0, c=1, size=(600, 700)).float(), feature_map(1, c=1, size=(600, 700)).float()
    plain = SlicedWassersteinLoss({"a": y}, layers="a")({"a": x})
    full = SlicedWassersteinLoss({"a": y}, layers="a", guide=torch.ones(1, 1, 600, 700))({"a": x})
    torch.testing.assert_close(full, plain, rtol=1e-3, atol=0.0)


def test_half_precision() -> None:
    for guide in (None, soft_guide()):
        loss = SlicedWassersteinLoss({"a": feature_map(1, c=8).float()}, layers="a", guide=guide)
        check_half(lambda f, m=loss: m({"a": f}), feature_map(0, c=8))
        check_autocast(lambda f, m=loss: m({"a": f}), feature_map(0, c=8))


def test_errors() -> None:
    y = feature_map(1)
    with pytest.raises(InputError, match="at least one direction, not 0"):
        SlicedWassersteinLoss({"a": y}, layers="a", count=0)
    with pytest.raises(InputError, match=r"directions in 3 dimensions do not fit features \(1, 4, 13, 9\)"):
        SlicedWassersteinLoss({"a": y}, layers="a")({"a": feature_map(0, c=4)})
    with pytest.raises(InputError, match="values along 3 directions of 3 pictures cannot be compared"):
        SlicedWassersteinLoss({"a": feature_map(1, b=2)}, layers="a")({"a": feature_map(0, b=3)})
    values, shares = sorted_projections(y, directions(3))
    with pytest.raises(InputError, match="values along 2 directions"):
        sliced_wasserstein_loss(y, directions(3, 2), values, shares)
    with pytest.raises(InputError, match="SlicedWassersteinLoss needs b"):
        SlicedWassersteinLoss({"a": y}, layers="b")


def test_repr() -> None:
    y = {"a": feature_map(1)}
    assert repr(SlicedWassersteinLoss(y, 2.0, "a", count=16)) == "SlicedWassersteinLoss(weight=2, layers=a, count=16)"
    assert repr(SlicedWassersteinLoss(y, layers="a")) == "SlicedWassersteinLoss(weight=1, layers=a)"
