"""The document: read once, its operations found, everything else refused with its place."""

import json
from typing import Any

import pytest
from workshop.spec_bench import open_document, spec

from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.document import read_document
from mcp_proxy.workshop.operation import OperationName

PATHS = {
    "/invoices": {
        "get": {
            "operationId": "listInvoices",
            "summary": "List",
            "deprecated": True,
            "tags": ["money", "read"],
        },
        "post": {"operationId": "createInvoice"},
    },
    "/invoices/{id}": {
        "parameters": [
            {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
        ],
        "get": {"summary": "One", "description": "One\r\ninvoice"},
    },
    "/token#refresh": {"post": {"operationId": "refresh"}},
}


@pytest.mark.parametrize("version", ["3.0.0", "3.0.4", "3.1.0", "3.1.2", "3.0", 3.1])
def test_versions_3_0_and_3_1_are_read(tmp_path: Any, version: Any) -> None:
    document = open_document(tmp_path, spec(version, servers=[{"url": "https://a.example/v1"}]))
    assert (document.title, document.servers) == ("Billing", ("https://a.example/v1",))
    assert document.operations() == []


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"swagger": "1.2"}, "it is Swagger 1.2; convert it to OpenAPI 3.0 or 3.1 first"),
        ({"openapi": "3.2.0"}, "it is OpenAPI 3.2.0; 3.0, 3.1 and Swagger 2.0 are read"),
        ({"openapi": "2.9"}, "3.0, 3.1 and Swagger 2.0 are read"),
        ({"title": "x"}, "it has no `openapi` key"),
        ([1], "must be an object"),
        (spec(jsonSchemaDialect="http://json-schema.org/draft-07/schema#"), "is not read"),
        (spec(paths=[]), "api.json#/paths: must be an object"),
    ],
)
def test_another_document_is_refused_with_its_place(
    tmp_path: Any, value: Any, sentence: str
) -> None:
    with pytest.raises(SourceError) as caught:
        open_document(tmp_path, value).operations()
    assert caught.value.id == "MCPX-B02"
    assert sentence in str(caught.value)


def test_the_table_of_contents_names_every_operation(tmp_path: Any) -> None:
    assert open_document(tmp_path, spec(paths=PATHS)).operations() == [
        OperationName("listInvoices", "GET", "/invoices", "List", True, "", ("money", "read")),
        OperationName("createInvoice", "POST", "/invoices", "", False, "", ()),
        OperationName("", "GET", "/invoices/{id}", "One", False, "One\ninvoice", ()),
        OperationName("refresh", "POST", "/token#refresh", "", False, "", ()),
    ]


@pytest.mark.parametrize("rest", [{"info": []}, {"info": {"title": 1}}, {"servers": {"url": "x"}}])
def test_a_hint_that_is_malformed_is_none(tmp_path: Any, rest: Any) -> None:
    document = open_document(tmp_path, {**spec(paths=PATHS), **rest})
    assert document.title in ("", "Billing")
    assert document.servers == ()
    assert document.operation("listInvoices").summary == "List"


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ([], "api.json#/paths/~1a/get: must be an object"),
        (None, "api.json#/paths/~1a/get: must be an object"),
        ({"operationId": 1}, "/get/operationId: must be text"),
        ({"summary": [], "deprecated": "yes", "tags": "x"}, "/get/summary: must be text"),
    ],
)
def test_a_malformed_operation_is_listed_and_told_when_it_is_built(
    tmp_path: Any, entry: Any, sentence: str
) -> None:
    document = open_document(tmp_path, spec(paths={"/a": {"get": entry}, **PATHS}))
    assert document.operations()[0] == OperationName("", "GET", "/a", "", False, "", ())
    assert document.operation("listInvoices").id == "listInvoices"
    with pytest.raises(SourceError, match=sentence):
        document.operation("GET /a")
    assert sentence in document.described("GET /a")["refused"]
    assert document.digest_of("GET /a")


def test_an_operation_is_found_by_id_or_by_method_and_path(tmp_path: Any) -> None:
    document = open_document(tmp_path, spec(paths=PATHS))
    assert document.operation("listInvoices") == document.operation("get /invoices")
    one = document.operation("GET /invoices/{id}")
    assert (one.id, one.method, one.path) == ("", "GET", "/invoices/{id}")
    assert one.description == "One\ninvoice"


def test_a_fragment_that_tells_operations_apart_is_never_sent(tmp_path: Any) -> None:
    assert open_document(tmp_path, spec(paths=PATHS)).operation("refresh").path == "/token"


@pytest.mark.parametrize(
    "selector", ["listInvoice", "GET /gone", "TRACE /invoices", "", "PUT /invoices"]
)
def test_an_unknown_operation_is_refused(tmp_path: Any, selector: str) -> None:
    with pytest.raises(SourceError, match="it has no operation"):
        open_document(tmp_path, spec(paths=PATHS)).operation(selector)


