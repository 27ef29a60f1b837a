"""A dry-run call to try after install: a harmless tool, with an argument for all it requires."""

import json
import shlex
from typing import Any

from mcp_proxy.app.pattern_sample import pattern_sample
from mcp_proxy.app.profile_check import ToolSummary

_BY_FORMAT = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "email": "name@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def first_call(profile: str, tools: tuple[ToolSummary, ...]) -> str | None:
    """The command for a POSIX shell, or None for a profile without tools."""
    if not tools:
        return None
    tool = min(tools, key=_harm)
    arguments = {item.name: placeholder(item.schema) for item in tool.arguments if item.required}
    text = shlex.quote(json.dumps(arguments, ensure_ascii=False))
    return f"mcp-proxy call {profile} {tool.name} {text} --dry-run"


def placeholder(schema: dict[str, Any]) -> Any:
    """A value that the schema is likely to accept; one that it names itself where it names one."""
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for key in ("enum", "examples"):
        if schema.get(key):
            return schema[key][0]
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return placeholder(schema[key][0])
    kinds = schema.get("type", "string")
    return _of_kind(kinds if isinstance(kinds, str) else kinds[0], schema)


def _of_kind(kind: str, schema: dict[str, Any]) -> Any:
    if kind in ("integer", "number"):
        return schema.get("minimum", min(1, schema.get("maximum", 1)))
    if kind == "array":
        item = schema.get("items")
        count = schema.get("minItems", 1)
        return [placeholder(item if isinstance(item, dict) else {})] * min(count, 10)
    if kind == "object":
        parts = schema.get("properties", {})
        return {name: placeholder(parts.get(name, {})) for name in schema.get("required", [])}
    if kind in ("boolean", "null"):
        return False if kind == "boolean" else None
    if "pattern" in schema and (sample := pattern_sample(schema["pattern"])) is not None:
        return sample
    return _BY_FORMAT.get(schema.get("format", ""), "x" * max(1, schema.get("minLength", 1)))


def _harm(tool: ToolSummary) -> tuple[int, int]:
    effects = ("read", "write", "destructive")
    required = sum(item.required for item in tool.arguments)
    return (effects.index(tool.effect) + 3 * (tool.approval != "never"), required)
