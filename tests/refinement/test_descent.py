from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from adain import RefinementError
from adain._utils.errors import ImageError, InputError
from adain.refinement import descent
from adain.refinement.descent import Descent, cosine_lr, scales_of
from adain.refinement.pictures import Pictures
from adain.refinement.report import Progress

from .conftest import Optimise, TinyNetwork, losses_of, pixels, plan


def totals(seen: list[Progress]) -> list[float]:
    return [progress.total for progress in seen]


def judged(recipe: Any, network: TinyNetwork, pictures: Pictures, image: Tensor) -> float:
    """The total of a picture by itself."""
    with torch.no_grad():
        return float(sum(losses_of(recipe, network, pictures)(image).values()))


@pytest.mark.parametrize(
    ("optimizer", "lr"), [("lbfgs", 0.0), ("adam", 0.0), ("sgd", 0.0), ("sgd", 1e-3), ("adam", 0.05)]
)
def test_every_optimizer_lowers_the_loss(optimise: Optimise, optimizer: str, lr: float) -> None:
    result, seen = optimise(plan(optimizer=optimizer, lr=lr), torch.rand(1, 3, 40, 48))
    assert [p.step for p in seen] == [1, 2, 3, 4, 5]
    assert totals(seen)[-1] < totals(seen)[0]
    assert result.shape == (1, 3, 40, 48)
    assert not result.requires_grad


@pytest.mark.parametrize("whitening", [0.0, 0.5])
@pytest.mark.parametrize("bounds", ["clamp", "none"])
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam", "sgd"])
def test_the_result_is_a_picture(optimise: Optimise, bounds: str, optimizer: str, whitening: float) -> None:
    lr = {"lbfgs": 1.0, "adam": 0.4, "sgd": 1e-3 if whitening else 1e-2}[optimizer]
    start = torch.rand(1, 3, 40, 48)
    result, seen = optimise(plan(optimizer=optimizer, lr=lr, bounds=bounds, whitening=whitening), start)
    for image in (result, *(p.image for p in seen)):
        assert bool(image.isfinite().all())
        assert 0.0 <= float(image.min()) <= float(image.max()) <= 1.0


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"optimizer": "adam", "lr": 0.5},
        {"lr": 3.0},
        {"coarsest": 32, "growth": 1.2},
        {"whitening": 0.5},
        {"whitening": 1.0, "optimizer": "adam", "lr": 0.5, "coarsest": 32, "growth": 1.2},
    ],
)
def test_the_best_picture_is_the_result(
    optimise: Optimise, network: TinyNetwork, pictures: Pictures, values: dict[str, Any]
) -> None:
    recipe = plan(steps=8, **values)
    result, seen = optimise(recipe)
    full = [p.total for p in seen if p.size == (40, 48)]
    assert judged(recipe, network, pictures, result) <= min(full) * (1 + 1e-6)


def test_progress(optimise: Optimise, pictures: Pictures) -> None:
    _, seen = optimise(plan())
    for progress in seen:
        assert progress.steps == 5
        assert progress.size == (40, 48)
        assert set(progress.losses) == {"content", "gram"}
        assert math.isclose(sum(progress.losses.values()), progress.total, rel_tol=1e-5)
        assert progress.factors == {}
        assert progress.peak_memory > 1
    assert [p.seconds for p in seen] == sorted(p.seconds for p in seen)
    assert seen[0].seconds > 0
    assert seen[0].losses["content"] == 0.0
    assert torch.equal(seen[0].image, pictures.content)


def test_a_progress_that_is_kept_stays_what_it_was(optimise: Optimise) -> None:
    then: list[Tensor] = []
    _, seen = optimise(plan(optimizer="adam", ema=0.9), callback=lambda p: then.append(p.image) and None)
    assert all(torch.equal(a, p.image) for a, p in zip(then, seen, strict=True))
    assert not torch.equal(then[0], then[-1])


def test_the_pictures_that_are_reported_are_those_that_were_judged(
    optimise: Optimise, network: TinyNetwork, pictures: Pictures
) -> None:
    for values in (
        {"optimizer": "adam"},
        {},
        {"lr": 50.0, "steps": 9},
        {"weighting": "gradient-norm", "weighting_every": 1, "optimizer": "sgd"},
    ):
        recipe = plan(**values)
        for progress in optimise(recipe)[1]:
            wanted = judged(recipe, network, pictures, progress.image)
            assert math.isclose(wanted, sum(progress.losses.values()), rel_tol=1e-4, abs_tol=1e-5)


