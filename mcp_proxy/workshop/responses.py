"""The schema and media types of an operation's answers of success.

OpenAPI 3.0.4, 4.7.16 and 3.1.1, 4.8.16; Swagger 2.0, Responses Object.
"""

from typing import Any

from mcp_proxy.workshop.hiding import RESPONSE
from mcp_proxy.workshop.media import json_entry
from mcp_proxy.workshop.operation_parts import Content
from mcp_proxy.workshop.translator import Translator


def success_response(
    answers: list[Content], translator: Translator
) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """The schema of the JSON answers (None where none is told), and every media type.

    Several answers with JSON become an `anyOf`.

    Raises:
        SourceError: MCPX-B02 malformed.
    """
    schemas: list[dict[str, Any]] = []
    types: dict[str, None] = {}
    for content in answers:
        types.update(dict.fromkeys(kind for kind, _ in content.kinds))
        entry = json_entry(content.kinds)
        listed = entry[1] if entry is not None else None
        schema = {} if listed is None else translator.schema(listed, RESPONSE)
        if entry is not None and schema not in schemas:
            schemas.append(schema)
    if not schemas or {} in schemas:
        return None, tuple(types)
    return (schemas[0] if len(schemas) == 1 else {"anyOf": schemas}), tuple(types)
