"""OpenAPI parameter styles, by the table of OpenAPI 3.1 "Style Examples"."""

from typing import Any

import pytest
from core.tool_samples import rule

from mcp_proxy.core.styles import query_pairs, scalar

ARRAY = ["blue", "black", "brown"]
OBJECT = {"R": 100, "G": 200, "B": 150}


def text_of(value: Any, style: str, explode: bool) -> str:
    pairs = query_pairs(value, rule("query", "color", style=style, explode=explode))
    return "&".join(f"{name}={item}" for name, item in pairs)


TABLE = [
    ("form", False, "", "color="),
    ("form", False, "blue", "color=blue"),
    ("form", False, ARRAY, "color=blue,black,brown"),
    ("form", False, OBJECT, "color=R,100,G,200,B,150"),
    ("form", True, "blue", "color=blue"),
    ("form", True, ARRAY, "color=blue&color=black&color=brown"),
    ("form", True, OBJECT, "R=100&G=200&B=150"),
    ("spaceDelimited", False, ARRAY, "color=blue%20black%20brown"),
    ("spaceDelimited", False, OBJECT, "color=R%20100%20G%20200%20B%20150"),
    ("spaceDelimited", True, ARRAY, "color=blue&color=black&color=brown"),
    ("pipeDelimited", False, ARRAY, "color=blue%7Cblack%7Cbrown"),
    ("pipeDelimited", False, OBJECT, "color=R%7C100%7CG%7C200%7CB%7C150"),
    ("deepObject", True, OBJECT, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"),
    ("deepObject", True, {"a": {"b": [1]}}, "color%5Ba%5D%5Bb%5D%5B0%5D=1"),
    ("json", False, {"a": [1, "ü"]}, "color=%7B%22a%22%3A%5B1%2C%22%5Cu00fc%22%5D%7D"),
    ("form", True, [], ""),
    ("form", False, {}, ""),
]


@pytest.mark.parametrize(("style", "explode", "value", "text"), TABLE)
def test_the_table_of_the_specification(style: str, explode: bool, value: Any, text: str) -> None:
    assert text_of(value, style, explode) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (2**63 - 1, "9223372036854775807"),
        (-7, "-7"),
        (0.1, "0.1"),
        (1e22, "1e+22"),
        ("a", "a"),
    ],
)
def test_scalars_have_their_shortest_json_form(value: Any, text: str) -> None:
    assert scalar(value) == text


def test_separators_in_a_value_are_encoded() -> None:
    assert text_of("a&b=c#d e+f", "form", True) == "color=a%26b%3Dc%23d%20e%2Bf"
    assert text_of(["a,b", "c"], "form", False) == "color=a%2Cb,c"


@pytest.mark.parametrize(
    ("style", "explode", "value"),
    [
        ("form", True, [None]),
        ("form", True, [["nested"]]),
        ("form", False, {"a": {"b": 1}}),
        ("spaceDelimited", False, ["a b"]),
        ("pipeDelimited", False, ["a|b"]),
        ("deepObject", True, {"a": None}),
        ("deepObject", True, {"a][b": 1}),
        ("form", True, "\ud800"),
    ],
)
def test_a_value_without_a_form_is_refused(style: str, explode: bool, value: Any) -> None:
    with pytest.raises(ValueError):
        text_of(value, style, explode)
