"""One thread that does one piece of work after another, for event loops and for callers without.

It does what a pool of one thread does at half of the cost, which counts where a call waits for it.
"""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """The thread starts with the first work. What was begun is done, whoever still waits for it."""

    def __init__(self, name: str) -> None:
        """`name` is the thread's."""
        self._name = name
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._is_closed = False

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises. Raises RuntimeError once closed."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[T] = loop.create_future()
        self._put(partial(_tell_loop, loop, waiting, work))
        return await waiting

    def run_now(self, work: Callable[[], T]) -> T:
        """The same, for callers without an event loop."""
        waiting: Future[T] = Future()
        self._put(partial(_do, waiting, work))
        return waiting.result()

    def close(self, last: Callable[[], None]) -> None:
        """Waits for all that was asked for, then does `last` there; nothing can follow it."""
        is_first, self._is_closed = not self._is_closed, True
        if self._thread is not None:
            if is_first:
                self._jobs.put(last)
                self._jobs.put(None)
            self._thread.join()

    def _put(self, job: Callable[[], None]) -> None:
        if self._is_closed:
            raise RuntimeError(f"the thread {self._name} has ended")
        if self._thread is None:
            # No reason to keep the process: work that is cut short there was never promised.
            self._thread = Thread(target=self._loop, name=self._name, daemon=True)
            self._thread.start()
        self._jobs.put(job)

    def _loop(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _tell_loop(
    loop: asyncio.AbstractEventLoop, waiting: "asyncio.Future[T]", work: Callable[[], T]
) -> None:
    done: Future[T] = Future()
    _do(done, work)
    # Whoever asked may be gone, and the loop with it.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(_hand_over, waiting, done)


def _do(waiting: "Future[T]", work: Callable[[], T]) -> None:
    try:
        waiting.set_result(work())
    except BaseException as error:  # noqa: BLE001 - it is raised where the work was asked for
        waiting.set_exception(error)


def _hand_over(waiting: "asyncio.Future[Any]", done: "Future[Any]") -> None:
    if waiting.done():
        return
    error = done.exception()
    if error is not None:
        waiting.set_exception(error)
    else:
        waiting.set_result(done.result())
