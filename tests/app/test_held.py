from __future__ import annotations

import threading
from typing import Any

import pytest

from adain.app.held import Held


def test_the_least_recently_used_goes_first() -> None:
    gone: list[str] = []
    held = Held(30, forget=gone.append)
    for name in "abc":
        assert held.put((name,), name, 10)
    assert held.get(("a",)) == "a"
    assert held.put(("d",), "d", 15)
    assert gone == ["b", "c"]
    assert (held.used, len(held), held.values()) == (25, 2, ["a", "d"])
    assert held.get(("b",)) is None


def test_what_is_larger_than_all_of_it_is_not_kept_and_pushes_nothing_out() -> None:
    gone: list[str] = []
    held = Held(30, forget=gone.append)
    held.put(("a",), "a", 10)
    assert not held.put(("b",), "b", 31)
    assert (gone, held.used, ("a",) in held, ("b",) in held) == (["b"], 10, True, False)


def test_a_value_takes_the_place_of_that_under_its_key() -> None:
    gone: list[str] = []
    held = Held(30, forget=gone.append)
    held.put(("a",), "old", 20)
    held.put(("a",), "new", 25)
    assert (gone, held.used, held.get(("a",))) == (["old"], 25, "new")


def test_drop_takes_all_of_one_picture() -> None:
    held = Held(100)
    for key in (("a", "features", 512), ("a", "shown", 0), ("ab", "shown", 0)):
        held.put(key, 1, 10)
    assert held.drop(("a",)) == 2
    assert (held.used, ("ab", "shown", 0) in held) == (10, True)


def test_what_is_pinned_stays_and_what_is_dropped_meanwhile_goes_at_the_end() -> None:
    gone: list[str] = []
    held = Held(30, forget=gone.append)
    held.put(("a",), "a", 20)
    with held.pinned([("a",)]), held.pinned([("a",)]):
        assert not held.put(("b",), "b", 20)
        assert held.drop(("a",)) == 1
        assert held.get(("a",)) is None
        assert gone == ["b"]
        assert held.used == 20  # it is still there
    assert gone == ["b", "a"]
    assert held.used == 0
    with pytest.raises(KeyError), held.pinned([("a",)]):
        pass


def test_room_that_is_reserved_counts() -> None:
    held = Held(30)
    held.put(("a",), "a", 10)
    assert held.reserve(20)
    assert ("a",) in held
    assert held.reserve(5)
    assert ("a",) not in held
    assert not held.reserve(6)
    held.release(25)
    assert held.used == 0


def test_what_many_ask_for_at_once_is_made_once() -> None:
    held, made, start = Held(100), [], threading.Barrier(8)

    def make() -> tuple[str, int]:
        made.append(1)
        return "value", 10

    def ask(found: list[Any]) -> None:
        start.wait()
        found.append(held.made(("a",), make))

    found: list[Any] = []
    threads = [threading.Thread(target=ask, args=(found,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (found, len(made)) == (["value"] * 8, 1)


def test_what_could_not_be_made_is_tried_again() -> None:
    held = Held(100)

    def fail() -> tuple[str, int]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        held.made(("a",), fail)
    assert held.made(("a",), lambda: ("b", 1)) == "b"
    assert not held._making


def test_nothing_is_lost_among_threads() -> None:
    gone: list[int] = []
    held = Held(50, forget=gone.append)

    def work(number: int) -> None:
        for step in range(300):
            key = (number * 1000 + step,)
            if held.put(key, key[0], 5) and step % 3 == 0:
                try:
                    with held.pinned([key]):
                        held.drop(key)
                except KeyError:
                    pass  # another pushed it out before

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert held.used == 5 * len(held) <= 50
    assert sorted([*gone, *held.values()]) == sorted(number * 1000 + step for number in range(4) for step in range(300))
