"""The payload's format is closed: each key counts, and what is read is written back."""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.payload import dump_lines, plain
from mcp_proxy.core.profile import Profile
from mcp_proxy.core.profile_lines import parse_payload, parse_prompt, parse_resource, parse_tool
from mcp_proxy.errors import ProfileError

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
with open(os.path.join(TESTS, "assets", "vector.payload.jsonl"), "rb") as _file:
    VECTOR = _file.read()
LINES = VECTOR.split(b"\n")[:-1]
# Below these stand values of any shape: JSON Schemas, entries of lists, constants, conditions.
FREE = {"enforced", "constants", "defaults", "schema", "approval", "entry", "headers"}
# Below these stand objects by names that the publisher chose.
MAPS = {"upstreams", "arguments"}
Path = tuple[str | int, ...]


def read_all(payload: bytes) -> tuple[Profile, list[Any]]:
    profile = parse_payload(payload, "", "")
    entries: list[Any] = [parse_tool(line, name) for name, line in profile.tool_lines.items()]
    entries += [parse_resource(line, name) for name, line in profile.resource_lines.items()]
    entries += [parse_prompt(line, name) for name, line in profile.prompt_lines.items()]
    return profile, entries


def objects(value: Any, path: Path = (), *, free: bool = False) -> Iterator[Path]:
    """The paths of all objects whose keys are the format's own."""
    if isinstance(value, dict):
        if not free:
            yield path
        for key, item in value.items():
            if key not in FREE:
                yield from objects(item, (*path, key), free=key in MAPS and not free)


def changed(line: int, path: Path, change: Callable[[dict[str, Any]], None]) -> bytes:
    """The vector with one object of one line changed."""
    row = json.loads(LINES[line])
    found = row
    for step in path:
        found = found[step]
    change(found)
    return b"\n".join([*LINES[:line], json.dumps(row).encode(), *LINES[line + 1 :], b""])


PLACES = [
    (line, path)
    for line in range(len(LINES))
    if line != 1
    for path in objects(json.loads(LINES[line]))
]


def held(line: int, path: Path) -> dict[str, Any]:
    found = json.loads(LINES[line])
    for step in path:
        found = found[step]
    return dict(found)


def without(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda row: row.__delitem__(key)


def refusal(payload: bytes) -> str:
    with pytest.raises(ProfileError) as caught:
        read_all(payload)
    return caught.value.id


def test_the_vector_has_every_kind_of_object() -> None:
    kinds = {frozenset(held(line, path)) for line, path in PLACES}
    assert len(kinds) == 11
    profile, entries = read_all(VECTOR)
    assert {spec.kind for spec in profile.header.upstreams.values()} == {"rest", "mcp", "stdio"}
    assert len(entries) == len(LINES) - 2


def test_what_is_read_is_written_back_byte_for_byte() -> None:
    profile, entries = read_all(VECTOR)
    assert dump_lines(profile.header, profile.tools_json, entries) == VECTOR


@pytest.mark.parametrize(("line", "path"), PLACES)
def test_every_key_added_is_refused_as_newer(line: int, path: Path) -> None:
    assert refusal(changed(line, path, lambda row: row.update(later={}))) == "MCPX-P09"


@pytest.mark.parametrize(("line", "path"), PLACES)
def test_every_key_removed_is_refused(line: int, path: Path) -> None:
    for key in held(line, path):
        lacking = changed(line, path, without(key))
        assert refusal(lacking) in ("MCPX-P09", "MCPX-P10")


@pytest.mark.parametrize("line", range(2, len(LINES)))
def test_a_line_under_another_name_or_missing_is_refused(line: int) -> None:
    assert refusal(changed(line, (), lambda row: row.update(name="other"))) == "MCPX-P10"
    assert refusal(b"\n".join([*LINES[:line], *LINES[line + 1 :], b""])) == "MCPX-P10"
    assert refusal(b"\n".join([*LINES, LINES[line], b""])) == "MCPX-P10"


@pytest.mark.parametrize("kind", ["tools", "resources", "prompts"])
def test_a_name_that_occurs_twice_is_refused(kind: str) -> None:
    def twice(row: dict[str, Any]) -> None:
        row[kind][1] = row[kind][0]

    assert refusal(changed(0, (), twice)) == "MCPX-P10"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", "ws"),
        ("features", ["progress", "telepathy"]),
        ("environment", {"A": "b"}),
        ("environment", [["A"]]),
        ("environment", [["A", 1]]),
        ("environment", [["A", "b", "c"]]),
        ("command", "uvx"),
        ("links", None),
    ],
)
def test_an_upstream_of_another_form_is_refused(key: str, value: Any) -> None:
    data = changed(0, ("upstreams", "local"), lambda row: row.update({key: value}))
    assert refusal(data) in ("MCPX-P09", "MCPX-P10")


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.integers())


@given(st.sampled_from(PLACES), st.data())
def test_a_value_of_another_type_is_refused_or_kept_as_it_is(
    place: tuple[int, Path], data: st.DataObject
) -> None:
    line, path = place
    key = data.draw(st.sampled_from(sorted(held(line, path))))
    value = data.draw(VALUES)
    payload = changed(line, path, lambda row: row.update({key: value}))
    try:
        profile, entries = read_all(payload)
    except ProfileError:
        return
    rows = [plain(profile.header), *map(plain, entries)]
    written = [json.loads(row) for row in payload.split(b"\n")[:-1]]
    assert json.dumps(rows) == json.dumps([written[0], *written[2:]])


@pytest.mark.parametrize(
    "rules",
    [
        {"recipient": "acme"},
        {"recipient": "mcpx1:S70N3kbXhfU6no9T/+gIJVziilP3/T87GIJazyBhW3M=:acme"},
        {"recipient": "mcpxr1:S70N3kbXhfU6no9T/+gIJVziilP3/T87GIJazyBhW3M=:acme\n"},
        {"recipient": None},
        {"arguments": "clear"},
    ],
)
def test_audit_rules_that_are_none_are_refused(rules: dict[str, Any]) -> None:
    told = refusal(changed(0, ("audit",), lambda row: row.update(rules)))
    assert told == ("MCPX-P09" if "arguments" in rules else "MCPX-P10")
    kept = changed(0, ("audit",), lambda row: row.update(recipient="", arguments="digest"))
    assert read_all(kept)[0].header.audit.recipient == ""
