from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from adain.video.delays import LONGEST, quotient, read_gif, read_png, write_gif, write_png
from tests.animations import gif_by_hand, pages, write_pages


def test_gif(tmp_path: Path) -> None:
    path = write_pages(tmp_path / "a.gif", pages(4), duration=[0, 10, 70, 1000], comment=b"x" * 700)
    with path.open("rb+") as file:
        assert [100 * delay for delay in read_gif(file)] == [0, 1, 7, 100]
    write_pages(path, pages(4), duration=[20, 10, 70, 1000], comment=b"x" * 700)  # Pillow leaves out what says nothing
    with path.open("rb+") as file:
        write_gif(file, [5, 0, 70_000, 3])
        assert [100 * delay for delay in read_gif(file)] == [5, 0, LONGEST, 3]
    with Image.open(path) as image:
        for delay in (50, 0, 655_350, 30):
            assert image.info["duration"] == delay
            image.load()
            if delay != 30:
                image.seek(image.tell() + 1)


def test_a_picture_without_a_delay_has_none() -> None:
    import numpy as np

    data = gif_by_hand([(0, 0, np.zeros((4, 4), int), 0, 1)] * 2, 4, 4)
    control = b"\x21\xf9\x04\x01\x05\x00\x01\x00"
    assert data.count(control) == 2
    assert read_gif(io.BytesIO(data)) == [Fraction(1, 20)] * 2
    assert read_gif(io.BytesIO(data.replace(control, b"", 1))) == [0, Fraction(1, 20)]
    assert read_gif(io.BytesIO(data[:-10])) == [Fraction(1, 20)] * 2
    assert len(read_gif(io.BytesIO(data[:60]))) == 1
    assert read_gif(io.BytesIO(data[:12])) == []


def test_png(tmp_path: Path) -> None:
    path = write_pages(tmp_path / "a.png", pages(3), duration=[1000 / 30, 0, 250])
    with path.open("rb+") as file:
        assert read_png(file) == [Fraction(1, 30), 0, Fraction(1, 4)]
        write_png(file, [Fraction(1, 7), Fraction(100_000), Fraction(0)])
        assert read_png(file) == [Fraction(1, 7), LONGEST, 0]
    with Image.open(path) as image:  # which checks the sums
        image.seek(2)
        image.load()
    assert len(read_png(io.BytesIO(path.read_bytes()[:200]))) == 1


@given(st.fractions(0, 100_000))
def test_quotients_are_as_near_as_can_be(delay: Fraction) -> None:
    number, units = quotient(delay)
    assert 0 <= number <= LONGEST
    assert 1 <= units <= LONGEST
    if delay < LONGEST:
        assert abs(Fraction(number, units) - delay) <= max(Fraction(1, 2 * LONGEST), delay / LONGEST)
    if delay.numerator <= LONGEST and delay.denominator <= LONGEST // max(1, int(delay) + 1):
        assert Fraction(number, units) == delay


@pytest.mark.parametrize("text", ["1/30", "1001/30000", "1001/60000", "1/24", "1/1000", "3/2", "12"])
def test_rates_of_films_are_exact(text: str) -> None:
    assert Fraction(*quotient(Fraction(text))) == Fraction(text)
