from __future__ import annotations

import threading

import pytest
import torch

from adain.training.aside import Readings, WriterThread, frozen, on_host


def test_jobs_are_done_in_order_while_the_caller_goes_on() -> None:
    writer, done, go = WriterThread(), [], threading.Event()

    def first() -> None:
        assert go.wait(10)
        done.append(1)

    writer.do(first)
    assert done == []
    go.set()
    writer.do(lambda: done.append(2))
    writer.wait()
    assert done == [1, 2]
    writer.close()


def test_what_a_job_raises_comes_out_with_the_next_call() -> None:
    writer = WriterThread()

    def fails() -> None:
        raise OSError("disk full")

    writer.do(fails)
    with pytest.raises(OSError, match="disk full"):
        writer.do(lambda: None)
    writer.wait()
    writer.do(fails)
    writer.close()  # which is for whoever leaves because of an error already


def test_readings_are_those_of_their_time() -> None:
    readings, values = Readings(), torch.ones(2)
    readings.add(values, "a")
    values += 1
    readings.add(values, "b")
    assert [(v.tolist(), about) for v, about in readings.arrived()] == [([1, 1], "a"), ([2, 2], "b")]
    assert list(readings.arrived(all_of_them=True)) == []


def test_what_is_frozen_does_not_change() -> None:
    live = torch.ones(2, requires_grad=True)
    tree = {"a": [live, 1], "b": {0: (0.9, live)}, "c": None}
    kept = frozen(tree)
    with torch.no_grad():
        live += 1
    assert on_host(kept)["a"][0].tolist() == [1, 1]
    assert kept["b"][0][0] == 0.9
    assert kept["b"][0][1].requires_grad is False
    assert (kept["a"][1], kept["c"]) == (1, None)
