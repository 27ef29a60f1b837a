"""YAML documents: the core schema, aliases in bounds, nothing else clever."""

from typing import Any

import pytest

from mcp_proxy.workshop import spec_yaml
from mcp_proxy.workshop.spec_yaml import NotYaml, parse_spec_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: 1", {"a": 1}),
        ("200: ok", {"200": "ok"}),
        ("null: x", {"null": "x"}),
        ("- 0x1F\n- 0o17\n- -1.5e3\n- .5", [31, 15, -1500.0, 0.5]),
        (
            "[yes, no, on, 1_000, 2020-01-01, 12:30]",
            ["yes", "no", "on", "1_000", "2020-01-01", "12:30"],
        ),
        ("[true, False, ~, 'null', \"1\", !!str 2]", [True, False, None, "null", "1", "2"]),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
    ],
)
def test_values_are_those_of_the_core_schema(text: str, value: Any) -> None:
    assert parse_spec_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: &x [*x]", "line 1: the alias [*]x stands within itself"),
        ("a: *x", "the alias [*]x has no anchor"),
        ("a: !!python/object:os.system x", "the tag .* is not read"),
        ("a: !foo [1]", "the tag !foo is not read"),
        ("<<: {a: 1}", "the merge key << is not read"),
        ("? [a]\n: 1", "a key must be plain text"),
        ("a: 1\n---\nb: 2", "line 2: a second document starts here"),
        ("a: .inf", "is not a finite number"),
        ("a: .nan", "is not a finite number"),
        ("a: [1", "not YAML"),
        ("a: \x07", "control character"),
        ("[" * 200 + "]" * 200, "nested deeper than 64 levels"),
    ],
)
def test_what_readers_read_differently_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(NotYaml, match=sentence):
        parse_spec_yaml(text)


def test_s25_aliases_of_aliases_do_not_multiply_beyond_their_bound() -> None:
    rows = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    with pytest.raises(NotYaml, match="aliases repeat more than"):
        parse_spec_yaml("\n".join(rows))


def test_s25_aliases_of_aliases_do_not_nest_beyond_the_depth_bound() -> None:
    rows = ["a0: &a0 [1]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 100))]
    with pytest.raises(NotYaml, match="nested deeper than 64 levels"):
        parse_spec_yaml("\n".join(rows))


def test_an_error_never_quotes_the_text() -> None:
    with pytest.raises(NotYaml) as caught:
        parse_spec_yaml("password: hunter2\nb: [hunter2\n")
    assert "hunter2" not in str(caught.value)


def test_an_unquoted_colon_in_a_flow_list_does_not_need_the_slow_parser(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_text: str) -> Any:
        raise AssertionError

    monkeypatch.setattr(spec_yaml, "_read_slowly", refuse)
    text = "security:\n- oauth: [write:pets, read:pets]\n"
    assert parse_spec_yaml(text) == {"security": [{"oauth": ["write:pets", "read:pets"]}]}


def test_without_the_c_parser_the_values_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: &x [1, 'two', ~, 3.5]\nb: *x\nc: {d: text}\n200: ok\n"
    quick = parse_spec_yaml(text)
    monkeypatch.setattr(spec_yaml, "_C_LOADER", None)
    assert (
        parse_spec_yaml(text)
        == quick
        == {
            "a": [1, "two", None, 3.5],
            "b": [1, "two", None, 3.5],
            "c": {"d": "text"},
            "200": "ok",
        }
    )
