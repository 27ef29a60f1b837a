"""Field masks: what a path names comes through in its shape, and nothing else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.pick import apply_pick, parse_pick, parse_picks

INVOICE = {"id": "i1", "total": 5, "lines": [{"sku": "a", "cost": 2}, {"sku": "b"}], "by": None}


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("id", ("id",)),
        ("data.id", ("data", "id")),
        ("data.*.id", ("data", "*", "id")),
        ("`a.b`.c", ("a.b", "c")),
        ("a.`b``c`", ("a", "b`c")),
        ("größe", ("größe",)),
    ],
)
def test_paths(text: str, keys: tuple[str, ...]) -> None:
    assert parse_pick(text) == keys


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "`a", "a`b`", "`a`b", "``", "`*`"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_pick(text)


@pytest.mark.parametrize(
    ("picks", "picked"),
    [
        (["id"], {"id": "i1"}),
        (["id", "lines.sku"], {"id": "i1", "lines": [{"sku": "a"}, {"sku": "b"}]}),
        (["lines"], {"lines": INVOICE["lines"]}),
        (["lines.cost"], {"lines": [{"cost": 2}, {}]}),
        (["lines", "lines.sku"], {"lines": INVOICE["lines"]}),
        (["lines.sku", "lines"], {"lines": INVOICE["lines"]}),
        (["*"], INVOICE),
        (["*.sku"], {"lines": [{"sku": "a"}, {"sku": "b"}], "by": None}),
        (["*.sku", "lines.cost"], {"lines": INVOICE["lines"], "by": None}),
        (["missing"], {}),
        (["total.deeper"], {}),
        (["by.name"], {"by": None}),
        ([], INVOICE),
    ],
)
def test_picking(picks: list[str], picked: Any) -> None:
    assert apply_pick(INVOICE, parse_picks(tuple(picks))) == picked
    assert apply_pick([INVOICE, INVOICE], parse_picks(tuple(picks))) == [picked, picked]


def test_a_scalar_answer_has_nothing_to_pick() -> None:
    assert apply_pick("secret", parse_picks(("id",))) is None
    assert apply_pick(["secret", {"id": 1}], parse_picks(("id",))) == [{"id": 1}]


NAMES = st.sampled_from("abc")
VALUES = st.recursive(
    st.integers() | st.none(),
    lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(NAMES, deeper),
    max_leaves=12,
)
PATHS = st.lists(st.lists(NAMES | st.just("*"), min_size=1, max_size=3).map(tuple), min_size=1)


def fields(value: Any, at: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """The paths of all scalars, arrays walked through."""
    if isinstance(value, dict):
        return {path for key, item in value.items() for path in fields(item, (*at, key))}
    if isinstance(value, list):
        return {path for item in value for path in fields(item, at)}
    return {at} if value is not None else set()


def covers(pick: tuple[str, ...], path: tuple[str, ...]) -> bool:
    fits = all(want in ("*", key) for want, key in zip(pick, path, strict=False))
    return len(pick) <= len(path) and fits


@given(VALUES, PATHS)
def test_exactly_the_named_fields_come_through(value: Any, picks: list[tuple[str, ...]]) -> None:
    paths = tuple(picks)
    wanted = {path for path in fields(value) if any(covers(pick, path) for pick in paths)}
    assert fields(apply_pick(value, paths)) == wanted
