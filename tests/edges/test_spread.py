"""Work in worker processes: all of it is done, once, and here where there are no workers."""

import os
from typing import Any

import pytest

from mcp_proxy.edges import spread as module
from mcp_proxy.edges.spread import processors, spread


def squared(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def refused(number: int) -> int:
    raise ValueError(f"not {number}")


def test_all_is_done_in_other_processes_and_what_stands_beside_it_once_here() -> None:
    beside: list[int] = []
    made = list(spread(squared, range(10), lambda: beside.append(os.getpid())))
    assert sorted(value for value, _ in made) == [number * number for number in range(10)]
    assert os.getpid() not in {pid for _, pid in made}
    assert beside == [os.getpid()]


def test_without_workers_all_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any, **__: Any) -> Any:
        raise OSError("no semaphores")

    monkeypatch.setattr(module, "ProcessPoolExecutor", none)
    beside: list[int] = []
    made = list(spread(squared, range(3), lambda: beside.append(1)))
    assert made == [(number * number, os.getpid()) for number in range(3)]
    assert beside == [1]


def test_workers_that_die_leave_the_rest_to_be_done_here() -> None:
    parent = os.getpid()
    beside: list[int] = []
    made = spread(OnlyIn(parent), range(3), lambda: beside.append(1))
    assert sorted(made) == [0, 1, 2]
    assert beside == [1]


def test_an_error_of_the_work_is_the_callers() -> None:
    with pytest.raises(ValueError, match="not "):
        list(spread(refused, range(4), lambda: None))


def test_there_is_a_processor() -> None:
    assert processors() >= 1


class OnlyIn:
    """Works in one process alone; in any other it ends that process."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def __call__(self, number: int) -> int:
        if os.getpid() != self._pid:
            os._exit(1)
        return number
