"""What a client declared decides what it may be asked."""

from typing import Any

import pytest

from mcp_proxy.core.answer import Question
from mcp_proxy.core.capabilities import covers, has_extension

ROOTS = Question("roots/list", {})
SAMPLE = Question("sampling/createMessage", {"messages": []})
TOOLED = Question("sampling/createMessage", {"messages": [], "tools": []})
CHOOSING = Question("sampling/createMessage", {"messages": [], "toolChoice": {}})


def elicitation(**params: Any) -> Question:
    return Question("elicitation/create", params)


@pytest.mark.parametrize(
    ("capabilities", "question", "expected"),
    [
        ({"roots": {}}, ROOTS, True),
        ({"roots": {"listChanged": True}}, ROOTS, True),
        ({"roots": True}, ROOTS, False),
        ({}, ROOTS, False),
        ({"sampling": {}}, SAMPLE, True),
        ({"sampling": {}}, TOOLED, False),
        ({"sampling": {}}, CHOOSING, False),
        ({"sampling": {"tools": {}}}, TOOLED, True),
        ({"sampling": {"tools": {}}}, CHOOSING, True),
        ({"elicitation": {}}, elicitation(), True),
        ({"elicitation": {}}, elicitation(mode="form"), True),
        ({"elicitation": {}}, elicitation(mode="url"), False),
        ({"elicitation": {"form": {}}}, elicitation(mode="url"), False),
        ({"elicitation": {"url": {}}}, elicitation(mode="url"), True),
        ({"elicitation": {"url": {}}}, elicitation(), False),
        ({"elicitation": {"form": {}, "page": {}}}, elicitation(mode="page"), False),
        ({"elicitation": {"form": {}}}, elicitation(mode=["form"]), False),
        ({"elicitation": {"form": {}}}, elicitation(mode=None), False),
        ({"elicitation": None}, elicitation(), False),
        ({"tools": {}}, Question("tools/call", {}), False),
    ],
)
def test_s14_a_client_is_asked_what_it_declared_and_nothing_else(
    capabilities: dict[str, Any], question: Question, expected: bool
):
    assert covers(capabilities, question) is expected


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"extensions": {"a/b": {}}}, True),
        ({"extensions": {"a/b": {"x": 1}}}, True),
        ({"extensions": {"a/b": True}}, False),
        ({"extensions": {"a/c": {}}}, False),
        ({"extensions": ["a/b"]}, False),
        ({}, False),
    ],
)
def test_an_extension_is_there_where_it_was_declared(capabilities: dict[str, Any], expected: bool):
    assert has_extension(capabilities, "a/b") is expected
