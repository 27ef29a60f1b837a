"""Parameters: merged, placed, styled; what no argument may reach is left out (S11)."""

from typing import Any

import pytest
from workshop.spec_bench import operation

from mcp_proxy.core.profile import ArgumentRule
from mcp_proxy.errors import SourceError

TEXT = {"type": "string"}


def parameter(name: str = "q", place: str = "query", **rest: Any) -> dict[str, Any]:
    return {"name": name, "in": place, "schema": TEXT, **rest}


def slots(folder: Any, *parameters: Any, path: str = "/things", **rest: Any) -> Any:
    return operation(folder, {"parameters": list(parameters)}, path=path, **rest).slots


@pytest.mark.parametrize(
    ("extra", "rule"),
    [
        ({}, ArgumentRule("query", "q", "form", True, "one")),
        ({"explode": False}, ArgumentRule("query", "q", "form", False, "one")),
        ({"style": "spaceDelimited"}, ArgumentRule("query", "q", "spaceDelimited", False, "one")),
        (
            {"style": "pipeDelimited", "explode": True},
            ArgumentRule("query", "q", "pipeDelimited", True, "one"),
        ),
        ({"style": "deepObject"}, ArgumentRule("query", "q", "deepObject", True, "one")),
        ({"in": "header"}, ArgumentRule("header", "q", "simple", False, "one")),
    ],
)
def test_styles_and_their_defaults(tmp_path: Any, extra: Any, rule: ArgumentRule) -> None:
    (slot,) = slots(tmp_path, parameter(**extra))
    assert (slot.name, slot.rule, slot.required, slot.schema) == ("q", rule, False, TEXT)


def test_a_path_parameter_is_simple_and_required(tmp_path: Any) -> None:
    (slot,) = slots(
        tmp_path, parameter("id", "path", required=True, description="The id."), path="/a/{id}.json"
    )
    assert slot.rule == ArgumentRule("path", "id", "simple", False, "one")
    assert (slot.required, slot.description) == (True, "The id.")


@pytest.mark.parametrize(
    ("place", "style"),
    [("path", "label"), ("path", "matrix"), ("query", "simple"), ("header", "form")],
)
def test_another_style_is_refused(tmp_path: Any, place: str, style: str) -> None:
    with pytest.raises(SourceError, match=f"the style '{style}' is not sent in {place}") as caught:
        slots(tmp_path, parameter("q", place, style=style, required=True), path="/{q}")
    assert caught.value.id == "MCPX-B02"


def test_a_parameter_of_json_content_is_sent_as_json(tmp_path: Any) -> None:
    content = {"application/json": {"schema": {"type": "object"}}}
    (slot,) = slots(tmp_path, {"name": "filter", "in": "query", "content": content})
    assert slot.rule == ArgumentRule("query", "filter", "json", False, "one")
    assert slot.schema == {"type": "object"}


@pytest.mark.parametrize(
    "content", [{}, {"text/plain": {}}, {"application/json": {}, "text/plain": {}}]
)
def test_a_parameter_of_other_content_is_refused(tmp_path: Any, content: Any) -> None:
    with pytest.raises(SourceError, match="must be application/json alone"):
        slots(tmp_path, {"name": "q", "in": "query", "content": content})


def test_a_path_parameter_that_forgets_to_be_required_is(tmp_path: Any) -> None:
    found = operation(tmp_path, {"parameters": [parameter("id", "path")]}, "/{id}")
    assert found.slots[0].required
    assert "the path parameter 'id' is taken as required: true" in found.warnings[0]


def test_an_operations_parameter_replaces_its_paths(tmp_path: Any) -> None:
    shared = [parameter("q", description="path"), parameter("X-Id", "header"), parameter("r")]
    found = slots(
        tmp_path,
        parameter("q", description="own"),
        parameter("x-id", "header", description="own"),
        parameter("q", "header"),
        item={"parameters": shared},
    )
    assert [(slot.name, slot.rule.place, slot.description) for slot in found] == [
        ("q", "query", "own"),
        ("x-id", "header", "own"),
        ("r", "query", ""),
        ("q", "header", ""),
    ]


@pytest.mark.parametrize("name", ["Accept", "content-type", "AUTHORIZATION"])
def test_s11_headers_that_the_specification_ignores_are_no_arguments(
    tmp_path: Any, name: str
) -> None:
    found = operation(tmp_path, {"parameters": [parameter(name, "header", required=True)]})
    assert (found.slots, found.warnings) == ((), ())


OWNED = ["Host", "Cookie", "Connection", "TE", "Transfer-Encoding", "Content-Length", "Upgrade"]


@pytest.mark.parametrize("name", OWNED)
def test_s11_no_argument_reaches_a_header_of_the_transport(tmp_path: Any, name: str) -> None:
    found = operation(tmp_path, {"parameters": [parameter(name, "header")]})
    assert found.slots == ()
    assert f"the header parameter '{name}' is left out" in found.warnings[0]
    with pytest.raises(SourceError, match="cannot be sent by a call"):
        slots(tmp_path, parameter(name, "header", required=True))


def test_s11_cookies_are_left_out_or_refused(tmp_path: Any) -> None:
    found = operation(tmp_path, {"parameters": [parameter("session", "cookie")]})
    assert found.slots == ()
    assert "the cookie parameter 'session' is left out" in found.warnings[0]
    with pytest.raises(SourceError, match="the required cookie parameter 'session'"):
        slots(tmp_path, parameter("session", "cookie", required=True))


@pytest.mark.parametrize(
    ("path", "parameters", "sentence"),
    [
        ("/a/{id}", [], "has no parameter for {id}"),
        ("/a", [parameter("id", "path", required=True)], "has no slot {id}"),
        ("/{id}/{id}", [parameter("id", "path", required=True)], "names a slot twice"),
        ("/a", [parameter("", "query")], "needs a name"),
        ("/a", [parameter("x", "body")], "`in` must be path, query, header or cookie"),
        ("/a", [{"name": "x", "in": "query"}], "neither schema nor content"),
        ("/a", [parameter(), parameter()], "stands here twice"),
        ("/a", [1], "must be an object"),
        ("/a", {}, "must be a list"),
    ],
)
def test_what_does_not_fit_is_told(
    tmp_path: Any, path: str, parameters: Any, sentence: str
) -> None:
    with pytest.raises(SourceError) as caught:
        operation(tmp_path, {"parameters": parameters}, path=path)
    assert sentence in str(caught.value)
    assert caught.value.id == "MCPX-B02"
