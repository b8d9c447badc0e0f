from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from adain._utils.errors import InputError
from adain.losses import Balance, GradientNorm, LossRatio, make_balance
from adain.losses.balance import BALANCES, LIMIT

GROUPS = {"content": "content", "gram": "style", "sliced": "style"}


def quadratics(x: Tensor) -> dict[str, Tensor]:
    """Losses whose gradients differ by a factor of hundreds."""
    return {
        "content": 0.01 * (x - 1.0).square().sum(),
        "gram": 3.0 * (x + 2.0).square().sum(),
        "sliced": 2.0 * (x - 5.0).square().sum(),
        "variation": x.square().sum(),
    }


def group_norms(balance: Balance, x: Tensor) -> dict[str, float]:
    terms = quadratics(x)
    norms = {}
    for group in ("content", "style"):
        weighted = [balance.factor(name) * terms[name] for name in GROUPS if GROUPS[name] == group]
        (slope,) = torch.autograd.grad(torch.stack(weighted).sum(), x, retain_graph=True)
        norms[group] = float(slope.norm())
    return norms


def start() -> Tensor:
    return torch.linspace(-1.0, 0.5, 6).view(1, 1, 2, 3).requires_grad_()


def test_fixed() -> None:
    balance = Balance(GROUPS)
    x = start()
    balance.update(quadratics(x), x)
    assert balance.factors == {"content": 1.0, "style": 1.0}
    torch.testing.assert_close(balance.total(quadratics(x)), torch.stack(list(quadratics(x).values())).sum())


def test_gradient_norms_come_level() -> None:
    balance = GradientNorm(GROUPS)
    x = start()
    before = group_norms(balance, x)
    assert before["style"] > 100 * before["content"]
    for _ in range(40):
        balance.update(quadratics(x), x)
    after = group_norms(balance, x)
    assert after["content"] == pytest.approx(after["style"], rel=1e-4)
    # In proportion alone: the geometric mean of the factors stays 1, and what is in no group stays as it is.
    assert balance.factor("content") * balance.factor("gram") == pytest.approx(1.0)
    assert balance.factor("gram") == balance.factor("sliced")
    assert balance.factor("variation") == balance.factor("anything") == 1.0


def test_first_update_goes_half_the_way() -> None:
    once, often = GradientNorm(GROUPS), GradientNorm(GROUPS)
    x = start()
    once.update(quadratics(x), x)
    for _ in range(40):
        often.update(quadratics(x), x)
    assert once.factors["content"] == pytest.approx(math.sqrt(often.factors["content"]), rel=1e-4)


def test_total_and_its_graph() -> None:
    balance = GradientNorm(GROUPS)
    x = start()
    terms = quadratics(x)
    balance.update(terms, x)
    total = balance.total(terms)
    torch.testing.assert_close(total, torch.stack([balance.factor(n) * v for n, v in terms.items()]).sum())
    total.backward()  # the update kept the graph, and left nothing in the gradient
    (expected,) = torch.autograd.grad(balance.total(quadratics(x)), x)
    torch.testing.assert_close(x.grad, expected)


def test_loss_ratio() -> None:
    balance = LossRatio({"content": "content", "style": "style"})
    x = start()
    balance.update({"content": torch.tensor(4.0), "style": torch.tensor(100.0)}, x)
    assert balance.factors == {"content": 1.0, "style": 1.0}
    for _ in range(40):
        balance.update({"content": torch.tensor(4.0), "style": torch.tensor(1.0)}, x)
    # Content kept all of its value and style a hundredth.
    assert balance.factors["content"] / balance.factors["style"] == pytest.approx(100.0, rel=1e-4)
    for _ in range(40):
        balance.update({"content": torch.tensor(8.0), "style": torch.tensor(100.0)}, x)
    assert balance.factors["content"] == pytest.approx(1.0, rel=1e-4)


def test_loss_ratio_reads_losses_that_need_a_gradient() -> None:
    balance = LossRatio(GROUPS)
    x = start()
    balance.update(quadratics(x), x)
    assert balance.largest["content"] == pytest.approx(float(quadratics(x)["content"].detach()))


@pytest.mark.parametrize("name", BALANCES)
def test_content_that_starts_at_zero(name: str) -> None:
    """As on the photograph itself: neither value nor gradient."""
    balance = make_balance(name, GROUPS)
    photo = start()
    x = photo.detach().clone().requires_grad_()
    for step in range(5):
        terms = {"content": (x - photo.detach()).square().sum(), "gram": 1e4 * (x + 2.0).square().sum()}
        balance.update(terms, x)
        assert all(1 / LIMIT <= f <= LIMIT for f in balance.factors.values())
        if step == 0:
            assert balance.factor("content") == 1.0
        total = balance.total(terms)
        (slope,) = torch.autograd.grad(total, x)
        assert bool(total.isfinite())
        assert bool(slope.isfinite().all())
        x = (x - 1e-5 * slope).detach().requires_grad_()


@pytest.mark.parametrize("name", ["gradient-norm", "loss-ratio"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_one_bad_step_leaves_no_trace(name: str, value: float) -> None:
    balance = make_balance(name, GROUPS)
    x = start()
    for _ in range(3):
        balance.update({"content": x.sum() * value, "gram": x.square().sum()}, x)
    for _ in range(3):
        balance.update({"content": x.square().sum(), "gram": x.square().sum()}, x)
    assert all(math.isfinite(f) for f in balance.factors.values())


def test_terms_that_do_not_depend_on_the_picture() -> None:
    balance = GradientNorm(GROUPS)
    x, other = start(), torch.ones((), requires_grad=True)
    balance.update({"content": other.square(), "gram": torch.tensor(3.0), "sliced": x.sum()}, x)
    balance.update({"content": other.square(), "gram": torch.tensor(3.0)}, x)
    assert balance.factors == {"content": 1.0, "style": 1.0}


@settings(max_examples=50, deadline=None)
@given(scales=st.lists(st.floats(0.0, 1e20, allow_subnormal=False), min_size=3, max_size=3), updates=st.integers(1, 30))
def test_limits(scales: list[float], updates: int) -> None:
    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    for name in ("gradient-norm", "loss-ratio"):
        balance = make_balance(name, {"a": "a", "b": "b", "c": "c"})
        for k in range(updates):
            terms = {key: scales[(k + i) % 3] * x.square().sum() for i, key in enumerate("abc")}
            balance.update(terms, x)
        assert all(1 / LIMIT * 0.999 <= f <= LIMIT * 1.001 for f in balance.factors.values())


def test_names_at_scales() -> None:
    """A pyramid's ``gram@0.5`` belongs to the group of ``gram``, unless it has one itself."""
    balance = GradientNorm({**GROUPS, "gram@0.25": "content"})
    x = start()
    for _ in range(5):
        balance.update({f"{name}@{s}": value for name, value in quadratics(x).items() for s in ("1", "0.5")}, x)
    assert balance.factor("gram@0.5") == balance.factor("gram") == balance.factors["style"] < 1.0
    assert balance.factor("gram@0.25") == balance.factors["content"]
    assert balance.factor("variation@0.5") == 1.0


def test_names() -> None:
    assert [type(make_balance(name, GROUPS)) for name in BALANCES] == [Balance, GradientNorm, LossRatio]
    with pytest.raises(InputError, match="there is no weighting 'random': use fixed, gradient-norm, loss-ratio"):
        make_balance("random", GROUPS)
