"""Tools of a published document, built as a publisher builds them: from the text of a source."""

import json
import os
import random
import re
from functools import cache
from typing import Any, NamedTuple

import published

from mcp_proxy.core.profile import Tool, UpstreamSpec
from mcp_proxy.core.profile_lines import parse_payload, parse_tool
from mcp_proxy.core.schema import Schema, compile_schema
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.argument_reference import Wrong, reference_of
from mcp_proxy.workshop.build import build_payload
from mcp_proxy.workshop.document import Document, read_document
from mcp_proxy.workshop.operation import Operation, Slot
from mcp_proxy.workshop.source import parse_source
from mcp_proxy.workshop.source_keys import ToolSource
from mcp_proxy.workshop.tools_rest import rest_tool

NOW_S = 1_800_000_000
ORIGIN = "https://api.example.com"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class BuiltTool(NamedTuple):
    """One operation as serve has it: its tool, compiled schema, and entry of the list."""

    selector: str
    tool: Tool
    schema: Schema
    entry: dict[str, Any]


class Built(NamedTuple):
    """What became of the chosen operations; `refused` maps a selector to the reason."""

    upstream: UpstreamSpec
    tools: list[BuiltTool]
    refused: dict[str, str]


@cache
def built_tools(name: str, count: int | None, seed: int = 4) -> Built:
    """`count` operations of the document `name`, drawn with `seed`; None is all of them."""
    path = published.document(name)
    folder = os.path.dirname(path)
    document = read_document(path, folder)
    operations = document.operations()
    if count is not None and count < len(operations):
        operations = random.Random(seed).sample(operations, count)
    rows: dict[str, dict[str, Any]] = {}
    refused: dict[str, str] = {}
    for one in operations:
        selector = f"{one.method} {one.path}"
        try:
            rows[selector] = _row(document, selector)
        except (SourceError, Wrong) as error:
            refused[selector] = str(error)
    return _build(rows, path, refused)


def _row(document: Document, selector: str) -> dict[str, Any]:
    """The tool's lines of a source; raises where no tool can be made of the operation."""
    operation = document.operation(selector)
    row = {
        "upstream": "api",
        "operation": selector,
        "effect": "read" if operation.method in ("GET", "HEAD") else "write",
        "description": "Does what the operation says.",
        **_arguments(operation),
    }
    rest_tool("tool", ToolSource.model_validate(row), operation)
    return row


def _arguments(operation: Operation) -> dict[str, Any]:
    """Names for what has none of its own: a publisher gives them by `from`."""
    names = [slot.name for slot in operation.slots]
    renamed = [
        slot
        for slot in operation.slots
        if names.count(slot.name) > 1 or not _NAME.fullmatch(slot.name)
    ]
    if not renamed:
        return {}
    block = {f"{slot.rule.place}_{n}": _from(slot) for n, slot in enumerate(renamed)}
    return {"arguments": {**block, "*": {}}}


def _from(slot: Slot) -> dict[str, str]:
    return {"from": reference_of(slot.rule)}


def _build(rows: dict[str, dict[str, Any]], path: str, refused: dict[str, str]) -> Built:
    folder, file = os.path.split(path)
    source = {
        "profile": "published",
        "version": 1,
        "upstreams": {"api": {"kind": "rest", "url": ORIGIN, "openapi": file}},
        "tools": {f"tool_{n}": row for n, row in enumerate(rows.values())},
    }
    # JSON is YAML.
    text = json.dumps(source).encode()
    payload = build_payload(parse_source(text, os.path.join(folder, "source.yaml")), NOW_S).payload
    profile = parse_payload(payload, "", "")
    entries = {entry["name"]: entry for entry in json.loads(profile.tools_json)}
    tools = []
    for selector, name in zip(rows, profile.header.tools, strict=True):
        tool = parse_tool(profile.tool_lines[name], name)
        tools.append(BuiltTool(selector, tool, compile_schema(tool.enforced), entries[name]))
    return Built(profile.header.upstreams["api"], tools, refused)
