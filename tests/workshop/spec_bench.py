"""Small API documents for the tests: written as values, read from a real file."""

import json
import os
from typing import Any

from mcp_proxy.workshop.document import Document, read_document
from mcp_proxy.workshop.operation import Operation


def open_document(folder: Any, value: dict[str, Any], name: str = "api.json") -> Document:
    """`value` written below `folder` and read as a document whose references stay there."""
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file)
    return read_document(path, str(folder))


def spec(version: str = "3.1.0", **rest: Any) -> dict[str, Any]:
    """A document of the given version."""
    return {"openapi": version, "info": {"title": "Billing", "version": "1"}, **rest}


def operation(
    folder: Any,
    entry: dict[str, Any],
    path: str = "/things",
    method: str = "post",
    version: str = "3.1.0",
    item: dict[str, Any] | None = None,
    schemas: dict[str, Any] | None = None,
) -> Operation:
    """The one operation of a document that holds it alone."""
    paths = {path: {**(item or {}), method: {"operationId": "it", **entry}}}
    value = spec(version, paths=paths, components={"schemas": schemas or {}})
    return open_document(folder, value).operation("it")


def json_body(schema: Any, **rest: Any) -> dict[str, Any]:
    """An operation with a JSON body of this schema."""
    return {"requestBody": {"content": {"application/json": {"schema": schema}}, **rest}}


def answers(schema: Any) -> dict[str, Any]:
    """An operation that answers 200 with JSON of this schema."""
    return {"responses": {"200": {"content": {"application/json": {"schema": schema}}}}}
