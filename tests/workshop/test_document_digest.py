"""Digests and summaries of operations: what moves them, and what does not."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from workshop.spec_bench import open_document, spec

from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.document import Document

TREE = {"properties": {"next": {"$ref": "#/components/schemas/Tree"}, "title": {"type": "string"}}}
OPERATION = {
    "operationId": "listTrees",
    "summary": "List trees",
    "parameters": [
        {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}},
        {"$ref": "#/components/parameters/Sort"},
    ],
    "responses": {
        "200": {
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/Tree"},
                    "examples": {"one": {"$ref": "#/components/examples/one"}},
                }
            }
        }
    },
}
API = spec(
    paths={
        "/{forest}/trees": {
            "parameters": [
                {"name": "forest", "in": "path", "required": True, "schema": {"type": "string"}}
            ],
            "get": OPERATION,
        },
        "/other": {"get": {"operationId": "other"}},
    },
    components={
        "schemas": {"Tree": TREE, "Unused": {"type": "string"}},
        "parameters": {"Sort": {"name": "sort", "in": "query", "schema": {"enum": ["up", "down"]}}},
        "examples": {"one": {"value": 1}},
    },
)


def changed(folder: Any, change: Callable[[Any], None]) -> Document:
    value = copy.deepcopy(API)
    change(value)
    return open_document(folder, value)


def a_deep_schema(api: Any) -> None:
    api["components"]["schemas"]["Tree"]["properties"]["title"]["maxLength"] = 9


def the_path_parameter(api: Any) -> None:
    api["paths"]["/{forest}/trees"]["parameters"][0]["schema"]["maxLength"] = 9


def a_referenced_parameter(api: Any) -> None:
    api["components"]["parameters"]["Sort"]["schema"]["enum"] = ["up"]


def the_summary(api: Any) -> None:
    api["paths"]["/{forest}/trees"]["get"]["summary"] = "List all"


def an_example(api: Any) -> None:
    api["components"]["examples"]["one"]["value"] = 2


def what_nobody_reaches(api: Any) -> None:
    api["components"]["schemas"]["Unused"]["maxLength"] = 9


def another_operation(api: Any) -> None:
    api["paths"]["/other"]["get"]["summary"] = "x"


@pytest.mark.parametrize(
    "change", [a_deep_schema, the_path_parameter, a_referenced_parameter, the_summary]
)
def test_a_digest_moves_with_what_the_operation_reaches(tmp_path: Any, change: Any) -> None:
    before = open_document(tmp_path, API).digest_of("listTrees")
    assert len(before) == 64
    assert changed(tmp_path, change).digest_of("listTrees") != before


@pytest.mark.parametrize("change", [an_example, what_nobody_reaches, another_operation])
def test_a_digest_stays_where_something_else_moves(tmp_path: Any, change: Any) -> None:
    before = open_document(tmp_path, API).digest_of("listTrees")
    assert changed(tmp_path, change).digest_of("listTrees") == before


def test_a_digest_does_not_hang_on_the_files_name_nor_on_the_order_of_keys(tmp_path: Any) -> None:
    before = open_document(tmp_path, API).digest_of("GET /{forest}/trees")
    turned = json.loads(json.dumps(API, sort_keys=True))
    assert open_document(tmp_path, turned, "v2.json").digest_of("listTrees") == before


def test_an_operation_is_described_by_its_arguments_and_its_answer(tmp_path: Any) -> None:
    told = open_document(tmp_path, API).described("listTrees")
    assert told["arguments"] == {
        "path.forest": {"required": True, "schema": "string"},
        "query.limit": {"required": False, "schema": "integer; maximum 100"},
        "query.sort": {"required": False, "schema": "string; one of up, down"},
    }
    assert (told["summary"], told["deprecated"], told["refused"]) == ("List trees", False, "")
    moved = changed(tmp_path, a_deep_schema).described("listTrees")
    assert moved["response"] != told["response"]


def test_words_about_a_schema_are_no_other_answer_but_a_property_title_is(tmp_path: Any) -> None:
    def describe(api: Any) -> None:
        api["components"]["schemas"]["Tree"]["properties"]["title"]["description"] = "x"

    def take_out(api: Any) -> None:
        del api["components"]["schemas"]["Tree"]["properties"]["title"]

    before = open_document(tmp_path, API).described("listTrees")["response"]
    assert changed(tmp_path, describe).described("listTrees")["response"] == before
    assert changed(tmp_path, take_out).described("listTrees")["response"] != before


def test_an_operation_that_cannot_be_built_is_described_with_the_reason(tmp_path: Any) -> None:
    def break_it(api: Any) -> None:
        api["paths"]["/{forest}/trees"]["get"]["parameters"][0]["style"] = "matrix"

    document = changed(tmp_path, break_it)
    assert "the style 'matrix' is not sent in query" in document.described("listTrees")["refused"]
    assert len(document.digest_of("listTrees")) == 64
    with pytest.raises(SourceError, match="it has no operation"):
        document.described("gone")