def test_the_callback_stops_it(optimise: Optimise) -> None:
    result, seen = optimise(plan(steps=50), callback=lambda p: p.step == 3)
    assert len(seen) == 3
    assert result.shape == (1, 3, 40, 48)
    result, seen = optimise(plan(steps=50, coarsest=32, growth=1.1), callback=lambda p: "enough")
    assert len(seen) == 1
    assert seen[0].size == (32, 38)
    assert result.shape == (1, 3, 40, 48)


def test_no_steps_give_the_start(optimise: Optimise) -> None:
    start = 1.5 * torch.rand(1, 3, 40, 48)
    for values in ({}, {"coarsest": 32}, {"ema": 0.9}):
        result, seen = optimise(plan(steps=0, **values), start)
        assert torch.equal(result, start.clamp(0, 1))
        assert seen == []


def test_the_start_is_left_alone(optimise: Optimise) -> None:
    start = torch.rand(1, 3, 40, 48)
    before = start.clone()
    optimise(plan(optimizer="adam"), start)
    assert torch.equal(start, before)


def test_nothing_to_gain_ends_it(optimise: Optimise, pictures: Pictures) -> None:
    """The photograph is its own optimum: there is no gradient to follow."""
    for optimizer in ("lbfgs", "adam", "sgd"):
        recipe = plan(losses={"content": 1}, optimizer=optimizer, steps=20)
        result, seen = optimise(recipe)
        assert torch.equal(result, pictures.content)
        assert len(seen) <= 3


def test_a_search_that_fails_is_not_repeated_for_ever(optimise: Optimise, pictures: Pictures) -> None:
    """Where the loss jumps up whichever way one goes, L-BFGS finds no length for its step."""

    class Spike(torch.nn.Module):
        names = ("content",)

        def forward(self, image: Tensor) -> dict[str, Tensor]:
            away = float((image.detach() - pictures.content).abs().max()) > 0
            return {"content": image.mean() + (1.0 if away else 0.0)}

    seen: list[Progress] = []
    run = Descent(plan(steps=300), lambda _: Spike(), pictures, seen.append)
    assert torch.equal(run.run(pictures.content), pictures.content)
    assert len(seen) < 60


# ---------------------------------------------------------------------------------------------------------- schedules


def rates(optimise: Optimise, monkeypatch: pytest.MonkeyPatch, **values: Any) -> list[float]:
    """The learning rate of every step."""
    found: list[float] = []
    original = descent.make_optimizer

    def spy(*args: Any) -> Any:
        optimizer = original(*args)
        step = optimizer.step

        def noted(closure: Any) -> Any:
            found.append(optimizer.param_groups[0]["lr"])
            return step(closure)

        optimizer.step = noted
        return optimizer

    monkeypatch.setattr(descent, "make_optimizer", spy)
    optimise(plan(**values))
    return found


def test_constant_and_cosine(optimise: Optimise, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rates(optimise, monkeypatch, optimizer="adam", lr=0.1) == [0.1] * 5
    for extra in ({}, {"coarsest": 32, "growth": 1.1}):
        found = rates(optimise, monkeypatch, optimizer="adam", lr=0.1, schedule="cosine", steps=10, **extra)
        wanted = [0.1 * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * k / 10))) for k in range(10)]
        assert found == pytest.approx(wanted)
    assert cosine_lr(plan(lr=0.1, steps=10), 10) == pytest.approx(0.002)


