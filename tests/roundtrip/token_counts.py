"""What a list of tools costs a model: of whole documents, and of sources of tests/published."""

import json
import os
import shutil
import subprocess
import tempfile
from typing import Any, NamedTuple

import published
from conformance import node

from mcp_proxy.core.profile_lines import parse_payload
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.build import build_payload
from mcp_proxy.workshop.document import read_document
from mcp_proxy.workshop.source import read_source
from mcp_proxy.workshop.source_keys import ToolSource
from mcp_proxy.workshop.tools_rest import rest_tool

CURATED = ("github", "stripe", "digitalocean", "zoom", "kubernetes")
NOW_S = 1_800_000_000
_COUNT = """
const { countTokens } = require(process.argv[1]);
const texts = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(texts.map((text) => countTokens(text))));
"""


class WholeList(NamedTuple):
    """Every operation of a document that can be a tool; `text` is its tools array as JSON."""

    operations: int
    tools: int
    text: str


class CuratedList(NamedTuple):
    """What a curated source lists; `text` is its tools array as JSON."""

    tools: int
    entries: list[dict[str, Any]]
    text: str


def count_tokens(texts: list[str]) -> list[int]:
    """The tokens of each text, by o200k."""
    encoding = os.path.join(published.tokenizer(), "encoding", "o200k_base.js")
    done = subprocess.run(
        [node.node_binary(), "-e", _COUNT, encoding],
        input=json.dumps(texts),
        env=node.node_env(),
        check=True,
        capture_output=True,
        text=True,
    )
    counts: list[int] = json.loads(done.stdout)
    return counts


def whole_list(name: str) -> WholeList:
    """Every operation of the document `name`, nothing left out, as its makers describe it."""
    path = published.document(name)
    document = read_document(path, os.path.dirname(path))
    operations = document.operations()
    entries = []
    for number, one in enumerate(operations):
        selector = f"{one.method} {one.path}"
        source = ToolSource(upstream="api", operation=selector, effect="destructive")
        try:
            tool = rest_tool(f"tool_{number}", source, document.operation(selector))
        except (SourceError, Wrong):
            continue
        title = one.id or selector
        entries.append({**tool.entry, "name": title})
    return WholeList(len(operations), len(entries), _text(entries))


def curated_list(name: str) -> CuratedList:
    """The list of tests/published/NAME.yaml, built."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(os.path.join(published.HERE, f"{name}.yaml"), folder)
        shutil.copy(published.document(name), os.path.join(folder, f"{name}.openapi.json"))
        built = build_payload(read_source(os.path.join(folder, f"{name}.yaml")), NOW_S)
    tools_json = parse_payload(built.payload, "", "").tools_json
    entries = json.loads(tools_json)
    return CuratedList(len(entries), entries, tools_json.decode())


def _text(entries: list[dict[str, Any]]) -> str:
    return json.dumps(entries, ensure_ascii=False, separators=(",", ":"))
