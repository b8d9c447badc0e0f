from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from adain._utils.errors import InputError
from adain.video.frames import Moment, Pixels, Sink
from adain.video.writer import BEHIND, Writer

BLACK = np.zeros((2, 2, 3), np.uint8)


class Notes(Sink):
    """Notes what it is asked for; with gates that hold it up, and frames that it cannot take."""

    def __init__(self) -> None:
        self.added: list[int] = []
        self.kept: list[list[int]] = []
        self.closed = 0
        self.bad: int | str | None = None
        self.adding, self.finishing = threading.Event(), threading.Event()
        self.adding.set()
        self.finishing.set()

    def add(self, pixels: Pixels, moment: Moment) -> None:
        assert self.adding.wait(10)
        if moment.index == self.bad:
            raise InputError(f"frame {moment.index}")
        self.added.append(moment.index)

    def commit(self) -> Callable[[], dict[str, Any]]:
        added = list(self.added)

        def finish() -> dict[str, Any]:
            assert self.finishing.wait(10)
            if self.bad == "part":
                raise InputError("part")
            self.kept.append(added)
            return {"count": len(added)}

        return finish

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def sink() -> Notes:
    return Notes()


@pytest.fixture
def saved() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def writer(sink: Notes, saved: list[dict[str, Any]]) -> Writer:
    return Writer(sink, saved.append)


def add(writer: Writer, *frames: int) -> None:
    for k in frames:
        writer.add(lambda: BLACK, Moment(k, k))


def test_all_in_order(writer: Writer, sink: Notes, saved: list[dict[str, Any]]) -> None:
    for start in range(0, 30, 10):
        add(writer, *range(start, start + 10))
        writer.commit({"frames": start + 10})
    writer.settle()
    assert sink.added == list(range(30))
    assert saved == [{"frames": n, "sink": {"count": n}} for n in (10, 20, 30)]
    writer.close()
    assert sink.closed == 1


def test_no_more_frames_wait_than_may(writer: Writer, sink: Notes) -> None:
    sink.adding.clear()
    made = []

    def many() -> None:
        for k in range(20):
            made.append(k)
            add(writer, k)

    feeder = threading.Thread(target=many)
    feeder.start()
    feeder.join(0.3)
    assert feeder.is_alive()
    assert len(made) <= BEHIND + 2
    sink.adding.set()
    feeder.join()
    writer.settle()
    assert sink.added == made == list(range(20))
    writer.close()


def test_the_next_part_is_begun_while_one_is_finished(writer: Writer, sink: Notes, saved: list[dict[str, Any]]) -> None:
    sink.finishing.clear()
    add(writer, 0, 1)
    writer.commit({"frames": 2})
    add(writer, *range(2, 12))
    assert len(sink.added) >= 12 - BEHIND - 1
    assert saved == []
    sink.finishing.set()
    writer.close()  # what was committed is kept, and nothing else
    assert saved == [{"frames": 2, "sink": {"count": 2}}]


@pytest.mark.parametrize("bad", [1, "part"])
def test_after_a_failure_nothing_is_kept(
    writer: Writer, sink: Notes, saved: list[dict[str, Any]], bad: int | str
) -> None:
    def work() -> None:
        for start in range(0, 99, 3):
            add(writer, *range(start, start + 3))
            writer.commit({"frames": start + 3})
        writer.settle()

    sink.bad = bad
    with pytest.raises(InputError, match="part" if bad == "part" else "frame 1"):
        work()
    writer.close()
    assert saved == []
    assert sink.kept == []
    assert sink.closed == 1


def test_a_failure_of_the_last_part_is_told(writer: Writer, sink: Notes) -> None:
    sink.bad = "part"
    add(writer, 0)
    writer.commit({})
    with pytest.raises(InputError, match="part"):
        writer.settle()
    writer.close()


def test_what_was_committed_is_kept_though_it_still_waits(
    writer: Writer, sink: Notes, saved: list[dict[str, Any]]
) -> None:
    sink.adding.clear()
    add(writer, 0, 1)
    writer.commit({"frames": 2})
    add(writer, 2)
    threading.Timer(0.1, sink.adding.set).start()
    writer.close()
    assert saved == [{"frames": 2, "sink": {"count": 2}}]
    assert sink.added == [0, 1]
