"""The part of the page's memory that its kernel computes in: what is taken, and what is given back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .browser import chromium, need_browser  # noqa: F401
from .computing import WEB, serving

BEGIN, PAGE, PAGES = 70_001, 2**16, 40

RUN = """async ([orders, begin, pages]) => {
    const { Heap } = await import("/web/heap.js");
    const memory = new WebAssembly.Memory({ initial: 2, maximum: pages, shared: true });
    const heap = new Heap(memory, begin);
    const held = [];
    return orders.map(([bytes, which]) => {
        try {
            if (bytes === null) {
                if (held.length) heap.give(held.splice(which % held.length, 1)[0]);
                return null;
            }
            held.push(heap.take(bytes));
            return held[held.length - 1];
        } catch (error) {
            return error.name;
        }
    }).concat(memory.buffer.byteLength);
}"""


class Part(NamedTuple):
    """What is taken."""

    address: int
    bytes: int


@pytest.fixture(scope="module")
def page(chromium: Any) -> Iterator[Any]:  # noqa: F811
    need_browser()
    with serving({"web": WEB}) as address:
        context = chromium.new_context()
        made = context.new_page()
        made.goto(f"{address}/web/heap.js")
        yield made
        context.close()


def widest(held: list[Part]) -> int:
    """Bytes of the largest gap between parts, or behind them, to which memory can grow."""
    at, found = (BEGIN + 15) // 16 * 16, 0
    for part in sorted(held):
        found, at = max(found, part.address - at), part.address + (part.bytes + 15) // 16 * 16
    return max(found, PAGES * PAGE - at)


takes = st.tuples(st.integers(0, 400_000), st.just(0))
gives = st.tuples(st.none(), st.integers(0, 1000))


@settings(deadline=None, max_examples=150)
@given(orders=st.lists(takes | gives, max_size=60))
def test_what_is_taken_never_overlaps_and_is_one_again_when_all_is_given_back(page: Any, orders: list[Any]) -> None:
    free = PAGES * PAGE - (BEGIN + 15) // 16 * 16
    back = [(None, 0)] * len(orders)
    *answers, grown = page.evaluate(RUN, [[*orders, *back, (free, 0), (1, 0)], BEGIN, PAGES])
    held: list[Part] = []
    for (size, which), answer in zip([*orders, *back], answers, strict=False):
        if size is None:
            if held:
                held.pop(which % len(held))
        elif answer == "RangeError":
            assert size > widest(held), "there is room"
        else:
            part = Part(answer, max(size, 1))
            assert part.address % 16 == 0
            assert part.address >= BEGIN
            assert part.address + part.bytes <= PAGES * PAGE
            for other in held:
                assert part.address >= other.address + other.bytes or other.address >= part.address + part.bytes
            held.append(part)
    assert held == []
    assert answers[-2:] == [(BEGIN + 15) // 16 * 16, "RangeError"], "all of it, once, and then none"
    assert grown == PAGES * PAGE


def test_memory_grows_by_what_is_missing_and_gaps_are_used_again(page: Any) -> None:
    orders = [(3 * PAGE, 0), (PAGE, 0), (None, 0), (2 * PAGE, 0), (PAGE, 0), (PAGE, 0)]
    first, second, _, again, rest, behind, grown = page.evaluate(RUN, [orders, 0, PAGES])
    assert (first, second, again, rest, behind) == (0, 3 * PAGE, 0, 2 * PAGE, 4 * PAGE)
    assert grown == 5 * PAGE


def test_the_smallest_gap_that_holds_it_is_taken(page: Any) -> None:
    orders = [(64, 0), (16, 0), (32, 0), (16, 0), (None, 0), (None, 1), (30, 0)]
    *_, found, _grown = page.evaluate(RUN, [orders, 0, PAGES])
    assert found == 80


def test_what_is_not_taken_cannot_be_given_back(page: Any) -> None:
    code = """async () => {
        const { Heap } = await import("/web/heap.js");
        const heap = new Heap(new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true }), 0);
        const address = heap.take(16);
        heap.give(address);
        try { heap.give(address); } catch (error) { return error.message; }
    }"""
    assert page.evaluate(code) == "nothing is taken at 0"


def test_where_so_many_addresses_are_not_to_be_had_the_kernel_is_content_with_fewer(page: Any) -> None:
    code = """async (most) => {
        const { openKernel } = await import("/web/kernel.js");
        const bytes = async (name) => (await fetch(`/web/kernel/${name}.wasm`)).arrayBuffer();
        const binaries = { relaxed: await bytes("kernel-relaxed"), plain: await bytes("kernel") };
        const [Memory, asked] = [WebAssembly.Memory, []];
        WebAssembly.Memory = class extends Memory {
            constructor(how) {
                asked.push(how.maximum);
                if (how.maximum > most) throw new RangeError("could not allocate memory");
                super(how);
            }
        };
        try {
            const kernel = await openKernel(binaries, { threads: 1 });
            return [...asked, kernel.bytes];
        } catch (error) {
            return [...asked, error.message];
        } finally {
            WebAssembly.Memory = Memory;
        }
    }"""
    assert page.evaluate(code, 2**15) == [2**15, 2 * PAGE]
    assert page.evaluate(code, 2**13 + 1) == [2**15, 2**14, 2**13, 2 * PAGE]
    assert page.evaluate(code, 9) == [2**15, 2**14, 2**13, 2**12, 2**11, 2**10, "could not allocate memory"]
