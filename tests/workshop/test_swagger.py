"""Swagger 2.0: read like OpenAPI 3.0, what cannot be sent refused at its operation."""

from typing import Any

import pytest
from workshop.spec_bench import open_document

from mcp_proxy.core.profile import ArgumentRule
from mcp_proxy.core.styles import query_pairs
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.document_auth import guess_auth
from mcp_proxy.workshop.operation import Operation
from mcp_proxy.workshop.references import References

INVOICE = {
    "type": "object",
    "required": ["id", "made"],
    "discriminator": "kind",
    "properties": {
        "id": {"type": "string"},
        "note": {"type": "string", "x-nullable": True},
        "made": {"type": "string", "format": "date-time", "readOnly": True},
        "parent": {"$ref": "#/definitions/Invoice"},
        "share": {"type": "number", "maximum": 1, "exclusiveMaximum": True},
    },
}


def swagger(**rest: Any) -> dict[str, Any]:
    return {"swagger": "2.0", "info": {"title": "Billing", "version": "1"}, **rest}


def operation(folder: Any, entry: dict[str, Any], path: str = "/things", **rest: Any) -> Operation:
    item = {"post": {"operationId": "it", **entry}}
    return open_document(folder, swagger(paths={path: item}, **rest)).operation("it")


def parameter(**rest: Any) -> dict[str, Any]:
    return {"parameters": [{"name": "p", "in": "query", **rest}]}


def body(schema: Any, **rest: Any) -> dict[str, Any]:
    return {"parameters": [{"name": "b", "in": "body", "schema": schema, **rest}]}


def slots(found: Operation) -> dict[str, ArgumentRule]:
    return {slot.name: slot.rule for slot in found.slots}


@pytest.mark.parametrize(
    ("rest", "servers"),
    [
        (
            {"host": "a.example", "basePath": "/v1/", "schemes": ["http", "https"]},
            ("https://a.example/v1", "http://a.example/v1"),
        ),
        ({"host": "a.example:8443"}, ("https://a.example:8443",)),
        ({"host": "a.example", "schemes": ["wss"]}, ()),
        ({"basePath": "/v1"}, ()),
        ({"host": False}, ()),
        ({"host": "a.example", "schemes": "https"}, ()),
    ],
)
def test_host_base_path_and_schemes_are_a_hint_of_the_address(
    tmp_path: Any, rest: Any, servers: tuple[str, ...]
) -> None:
    assert open_document(tmp_path, swagger(**rest)).servers == servers


def test_a_version_that_yaml_reads_as_a_number_is_2_0(tmp_path: Any) -> None:
    (tmp_path / "api.yaml").write_text("swagger: 2.0\npaths: {}\n")
    references = References(str(tmp_path / "api.yaml"), str(tmp_path))
    assert references.start.value["swagger"] == 2.0
    value = {**swagger(), "swagger": 2.0}
    assert open_document(tmp_path, value).version == "2.0"


@pytest.mark.parametrize(
    ("place", "written", "style", "explode"),
    [
        ("query", None, "form", False),
        ("query", "csv", "form", False),
        ("query", "multi", "form", True),
        ("query", "ssv", "spaceDelimited", False),
        ("query", "pipes", "pipeDelimited", False),
        ("header", "csv", "simple", False),
    ],
)
def test_a_collection_format_is_the_style_that_says_the_same(
    tmp_path: Any, place: str, written: str | None, style: str, explode: bool
) -> None:
    row = {"in": place, "type": "array", "items": {"type": "integer"}, "required": True}
    entry = parameter(**row, **({"collectionFormat": written} if written else {}))
    (slot,) = operation(tmp_path, entry).slots
    assert slot.rule == ArgumentRule(place, "p", style, explode, "one")
    assert slot.schema == {"type": "array", "items": {"type": "integer"}}
    assert slot.required


