from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as Late
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from adain import WeightsError
from adain.app.counters import Counters
from adain.app.errors import Abandoned, Stopping, Superseded, TooMany
from adain.app.options import AppOptions
from adain.app.worker import Models, ModelWorker, Turn

SOON = 20.0


class Gate:
    """A call that says when it is at work, and goes on only when it is told to, or broken off."""

    def __init__(self) -> None:
        self.begun, self.opened = threading.Event(), threading.Event()

    def __call__(self, model: Any, turn: Turn[str]) -> str:
        self.begun.set()
        while not self.opened.wait(0.005):
            turn.check()
        return "passed"


class FakeModel:
    """What is watched."""

    def __init__(self) -> None:
        self.check: Any = None

    def watch(self, check: Any) -> None:
        self.check = check

    def __str__(self) -> str:
        return "model"


@pytest.fixture
def worker() -> Iterator[ModelWorker]:
    made = ModelWorker(FakeModel)  # type: ignore[arg-type]
    yield made
    made.stop()
    assert made.join(SOON)


@pytest.fixture
def models() -> Iterator[Models]:
    made = Models(SimpleNamespace(options=AppOptions(), counters=Counters()))  # type: ignore[arg-type]
    yield made
    made.stop()


def says(text: str) -> Callable[[Any, Turn[str]], str]:
    return lambda model, turn: f"{model} {text}"


def test_calls_are_made_in_turn(worker: ModelWorker) -> None:
    turns = [worker.submit(says(str(k))) for k in range(5)]
    assert [turn.result.result(SOON) for turn in turns] == [f"model {k}" for k in range(5)]


def test_of_a_slot_one_is_at_work_and_the_newest_waits(worker: ModelWorker) -> None:
    gate = Gate()
    first = worker.submit(gate, slot="a")
    assert gate.begun.wait(SOON)
    second, other = worker.submit(says("second"), slot="a"), worker.submit(says("other"), slot="b")
    thirds = [worker.submit(says(str(k)), slot="a") for k in range(20)]
    for replaced in (second, *thirds[:-1]):  # at once, while the first is still at work
        with pytest.raises(Superseded, match="newer request"):
            replaced.result.result(0)
    assert worker.waiting == 2
    assert not first.result.done()
    gate.opened.set()
    assert first.result.result(SOON) == "passed"
    assert (thirds[-1].result.result(SOON), other.result.result(SOON)) == ("model 19", "model other")


def test_calls_without_a_slot_replace_none(worker: ModelWorker) -> None:
    gate = Gate()
    worker.submit(gate)
    waiting = [worker.submit(says(str(k))) for k in range(3)]
    gate.opened.set()
    assert [turn.result.result(SOON) for turn in waiting] == ["model 0", "model 1", "model 2"]


def test_one_that_nobody_waits_for_is_not_made(worker: ModelWorker) -> None:
    gate, made = Gate(), []
    worker.submit(gate)
    assert gate.begun.wait(SOON)
    left = worker.submit(lambda model, turn: made.append(turn))
    left.give_up()
    with pytest.raises(Abandoned):
        left.result.result(0)
    gate.opened.set()
    assert worker.submit(says("next")).result.result(SOON) == "model next"
    assert not made


def test_one_at_work_ends_with_its_next_step(worker: ModelWorker) -> None:
    gate = Gate()
    turn = worker.submit(gate)
    assert gate.begun.wait(SOON)
    turn.give_up()
    with pytest.raises(Abandoned):
        turn.result.result(SOON)


def test_a_pass_at_work_is_broken_off_within(models: Models) -> None:
    """Between two tiles of ncnn, however much of the pass is left."""
    begun, tiles = threading.Event(), []

    def passes(model: Any, turn: Turn[None]) -> None:
        check = model._runtime.check

        def counted() -> None:
            tiles.append(None)
            begun.set()
            if len(tiles) > 1:
                assert gone.wait(SOON)
            check()

        model._runtime.check = counted
        model.encode(np.zeros((1, 3, 512, 512), np.float32))

    gone = threading.Event()
    worker = models.get("fast")
    turn = worker.submit(passes)
    assert begun.wait(SOON)
    turn.give_up()
    gone.set()
    with pytest.raises(Abandoned):
        turn.result.result(SOON)
    assert worker.submit(lambda model, turn: model._runtime.check is not None).result.result(SOON)
    assert worker.submit(lambda model, turn: model.channels).result.result(SOON) == 384


