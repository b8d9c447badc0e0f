from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adain._utils.prefetch import read_ahead, write_behind


@given(st.integers(0, 12), st.integers(1, 4), st.integers(1, 3), st.integers(1, 4), st.integers(1, 3))
@settings(deadline=None, max_examples=40)
def test_everything_once_and_in_order(count: int, ahead: int, readers: int, behind: int, writers: int) -> None:
    read: list[int] = []
    written: list[int] = []

    def load(item: int) -> int:
        read.append(item)
        return item * 10

    def store(value: int) -> int:
        written.append(value)
        return value + 1

    loaded = read_ahead(range(count), load, threads=readers, ahead=ahead)
    results = (future.result() for _, future in loaded)
    assert list(write_behind(results, store, threads=writers, behind=behind)) == [10 * k + 1 for k in range(count)]
    assert sorted(read) == list(range(count))
    assert sorted(written) == [10 * k for k in range(count)]


def test_reading_is_ahead_and_bounded() -> None:
    started: list[int] = []
    both = threading.Barrier(3, timeout=60)

    def load(item: int) -> int:
        started.append(item)
        if item < 2:
            both.wait()  # two reads at the same time, while nothing was asked for but the first
        return item

    stream = read_ahead(range(10), load, threads=2, ahead=2)
    waiter = threading.Thread(target=both.wait)
    waiter.start()
    _, future = next(stream)
    assert future.result() == 0
    waiter.join()
    for _ in range(50):
        time.sleep(0.002)
    assert len(started) <= 3  # the one that was taken, and two ahead
    stream.close()
    assert len(started) <= 4


def test_errors_of_reading_stay_in_their_future() -> None:
    def load(item: int) -> int:
        if item == 1:
            raise ValueError("one")
        return item

    seen = []
    for item, future in read_ahead(range(3), load):
        seen.append((item, future.exception() is None))
    assert seen == [(0, True), (1, False), (2, True)]


def test_errors_of_the_items_are_raised() -> None:
    def items() -> Iterator[int]:
        yield 0
        raise KeyError("items")

    stream = read_ahead(items(), lambda item: item)
    assert next(stream)[0] == 0
    with pytest.raises(KeyError, match="items"):
        next(stream)


def test_writing_is_behind_and_bounded() -> None:
    gate = threading.Event()
    made: list[int] = []

    def results() -> Iterator[int]:
        for k in range(8):
            made.append(k)
            if k == 2:
                gate.set()
            yield k

    def store(value: int) -> int:
        assert gate.wait(60)
        return value

    stream = write_behind(results(), store, behind=3)
    assert next(stream) == 0
    assert made == [0, 1, 2]  # made while the first was being written, and no more
    assert list(stream) == list(range(1, 8))


def test_an_interrupt_loses_no_result() -> None:
    written: list[int] = []

    def results() -> Iterator[int]:
        yield 1
        yield 2
        raise KeyboardInterrupt

    def store(value: int) -> int:
        time.sleep(0.02)
        written.append(value)
        return value

    seen: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        seen.extend(write_behind(results(), store))
    assert written == seen == [1, 2]


def test_leaving_early_loses_no_result() -> None:
    made: list[int] = []
    written: list[int] = []

    def results() -> Iterator[int]:
        for k in range(100):
            made.append(k)
            yield k

    def store(value: int) -> int:
        time.sleep(0.01)
        written.append(value)
        return value

    stream = write_behind(results(), store, behind=3)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert written == made
    assert 1 <= len(made) <= 3
    assert not [t for t in threading.enumerate() if t.name.startswith("write")]


def test_errors_of_writing_are_raised_in_their_place() -> None:
    def store(value: int) -> int:
        if value == 1:
            raise OSError("one")
        return value

    stream = write_behind(iter(range(3)), store)
    assert next(stream) == 0
    with pytest.raises(OSError, match="one"):
        next(stream)
