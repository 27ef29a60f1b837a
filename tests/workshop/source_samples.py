"""A small API, a small gateway and a source for both, written into a folder of the test."""

import json
from pathlib import Path
from typing import Any

from mcp_proxy.core.profile import Tool
from mcp_proxy.core.profile_lines import parse_payload, parse_tool
from mcp_proxy.workshop.build import Built, build_payload
from mcp_proxy.workshop.source import Source, parse_source

NOW_S = 1_800_000_000

API: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Shop", "version": "1"},
    "servers": [{"url": "https://shop.example.com/api"}],
    "components": {
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"}},
        "schemas": {
            "Order": {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": {"type": "string"},
                    "total": {"type": "integer"},
                    "buyer": {"type": "object", "properties": {"mail": {"type": "string"}}},
                },
            }
        },
    },
    "paths": {
        "/orders/{id}": {
            "get": {
                "operationId": "getOrder",
                "summary": "Read an order",
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "id", "in": "query", "schema": {"type": "string"}},
                    {"name": "X-Tenant", "in": "header", "schema": {"type": "string"}},
                ],
                "responses": {
                    "200": {
                        "description": "ok",
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Order"}}
                        },
                    }
                },
            }
        },
        "/orders": {
            "get": {
                "operationId": "listOrders",
                "summary": "List orders",
                "parameters": [
                    {
                        "name": "limit",
                        "in": "query",
                        "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 80},
                    },
                    {"name": "filter[status]", "in": "query", "schema": {"type": "string"}},
                ],
                "responses": {"200": {"description": "ok"}},
            },
            "post": {
                "operationId": "createOrder",
                "summary": "Create an order",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["sku", "buyer"],
                                "properties": {
                                    "sku": {"type": "string", "minLength": 2},
                                    "count": {"type": ["integer", "null"], "minimum": 1},
                                    "buyer": {
                                        "type": "object",
                                        "required": ["mail"],
                                        "properties": {
                                            "mail": {"type": "string"},
                                            "name": {"type": "string"},
                                        },
                                    },
                                },
                            }
                        }
                    },
                },
                "responses": {"201": {"description": "made"}},
            },
        },
    },
}

LISTING: dict[str, Any] = {
    "tools": [
        {
            "name": "look_up",
            "title": "Look up",
            "description": "Looks something up.",
            "inputSchema": {
                "type": "object",
                "properties": {"what": {"type": "string", "x-mcp-header": "What"}},
                "required": ["what"],
            },
            "annotations": {"readOnlyHint": True, "title": "Never shown"},
            "icons": [{"src": "https://gw.example.com/i.png"}, {"src": "http://gw.example.com/i"}],
            "_meta": {"ui": {"resourceUri": "ui://x"}},
        },
        {
            "name": "put_down",
            "description": "Puts something down.",
            "inputSchema": {"type": "object"},
            "annotations": {"destructiveHint": False},
        },
        {"name": "wipe", "description": "Wipes it.", "inputSchema": {"type": "object"}},
    ]
}

HEAD = """\
profile: shop
version: 3
title: Shop
upstreams:
  shop: {kind: rest, url: "https://shop.example.com/api/", openapi: api.json}
  gateway: {kind: mcp, url: "https://gw.example.com/mcp/", listing: tools.json}
"""
GATEWAY_TOOL = "  look: {upstream: gateway, operation: look_up, effect: read}\n"


def write_files(folder: Path, api: Any = API, listing: Any = LISTING) -> None:
    """The document and the listing that HEAD names."""
    (folder / "api.json").write_text(json.dumps(api))
    (folder / "tools.json").write_text(json.dumps(listing))


def read_text(folder: Path, text: str) -> Source:
    """The source whose text is `text`, in `folder`."""
    return parse_source(text.encode(), str(folder / "shop.yaml"))


def build_tools(folder: Path, tools: str, tail: str = "") -> Built:
    """HEAD with this `tools:` block, built."""
    return build_payload(read_text(folder, HEAD + "tools:\n" + tools + tail), NOW_S)


def tool_of(built: Built, name: str) -> Tool:
    """One tool's own line, parsed."""
    profile = parse_payload(built.payload, "", "")
    return parse_tool(profile.tool_lines[name], name)


def entry_of(built: Built, name: str) -> dict[str, Any]:
    """One tool's entry of the list."""
    entries = json.loads(parse_payload(built.payload, "", "").tools_json)
    return next(entry for entry in entries if entry["name"] == name)
