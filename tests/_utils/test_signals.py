from __future__ import annotations

import os
import signal
import threading

import pytest

from adain._utils.signals import CODES, StopFlag, Stopped


def test_nothing_stops_by_itself() -> None:
    with StopFlag() as flag:
        assert flag.code == 0
        flag.check()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_signals_set_the_flag(name: str) -> None:
    before = signal.getsignal(signal.Signals[name])
    with StopFlag() as flag:
        os.kill(os.getpid(), signal.Signals[name])
        assert CODES[flag.code] == name
        with pytest.raises(Stopped) as caught:
            flag.check()
        assert caught.value.reason == name
    assert signal.getsignal(signal.Signals[name]) is before


def test_a_second_interrupt_ends_at_once() -> None:
    with StopFlag() as flag:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        assert CODES[flag.code] == "SIGINT"


def test_what_would_end_too_late_is_told_before(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("adain._utils.signals.time.monotonic", lambda: now[0])
    flag = StopFlag(1.0)
    now[0] = 150.0
    assert flag.left == 10
    assert (flag.within(9.9), CODES[flag.within(10)]) == (0, "time")
    assert StopFlag().within(1e9) == 0


def test_time_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("adain._utils.signals.time.monotonic", lambda: now[0])
    flag = StopFlag(2.0)
    now[0] += 119
    assert flag.code == 0
    now[0] += 1
    assert CODES[flag.code] == "time"
    assert StopFlag(0.0).code == 0


def test_other_threads_leave_signals_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with StopFlag():
                assert signal.getsignal(signal.SIGTERM) is before
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert failures == []
