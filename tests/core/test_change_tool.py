"""The law of S5: what a narrower tool accepts and sends, the old one accepted and sent alike."""

import copy
import json
from typing import Any, NamedTuple

import pytest
from core.tool_samples import REST, rest_tool, rule
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_proxy.core.change import WIDER
from mcp_proxy.core.change_arguments import Offered
from mcp_proxy.core.change_text import tells_no_more
from mcp_proxy.core.change_tool import tool_changes
from mcp_proxy.core.policy import Ask, Deny, decide
from mcp_proxy.core.profile import Tool
from mcp_proxy.core.ready import ready_tool

_TYPES = ("integer", "string", "object", "array", "boolean")
_PLACES = ("query", "body", "header", "path")
_SCHEMAS = st.one_of(
    st.fixed_dictionaries(
        {"type": st.sampled_from(_TYPES)},
        optional={
            "maximum": st.integers(1, 4),
            "minimum": st.integers(0, 2),
            "maxLength": st.integers(1, 3),
            "enum": st.lists(st.sampled_from(["a", "b", 1, 2]), min_size=1, unique=True),
            "description": st.sampled_from(["One.", "Two."]),
        },
    ),
    st.just({}),
)
_VALUES = st.sampled_from(
    [
        0,
        1,
        2,
        3,
        "a",
        "b",
        "abc",
        "x/y",
        True,
        [],
        ["a"],
        {},
        {"a": "1"},
        {"b": 2},
        {"c": 1.5},
        None,
    ]
)
_NAMES = ("a", "b", "c")
CALLS = st.lists(st.dictionaries(st.sampled_from(_NAMES), _VALUES), min_size=8, max_size=8)


class _Argument(NamedTuple):
    schema: Any
    place: str
    explode: bool
    style: str
    segments: str
    required: bool


_ARGUMENTS = st.builds(
    _Argument,
    _SCHEMAS,
    st.sampled_from(_PLACES),
    st.booleans(),
    st.sampled_from(["form", "deepObject", "simple", "json"]),
    st.sampled_from(["one", "many"]),
    st.booleans(),
)


class _Made(NamedTuple):
    """A tool as a publisher might change it."""

    arguments: dict[str, _Argument]
    defaults: dict[str, Any]
    approval: Any
    retry: str

    def offered(self) -> Offered:
        """The tool, and its entry in the list."""
        rules = {
            name: rule(one.place, name, explode=one.explode, segments=one.segments, style=one.style)
            for name, one in self.arguments.items()
        }
        schema = {
            "type": "object",
            "properties": {name: one.schema for name, one in self.arguments.items()},
            "required": [name for name, one in self.arguments.items() if one.required],
            "additionalProperties": False,
        }
        slots = "".join(f"/{{{name}}}" for name, one in rules.items() if one.place == "path")
        tool = rest_tool(
            rules,
            path="/x" + slots,
            enforced=schema,
            defaults=self.defaults,
            approval=self.approval,
            retry=self.retry,
        )
        return Offered(tool, {"name": "tool", "inputSchema": schema})


_MADE = st.builds(
    _Made,
    st.dictionaries(st.sampled_from(_NAMES), _ARGUMENTS, min_size=1),
    st.dictionaries(st.sampled_from(_NAMES), st.sampled_from([1, "a"]), max_size=1),
    st.sampled_from(["never", "always", [{"a": {"above": 2}}], [{"a": {"above": 1}}]]),
    st.sampled_from(["never", "safe"]),
)


@st.composite
def pairs(draw: Any) -> tuple[Offered, Offered]:
    """Two versions that differ at a place or two."""
    old = draw(_MADE)
    new = _Made(dict(old.arguments), dict(old.defaults), old.approval, old.retry)
    for _ in range(draw(st.integers(1, 2))):
        new = _edited(draw, new)
    return old.offered(), new.offered()


def _edited(draw: Any, made: _Made) -> _Made:
    other = draw(_MADE)
    field = draw(st.sampled_from(["gone", "argument", "schema", "bound", "required", "rest"]))
    name = draw(st.sampled_from(sorted(made.arguments))) if made.arguments else ""
    if not name or field == "rest":
        field = draw(st.sampled_from(["defaults", "approval", "retry"]))
        return made._replace(**{field: getattr(other, field)})
    one = made.arguments[name]
    if field == "gone":
        kept = {key: item for key, item in made.arguments.items() if key != name}
        return made._replace(arguments=kept)
    if field == "argument":
        one = next(iter(other.arguments.values()))
    elif field == "schema":
        one = one._replace(schema=draw(_SCHEMAS))
    elif field == "required":
        one = one._replace(required=not one.required, segments="one")
    else:
        schema = copy.deepcopy(one.schema)
        schema["maximum"] = draw(st.integers(0, 4))
        one = one._replace(schema=schema)
    return made._replace(arguments={**made.arguments, name: one})


