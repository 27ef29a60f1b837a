"""A tool that is new, in words that a person can judge: what it sends, and what it takes."""

from typing import Any

from mcp_proxy.core.change import named, shown
from mcp_proxy.core.profile import McpTemplate, RestTemplate

_BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
}


def request_words(template: RestTemplate | McpTemplate, upstream: str) -> str:
    """Where a call of it goes."""
    if isinstance(template, McpTemplate):
        return f"calls {shown(template.tool)} of upstream {named(upstream)}"
    body = f" with a body of {named(template.body_type)}" if template.body_type else ""
    return f"sends {template.method} {shown(template.path)}{body} to upstream {named(upstream)}"


def schema_words(schema: Any) -> str:
    """Its type, choices and bounds, what else it says as JSON, and its description."""
    if not isinstance(schema, dict) or not isinstance(schema.get("type"), str):
        return shown(schema)
    rest = dict(schema)
    parts = [named(rest.pop("type"))]
    if "enum" in rest:
        parts.append(f"one of {shown(rest.pop('enum'))}")
    bounds = [key for key in _BOUNDS if isinstance(rest.get(key), int | float)]
    parts += [_BOUNDS[key].format(shown(rest.pop(key))) for key in bounds]
    told = [shown(rest.pop("description"))] if "description" in rest else []
    parts += [shown(rest)] if rest else []
    return "; ".join([", ".join(parts), *told])
