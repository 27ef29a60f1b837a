"""Parameter Objects as slots: path, query and header, their styles, path-level ones merged in.

OpenAPI 3.0.4, 4.7.12 and 3.1.1, 4.8.12. A cookie parameter, and a header that the transport or the
policy owns, is nobody's argument (security rule S11).
"""

import re

from mcp_proxy.core.profile import ArgumentRule
from mcp_proxy.workshop.dialect import REQUEST, Translator
from mcp_proxy.workshop.media import is_json
from mcp_proxy.workshop.operation import Slot
from mcp_proxy.workshop.references import Node

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


def parameter_slots(item: Node, operation: Node, path: str, translator: Translator) -> list[Slot]:
    """The slots of an operation's parameters, in the document's order.

    Raises:
        SourceError: MCPX-B02 malformed, a style that is not sent, a path and parameters that do
            not fit each other.
    """
    slots = []
    for node in _merged(item, operation, translator):
        slot = _slot(node, translator)
        if slot is not None:
            slots.append(slot)
    _check_path(operation, path, slots)
    return slots


def _merged(item: Node, operation: Node, translator: Translator) -> list[Node]:
    """3.1.1, 4.8.10: an operation's parameter replaces its path's of the same name and place."""
    merged: dict[tuple[str, str], Node] = {}
    for owner in (item, operation):
        own: set[tuple[str, str]] = set()
        listed = owner.get("parameters")
        for entry in listed.elements() if listed is not None else ():
            node = translator.references.follow(entry)
            place, name = node.text("in"), node.text("name")
            key = (place, name.lower() if place == "header" else name)
            if key in own:
                raise entry.error(f"the {place} parameter {name!r} stands here twice")
            own.add(key)
            merged[key] = node
    return list(merged.values())


def _slot(node: Node, translator: Translator) -> Slot | None:
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
        raise node.error(f"the path parameter {name!r} must be required: true")
    rule, schema = _rule(node, place, name, translator)
    described = translator.schema(schema, REQUEST)
    text = node.text("description") or str(described.get("description", ""))
    return Slot(name, rule, described, required, text)


def _rule(node: Node, place: str, name: str, translator: Translator) -> tuple[ArgumentRule, Node]:
    content = node.get("content")
    if content is not None:
        return ArgumentRule(place, name, "json", False, "one"), _json_schema(content, translator)
    schema = node.get("schema")
    if schema is None:
        raise node.error(f"the parameter {name!r} has neither schema nor content")
    allowed = _STYLES[place]
    style = node.text("style") or allowed[0]
    if style not in allowed:
        raise node.error(f"the style {style!r} is not sent in {place}; {', '.join(allowed)} are")
    spread = node.flag("explode") if node.get("explode") else style == "form"
    return ArgumentRule(place, name, style, spread or style == "deepObject", "one"), schema


def _json_schema(content: Node, translator: Translator) -> Node:
    """3.1.1, 4.8.12.2.2: exactly one media type; here one of JSON."""
    kinds = list(content.items())
    if len(kinds) != 1 or not is_json(kinds[0][0]):
        raise content.error("a parameter's content must be application/json alone")
    media = translator.references.follow(kinds[0][1])
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
