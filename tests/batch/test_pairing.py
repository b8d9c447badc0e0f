from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adain._utils.errors import InputError
from adain.batch.options import FolderOptions
from adain.batch.pairing import Pairing, draw
from adain.batch.plan import Found, plan_jobs


@given(seed=st.integers(), name=st.text(), among=st.integers(1, 10**6), count=st.integers(1, 40))
def test_what_is_drawn_differs_and_begins_alike(seed: int, name: str, among: int, count: int) -> None:
    drawn = draw(seed, name, among, count)
    assert len(set(drawn)) == len(drawn) == min(count, among)
    assert all(0 <= number < among for number in drawn)
    assert draw(seed, name, among, count + 3)[:count] == drawn


def test_the_same_everywhere() -> None:
    """Numbers that any later version has to draw, too: data sets are made again from them."""
    assert draw(0, "dog/x.jpg", 79_434, 3) == [29918, 44969, 2631]
    assert draw(1, "dog/x.jpg", 79_434, 3) != draw(0, "dog/x.jpg", 79_434, 3)
    assert draw(0, "e\u0301.jpg", 1000, 2) == draw(0, "\u00e9.jpg", 1000, 2)
    assert draw(0, "\udcff.jpg", 1, 1) == [0]  # a name that is no Unicode


def test_each_set_is_as_likely() -> None:
    """Chi-squared over the 12 ordered pairs of 4; 31.3 is passed once in a thousand, and the names are fixed."""
    times = Counter(tuple(draw(0, str(k), 4, 2)) for k in range(3600))
    assert len(times) == 12
    assert sum((n - 300) ** 2 / 300 for n in times.values()) < 31.3


def test_a_photograph_more_changes_no_others_pairs(tmp_path: Path) -> None:
    pairing = Pairing("random", 2, seed=5)
    names = [f"s{k}" for k in range(50)]
    found = [Found(Path(f"p/{k}.jpg"), Path(f"c{k % 3}")) for k in range(30)]
    jobs = plan_jobs(found, names, tmp_path, pairing=pairing)
    assert len(jobs) == 60
    assert [job.content for job in jobs[::2]] == [each.path for each in found]
    fewer = plan_jobs(list(reversed(found[::4])), names, tmp_path, pairing=pairing)
    assert set(fewer) < set(jobs)
    other = plan_jobs([each._replace(below=Path()) for each in found], names, tmp_path, pairing=pairing)
    assert [job.style for job in other] != [job.style for job in jobs]


def test_names(tmp_path: Path) -> None:
    def named(naming: str, contents: list[Path], styles: list[str], pairing: Pairing = Pairing()) -> list[str]:  # noqa: B008
        jobs = plan_jobs(contents, styles, tmp_path, pairing=pairing, naming=naming)  # type: ignore[arg-type]
        return [job.output.name for job in jobs]

    photos = [Path("x.jpg"), Path("y.bmp")]
    assert named("dash", photos, ["wave"]) == ["x-stylized-wave.jpg", "y-stylized-wave.png"]
    assert named("content", photos, ["wave"]) == ["x.jpg", "y.png"]
    assert named("content", photos, ["wave", "night"], Pairing("random")) == ["x.jpg", "y.png"]
    for pairing in (Pairing(), Pairing("random", 2)):
        with pytest.raises(InputError, match="one for each, not several"):
            named("content", photos, ["wave", "night"], pairing)


def test_styles_of_one_name_are_told_apart() -> None:
    pairing = Pairing("random", 2)
    assert pairing.distinct_names(["a", "b", "a", "a-2", "a"]) == ["a", "b", "a-3", "a-2", "a-4"]
    assert Pairing("product").distinct_names(["a", "a"]) == ["a", "a"]


def test_what_does_not_go_together() -> None:
    with pytest.raises(InputError, match="styles_per_content is of styles drawn at random"):
        Pairing.of(FolderOptions(styles_per_content=2))
    for pairs in ("random", "zip"):
        with pytest.raises(InputError, match="weights puts all styles into each"):
            Pairing.of(FolderOptions(pairs=pairs, weights=(1, 1)))
    assert [Pairing("random", 3).several(n) for n in (1, 2)] == [False, True]