def decided(tool: Tool, arguments: Any) -> Any:
    return decide(ready_tool(tool, REST, None), arguments, 0.0)


def is_narrower(old: Offered, new: Offered) -> bool:
    return all(change.kind != WIDER for change in tool_changes("tool x", old, new))


def law(pair: tuple[Offered, Offered], calls: list[dict[str, Any]]) -> bool:
    """Whether the law says anything of the two; it is held against every call."""
    old, new = pair
    if not is_narrower(old, new):
        return False
    for call in calls:
        now = decided(new.tool, call)
        if isinstance(now, Deny):
            continue
        before = decided(old.tool, call)
        assert not isinstance(before, Deny)
        assert before.request._replace(retry_safe=False) == now.request._replace(retry_safe=False)
        assert not now.request.retry_safe or before.request.retry_safe
        assert not isinstance(before, Ask) or isinstance(now, Ask)
    schemas = old.row["inputSchema"], new.row["inputSchema"]
    texts = [set(strings(schema)) for schema in schemas]
    assert texts[1] <= texts[0]
    for name, part in schemas[1]["properties"].items():
        before_part = schemas[0]["properties"][name]
        assert part.get("description") == before_part.get("description")
    return old != new


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        found = [text for item in value.values() for text in strings(item)]
        keywords = {"maximum", "minimum", "maxLength", "enum", "type", "required"}
        return [*(key for key in value if key not in keywords), *found]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) and value not in _TYPES else []


@settings(max_examples=100, deadline=None)
@given(pairs(), CALLS)
def test_s5_what_a_narrower_tool_accepts_and_sends_the_old_one_accepted_and_sent_alike(
    pair: tuple[Offered, Offered], calls: list[dict[str, Any]]
) -> None:
    law(pair, calls)


@pytest.mark.slow
@pytest.mark.beside
def test_s5_the_same_law_over_many_more_tools_and_of_enough_of_them() -> None:
    held = []

    @settings(max_examples=2_000, deadline=None, database=None)
    @given(pairs(), CALLS)
    def check(pair: tuple[Offered, Offered], calls: list[dict[str, Any]]) -> None:
        held.append(law(pair, calls))

    check()
    assert sum(held) > len(held) / 20


def test_s5_a_name_guarded_in_the_query_stays_guarded() -> None:
    """An object brings names of its own: the one gone must not come back by way of it."""
    free = _Argument({"type": "object"}, "query", True, "form", "one", False)
    flag = _Argument({"type": "boolean"}, "query", True, "form", "one", False)
    old = _Made({"a": free, "b": flag}, {}, "never", "never").offered()
    new = _Made({"a": free}, {}, "never", "never").offered()
    call = {"a": {"b": "anything"}}
    assert isinstance(decided(old.tool, call), Deny)
    assert not isinstance(decided(new.tool, call), Deny)
    assert not is_narrower(old, new)


TOLD = {
    "type": "object",
    "properties": {
        "a": {"type": "string", "enum": ["x", "y"], "description": "One."},
        "b": {"type": "integer", "maximum": 9, "default": 3},
    },
}


@pytest.mark.parametrize(
    "edit",
    [
        {"description": "New."},
        {"title": "New"},
        {"enum": ["x", "z"]},
        {"enum": ["One."]},
        {"const": "obey"},
        {"pattern": "^obey"},
        {"format": "obey"},
        {"default": "x"},
        {"examples": ["x"]},
        {"$comment": "obey"},
        {"x-obey": True},
        {"not": {"const": "obey"}},
        {"properties": {"obey": {}}},
        {"required": ["obey"]},
        {"anyOf": [{"title": "obey"}]},
        {"$ref": "#/properties/b"},
    ],
)
def test_s5_new_text_at_an_argument_is_no_narrower_list(edit: dict[str, Any]) -> None:
    new = copy.deepcopy(TOLD)
    new["properties"]["a"].update(edit)
    assert not tells_no_more(TOLD, new)


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("a", {"enum": ["y"]}),
        ("a", {"maxLength": 3}),
        ("a", {"format": "date"}),
        ("b", {"maximum": 5, "minimum": 1, "multipleOf": 2}),
    ],
)
def test_a_closer_bound_tells_a_model_nothing_new(name: str, edit: dict[str, Any]) -> None:
    new = copy.deepcopy(TOLD)
    new["properties"][name].update(edit)
    assert tells_no_more(TOLD, new)


@pytest.mark.parametrize("schema", [7, "text", {"properties": 7}, {"anyOf": 7}, {"allOf": 7}])
def test_what_is_no_schema_is_no_narrower_list(schema: Any) -> None:
    assert not tells_no_more(TOLD, schema)
    assert not tells_no_more(json.loads("{}"), schema)
