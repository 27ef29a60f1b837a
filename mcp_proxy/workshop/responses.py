"""The Responses Object: the schema and media types of an operation's answers of success.

OpenAPI 3.0.4, 4.7.16 and 3.1.1, 4.8.16.
"""

import re
from typing import Any

from mcp_proxy.workshop.dialect import RESPONSE, Translator
from mcp_proxy.workshop.media import bare, json_entry
from mcp_proxy.workshop.references import Node

_SUCCESS = re.compile(r"2([0-9][0-9]|XX)")


def success_response(
    operation: Node, translator: Translator
) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """The schema of the JSON answers (None where none is told), and every media type.

    Several 2xx answers with JSON become an `anyOf`; `default` counts where no 2xx stands.

    Raises:
        SourceError: MCPX-B02 malformed.
    """
    schemas: list[dict[str, Any]] = []
    types: dict[str, None] = {}
    for node in _successes(operation):
        content = translator.references.follow(node).get("content")
        if content is None:
            continue
        types.update(dict.fromkeys(bare(kind) for kind in content.mapping()))
        entry = json_entry(content)
        listed = entry[1].get("schema") if entry is not None else None
        schema = {} if listed is None else translator.schema(listed, RESPONSE)
        if entry is not None and schema not in schemas:
            schemas.append(schema)
    if not schemas or {} in schemas:
        return None, tuple(types)
    return (schemas[0] if len(schemas) == 1 else {"anyOf": schemas}), tuple(types)


def _successes(operation: Node) -> list[Node]:
    listed = operation.get("responses")
    if listed is None:
        return []
    rows = dict(listed.items())
    codes = sorted(code for code in rows if _SUCCESS.fullmatch(code.upper()))
    return [rows[code] for code in codes or (["default"] if "default" in rows else [])]
