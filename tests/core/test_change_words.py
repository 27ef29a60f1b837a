"""New tools in words: nothing of a schema is left out, only said in fewer signs."""

import pytest

from mcp_proxy.core.change_words import request_words, schema_words
from mcp_proxy.core.profile import McpTemplate, RestTemplate


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string"}, "string"),
        (
            {"type": "integer", "minimum": 1, "maximum": 50, "description": "In cents."},
            'integer, at least 1, at most 50; "In cents."',
        ),
        ({"type": "string", "enum": ["a", "b"]}, 'string, one of ["a", "b"]'),
        ({"type": "array", "maxItems": 3, "items": {}}, 'array, at most 3 items, {"items": {}}'),
        ({"type": "string", "minimum": "odd"}, 'string, {"minimum": "odd"}'),
        ({"type": ["string", "null"]}, '{"type": ["string", "null"]}'),
        ({"anyOf": [{}]}, '{"anyOf": [{}]}'),
        (True, "true"),
        (None, "none"),
    ],
)
def test_a_schema_is_told_whole(schema: object, words: str) -> None:
    assert schema_words(schema) == words


def test_a_description_adds_no_line_and_no_hidden_sign() -> None:
    told = schema_words({"type": "string", "description": "a\nwider  all\u202e"})
    assert len(told.splitlines()) == 1
    assert "\u202e" not in told


def test_where_a_call_goes_is_told() -> None:
    rest = RestTemplate("POST", "/v1/refunds", "application/json")
    assert request_words(rest, "api") == (
        'sends POST "/v1/refunds" with a body of application/json to upstream api'
    )
    assert request_words(McpTemplate("refund", "ab", {}), "api") == 'calls "refund" of upstream api'