@pytest.mark.parametrize(
    ("written", "sent"),
    [("csv", "p=1,2"), ("multi", "p=1&p=2"), ("ssv", "p=1%202"), ("pipes", "p=1%7C2")],
)
def test_an_array_is_sent_as_its_collection_format_says(
    tmp_path: Any, written: str, sent: str
) -> None:
    entry = parameter(type="array", items={"type": "integer"}, collectionFormat=written)
    (slot,) = operation(tmp_path, entry).slots
    assert "&".join("=".join(pair) for pair in query_pairs([1, 2], slot.rule)) == sent


@pytest.mark.parametrize(
    ("place", "written"), [("query", "tsv"), ("query", "new"), ("header", "multi")]
)
def test_a_collection_format_that_is_not_sent_is_refused(
    tmp_path: Any, place: str, written: str
) -> None:
    row = {"in": place, "type": "array", "items": {"type": "string"}, "collectionFormat": written}
    with pytest.raises(SourceError, match=f"the collectionFormat '{written}' is not sent"):
        operation(tmp_path, parameter(**row))


def test_a_collection_format_says_nothing_of_what_is_no_array(tmp_path: Any) -> None:
    (slot,) = operation(tmp_path, parameter(type="string", collectionFormat="tsv")).slots
    assert slot.schema == {"type": "string"}


def test_a_parameters_own_keys_are_its_schema(tmp_path: Any) -> None:
    row = {"type": "integer", "minimum": 1, "exclusiveMinimum": True, "default": 2, "enum": [2, 3]}
    entry = parameter(**row, description="How many.", allowEmptyValue=True)
    (slot,) = operation(tmp_path, entry).slots
    assert slot.schema == {"type": "integer", "default": 2, "enum": [2, 3], "exclusiveMinimum": 1}
    assert slot.description == "How many."


def test_parameters_of_the_path_and_those_referred_to_are_read(tmp_path: Any) -> None:
    item = {
        "parameters": [{"$ref": "#/parameters/Id"}, {"$ref": "#/parameters/Body"}],
        "put": {"operationId": "it"},
    }
    shared = {
        "Id": {"name": "number", "in": "path", "required": True, "type": "string"},
        "Body": {"name": "b", "in": "body", "schema": {"$ref": "#/definitions/Invoice"}},
    }
    value = swagger(
        paths={"/things/{number}": item}, parameters=shared, definitions={"Invoice": INVOICE}
    )
    found = open_document(tmp_path, value).operation("it")
    assert slots(found)["number"].place == "path"
    assert slots(found)["note"] == ArgumentRule("body", "/note", "json", False, "one")
    assert "made" not in slots(found)


def test_null_is_valid_where_x_nullable_says_so(tmp_path: Any) -> None:
    found = operation(
        tmp_path, body({"$ref": "#/definitions/Invoice"}), definitions={"Invoice": INVOICE}
    )
    schemas = {slot.name: slot.schema for slot in found.slots}
    assert schemas["note"] == {"type": ["string", "null"]}
    assert schemas["share"] == {"type": "number", "exclusiveMaximum": 1}


@pytest.mark.parametrize(
    ("consumes", "kind"),
    [
        (None, "application/json"),
        (["application/json", "application/xml"], "application/json"),
        (["application/vnd.api+json"], "application/vnd.api+json"),
        (["application/x-www-form-urlencoded"], "application/json"),
        (["*/*"], "application/json"),
    ],
)
def test_a_body_is_sent_as_the_json_that_is_consumed(
    tmp_path: Any, consumes: Any, kind: str
) -> None:
    entry = body({"type": "object", "properties": {"a": {}}}, required=True)
    rest = {} if consumes is None else {"consumes": consumes}
    found = operation(tmp_path, {**entry, **rest})
    assert (found.body_type, found.body_required) == (kind, True)
    assert operation(tmp_path, entry, **rest).body_type == kind


def test_an_operations_own_types_replace_the_documents(tmp_path: Any) -> None:
    entry = {**body({"type": "array", "items": {}}), "consumes": ["application/json"]}
    found = operation(tmp_path, entry, consumes=["application/xml"])
    assert found.body_type == "application/json"


