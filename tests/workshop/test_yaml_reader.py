"""YAML in, values with lines out; everything that two readers could read differently is refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.yaml_reader import parse_yaml


def refusal(text: str) -> str:
    with pytest.raises(SourceError) as caught:
        parse_yaml(text.encode(), "p.yaml")
    assert caught.value.id == "MCPX-B01"
    return caught.value.why


def test_values_follow_the_core_schema_of_yaml_1_2() -> None:
    text = "a: yes\nb: 0x1F\nc: 2027-06-01\nd: '1'\ne: ~\nf: 1.5\ng: [true, on]\nh: 017\n"
    assert parse_yaml(text.encode(), "p").value == {
        "a": "yes",
        "b": 31,
        "c": "2027-06-01",
        "d": "1",
        "e": None,
        "f": 1.5,
        "g": [True, "on"],
        "h": 17,
    }


def test_each_key_and_item_knows_its_line() -> None:
    read = parse_yaml(b"a:\n  b: [1,\n   2]\nc: {d: 1}\n", "p")
    assert read.lines == {
        ("a",): 1,
        ("a", "b"): 2,
        ("a", "b", 0): 2,
        ("a", "b", 1): 3,
        ("c",): 4,
        ("c", "d"): 4,
    }
    assert read.line(("a", "b", "x", "y")) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\na: 3", "p.yaml:3: a: stands here again, first on line 1"),
        ("a: &x 1", "p.yaml:1: anchor &x"),
        ("a: 1\nb: *x", "p.yaml:2: alias *x"),
        ("a: !!str 1", "p.yaml:1: tag"),
        ("a: !thing {b: 1}", "p.yaml:1: tag"),
        ("a:\n  <<: {b: 1}", "p.yaml:2: merge key <<"),
        ("404: x", 'p.yaml:1: 404: a key must be text; write "404"'),
        ("? [a]\n: b", "p.yaml:1: a key must be plain text"),
        ("a: 1\n---\nb: 1", "p.yaml:2: a second document"),
        ("%YAML 1.1\n---\na: 1", "directives are not read"),
        ("a: .nan", "not a finite number"),
        ("a: 9223372036854775809", "a number beyond 2^63"),
        ("a: [1,", "not YAML"),
        ("a: \x07", "the character U+0007"),
        ("tools:\n  *: {}", "a lone"),
        ("a: " + "[" * 70 + "]" * 70, "nested deeper than 64"),
    ],
)
def test_what_readers_disagree_on_is_refused_with_line_and_fix(text: str, told: str) -> None:
    assert told in refusal(text)


def test_all_problems_are_told_at_once() -> None:
    assert len(refusal("a: &x 1\nb: *x\na: 2\n").splitlines()) == 3


def test_a_billion_laughs_are_not_expanded() -> None:
    rows = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 30))]
    assert "anchor &a29" in refusal("\n".join(rows))


def test_text_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(SourceError, match="not UTF-8"):
        parse_yaml(b"a: \xff", "p.yaml")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    # Anything but a SourceError fails the test.
    with contextlib.suppress(SourceError):
        parse_yaml(text.encode("utf-8", "replace"), "p.yaml")
