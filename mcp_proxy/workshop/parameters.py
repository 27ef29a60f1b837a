"""Parameter Objects as slots: path, query and header, their styles, path-level ones merged in.

OpenAPI 3.0.4, 4.7.12 and 3.1.1, 4.8.12. A cookie parameter, and a header that the transport or the
policy owns, is nobody's argument (security rule S11).
"""

import re

from mcp_proxy.core.profile import ArgumentRule
from mcp_proxy.workshop.hiding import REQUEST
from mcp_proxy.workshop.media import is_json
from mcp_proxy.workshop.operation import Slot
from mcp_proxy.workshop.operation_parts import Sending
from mcp_proxy.workshop.references import Node, References
from mcp_proxy.workshop.translator import Translator

# 3.1.1, 4.8.12.1: a parameter of these names is ignored.
_IGNORED_HEADERS = frozenset({"accept", "content-type", "authorization"})
# RFC 9110, 7.6.1, and the fields a request's framing and identity rest on.
_OWNED_HEADERS = frozenset(
    {
        "connection",
        "content-length",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_STYLES = {
    "path": ("simple",),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
}
_SLOT = re.compile(r"\{([^{}]*)\}")


def parameter_slots(
    nodes: list[Node], operation: Node, path: str, sending: Sending, translator: Translator
) -> list[Slot]:
    """The slots of an operation's parameters, in the document's order.

    Raises:
        SourceError: MCPX-B02 malformed, a style that is not sent, a path and parameters that do
            not fit each other.
    """
    slots = []
    for node in nodes:
        slot = _slot(node, sending, translator)
        if slot is not None:
            slots.append(slot)
    _check_path(operation, path, slots)
    return slots


def _slot(node: Node, sending: Sending, translator: Translator) -> Slot | None:
    place, name = node.text("in"), node.text("name")
    if not name:
        raise node.error("a parameter needs a name")
    required = node.flag("required")
    if place == "cookie" or (place == "header" and name.lower() in _OWNED_HEADERS):
        if required:
            raise node.error(f"the required {place} parameter {name!r} cannot be sent by a call")
        translator.warn(node, f"the {place} parameter {name!r} is left out")
        return None
    if place == "header" and name.lower() in _IGNORED_HEADERS:
        return None
    if place not in _STYLES:
        raise node.error("`in` must be path, query, header or cookie")
    if place == "path" and not required:
        # A path without it is another path; documents forget to say so.
        translator.warn(node, f"the path parameter {name!r} is taken as required: true")
    rule, schema = sending(node, place, name, translator.references)
    described = translator.schema(schema, REQUEST)
    text = node.text("description") or str(described.get("description", ""))
    return Slot(name, rule, described, required or place == "path", text)


def styled_sending(
    node: Node, place: str, name: str, references: References
) -> tuple[ArgumentRule, Node]:
    """How a parameter of OpenAPI 3.0 or 3.1 is sent, and its schema."""
    content = node.get("content")
    if content is not None:
        return ArgumentRule(place, name, "json", False, "one"), _json_schema(content, references)
    schema = node.get("schema")
    if schema is None:
        raise node.error(f"the parameter {name!r} has neither schema nor content")
    allowed = _STYLES[place]
    style = node.text("style") or allowed[0]
    if style not in allowed:
        raise node.error(f"the style {style!r} is not sent in {place}; {', '.join(allowed)} are")
    spread = node.flag("explode") if node.get("explode") else style == "form"
    return ArgumentRule(place, name, style, spread or style == "deepObject", "one"), schema


def _json_schema(content: Node, references: References) -> Node:
    """3.1.1, 4.8.12.2.2: exactly one media type; here one of JSON."""
    kinds = list(content.items())
    if len(kinds) != 1 or not is_json(kinds[0][0]):
        raise content.error("a parameter's content must be application/json alone")
    media = references.follow(kinds[0][1])
    return media.get("schema") or media._replace(value=True)


def _check_path(operation: Node, path: str, slots: list[Slot]) -> None:
    wanted = _SLOT.findall(path)
    held = {slot.rule.target for slot in slots if slot.rule.place == "path"}
    if len(set(wanted)) != len(wanted):
        raise operation.error(f"the path {path} names a slot twice")
    if missing := [name for name in wanted if name not in held]:
        raise operation.error(f"the path {path} has no parameter for {{{missing[0]}}}")
    if unused := sorted(held.difference(wanted)):
        raise operation.error(f"the path {path} has no slot {{{unused[0]}}}")
