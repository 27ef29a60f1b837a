"""Rows: fewer tokens than JSON, and the very value when read back."""

import json
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.rows import rows_of

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?", re.ASCII)
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_BARE_KEY = re.compile(r"[^\s.:\[\]\",]+")
_HEAD = re.compile(r"\[(\d+)\]: ")


def plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def read_back(text: str) -> Any:
    """A reader of the form, written from its description alone."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    lines = text.split("\n")
    if match := _HEAD.match(lines[0]):
        return _items(lines[0][match.end() :], lines[1 : 1 + int(match[1])])
    value: dict[str, Any] = {}
    at = 0
    while at < len(lines):
        path, end = _path(lines[at], 0)
        rest = lines[at][end:]
        at += 1
        if match := _HEAD.match(rest):
            count = int(match[1])
            _put(value, path, _items(rest[match.end() :], lines[at : at + count]))
            at += count
        else:
            assert rest.startswith(": ")
            _put(value, path, _cell(rest[2:]))
    return value


def _path(line: str, at: int) -> tuple[list[str], int]:
    keys = []
    while True:
        quoted = _TEXT.match(line, at)
        found = quoted or _BARE_KEY.match(line, at)
        assert found
        keys.append(json.loads(found[0]) if quoted else found[0])
        at = found.end()
        if line[at : at + 1] != ".":
            return keys, at
        at += 1


def _items(heads: str, rows: list[str]) -> list[dict[str, Any]]:
    paths, at = [], 0
    while at < len(heads):
        path, at = _path(heads, at)
        paths.append(path)
        at += 1
    items = []
    for row in rows:
        item: dict[str, Any] = {}
        for path, cell in zip(paths, _cells(row), strict=True):
            if cell:
                _put(item, path, _cell(cell))
        items.append(item)
    return items


def _cells(row: str) -> list[str]:
    cells, at = [], 0
    while True:
        if row[at : at + 1] in {'"', "{", "["}:
            _, end = json.JSONDecoder().raw_decode(row, at)
        else:
            comma = row.find(",", at)
            end = len(row) if comma < 0 else comma
        cells.append(row[at:end])
        if end == len(row):
            return cells
        assert row[end] == ","
        at = end + 1


def _cell(cell: str) -> Any:
    is_json = cell[0] in '"{[' or cell in {"true", "false", "null"} or _NUMBER.fullmatch(cell)
    return json.loads(cell) if is_json else cell


def _put(value: dict[str, Any], path: list[str], item: Any) -> None:
    for key in path[:-1]:
        value = value.setdefault(key, {})
    assert path[-1] not in value
    value[path[-1]] = item


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(
        ["007", "1e5", "-", "null", "True", " a", "a ", "a,b", "[1]", "a\nb", "1.2.3"]
    )
)
KEYS = st.sampled_from(["id", "a", "b", "a.b", "", "x y", "[2]", "naïve", '"']) | st.text(
    max_size=3
)
VALUES = st.recursive(
    SCALARS,
    lambda deeper: st.lists(deeper, max_size=4) | st.dictionaries(KEYS, deeper, max_size=4),
    max_leaves=30,
)
TABLES = st.lists(
    st.fixed_dictionaries(
        {"id": SCALARS, "who": st.fixed_dictionaries({"name": SCALARS}) | VALUES},
        optional={"note": VALUES, "a.b": SCALARS},
    ),
    max_size=8,
)


def same(one: Any, other: Any) -> bool:
    """Equal, kinds of numbers told apart; the order of keys means nothing in JSON."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@given(VALUES | TABLES | st.dictionaries(KEYS, TABLES | VALUES, max_size=3))
def test_what_is_read_back_is_the_value_and_never_longer_than_json(value: Any) -> None:
    text = rows_of(value)
    assert same(read_back(text), value)
    assert len(text) <= len(plain(value))


def test_a_list_of_objects_is_a_table() -> None:
    value = {
        "data": [
            {
                "id": "inv_1",
                "customer": {"id": "c1", "name": "Ada, Ltd."},
                "total": 5,
                "paid": True,
            },
            {"id": "007", "customer": {"id": "c2", "name": "Bo"}, "total": 7.5},
        ],
        "page": {"next": "eyJv"},
    }
    assert rows_of(value) == (
        "data[2]: id,customer.id,customer.name,total,paid\n"
        'inv_1,c1,"Ada, Ltd.",5,true\n'
        '"007",c2,Bo,7.5,\n'
        "page.next: eyJv"
    )


@pytest.mark.parametrize("value", ["text", 5, None, [], {}, [1, 2], ["a"], [{}], [{"a": 1}, 2]])
def test_what_is_no_table_stays_json(value: Any) -> None:
    assert rows_of(value) == plain(value)


def test_a_line_end_in_a_string_makes_no_line() -> None:
    value = {"note": "paid\nstatus: open", "more": "x" * 20, "rest": "y"}
    assert rows_of(value).count("\n") == 2


@pytest.mark.parametrize(
    "value",
    [
        [{f"k{i}": i} for i in range(20_000)],
        [{"deep": {f"k{i}": {"x": i}}} for i in range(10_000)],
        [{"id": i, "lines": [{"a": i}] * 5} for i in range(10_000)],
    ],
)
def test_sparse_and_deep_lists_take_time_by_their_size(value: Any) -> None:
    began = time.perf_counter()
    rows_of(value)
    assert time.perf_counter() - began < 2.0


def test_a_long_key_above_many_values_stays_json_at_once() -> None:
    value: Any = {str(number): 1 for number in range(20_000)}
    for _ in range(30):
        value = {"k" * 10_000: value}
    start = time.process_time()

    assert rows_of(value) == plain(value)
    assert rows_of([value]) == plain([value])

    assert time.process_time() - start < 2