def test_a_near_name_is_offered(tmp_path: Any) -> None:
    with pytest.raises(SourceError, match="near to it: listInvoices"):
        open_document(tmp_path, spec(paths=PATHS)).operation("listInvoice")


def test_an_operation_id_that_stands_twice_is_refused(tmp_path: Any) -> None:
    paths = {"/a": {"get": {"operationId": "x"}}, "/b": {"get": {"operationId": "x"}}}
    with pytest.raises(SourceError, match="two operations have the operationId 'x'"):
        open_document(tmp_path, spec(paths=paths)).operation("x")


@pytest.mark.parametrize(
    "path", ["/a?b=c", "/a/../b", "/./a", "/a\\b", "/a%2e", "/a b", "/ä", "/a\x00"]
)
def test_s11_a_path_that_would_leave_its_place_is_refused(tmp_path: Any, path: str) -> None:
    document = open_document(tmp_path, spec(paths={path: {"get": {"operationId": "x"}}}))
    with pytest.raises(SourceError, match="holds what no path may"):
        document.operation("x")


def test_references_to_a_path_and_to_an_operation_are_followed(tmp_path: Any) -> None:
    (tmp_path / "item.json").write_text(json.dumps({"get": {"$ref": "operation.json"}}))
    (tmp_path / "operation.json").write_text(json.dumps({"operationId": "far", "summary": "Far"}))
    document = open_document(tmp_path, spec(paths={"/far": {"$ref": "item.json"}}))
    assert document.operation("far").summary == "Far"


def test_servers_of_an_operation_are_told_not_taken(tmp_path: Any) -> None:
    entry = {"operationId": "x", "servers": [{"url": "https://evil.example"}]}
    found = open_document(tmp_path, spec(paths={"/a": {"get": entry}})).operation("x")
    assert found.warnings == (
        "api.json#/paths/~1a/get: its own `servers` are not used; the profile's url is",
    )


YAML_TEXT = """
openapi: 3.0.3
info: {title: Billing}
paths:
  /invoices:
    get:
      operationId: list
      responses:
        200:
          description: fine
          content:
            application/json:
              schema: {type: string, enum: [2020-01-01, on, 'yes']}
"""


def test_yaml_reads_as_json_does(tmp_path: Any) -> None:
    path = tmp_path / "api.yaml"
    path.write_text(YAML_TEXT)
    found = read_document(str(path), str(tmp_path)).operation("list")
    assert found.response == {"type": "string", "enum": ["2020-01-01", "on", "yes"]}


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("a.json", b'{"openapi": "3.1.0", "openapi": "3.0.0"}', "holds the key 'openapi' twice"),
        ("a.json", b'{"openapi": NaN}', "NaN is no JSON number"),
        ("a.json", b'{"a": 1e999}', "beyond what a double holds"),
        ("a.json", b'{"a": ' + b"1" * 50 + b"}", "more than 40 digits"),
        ("a.json", b"[" * 200_000, "nested deeper than 64 levels"),
        ("a.json", b"[" * 65 + b"]" * 65, "nested deeper than 64 levels"),
        ("a.json", b'{\n"a": }', "line 2: not JSON"),
        ("a.json", b'{"a": "\\ud83d"}', "half a character"),
        ("a.yaml", b'a: "\\uD83D"', "half a character"),
        ("a.yaml", b"a: \xff", "is not UTF-8 text"),
        ("a.yaml", b"a: 1\na: 2", "line 2: the key a stands here a second time"),
        ("a.yaml", b"{a: 1", "not YAML"),
    ],
)
def test_a_file_that_two_readers_read_differently_is_refused(
    tmp_path: Any, name: str, data: bytes, sentence: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(SourceError) as caught:
        read_document(str(path), str(tmp_path))
    assert sentence in str(caught.value)


def test_a_missing_document_is_told(tmp_path: Any) -> None:
    with pytest.raises(SourceError, match=r"gone\.yaml: cannot be opened"):
        read_document(str(tmp_path / "gone.yaml"), str(tmp_path))


def test_a_document_of_thousands_costs_its_parsing_alone(tmp_path: Any) -> None:
    broken = {"get": {"parameters": [{"$ref": "#/gone"}]}}
    paths: dict[str, Any] = {f"/p{n}": broken for n in range(3000)}
    document = open_document(tmp_path, spec(paths={**paths, **PATHS}))
    assert document.operation("listInvoices").id == "listInvoices"


def test_s25_a_sentence_about_a_document_shows_no_hidden_text(tmp_path: Any) -> None:
    path = "/a\x1b[2J\u202e" + "x" * 5000
    document = open_document(tmp_path, spec(paths={path: {"get": {"operationId": "x"}}}))
    with pytest.raises(SourceError) as caught:
        document.operation("x")
    assert len(caught.value.why) <= 802
    assert caught.value.why.isprintable()


def test_a_whole_character_written_as_two_escapes_is_read(tmp_path: Any) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"openapi": "3.1.0", "info": {"title": "\\ud83d\\ude00"}}')
    assert read_document(str(path), str(tmp_path)).title == "\U0001f600"
