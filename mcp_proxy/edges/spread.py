"""Work spread over the machine's processors: each piece in one of a few worker processes."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")
_WORKERS = 4
# A worker is asked so often: seldom enough for many small items, often enough to end together.
_TURNS = 64


def processors() -> int:
    """How many of them this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def spread(
    work: Callable[[_Item], _Made], items: Sequence[_Item], beside: Callable[[], None]
) -> Iterator[_Made]:
    """What `work`, a function of a module, makes of each item, in no order.

    `beside` runs here once, meanwhile. Where worker processes cannot be had, all is done here.
    """
    left, waiting = dict(enumerate(items)), [beside]
    try:
        yield from _in_workers(work, left, waiting)
    except (OSError, BrokenProcessPool):
        for task in waiting:
            task()
        yield from (work(left[at]) for at in list(left))


def _in_workers(
    work: Callable[[_Item], _Made], left: dict[int, _Item], waiting: list[Callable[[], None]]
) -> Iterator[_Made]:
    context = multiprocessing.get_context("spawn")
    count = min(_WORKERS, processors(), len(left))
    with ProcessPoolExecutor(count, mp_context=context, initializer=_begin) as pool:
        try:
            asked = {
                pool.submit(_each, work, [left[at] for at in part]): part
                for part in _parts(list(left), count * _TURNS)
            }
            waiting.pop()()
            for done in as_completed(asked):
                made = done.result()
                for at in asked.pop(done):
                    del left[at]
                yield from made
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _parts(numbers: list[int], most: int) -> Iterator[list[int]]:
    size = -(-len(numbers) // most)
    return (numbers[at : at + size] for at in range(0, len(numbers), size))


def _each(work: Callable[[_Item], _Made], items: list[_Item]) -> list[_Made]:
    return [work(item) for item in items]


def _begin() -> None:
    """Ctrl-C ends the process that waits for us, which then ends us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
