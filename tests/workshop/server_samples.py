"""A listing with everything, a gateway and a local server that have it, and a source for both."""

import json
from pathlib import Path
from typing import Any

from workshop.source_samples import LISTING, NOW_S, read_text

from mcp_proxy.core.profile import Prompt, Resource
from mcp_proxy.core.profile_lines import parse_payload, parse_prompt, parse_resource
from mcp_proxy.workshop.build import Built, build_payload

DIGEST = "ab" * 32

WHOLE_LISTING: dict[str, Any] = {
    "tools": LISTING["tools"],
    "resources": [
        {
            "uri": "docs://handbook/intro",
            "name": "intro",
            "title": "Introduction",
            "description": "Where to begin.",
            "mimeType": "text/markdown",
            "size": 120,
            "annotations": {"audience": ["user"], "priority": 0.5},
            "icons": [{"src": "https://gw.example.com/i.png"}],
            "_meta": {"secret": "never published"},
        },
        {"uri": "docs://plain", "name": "intro"},
        {
            "uri": "ui://x",
            "name": "page",
            "mimeType": "text/html;profile=mcp-app",
            "_meta": {"ui": {"csp": {"connectDomains": ["https://api.example.com"]}}, "own": 1},
        },
    ],
    "resourceTemplates": [
        {"uriTemplate": "docs://handbook/{page}", "name": "handbook", "mimeType": "text/markdown"}
    ],
    "prompts": [
        {
            "name": "summarize_account",
            "title": "Summarise",
            "description": "Summarises an account.",
            "arguments": [
                {"name": "account", "description": "The account.", "required": True, "own": 1},
                {"name": "tone", "title": "Tone"},
            ],
            "_meta": {"secret": "never published"},
        },
        {"name": "greet"},
    ],
    "ui": {"ui://x": DIGEST},
}

HEAD = """\
profile: shop
version: 3
title: Shop
upstreams:
  gateway: {kind: mcp, url: "https://gw.example.com/mcp", listing: tools.json}
  local: {kind: stdio, command: [server], listing: local.json}
"""
LINES = len(HEAD.splitlines())


def write_listings(folder: Path, gateway: Any = WHOLE_LISTING, local: Any = None) -> None:
    """The listings that HEAD names; the local server's is empty unless given."""
    (folder / "tools.json").write_text(json.dumps(gateway))
    (folder / "local.json").write_text(json.dumps(local or {"tools": []}))


def build(folder: Path, blocks: str, head: str = HEAD) -> Built:
    """`head` with these blocks, built."""
    return build_payload(read_text(folder, head + blocks), NOW_S)


def resources_of(built: Built) -> dict[str, Resource]:
    """The resources by name, parsed, in their order."""
    lines = parse_payload(built.payload, "", "").resource_lines
    return {name: parse_resource(line, name) for name, line in lines.items()}


def prompts_of(built: Built) -> dict[str, Prompt]:
    """The prompts by name, parsed, in their order."""
    lines = parse_payload(built.payload, "", "").prompt_lines
    return {name: parse_prompt(line, name) for name, line in lines.items()}
