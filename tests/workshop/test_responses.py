"""Answers of success: which schema describes them, and in which types they come."""

from typing import Any

import pytest
from workshop.spec_bench import operation

TEXT, NUMBER = {"type": "string"}, {"type": "number"}


def answer(schema: Any = None, kind: str = "application/json") -> dict[str, Any]:
    return {"description": "", "content": {kind: {} if schema is None else {"schema": schema}}}


@pytest.mark.parametrize(
    ("responses", "schema", "types"),
    [
        ({"200": answer(TEXT), "404": answer(NUMBER)}, TEXT, ("application/json",)),
        ({"201": answer(TEXT), "default": answer(NUMBER)}, TEXT, ("application/json",)),
        ({"2XX": answer(TEXT)}, TEXT, ("application/json",)),
        ({"default": answer(TEXT)}, TEXT, ("application/json",)),
        ({"200": answer(TEXT), "202": answer(TEXT), "204": {}}, TEXT, ("application/json",)),
        (
            {"200": answer(TEXT), "202": answer(NUMBER)},
            {"anyOf": [TEXT, NUMBER]},
            ("application/json",),
        ),
        ({"200": answer(TEXT), "202": answer()}, None, ("application/json",)),
        ({"200": answer(TEXT, "text/csv")}, None, ("text/csv",)),
        (
            {"200": answer(TEXT, "Application/Problem+JSON; v=1")},
            TEXT,
            ("application/problem+json",),
        ),
        ({"204": {"description": ""}}, None, ()),
        ({"404": answer(TEXT)}, None, ()),
        ({}, None, ()),
    ],
)
def test_the_answers_of_success_are_described(
    tmp_path: Any, responses: Any, schema: Any, types: tuple[str, ...]
) -> None:
    found = operation(tmp_path, {"responses": responses})
    assert (found.response, found.response_types) == (schema, types)


def test_an_operation_without_responses_describes_none(tmp_path: Any) -> None:
    assert operation(tmp_path, {}).response is None
