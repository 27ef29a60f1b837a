"""A later import into a publisher's source: every byte of theirs stays."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workshop.import_samples import candidates_of, wide_api

from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.import_merge import merge
from mcp_proxy.workshop.import_text import (
    FIRST,
    LAST,
    Hidden,
    hidden_line,
    hidden_text,
    line_digest,
)
from mcp_proxy.workshop.yaml_reader import parse_yaml

BLOCK = (
    '  get_x:\n    upstream: shop\n    operation: "GET /x"\n    arguments:\n      a: {from: b}\n'
)
OLD = [
    '# a: {upstream: shop, operation: "a", effect: read}  # GET /a: A',
    "# CANNOT BE BUILT b: no",
]
NEW = ['# c: {upstream: shop, operation: "c", effect: read}  # GET /c: C']
OURS = frozenset(map(line_digest, OLD))
TEXT = f"""\
# mine
profile: shop
tools:
  own: {{upstream: shop}}  # and this
  # note
{hidden_text(Hidden(OLD, []))}
# about the rest
audit: {{}}
"""


def merged(text: str, tools: list[str], ours: frozenset[str] = OURS) -> str:
    return merge(text.encode(), "shop.yaml", tools, Hidden(NEW, []), ours)


def test_new_tools_stand_before_the_hidden_which_are_made_anew() -> None:
    assert merged(TEXT, [BLOCK]) == TEXT.replace(
        hidden_text(Hidden(OLD, [])), BLOCK + hidden_text(Hidden(NEW, []))
    )


def test_a_tool_that_was_taken_out_of_the_hidden_by_hand_stays_with_its_comments() -> None:
    shown = "  a: {upstream: shop, operation: a, effect: read}  # GET /a: A\n  # why not b?\n"
    text = TEXT.replace(f"  {OLD[0]}\n", shown)
    found = merged(text, [])
    assert shown in found
    assert found.index(shown) < found.index(FIRST)
    assert "CANNOT BE BUILT" not in found


def test_a_resource_that_was_taken_out_by_hand_stays_and_tools_still_go_before_it() -> None:
    others = ["# resources:", "#   doc: {upstream: shop}", "# prompts:"]
    text = f"tools:\n  own: {{}}\n{hidden_text(Hidden(OLD, others))}"
    shown = text.replace("# resources:", "resources:").replace("#   doc:", "  doc:")
    ours = frozenset(map(line_digest, (*OLD, *others)))
    hidden = hidden_text(Hidden(NEW, []))
    found = merged(shown, [BLOCK], ours)
    assert found == f"tools:\n  own: {{}}\n{BLOCK}{hidden}resources:\n  doc: {{upstream: shop}}\n"


@pytest.mark.parametrize("ours", [OURS, frozenset()])
def test_without_a_record_the_hidden_are_known_by_their_form(ours: frozenset[str]) -> None:
    text = TEXT.replace(LAST, f"# a note: keep it\n  {LAST}")
    found = merged(text, [], ours)
    assert "  # a note: keep it\n" in found
    assert OLD[0] not in found


def test_a_hidden_line_that_was_edited_is_the_publishers() -> None:
    edited = OLD[0] + " - ask Ann first"
    assert edited in merged(TEXT.replace(OLD[0], edited), [])


def test_a_source_of_another_make_gets_the_block_behind_its_last_tool() -> None:
    text = "tools:\n    own:\n        upstream: shop\n\n# of the audit\naudit: {}\n"
    found = merged(text, [BLOCK])
    head, _, tail = found.partition("\n\n# of the audit\n")
    assert tail == "audit: {}\n"
    assert head.startswith(
        "tools:\n    own:\n        upstream: shop\n    get_x:\n        upstream:"
    )
    assert "        arguments:\n            a: {from: b}\n" in head
    assert head.endswith(f"    {LAST}")


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("profile: x\ntools: {}\n", "profile: x\ntools:\n  get_x:\n"),
        ("tools: { }   # none yet\n", "tools:   # none yet\n  get_x:\n"),
        ("profile: x\n", "profile: x\ntools:\n  get_x:\n"),
        ("profile: x", "profile: x\ntools:\n  get_x:\n"),
    ],
)
def test_a_source_without_tools_gets_its_first(text: str, begins: str) -> None:
    assert merged(text, [BLOCK]).startswith(begins)


def test_line_ends_and_a_byte_order_mark_stay() -> None:
    found = merged("\ufeff" + TEXT.replace("\n", "\r\n"), [BLOCK])
    assert found.startswith("\ufeff# mine\r\n")
    assert found.count("\n") == found.count("\r\n")


@pytest.mark.parametrize(
    "text",
    ["tools: {own: {upstream: shop}}\n", "tools: {own:\n  {upstream: shop}}\n", "tools: 1\n"],
)
def test_tools_in_braces_are_left_alone_and_told(text: str) -> None:
    with pytest.raises(SourceError, match=r"shop\.yaml") as caught:
        merged(text, [BLOCK])
    assert caught.value.id == "MCPX-B01"


def test_a_source_without_a_last_newline_gets_one_only_where_something_follows() -> None:
    text = "tools:\n  own: {upstream: shop}  # end"
    assert merge(text.encode(), "shop.yaml", [], Hidden([], []), OURS) == text
    assert merged(text, [BLOCK]).startswith(f"{text}\n{BLOCK}")


@pytest.mark.parametrize("end", ["\r", "\x85", "\u2028"])
def test_a_line_that_ends_with_something_else_is_told(end: str) -> None:
    with pytest.raises(SourceError, match=r"shop\.yaml.*(newline|U\+)"):
        merged(TEXT.replace("# note\n", f"# note{end}"), [BLOCK])


@pytest.mark.parametrize(("at", "count"), [(FIRST, 0), (FIRST, 2), (LAST, 0), (LAST, 2)])
def test_a_marker_that_was_lost_or_doubled_does_not_make_the_source_grow(
    at: str, count: int
) -> None:
    text = TEXT.replace(f"  {at}\n", f"  {at}\n" * count)
    once = merged(text, [])
    assert once.count(NEW[0]) == 1
    assert merged(once, [], frozenset(map(line_digest, NEW))) == once


COMMENT = st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=20)
KEY = st.sampled_from(["a", "b", "c", "d", "e"])
LINES = st.lists(st.one_of(COMMENT.map(lambda text: f"  # {text}"), st.just("")), max_size=4)


@given(st.dictionaries(KEY, LINES, max_size=5), LINES, st.booleans(), st.booleans())
def test_no_byte_of_the_publishers_is_lost(
    tools: dict[str, list[str]], tail: list[str], has_tail: bool, has_block: bool
) -> None:
    lines = ["# head", "profile: x", "tools:" if tools else "tools: {}"]
    for name, comments in tools.items():
        lines += [f"  {name}: {{upstream: shop}}", *comments]
    lines += hidden_text(Hidden(OLD, [])).splitlines() if has_block else []
    lines += [*tail, "audit: {}"] if has_tail else []
    text = "\n".join(lines) + "\n"
    found = merged(text, [BLOCK])
    rest = found.replace(BLOCK, "").replace(hidden_text(Hidden(NEW, [])), "")
    mine = text.replace(hidden_text(Hidden(OLD, [])), "")
    assert rest == (mine if tools else mine.replace("tools: {}", "tools:"))
    again = merged(found, [], frozenset(map(line_digest, NEW)))
    assert again == found
    assert set(parse_yaml(found.encode(), "x").value["tools"]) == {*tools, "get_x"}


def test_the_hidden_of_a_real_document_are_known_by_their_form(tmp_path: Path) -> None:
    found = candidates_of(tmp_path, wide_api()).values()
    lines = [hidden_line(one, "shop", "" if one.path != "/upload" else "no") for one in found]
    text = f"tools:\n  own: {{}}\n{hidden_text(Hidden(lines, []))}"
    assert merged(text, [], frozenset()) == f"tools:\n  own: {{}}\n{hidden_text(Hidden(NEW, []))}"