def test_plateau(optimise: Optimise, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small rate gains next to nothing, so the rate halves whenever more than ``patience`` steps have passed."""
    kept = rates(optimise, monkeypatch, optimizer="adam", lr=0.01, schedule="plateau", patience=20, steps=6)
    assert kept == [0.01] * 6
    # One step sets the best; with a patience of 1 the second without gain halves the rate.
    found = rates(optimise, monkeypatch, optimizer="sgd", lr=1e-8, schedule="plateau", patience=1, steps=7)
    factors = [1, 1, 1, 0.5, 0.5, 0.25, 0.25]
    assert [rate * 1e8 for rate in found] == pytest.approx(factors)


def test_a_plateau_holds_over_sizes(optimise: Optimise, monkeypatch: pytest.MonkeyPatch) -> None:
    found = rates(
        optimise, monkeypatch, optimizer="sgd", lr=1e-8, schedule="plateau", patience=1, steps=8, coarsest=32, growth=2
    )
    assert [rate * 1e8 for rate in found[:5]] == pytest.approx([1, 1, 1, 0.5, 0.5])
    assert found[-1] * 1e8 == pytest.approx(0.25)


# ------------------------------------------------------------------------------------------------------------ average


def test_average_of_the_iterates(optimise: Optimise) -> None:
    iterates: list[Tensor] = []
    optimise(plan(optimizer="adam", steps=6), callback=lambda p: iterates.append(p.image) and None)
    result, seen = optimise(plan(optimizer="adam", steps=5, ema=0.5))
    wanted = iterates[0]
    for k, image in enumerate(iterates[1:6], start=1):
        decay = min(0.5, (k + 1) / (k + 10))
        wanted = decay * wanted + (1 - decay) * image
    torch.testing.assert_close(result, wanted)
    assert torch.equal(seen[0].image, iterates[0])


def test_the_average_goes_up_with_the_sizes(optimise: Optimise) -> None:
    result, seen = optimise(plan(optimizer="adam", steps=6, ema=0.9, coarsest=32, growth=1.3))
    assert result.shape == (1, 3, 40, 48)
    assert seen[-1].image.shape == (1, 3, 40, 48)
    assert bool(result.isfinite().all())


# ---------------------------------------------------------------------------------------------------- coarse to fine


@pytest.mark.parametrize(
    ("short", "values", "sizes"),
    [
        (512, {"coarsest": 128, "growth": 2}, [128, 256, 512]),
        (512, {"coarsest": 128}, [128, 181, 256, 362, 512]),
        (500, {"coarsest": 128, "growth": 2}, [128, 250, 500]),
        (512, {"coarsest": 128, "growth": 10}, [128, 512]),
        (512, {"coarsest": 1, "growth": 2}, [32, 64, 128, 256, 512]),
        (512, {"coarsest": 1, "growth": 2, "scales": [1, 0.25]}, [128, 256, 512]),
        (512, {"coarsest": 512}, [512]),
        (512, {"coarsest": 600}, [512]),
        (512, {"coarsest": 0}, [512]),
        (40, {"coarsest": 32, "scales": [0.5]}, [40]),
        (512, {"coarsest": 32, "growth": 2, "steps": 3}, [128, 256, 512]),
        (512, {"coarsest": 32, "growth": 2, "steps": 1}, [512]),
        (512, {"coarsest": 32, "growth": 2, "steps": 0}, [512]),
    ],
)
def test_sizes(short: int, values: dict[str, Any], sizes: list[int]) -> None:
    recipe = plan(**{"steps": 100, **values})
    scales = scales_of((short, 2 * short), recipe)
    assert [round(scale * short) for scale in scales] == sizes
    assert scales == scales_of((3 * short, short), recipe)


def test_pictures_can_be_too_small() -> None:
    assert scales_of((32, 40), plan()) == [1.0]
    with pytest.raises(ImageError, match=r"the picture is 40x31 px: refining needs at least 32 px a side"):
        scales_of((31, 40), plan())


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam", "sgd"])
def test_steps_add_up(optimise: Optimise, optimizer: str) -> None:
    _, seen = optimise(plan(optimizer=optimizer, steps=11, coarsest=32, growth=1.1), torch.rand(1, 3, 40, 48))
    assert [p.step for p in seen] == list(range(1, 12))
    assert [p.size for p in seen] == [(32, 38)] * 2 + [(33, 40)] * 2 + [(36, 44)] * 2 + [(40, 48)] * 5
    assert seen[-1].total < seen[6].total


def test_detail_of_the_start_outlives_the_small_sizes(optimise: Optimise) -> None:
    """Rates of next to nothing leave the start what it was, stripes of one pixel and all."""
    start = torch.zeros(1, 3, 40, 48)
    start[..., ::2] = 1.0
    result, _ = optimise(plan(optimizer="sgd", lr=1e-6, steps=4, coarsest=32, growth=2), start)
    torch.testing.assert_close(result, start, atol=1e-3, rtol=0)


def test_stopping_at_a_small_size_gives_full_size(optimise: Optimise) -> None:
    start = torch.rand(1, 3, 40, 48)
    result, seen = optimise(
        plan(optimizer="adam", steps=20, coarsest=32, growth=2), start, callback=lambda p: p.step == 4
    )
    assert seen[-1].size == (32, 38)
    assert result.shape == start.shape
    assert not torch.equal(result, start)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam", "sgd"])
def test_settling_goes_on_at_the_next_size(optimise: Optimise, optimizer: str) -> None:
    """Nothing gains 90 % in a step: every size ends after the step that sets the mark and those of the patience."""
    recipe = plan(optimizer=optimizer, steps=40, coarsest=32, growth=2, tolerance=0.9, patience=2, lr=1e-3)
    result, seen = optimise(recipe)
    sizes = [p.size for p in seen]
    # A line search may take more than one evaluation.
    least = [(32, 38)] * 3 + [(40, 48)] * 3
    assert sizes == least or (optimizer == "lbfgs" and set(sizes) == set(least) and len(sizes) < 20)
    assert result.shape == (1, 3, 40, 48)


def test_early_stop(optimise: Optimise) -> None:
    assert 4 <= len(optimise(plan(steps=60, tolerance=0.9, patience=3))[1]) < 30
    assert len(optimise(plan(steps=30, tolerance=0.9, patience=3, optimizer="adam"))[1]) == 4
    assert len(optimise(plan(steps=6, tolerance=1e-9, patience=3, optimizer="adam"))[1]) == 6


# --------------------------------------------------------------------------------------------- objectives and balance


def test_multi_scale_names(optimise: Optimise) -> None:
    _, seen = optimise(plan(scales=[1, 0.5], scale_weights=[3, 1]))
    assert list(seen[0].losses) == ["content@1", "gram@1", "content@0.5", "gram@0.5"]
    _, one = optimise(plan())
    assert seen[0].losses["gram@1"] == pytest.approx(0.75 * one[0].losses["gram"])


@pytest.mark.parametrize("weighting", ["gradient-norm", "loss-ratio"])
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_dynamic_weighting(optimise: Optimise, weighting: str, optimizer: str) -> None:
    recipe = plan(weighting=weighting, weighting_every=2, optimizer=optimizer, steps=6)
    _, seen = optimise(recipe)
    assert seen[0].losses["content"] == 0.0  # a term without gradient
    for progress in seen:
        assert set(progress.factors) == {"content", "style"}
        assert all(0.01 <= value <= 100 for value in progress.factors.values())
        assert math.prod(progress.factors.values()) == pytest.approx(1.0)
        weighed = progress.factors["content"] * progress.losses["content"]
        weighed += progress.factors["style"] * progress.losses["gram"]
        assert progress.total == pytest.approx(weighed, rel=1e-4)
    assert seen[0].factors == seen[1].factors != seen[2].factors


def test_a_balance_remembers_over_sizes(optimise: Optimise) -> None:
    """What is left of the largest value: a new size does not begin at 1 again."""
    recipe = plan(weighting="loss-ratio", weighting_every=1, optimizer="adam", lr=0.1, steps=12, coarsest=32, growth=2)
    start = torch.rand(1, 3, 40, 48)
    _, seen = optimise(recipe, start)
    before, after = seen[5].factors["style"], seen[6].factors["style"]
    assert before != pytest.approx(1.0, abs=0.02)
    assert abs(math.log(after / before)) < abs(math.log(before))


def test_total_variation_alone_needs_no_network(optimise: Optimise, network: TinyNetwork) -> None:
    result, seen = optimise(plan(losses={"tv": {"weight": 1.0, "form": "squared"}}, weighting="loss-ratio"))
    assert network.calls == 0
    assert seen[-1].total < seen[0].total
    assert result.shape == (1, 3, 40, 48)


# ------------------------------------------------------------------------------------------------- numbers gone wrong


class Fragile(TinyNetwork):
    """Gives NaN from some call on; two calls make targets."""

    def __init__(self, good: int) -> None:
        super().__init__()
        self.good = good

    def forward(self, image: Tensor, layers: Any) -> dict[str, Tensor]:
        found = super().forward(image, layers)
        return {k: v * math.nan if self.calls > self.good else v for k, v in found.items()}


@pytest.mark.parametrize("values", [{}, {"optimizer": "adam", "ema": 0.9}, {"weighting": "gradient-norm"}])
def test_nan_keeps_the_last_good_picture(pictures: Pictures, values: dict[str, Any]) -> None:
    recipe = plan(steps=9, **values)
    network = Fragile(2 + 3)
    seen: list[Progress] = []
    run = Descent(recipe, lambda p: losses_of(recipe, network, p), pictures, seen.append)
    with pytest.raises(RefinementError, match="no longer a finite number at step 4") as caught:
        run.run(pictures.content)
    assert caught.value.step == 4
    assert len(seen) == 3
    assert caught.value.image.shape == pictures.content.shape
    if not values:
        assert torch.equal(caught.value.image, min(seen, key=lambda p: p.total).image)
    assert bool(caught.value.image.isfinite().all())


def test_nan_at_a_small_size(pictures: Pictures) -> None:
    recipe = plan(steps=10, coarsest=32, growth=2, optimizer="adam")
    network = Fragile(2 + 3)
    with pytest.raises(RefinementError) as caught:
        Descent(recipe, lambda p: losses_of(recipe, network, p), pictures).run(pictures.content)
    assert caught.value.image.shape == pictures.content.shape
    assert bool(caught.value.image.isfinite().all())


def test_nan_at_once(pictures: Pictures) -> None:
    recipe = plan()
    with pytest.raises(RefinementError) as caught:
        Descent(recipe, lambda p: losses_of(recipe, Fragile(2), p), pictures).run(pictures.content)
    assert caught.value.step == 1
    assert torch.equal(caught.value.image, pictures.content)


@pytest.mark.parametrize("ema", [0.0, 0.9])
@pytest.mark.parametrize("coarsest", [0, 32])
def test_far_too_large_a_rate(optimise: Optimise, ema: float, coarsest: int) -> None:
    recipe = plan(optimizer="sgd", lr=1e38, bounds="none", momentum=0.9, steps=12, ema=ema, coarsest=coarsest, growth=2)
    with pytest.raises(RefinementError, match="use a lower lr") as caught:
        optimise(recipe)
    assert caught.value.step == 2
    assert bool(caught.value.image.isfinite().all())
    assert caught.value.image.shape == (1, 3, 40, 48)


@pytest.mark.parametrize("values", [{}, {"ema": 0.9}, {"weighting": "loss-ratio"}, {"coarsest": 32, "growth": 2}])
def test_a_last_move_to_nowhere_is_not_the_result(optimise: Optimise, values: dict[str, Any]) -> None:
    steps = 2 if "coarsest" in values else 1
    recipe = plan(optimizer="sgd", lr=1e38, momentum=0.0, bounds="none", steps=steps, **values)
    try:
        result, _ = optimise(recipe)
    except RefinementError as error:  # the second size sees what the first has left
        assert "coarsest" in values
        result = error.image
    assert bool(result.isfinite().all())
    assert result.shape == (1, 3, 40, 48)


def test_one_of_several_scales_is_too_small(network: TinyNetwork, pictures: Pictures) -> None:
    class Picky(TinyNetwork):
        def forward(self, image: Tensor, layers: Any) -> dict[str, Tensor]:
            if image.shape[2] < 17:
                raise InputError("the image is too small")
            return super().forward(image, layers)

    with pytest.raises(InputError, match=r"at scale 0.25 of 1, 0.25: the image is too small"):
        losses_of(plan(scales=[1, 0.25]), Picky(), pictures)


def test_small_artworks_are_not_reduced_to_nothing(pictures: Pictures) -> None:
    small = pictures.at_scale(0.25)
    assert small.content.shape[2:] == (10, 12)
    assert min(small.styles[0].pixels.shape[2:]) == 33
    tiny = Pictures(pixels(400, 400, 1), pictures.styles)
    assert tiny.at_scale(0.5).styles[0].pixels.shape[2:] == pixels(33, 39, 0).shape[2:]


def test_the_first_step_moves_values_by_so_much(optimise: Optimise) -> None:
    start = torch.rand(1, 3, 40, 48) * 0.5 + 0.25
    _, seen = optimise(plan(steps=2, bounds="none", first_move=1e-3), start)
    assert float((seen[1].image - seen[0].image).abs().mean()) == pytest.approx(1e-3, rel=0.02)
    _, slow = optimise(plan(steps=2, bounds="none"), start)
    assert float((slow[1].image - slow[0].image).abs().mean()) == pytest.approx(1 / start.numel(), rel=0.02)