@pytest.mark.parametrize(
    ("entry", "kinds"),
    [
        ({**body({"type": "string"}, required=True), "consumes": ["text/plain"]}, "text/plain"),
        (parameter(**{"in": "formData", "type": "string", "required": True}), "x-www-form"),
        (parameter(**{"in": "formData", "type": "file", "required": True}), "multipart/form-data"),
    ],
)
def test_what_must_be_sent_as_no_json_is_refused(tmp_path: Any, entry: Any, kinds: str) -> None:
    with pytest.raises(SourceError, match=f"sends JSON bodies only, not .*{kinds}") as caught:
        operation(tmp_path, entry)
    assert caught.value.id == "MCPX-B03"


def test_an_optional_form_is_left_out_and_told(tmp_path: Any) -> None:
    found = operation(tmp_path, parameter(**{"in": "formData", "type": "string"}))
    assert (found.slots, found.body_type) == ((), None)
    assert "the optional body is left out" in found.warnings[0]


def test_two_bodies_are_refused(tmp_path: Any) -> None:
    entries = [{"name": name, "in": "body", "schema": {}} for name in "ab"]
    with pytest.raises(SourceError, match="more than one parameter stands for the body"):
        operation(tmp_path, {"parameters": entries})


def test_the_answers_schema_and_types_are_read(tmp_path: Any) -> None:
    answers = {"200": {"$ref": "#/responses/One"}, "default": {"description": "wrong"}}
    shared = {"One": {"description": "ok", "schema": {"$ref": "#/definitions/Invoice"}}}
    found = operation(
        tmp_path,
        {"responses": answers, "produces": ["application/json", "text/csv"]},
        responses=shared,
        definitions={"Invoice": INVOICE},
    )
    assert found.response == {"$ref": "#/$defs/Invoice"}
    assert found.response_types == ("application/json", "text/csv")
    assert found.defs["Invoice"]["properties"]["made"] == {"type": "string", "format": "date-time"}


@pytest.mark.parametrize(
    ("answer", "types"),
    [
        ({"schema": {"type": "file"}}, ("application/pdf",)),
        ({"description": "nothing"}, ()),
        ({"schema": {"type": "string"}}, ("application/pdf",)),
    ],
)
def test_an_answer_that_is_no_json_has_no_schema(
    tmp_path: Any, answer: Any, types: tuple[str, ...]
) -> None:
    entry = {"produces": ["application/pdf"], "responses": {"200": answer}}
    found = operation(tmp_path, entry)
    assert (found.response, found.response_types) == (None, types)


@pytest.mark.parametrize(
    ("scheme", "guess"),
    [
        ({"type": "basic"}, ("basic", "")),
        ({"type": "apiKey", "in": "header", "name": "X-Api-Key"}, ("header", "X-Api-Key")),
        ({"type": "oauth2", "flow": "implicit"}, ("bearer", "")),
        ({"type": "apiKey", "in": "query", "name": "key"}, ("query", "key")),
        ({"type": ["basic"]}, ("", "")),
        ("basic", ("", "")),
    ],
)
def test_security_definitions_are_a_hint_of_the_credential(
    tmp_path: Any, scheme: Any, guess: tuple[str, str]
) -> None:
    open_document(tmp_path, swagger(securityDefinitions={"main": scheme}, paths={}))
    found = guess_auth(References(str(tmp_path / "api.json"), str(tmp_path)), "billing")
    assert (found.kind, found.name) == guess


def test_s25_a_scheme_whose_name_holds_lines_is_noted_in_one(tmp_path: Any) -> None:
    name = "main\n    url: https://evil.example\u202e"
    open_document(tmp_path, swagger(securityDefinitions={name: {"type": "basic"}}))
    note = guess_auth(References(str(tmp_path / "api.json"), str(tmp_path)), "billing").note
    assert note == "the document's scheme main url: https://evil.example"


def test_a_mistake_is_told_with_its_place(tmp_path: Any) -> None:
    entry = parameter(type="array", items={"type": "file"})
    with pytest.raises(SourceError) as caught:
        operation(tmp_path, entry)
    assert str(caught.value).startswith("api.json#/paths/~1things/post/parameters/0/items/type: ")
