"""One thread, one piece of work after another."""

import asyncio
import threading
import time

import pytest

from mcp_proxy.edges.worker import Worker


def fails() -> None:
    raise KeyError("no")


def test_work_is_done_on_one_other_thread_in_its_order() -> None:
    worker = Worker("one")
    seen: list[int] = []

    async def many() -> set[int]:
        async def one(number: int) -> int:
            return await worker.run(lambda: (seen.append(number), threading.get_ident())[1])

        return set(await asyncio.gather(*map(one, range(50))))

    threads = asyncio.run(many())
    threads.add(worker.run_now(threading.get_ident))
    worker.close(lambda: None)
    assert len(threads - {threading.get_ident()}) == 1
    assert seen == list(range(50))


def test_what_it_raises_is_raised_where_it_was_asked_for() -> None:
    worker = Worker("one")
    with pytest.raises(KeyError):
        worker.run_now(fails)
    with pytest.raises(KeyError):
        asyncio.run(worker.run(fails))
    assert worker.run_now(lambda: 1) == 1
    worker.close(lambda: None)


def test_work_goes_on_whoever_has_stopped_waiting_and_closing_waits_for_it() -> None:
    worker = Worker("one")
    done: list[str] = []

    async def leaves() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(worker.run(lambda: (time.sleep(0.1), done.append("work"))), 0.01)

    asyncio.run(leaves())
    worker.close(lambda: done.append("last"))
    assert done == ["work", "last"]
    with pytest.raises(RuntimeError):
        worker.run_now(fails)