def test_a_call_that_fails_leaves_the_others(worker: ModelWorker) -> None:
    def fails(model: Any, turn: Turn[str]) -> str:
        raise MemoryError("out of memory")

    failed = worker.submit(fails)
    with pytest.raises(MemoryError):
        failed.result.result(SOON)
    assert worker.submit(says("on")).result.result(SOON) == "model on"


def test_a_model_that_cannot_be_opened_is_tried_again() -> None:
    tries = []

    def opens() -> Any:
        tries.append(None)
        if len(tries) == 1:
            raise WeightsError("the weights are damaged")
        return FakeModel()

    worker = ModelWorker(opens)
    with pytest.raises(WeightsError, match="damaged"):
        worker.submit(says("x")).result.result(SOON)
    assert [worker.submit(says("y")).result.result(SOON) for _ in range(2)] == ["model y"] * 2
    assert len(tries) == 2
    worker.stop()


def test_a_thread_that_cannot_start_is_started_for_the_next(
    worker: ModelWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", full)
        with pytest.raises(RuntimeError):
            worker.submit(says("x"))
    assert worker.waiting == 0
    assert worker.submit(says("y")).result.result(SOON) == "model y"


def test_too_many_that_wait_are_refused() -> None:
    worker, gate = ModelWorker(FakeModel, most=2), Gate()  # type: ignore[arg-type]
    worker.submit(gate)
    assert gate.begun.wait(SOON)
    waiting = [worker.submit(says("a"), slot="a"), worker.submit(says("b"), slot="b")]
    with pytest.raises(TooMany, match="again in a second") as refused:
        worker.submit(says("c"), slot="c")
    assert refused.value.headers == {"Retry-After": "1"}
    worker.submit(says("newer"), slot="a")  # in the place of another
    waiting[1].give_up()
    worker.submit(says("d"), slot="d")  # there is room again
    gate.opened.set()
    worker.stop()


def test_stopping_ends_what_waits_and_what_is_at_work(worker: ModelWorker) -> None:
    gate = Gate()
    turns = [worker.submit(gate), worker.submit(says("x"))]
    assert gate.begun.wait(SOON)
    worker.stop()
    for turn in turns:
        with pytest.raises(Stopping, match="ending"):
            turn.result.result(SOON)
    assert worker.join(SOON)
    with pytest.raises(Stopping):
        worker.submit(says("late"))


def test_a_model_goes_with_its_thread() -> None:
    model = FakeModel()
    gone = weakref.ref(model)
    held = [model]
    worker = ModelWorker(held.pop)  # type: ignore[arg-type]
    del model
    assert worker.submit(says("x")).result.result(SOON) == "model x"
    assert gone() is not None
    worker.stop()
    assert worker.join(SOON)
    gc.collect()
    assert gone() is None


def test_whoever_waits_for_a_future_cannot_cancel_the_work(worker: ModelWorker) -> None:
    """As asyncio does when a handler is cancelled: the thread would die of a result that nobody takes."""
    gate = Gate()
    turn = worker.submit(gate)
    assert not turn.result.cancel()
    with pytest.raises(Late):
        turn.result.result(0)
    gate.opened.set()
    assert turn.result.result(SOON) == "passed"


def test_a_preview_does_not_wait_for_a_finished_picture(models: Models) -> None:
    gate = Gate()
    models.get("fast", "finish").submit(gate)
    assert gate.begun.wait(SOON)
    turn = models.get("fast", "preview").submit(lambda model, turn: model.channels)
    assert turn.result.result(SOON) == 384
    gate.opened.set()


def test_models_are_those_that_ship(models: Models) -> None:
    assert models.get("fast") is models.get("fast")
    with pytest.raises(WeightsError, match="fast"):
        models.get("fats")
    models.stop()
    with pytest.raises(Stopping):
        models.get("fast")
