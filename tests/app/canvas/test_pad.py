"""The blend pad, in a browser."""

from __future__ import annotations

from typing import Any

import pytest

NAMES = ["wave", "harbour", "night", "rain", "sea"]


@pytest.fixture
def page(page: Any) -> Any:
    page.evaluate(
        "() => { window.told = []; for (const name of ['input', 'change'])"
        " pad.addEventListener(name, () => told.push(name)) }"
    )
    return page


def named(page: Any, count: int) -> Any:
    """The pad with so many names; returns its point."""
    page.evaluate("names => { pad.names = names }", NAMES[:count])
    return page.locator("blend-pad .point")


def drag(page: Any, x: float, y: float) -> list[float]:
    """To a part of the figure's width and height, by the mouse."""
    box = page.locator("blend-pad .area").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=2)
    page.mouse.up()
    weights: list[float] = page.evaluate("pad.weights")
    return weights


CORNERS = {
    1: [(0.5, 0.5)],
    2: [(0, 0), (1, 0)],
    3: [(0.5, 0), (0, 1), (1, 1)],
    4: [(0, 0), (1, 0), (0, 1), (1, 1)],
    5: [(0.5, 0), (0.9755, 0.3455), (0.7939, 0.9045), (0.2061, 0.9045), (0.0245, 0.3455)],
}


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_each_corner_is_all_of_one_style(page: Any, count: int) -> None:
    named(page, count)
    assert sum(page.evaluate("pad.weights")) == 1
    for i, corner in enumerate(CORNERS[count]):
        assert drag(page, *corner) == [float(i == j) for j in range(count)]


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_beyond_the_figure_its_edge_counts(page: Any, count: int) -> None:
    named(page, count)
    for x, y in ((-0.5, 0.3), (1.4, 0.2), (0.4, 1.3), (0.8, -0.6), (2, 2)):
        weights = drag(page, x, y)
        assert sum(weights) == 1
        assert min(weights) >= 0
        assert sum(weight > 0 for weight in weights) <= 2


def test_weights_inside(page: Any) -> None:
    named(page, 2)
    assert drag(page, 0.3, 0) == [0.7, 0.3]
    named(page, 3)
    assert drag(page, 0.5, 0.6) == pytest.approx([0.4, 0.3, 0.3], abs=0.011)
    named(page, 4)
    assert drag(page, 0.25, 0.5) == pytest.approx([0.375, 0.125, 0.375, 0.125], abs=0.011)


def test_weights_are_short_and_sum_to_exactly_one(page: Any) -> None:
    sums = page.evaluate(
        """async () => {
          const { weightsAt } = await import("/page/corners.js");
          const found = [];
          for (let count = 1; count < 9; count++) for (let i = 0; i < 400; i++) {
            const weights = weightsAt({ x: (i % 20) / 19, y: Math.floor(i / 20) / 19 }, count);
            const hundredths = weights.map((weight) => Math.round(100 * weight));
            const areShort = weights.every((weight, j) => weight === hundredths[j] / 100 && weight >= 0);
            found.push([hundredths.reduce((a, b) => a + b), areShort]);
          }
          return [...new Set(found.map(String))];
        }"""
    )
    assert sums == ["100,true"]


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_a_point_has_the_weights_that_put_it_there(page: Any, count: int) -> None:
    named(page, count)
    weights = drag(page, 0.4, 0.7)
    there = page.locator("blend-pad .point").bounding_box()
    page.evaluate("weights => { pad.weights = [1, ...weights.slice(1).fill(0)]; pad.weights = weights }", weights)
    back = page.locator("blend-pad .point").bounding_box()
    assert (back["x"], back["y"]) == (pytest.approx(there["x"], abs=4), pytest.approx(there["y"], abs=4))


def test_given_weights_stay_as_they_are(page: Any) -> None:
    """No point of a square has these, and they do not come back as those of the nearest."""
    named(page, 4)
    page.evaluate("pad.weights = [0.5, 0, 0, 0.5]")
    assert page.evaluate("pad.weights") == [0.5, 0, 0, 0.5]
    page.evaluate("pad.weights = [2, 2, 4, 0]")
    assert page.evaluate("pad.weights") == [0.25, 0.25, 0.5, 0]
    assert page.evaluate("told") == []
    assert "3 weights" not in page.evaluate("(() => { try { pad.weights = [1] } catch (e) { return e.message } })()")


def test_input_while_moving_and_change_at_the_end(page: Any) -> None:
    named(page, 3)
    drag(page, 0.5, 0.2)
    told = page.evaluate("told")
    assert told[:-1] == ["input"] * (len(told) - 1)
    assert told[-1] == "change"
    assert len(told) > 1


def test_arrow_keys(page: Any) -> None:
    point = named(page, 2)
    point.focus()
    for key, weights in (("ArrowRight", [0.48, 0.52]), ("ArrowUp", [0.46, 0.54]), ("ArrowLeft", [0.48, 0.52]),
                         ("Shift+ArrowLeft", [0.58, 0.42]), ("End", [0, 1]), ("ArrowRight", [0, 1]),
                         ("Home", [1, 0])):  # fmt: skip
        page.keyboard.press(key)
        assert page.evaluate("pad.weights") == weights
    point = named(page, 4)
    point.focus()
    page.keyboard.press("3")
    assert page.evaluate("pad.weights") == [0, 0, 1, 0]
    page.keyboard.press("ArrowUp")
    assert page.evaluate("pad.weights") == [0.02, 0, 0.98, 0]


def test_what_a_screen_reader_says(page: Any) -> None:
    point = named(page, 3)
    page.evaluate("pad.weights = [0.2, 0.3, 0.5]")
    slider = page.get_by_role("slider", name="Blend of wave, harbour, night")
    assert slider.get_attribute("aria-valuetext") == "wave 20 %, harbour 30 %, night 50 %"
    assert point.get_attribute("aria-valuenow") == "50"


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_names_are_shown_and_choose(page: Any, count: int) -> None:
    named(page, count)
    for i, name in enumerate(NAMES[:count]):
        page.locator("blend-pad").get_by_text(name, exact=True).click()
        assert page.evaluate("pad.weights") == [float(i == j) for j in range(count)]


def test_names_change_in_place(page: Any) -> None:
    """Another name for a corner moves nothing; another number of them begins anew."""
    named(page, 3)
    page.evaluate("pad.weights = [0.2, 0.3, 0.5]; pad.names = ['wave', 'harbour', 'fog']")
    assert page.evaluate("pad.weights") == [0.2, 0.3, 0.5]
    named(page, 2)
    assert page.evaluate("pad.weights") == [0.5, 0.5]
    page.evaluate("pad.names = []")
    assert page.evaluate("pad.weights") == []
