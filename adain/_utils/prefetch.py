"""Reading ahead and writing behind: input and output overlapped with the work between them.

Both are generators to be chained, ``write_behind(work(item, f.result()) for item, f in read_ahead(items, read))``.
They know nothing of pictures. At no time are there more than ``ahead`` items read and not yet taken, nor more than
``behind`` results not yet written, so that memory is bounded whatever the number of items.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")
Result = TypeVar("Result")
Written = TypeVar("Written")

AHEAD = 2
BEHIND = 3
THREADS = 1 if (os.cpu_count() or 1) < 4 else 2
"""For each of reading and writing: where cores are few, the network needs them more."""


def read_ahead(
    items: Iterable[Item], read: Callable[[Item], Loaded], *, threads: int = 1, ahead: int = AHEAD
) -> Generator[tuple[Item, Future[Loaded]], None, None]:
    """Every item, in order, with what ``read`` makes of it, begun up to ``ahead`` items before it is asked for.

    ``read`` is called in threads; the future holds what it raised, if it did. ``items`` is advanced in a thread, too,
    one item at a time, so that it may wait for something without holding up the work.
    """
    source = iter(items)
    pool = ThreadPoolExecutor(threads, "read")
    # Of its own, so that items come in order and one by one.
    feed = ThreadPoolExecutor(1, "items")
    end = object()

    def follow() -> tuple[object, Future[Loaded] | None]:
        item = next(source, end)
        return item, None if item is end else pool.submit(read, item)  # type: ignore[arg-type]

    waiting = deque(feed.submit(follow) for _ in range(ahead))
    try:
        while waiting:
            item, future = waiting.popleft().result()
            if future is None:
                break
            waiting.append(feed.submit(follow))
            yield item, future  # type: ignore[misc]
            del item, future  # or the picture would be kept while the next is waited for
    finally:
        feed.shutdown(wait=False, cancel_futures=True)
        pool.shutdown(cancel_futures=True)


def write_behind(
    results: Iterable[Result], write: Callable[[Result], Written], *, threads: int = 1, behind: int = BEHIND
) -> Iterator[Written]:
    """What ``write`` returns for every result, in order, while the next results are already being made.

    Whatever is cut short, be it by an exception out of ``results``, KeyboardInterrupt included, or because the caller
    takes no more, each result that was made is written before this ends; in the former case it is also yielded.
    Results are made in the calling thread, and ``write`` is called in others; an exception out of it is raised here, in
    the place of its result.
    """
    source = iter(results)
    waiting: deque[Future[Written]] = deque()
    stopped: BaseException | None = None
    with ThreadPoolExecutor(threads, "write") as pool:  # leaving it waits for all
        while True:
            try:
                result = next(source)
            except StopIteration:
                break
            except BaseException as error:
                stopped = error
                break
            waiting.append(pool.submit(write, result))
            del result
            while waiting and (waiting[0].done() or len(waiting) >= behind):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    if stopped is not None:
        raise stopped
