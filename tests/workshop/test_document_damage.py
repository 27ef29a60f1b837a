"""Documents with something wrong anywhere: each is read, or refused in a sentence; no crash."""

import contextlib
import copy
import json
import os
import tempfile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workshop.source_samples import API

from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.document import read_document
from mcp_proxy.workshop.document_auth import guess_auth
from mcp_proxy.workshop.source_keys import ToolSource
from mcp_proxy.workshop.tools_rest import rest_tool

SWAGGER: dict[str, Any] = {
    "swagger": "2.0",
    "info": {"title": "Shop"},
    "host": "shop.example.com",
    "consumes": ["application/json"],
    "securityDefinitions": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
    "parameters": {"Id": {"name": "id", "in": "path", "required": True, "type": "string"}},
    "definitions": {
        "Order": {
            "type": "object",
            "required": ["id"],
            "properties": {
                "id": {"type": "string", "readOnly": True, "pattern": "^[a-z]+$"},
                "parts": {"type": "array", "items": {"$ref": "#/definitions/Order"}},
                "sum": {"allOf": [{"type": "integer", "x-nullable": True}, {"maximum": 9}]},
            },
        }
    },
    "paths": {
        "/orders/{id}": {
            "parameters": [{"$ref": "#/parameters/Id"}],
            "get": {
                "operationId": "getOrder",
                "tags": ["orders"],
                "parameters": [
                    {"name": "by", "in": "query", "type": "array", "items": {"type": "string"}}
                ],
                "responses": {"200": {"schema": {"$ref": "#/definitions/Order"}}},
            },
            "put": {
                "operationId": "putOrder",
                "parameters": [
                    {"name": "o", "in": "body", "schema": {"$ref": "#/definitions/Order"}}
                ],
            },
        }
    },
}

_KEYS = ("$ref", "allOf", "properties", "nullable", "items", "required", "type", "enum", "content")
_VALUES = st.sampled_from(
    [
        *(None, True, -1, 1.5, 2**70, "", "x", "\u202e", "file", "null", [], [1], [{}], {}),
        *({"$ref": "#"}, {"$ref": "#/paths"}, {"$ref": "x.json"}, {"$ref": "https://a.example/b"}),
        *({"allOf": [{}]}, {"oneOf": 1}, {"type": [{}]}, {"pattern": "(?=x)"}),
    ]
)


def damaged(document: Any, data: st.DataObject) -> Any:
    """The document after up to four changes, each at any of its places."""
    whole = copy.deepcopy(document)
    for _ in range(data.draw(st.integers(1, 4))):
        holders = [item for item in walked(whole) if item]
        holder = data.draw(st.sampled_from(holders)) if holders else whole
        keys = range(len(holder)) if isinstance(holder, list) else [*holder, *_KEYS]
        key, value = data.draw(st.sampled_from([*keys] or [0])), data.draw(_VALUES)
        if isinstance(holder, dict) and value is None:
            holder.pop(key, None)
        else:
            holder[key] = copy.deepcopy(value)
    return whole


def walked(value: Any) -> list[Any]:
    """Every object and list of a document, in its order."""
    found = []
    if isinstance(value, (dict, list)):
        found.append(value)
        for item in value.values() if isinstance(value, dict) else value:
            found.extend(walked(item))
    return found


def read_wholly(folder: str) -> None:
    document = read_document(os.path.join(folder, "api.json"), folder)
    guess_auth(document.references, "shop")
    for one in document.operations():
        selector = f"{one.method} {one.path}"
        document.digest_of(selector)
        document.described(selector)
        row = {"upstream": "shop", "operation": selector, "effect": "write", "description": "Do."}
        with contextlib.suppress(SourceError, Wrong):
            rest_tool("tool", ToolSource.model_validate(row), document.operation(selector))


@pytest.mark.slow
@pytest.mark.beside
@settings(max_examples=600, deadline=None)
@given(st.sampled_from([API, SWAGGER]), st.data())
def test_a_damaged_document_is_read_or_refused(document: Any, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "api.json"), "w", encoding="utf-8") as file:
            json.dump(damaged(document, data), file)
        with contextlib.suppress(SourceError):
            read_wholly(folder)


@pytest.mark.parametrize("document", [API, SWAGGER])
def test_the_undamaged_documents_are_read_wholly(tmp_path: Any, document: Any) -> None:
    (tmp_path / "api.json").write_text(json.dumps(document))
    read_wholly(str(tmp_path))
