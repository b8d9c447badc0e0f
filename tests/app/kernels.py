"""The kernel of the page without a server, run by wasmtime: its memory, its threads, and arrays in and out."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import wasmtime
from wasmtime import _ffi as ffi

from adain.app.offline.modules import APP

Array = npt.NDArray[np.float32]

PAGE = STACK = 2**16
PAGES = 512
"""32 MiB: more than any of the tests needs."""

GUARD = 64
"""Numbers on both sides of each array, which are to stay as they are."""

MARK = np.float32(-12345.5)


class _Memory(wasmtime.SharedMemory):
    """One that can be handed over: wasmtime 50 itself makes a pointer to a pointer of it."""

    def _as_extern(self) -> ffi.wasmtime_extern_t:
        union = ffi.wasmtime_extern_union(sharedmemory=self.ptr())
        return ffi.wasmtime_extern_t(ffi.WASMTIME_EXTERN_SHAREDMEMORY, union)


class Kernel:
    """A kernel with so many threads, which end with the process: ``serve`` does not return."""

    def __init__(self, binary: str, threads: int = 1) -> None:
        config = wasmtime.Config()
        config.shared_memory = config.wasm_threads = config.wasm_relaxed_simd = True
        engine = wasmtime.Engine(config)
        module = wasmtime.Module.from_file(engine, str(APP / "web" / "kernel" / binary))
        kind = wasmtime.MemoryType(wasmtime.Limits(PAGES, PAGES), shared=True)
        self._memory = _Memory(engine, kind)
        self._store, self._calls = self._started(engine, module)
        self.threads = threads
        self._end = self._begin = self._calls["__heap_base"].value(self._store)
        for number in range(1, threads):
            stack = self._room(STACK) + STACK
            given = (engine, module, number, stack)
            threading.Thread(target=self._serve, args=given, daemon=True).start()
        self._begin = self._end
        self._arrays: list[tuple[int, int]] = []

    def _started(self, engine: wasmtime.Engine, module: wasmtime.Module) -> tuple[wasmtime.Store, Any]:
        store = wasmtime.Store(engine)
        return store, wasmtime.Instance(store, module, [self._memory]).exports(store)

    def _serve(self, engine: wasmtime.Engine, module: wasmtime.Module, number: int, stack: int) -> None:
        store, calls = self._started(engine, module)
        calls["__stack_pointer"].set_value(store, stack)
        calls["serve"](store, number)

    def _room(self, size: int) -> int:
        address = self._end = -(-self._end // 16) * 16
        self._end += size
        assert self._end <= PAGES * PAGE
        return address

    def _numbers(self, address: int, count: int) -> Array:
        data = np.ctypeslib.as_array(self._memory.data_ptr(), (PAGES * PAGE,))
        return data[address : address + 4 * count].view(np.float32)

    def put(self, values: Array) -> int:
        """The address of a copy, between marks."""
        flat = np.ascontiguousarray(values, np.float32).ravel()
        address = self._room(4 * (flat.size + 2 * GUARD)) + 4 * GUARD
        whole = self._numbers(address - 4 * GUARD, flat.size + 2 * GUARD)
        whole[:] = MARK
        whole[GUARD:-GUARD] = flat
        self._arrays.append((address, flat.size))
        return address

    def room(self, *shape: int) -> int:
        """The address of numbers that are none yet, between marks."""
        return self.put(np.full(shape, np.nan, np.float32))

    def get(self, address: int, *shape: int) -> Array:
        """A copy of what lies at an address."""
        return self._numbers(address, int(np.prod(shape))).reshape(shape).copy()

    def call(self, name: str, *given: int) -> Any:
        """What an export returns."""
        return self._calls[name](self._store, *given)

    def forget(self) -> None:
        """All arrays are given up, once it is seen that nothing was written beside them."""
        for address, size in self._arrays:
            assert np.all(self._numbers(address - 4 * GUARD, GUARD) == MARK), "written in front of an array"
            assert np.all(self._numbers(address + 4 * size, GUARD) == MARK), "written behind an array"
        self._arrays.clear()
        self._end = self._begin

    def pack(self, filters: Array, channels: int) -> int:
        """The address of filters ``(O, I, S, S)`` as ``convolve`` and ``pointwise`` want them."""
        out, given, side, _ = filters.shape
        to = self.put(np.zeros(self.call("packed_of", out, side, channels), np.float32))
        self.call("pack", self.put(filters), out, given, side, to, channels)
        return to

    def scratch(self, channels: int, stored: int) -> int:
        """The address of what ``convolve`` and ``pointwise`` need beside their results."""
        return self.room(self.threads * self.call("scratch_of", channels, stored))
