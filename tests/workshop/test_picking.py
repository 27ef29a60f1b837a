"""The picker's state, key by key."""

from pathlib import Path

import pytest
from workshop.import_samples import candidates_of, wide_api

from mcp_proxy.workshop.import_subject import Candidate
from mcp_proxy.workshop.picking import Picking, press, start_picking


def allow(_candidate: Candidate) -> str:
    return ""


@pytest.fixture
def start(tmp_path: Path) -> Picking:
    return start_picking(list(candidates_of(tmp_path, wide_api()).values()))


def after(state: Picking, *keys: str) -> Picking:
    for key in keys:
        state = press(state, key, allow)
    return state


def shown(state: Picking) -> list[str]:
    return [state.rows[index].selector for index in state.shown]


def test_reading_comes_first_unmarked_first_and_the_deprecated_last(start: Picking) -> None:
    effects = [row.effect for row in start.rows if not row.deprecated]
    assert effects == sorted(effects, key=("read", "write", "destructive").index)
    reads = [row for row in start.rows if row.effect == "read" and not row.deprecated]
    assert [bool(row.marks) for row in reads] == sorted(bool(row.marks) for row in reads)
    assert start.rows[-1].deprecated


def test_typing_searches_and_backspace_takes_back(start: Picking) -> None:
    found = after(start, *"orders")
    assert set(shown(found)) == {"getOrder", "listOrders", "createOrder"}
    assert shown(after(found, *["backspace"] * 6)) == shown(start)
    assert shown(after(start, *"tag:buyers,method:get")) == ["listBuyers", "listSecrets"]


@pytest.mark.parametrize("query", ["tag:", "orders,", "!", "a:b:", "x, ,"])
def test_an_unfinished_expression_searches_its_words(start: Picking, query: str) -> None:
    found = after(start, *(key for key in query if key != " "))
    assert not found.done
    if query == "orders,":
        assert len(found.shown) == 3


def test_space_chooses_what_the_cursor_is_on_and_enter_writes_it(start: Picking) -> None:
    found = after(start, "down", " ", "down", "down", " ", "up", "up", " ", "enter")
    assert found.done == "write"
    assert found.picked == [start.rows[3]]


def test_what_is_chosen_stays_chosen_while_something_else_is_searched(start: Picking) -> None:
    found = after(start, *"listOrders", " ", *["backspace"] * 10, *"createOrder", " ", "enter")
    assert {one.selector for one in found.picked} == {"listOrders", "createOrder"}


def test_the_cursor_stays_within_what_is_shown(start: Picking) -> None:
    assert after(start, "up").cursor == 0
    assert after(start, "end").cursor == len(start.rows) - 1
    assert after(start, "end", "page_down").cursor == len(start.rows) - 1
    assert after(start, "page_down", "home").cursor == 0
    assert after(start, "end", *"nothing like it").current is None
    assert after(start, "end", *"zzz", "down", " ", "page_up").chosen == frozenset()


def test_enter_without_a_choice_stays_and_escape_leaves(start: Picking) -> None:
    found = after(start, "enter")
    assert not found.done
    assert "Nothing is chosen yet" in found.note
    assert after(found, "down").note == ""
    assert after(start, " ", "escape").done == "leave"


def test_one_that_cannot_be_built_cannot_be_chosen_and_says_why(start: Picking) -> None:
    found = press(start, " ", lambda one: f"{one.selector} is odd.")
    assert found.chosen == frozenset()
    assert "is odd." in found.note


@pytest.mark.parametrize("key", ["\x00", "\x1f", "f1", ""])
def test_other_keys_do_nothing(start: Picking, key: str) -> None:
    assert after(start, key) == start
