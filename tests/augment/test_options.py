from __future__ import annotations

from typing import Any

import pytest

from adain import ColorPreservation, InputError
from adain.augment import RandomStyle, RandomStyleOptions
from tests.augment.made import styles


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"p": 1.5}, "p must be between 0 and 1"),
        ({"alpha": (0.8, 0.2)}, "alpha is a number or a range"),
        ({"alpha": (0, 0.5, 1)}, "alpha is a number or a range"),
        ({"blend": 2}, "blend must be between 0 and 1"),
        ({"mean": 0.5}, "mean and std go together"),
        ({"mean": (0.5, 0.5), "std": 1}, "one for each of three, not 2"),
        ({"mean": 0, "std": 0}, "std must be a number, more than 0"),
        ({"color": "linear"}, "would recolour artworks"),
        ({"color": ColorPreservation("luminance", match_luma=True)}, "would recolour artworks"),
        ({"color": "luminanse"}, "ColorPreservation"),
        ({"color": 3}, "ColorPreservation"),
        ({"size": -1}, "size must be"),
        ({"seed": "a"}, "seed must be a whole number"),
        ({"precision": "int8"}, "precision cannot be"),
        ({"spread": -1}, "spread must be"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told.replace("(", r"\(")) as caught:
        RandomStyleOptions(**given)
    assert "\n" not in str(caught.value)


def test_a_number_is_a_range_of_itself() -> None:
    options = RandomStyleOptions(alpha=0.4, blend=(0, 1))
    assert options.range_of("alpha") == (0.4, 0.4)
    assert options.range_of("blend") == (0.0, 1.0)


def test_options_are_an_object_or_keywords_or_both() -> None:
    options = RandomStyleOptions(p=0.25, alpha=0.5)
    made = RandomStyle(styles(2), options, alpha=0.75)
    assert (made.options.p, made.options.alpha) == (0.25, 0.75)
    assert repr(made).startswith("RandomStyle(<2 styles>, p=0.25, alpha=0.75")
