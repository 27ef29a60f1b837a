"""What was shown: values out of answers as the model gets them, within bounds."""

from typing import Any

import pytest

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.shown import Shown, Wanted, scalar_of


def structured(value: Any) -> dict[str, Any]:
    return {"content": [], "structuredContent": value}


def text(*texts: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": item} for item in texts]}


def was_shown(shown: Shown, value: Any, *, field: str = "data.id", **same: Any) -> bool:
    places = {(key,): scalar for key, item in same.items() if (scalar := scalar_of(item))}
    return shown.was_shown(value, Wanted("find", field, places, 0.0, 10.0))


def remembered(result: dict[str, Any], field: str = "data.id", **arguments: Any) -> Shown:
    shown = Shown()
    shown.of_call("find", (field,), arguments, 5.0)(result)
    return shown


def test_values_are_found_through_arrays_and_stars() -> None:
    value = {"data": [{"id": "a"}, {"id": ["b", {"id": "c"}]}, {"no": "d"}, "e"], "id": "f"}
    shown = remembered(structured(value))
    assert [item for item in "abcdef" if was_shown(shown, item)] == ["a", "b"]
    shown = remembered(structured({"x": {"id": "a"}, "y": [{"id": "b"}]}), field="*.id")
    assert all(was_shown(shown, item, field="*.id") for item in "ab")


def test_true_is_not_one_and_a_number_no_text() -> None:
    shown = remembered(structured({"data": [{"id": 1}, {"id": "2"}, {"id": False}, {"id": None}]}))
    assert was_shown(shown, 1)
    assert was_shown(shown, 1.0)
    assert was_shown(shown, "2")
    assert was_shown(shown, False)
    assert not any(was_shown(shown, item) for item in (True, "1", 2, 0, None, [1], {}))


def test_an_upstream_s_json_text_is_read_where_nothing_is_structured() -> None:
    assert was_shown(remembered(text('{"data": {"id": "a"}}')), "a")
    assert was_shown(remembered(text("plain", '{"data": {"id": "a"}}')), "a")
    both = text('{"data": {"id": "a"}}') | {"structuredContent": {"data": {"id": "b"}}}
    assert not was_shown(remembered(both), "a")


def test_an_error_shows_nothing() -> None:
    result = structured({"data": [{"id": "a"}]}) | {"isError": True}
    assert not was_shown(remembered(result), "a")


def test_the_arguments_of_that_call_count() -> None:
    shown = remembered(structured({"data": [{"id": "a"}]}), customer="c", deep={"x": 1}, many=[1])
    assert was_shown(shown, "a", customer="c")
    assert not was_shown(shown, "a", customer="d")
    assert not was_shown(shown, "a", other="c")
    assert shown.was_shown("a", Wanted("find", "data.id", {("deep", "x"): ("number", 1)}, 5, 5))
    assert not shown.was_shown("a", Wanted("find", "data.id", {}, 5.1, 9))
    assert not shown.was_shown("a", Wanted("find", "data.id", {}, 0, 4.9))
    assert not shown.was_shown("a", Wanted("list", "data.id", {}, 0, 10))


def test_the_oldest_answers_are_forgotten_first_and_whole() -> None:
    shown = Shown()
    for number in range(12):
        rows = [{"id": f"{number}-{row}"} for row in range(LIMITS.shown_values // 10)]
        shown.of_call("find", ("data.id",), {}, 5.0)(structured({"data": rows}))
    assert [n for n in range(12) if was_shown(shown, f"{n}-0")] == list(range(2, 12))
    assert not was_shown(shown, f"1-{LIMITS.shown_values // 10 - 1}")


def test_of_an_endless_answer_the_first_values_are_kept() -> None:
    rows = [{"id": number} for number in range(LIMITS.shown_values + 5)]
    shown = remembered(structured({"data": rows}))
    assert was_shown(shown, LIMITS.shown_values - 1)
    assert not was_shown(shown, LIMITS.shown_values)


@pytest.mark.parametrize("letter", ["x", "é", "🎈"])
def test_what_is_kept_has_its_bound_in_bytes(letter: str) -> None:
    shown, kept = Shown(), 0
    for number in range(400):
        ids = [f"{number}-{row}".ljust(LIMITS.shown_chars, letter) for row in range(25)]
        rows = [{"id": item} for item in ids]
        shown.of_call("find", ("data.id",), {"a": letter * 999}, 5.0)(structured({"data": rows}))
    for number in range(400):
        kept += was_shown(shown, f"{number}-0".ljust(LIMITS.shown_chars, letter))
    bytes_each = LIMITS.shown_chars * (1 if letter == "x" else 4)
    assert 0 < kept * 25 * bytes_each <= LIMITS.shown_bytes


def test_what_is_too_long_is_not_remembered() -> None:
    long = "x" * (LIMITS.shown_chars + 1)
    assert not was_shown(remembered(structured({"data": [{"id": long}]})), long)


def test_the_same_value_shown_twice_is_forgotten_only_with_the_newer_answer() -> None:
    shown = Shown()
    half = [{"id": number} for number in range(LIMITS.shown_values // 2)]
    for rows in ([{"id": "a"}], half, [{"id": "a"}], half):
        shown.of_call("find", ("data.id",), {}, 5.0)(structured({"data": rows}))
    assert was_shown(shown, "a")
