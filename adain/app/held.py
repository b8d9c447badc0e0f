"""What is kept for a while and within bounds: the least recently used goes first. Features, pictures, uploads."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from .._utils.memory import give_back

Key: TypeAlias = tuple[Hashable, ...]
"""What a value is kept under. It begins with the id of the picture that it is of: ``(id, "features", model, size)``."""

LARGE = 2**24
"""Bytes after which memory that was freed is given back to the system, which C's allocator by itself does late."""


@dataclass(slots=True)
class _Entry:
    value: Any
    size: int


class Held:
    """A bounded store for many threads, of whatever has a size in bytes.

    Args:
        most_bytes: that all values together may have; a value that alone has more is not kept.
        forget: called with every value that is let go of, for whatever reason, and outside of the lock.
    """

    def __init__(self, most_bytes: int, *, forget: Callable[[Any], object] = lambda _: None) -> None:
        self.most_bytes = most_bytes
        self._forget = forget
        self._lock = threading.RLock()
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self._leaving: dict[Key, list[_Entry]] = {}  # dropped while they are pinned
        self._pins: Counter[Key] = Counter()
        self._making: dict[Key, tuple[threading.Lock, list[None]]] = {}
        self._used = 0

    @property
    def used(self) -> int:
        """Bytes of all that is kept, and of what is reserved."""
        return self._used

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Key) -> bool:
        with self._lock:
            return key in self._entries

    def values(self) -> list[Any]:
        """All values, that which was not used for the longest time first."""
        with self._lock:
            return [entry.value for entry in self._entries.values()]

    def get(self, key: Key) -> Any:
        """The value under a key, which counts as used now; None where there is none."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry.value

    def put(self, key: Key, value: Any, size: int) -> bool:
        """Keep a value of so many bytes in place of what was there; False, and it is let go of, if it finds no room."""
        with self._lock:
            gone = self._take([key])
            room, made = self._room(size)
            gone += made
            if room:
                self._entries[key] = _Entry(value, size)
                self._used += size
            else:
                gone.append(_Entry(value, size))
        self._let_go(gone)
        return room

    def made(self, key: Key, make: Callable[[], tuple[Any, int]]) -> Any:
        """The value under a key, made now where there is none: once, however many ask for it at the same time.

        Args:
            make: gives the value and its size in bytes. What it raises is raised here, and kept by nobody.
        """
        with self._lock:
            if (found := self.get(key)) is not None:
                return found
            lock, waiting = self._making.setdefault(key, (threading.Lock(), []))
            waiting.append(None)
        try:
            with lock:
                if (found := self.get(key)) is not None:
                    return found
                value, size = make()
                self.put(key, value, size)
                return value
        finally:
            with self._lock:
                waiting.pop()
                if not waiting:
                    self._making.pop(key, None)

    def drop(self, prefix: Key) -> int:
        """Let go of all whose keys begin so, those in use as soon as they are no longer; gives their number."""
        with self._lock:
            keys = [key for key in self._entries if key[: len(prefix)] == prefix]
            gone = self._take(keys)
        self._let_go(gone)
        return len(keys)

    @contextlib.contextmanager
    def pinned(self, keys: Iterable[Key]) -> Iterator[None]:
        """What is kept under these keys stays in here; one that is dropped meanwhile is let go of at the end.

        Raises:
            KeyError: if there is nothing under one of them.
        """
        held = tuple(keys)
        with self._lock:
            for key in held:
                if key not in self._entries:
                    raise KeyError(key)
                self._entries.move_to_end(key)
            self._pins.update(held)
        try:
            yield
        finally:
            gone: list[_Entry] = []
            with self._lock:
                for key in held:
                    self._pins[key] -= 1
                    if not self._pins[key]:
                        del self._pins[key]
                        for entry in self._leaving.pop(key, ()):
                            self._used -= entry.size
                            gone.append(entry)
            self._let_go(gone)

    def reserve(self, size: int) -> bool:
        """Make room for so many bytes of what is still coming in; False if there is none to be made."""
        with self._lock:
            room, gone = self._room(size)
            if room:
                self._used += size
        self._let_go(gone)
        return room

    def release(self, size: int) -> None:
        """Give reserved room back: what came in was put, or will not come."""
        with self._lock:
            self._used -= size

    def _room(self, size: int) -> tuple[bool, list[_Entry]]:
        """Whether there is room for so many bytes, and what was let go of for it: nothing, if that would not do."""
        needed, keys = self._used + size - self.most_bytes, []
        for key, entry in self._entries.items():
            if needed <= 0:
                break
            if key not in self._pins:
                keys.append(key)
                needed -= entry.size
        return (True, self._take(keys)) if needed <= 0 else (False, [])

    def _take(self, keys: Iterable[Key]) -> list[_Entry]:
        """Take entries out; those that are not in use are to be let go of."""
        gone: list[_Entry] = []
        for key in keys:
            if (entry := self._entries.pop(key, None)) is None:
                continue
            if key in self._pins:
                self._leaving.setdefault(key, []).append(entry)
            else:
                self._used -= entry.size
                gone.append(entry)
        return gone

    def _let_go(self, gone: list[_Entry]) -> None:
        """Forget entries that were taken out; the list is empty afterwards."""
        freed = sum(entry.size for entry in gone)
        gone.reverse()
        while gone:  # one by one, so that nothing here holds them any more
            self._forget(gone.pop().value)
        if freed >= LARGE:
            give_back()
