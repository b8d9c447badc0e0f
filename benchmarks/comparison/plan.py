"""What is measured and how often: the one table that the time of a run depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import click

from adain._utils.resources import sample_folder

PAIRS = (
    ("cincinnati-bridge", "hokusai_great_wave"),
    ("astronaut", "vangogh_village_street_auvers"),
    ("montStMichel", "kandinsky_composition_viii"),
    ("chelsea", "renoir_moulin_galette"),
)
"""Photographs and artworks, all among the samples that ship; timings and optimisations take the first."""

REFERENCE_STEPS = (50, 300)
"""Steps of an optimisation that are reported, measured or, where fewer were, extrapolated from their mean."""

BYTES_PER_PIXEL = 4000.0
"""What an optimisation step holds in memory for a pixel, about: one that would not fit is left out, and named."""


@dataclass(frozen=True)
class Plan:
    """One run of the comparison.

    Attributes:
        rounds: side of the picture in pixels → rounds; in each, every one-pass contestant has its turn.
        steps: key of an optimisation → side → steps that are measured.
        pairs: how many of :data:`PAIRS` are scored.
        scored: sides at which they are.
        networks_upto: largest side at which the networks are timed alone, too.
        compares_pixels: whether those of this library's back ends are compared with torch's.
        cold_size: side of the picture that is made from a cold start.
        cold_rounds: how often.
    """

    rounds: Mapping[int, int]
    steps: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    pairs: int = len(PAIRS)
    scored: tuple[int, ...] = (256, 512)
    networks_upto: int = 1024
    compares_pixels: bool = False
    cold_size: int = 512
    cold_rounds: int = 3


PLANS = {
    "default": Plan(
        rounds={256: 7, 512: 7, 1024: 3, 2048: 2},
        steps={"gatys": {256: 300, 512: 50, 1024: 3, 2048: 1}, "refine": {256: 50}},
    ),
    "quick": Plan(rounds={256: 2, 512: 2}, steps={"gatys": {256: 4}}, pairs=1, scored=(256,), cold_rounds=1),
    "ratios": Plan(rounds={256: 5}, pairs=0, scored=(), cold_rounds=0),
}
"""About 15 minutes, one and a half minutes, and 20 seconds on two cores; the last is for ``check``."""


def pair(index: int) -> tuple[str, str]:
    """The files of a pair: photograph and artwork."""
    content, style = PAIRS[index]
    return str(sample_folder("content") / f"{content}.jpg"), str(sample_folder("style") / f"{style}.jpg")


def restrict(plan: Plan, sizes: Sequence[int] | None) -> Plan:
    """The plan for some of its sizes; a size it does not have is measured as its smallest is.

    Sizes are multiples of 8, as not every contestant takes others.

    Raises:
        UsageError: if one is not.
    """
    if not sizes:
        return plan
    if any(size < 16 or size % 8 for size in sizes):
        raise click.UsageError(f"sizes must be multiples of 8 from 16 on: {', '.join(map(str, sizes))}")

    def kept(table: Mapping[int, int]) -> dict[int, int]:
        return {size: table.get(size, table[min(table)]) for size in sizes}

    steps = {key: kept(table) for key, table in plan.steps.items()}
    scored = tuple(sizes) if not set(sizes) & set(plan.scored) else tuple(s for s in plan.scored if s in sizes)
    cold_size = min(plan.cold_size, max(sizes))
    return replace(plan, rounds=kept(plan.rounds), steps=steps, scored=scored, cold_size=cold_size)
