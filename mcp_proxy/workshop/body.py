"""A request's body as slots: one for each property of one object, else one named `body`.

OpenAPI 3.0.4, 4.7.13 and 3.1.1, 4.8.13. Only JSON bodies are sent by this version.
"""

from typing import Any, NamedTuple

from mcp_proxy.core.profile import ArgumentRule
from mcp_proxy.workshop.hiding import REQUEST, is_hidden
from mcp_proxy.workshop.media import json_entry
from mcp_proxy.workshop.operation import Slot
from mcp_proxy.workshop.operation_parts import BodyPart
from mcp_proxy.workshop.references import Node, is_reference
from mcp_proxy.workshop.translator import Translator

# A body with one of these is more than one shape: it stays whole.
_UNION = frozenset({"oneOf", "anyOf", "not", "if", "enum", "const"})
# These bind properties to each other; a slot holds one property.
_ACROSS = ("minProperties", "maxProperties", "dependentRequired", "dependentSchemas")
_PARTS_MAX = 64


class Body(NamedTuple):
    """What a call sends as its body; `type` is None where it sends none."""

    type: str | None
    required: bool
    slots: list[Slot]


_NONE = Body(None, False, [])


def request_body(part: BodyPart | None, method: str, translator: Translator) -> Body:
    """The body of an operation, `method` in capitals.

    Raises:
        SourceError: MCPX-B02 malformed, MCPX-B03 a required body in no type of JSON.
    """
    if part is None:
        return _NONE
    if method in ("GET", "HEAD"):
        # RFC 9110, 9.3.1: content has no meaning there.
        translator.warn(part.content.node, f"the body of a {method} request is left out")
        return _NONE
    entry = json_entry(part.content.kinds)
    if entry is None:
        return _without_json(part, translator)
    kind, schema = entry
    if schema is None or isinstance(schema.value, bool):
        schema = part.content.node._replace(value={})
    return Body(kind, part.required, _slots(schema, part.required, part.text, translator))


def _without_json(part: BodyPart, translator: Translator) -> Body:
    node = part.content.node
    kinds = ", ".join(kind for kind, _ in part.content.kinds) or "no type at all"
    if part.required:
        raise node.error(f"this version sends JSON bodies only, not {kinds}", "MCPX-B03")
    translator.warn(node, f"the optional body is left out: it is not JSON but {kinds}")
    return _NONE


def _slots(schema: Node, required: bool, text: str, translator: Translator) -> list[Slot]:
    parts = _object_parts(schema, translator)
    if parts is None or not any(part.get("properties") for part in parts):
        whole = translator.schema(schema, REQUEST)
        about = text or str(whole.get("description", ""))
        return [Slot("body", _rule(""), whole, required, about)]
    for part in parts:
        for key in _ACROSS:
            if key in part.value:
                translator.warn(part, f"{key} of the body is left to the upstream")
    return _property_slots(parts, translator)


def _object_parts(schema: Node, translator: Translator) -> list[Node] | None:
    """The schemas that together describe one object: itself, what it refers to, its `allOf`."""
    parts: list[Node] = []
    waiting = [schema]
    while waiting:
        node = waiting.pop(0)
        if len(parts) > _PARTS_MAX:
            raise schema.error("the body is made of too many schemas")
        if isinstance(node.value, bool) or not _UNION.isdisjoint(node.mapping()):
            return None
        if not _is_object(node.value.get("type", "object")):
            return None
        if is_reference(node):
            waiting.insert(0, translator.references.target(node))
        else:
            waiting = [*_all_of(node), *waiting]
        parts.append(node)
    return parts


def _is_object(kind: Any) -> bool:
    kinds = kind if isinstance(kind, list) else [kind]
    return all(one in ("object", "null") for one in kinds) and kind != "null"


def _all_of(node: Node) -> list[Node]:
    parts = node.get("allOf")
    return list(parts.elements()) if parts is not None else []


def _property_slots(parts: list[Node], translator: Translator) -> list[Slot]:
    found: dict[str, list[Node]] = {}
    needed: set[str] = set()
    for part in parts:
        for name, node in translator.references.properties(part).items():
            found.setdefault(name, []).append(node)
        names = part.get("required")
        needed.update(str(name.value) for name in (names.elements() if names is not None else ()))
    listed = [
        _property(name, nodes, name in needed, translator)
        for name, nodes in found.items()
        if not any(is_hidden(node, REQUEST, translator.references) for node in nodes)
    ]
    others = _others(parts)
    if others is None:
        return listed
    unlisted = sorted(needed - found.keys())
    return listed + [_property(name, others, True, translator) for name in unlisted]


def _others(parts: list[Node]) -> list[Node] | None:
    """What a property must be that is required and not described; None where none may be."""
    found = [part.child("additionalProperties") for part in parts if _has_others(part)]
    if any(node.value is False for node in found):
        return None
    return [node for node in found if node.value is not True] or [parts[0]._replace(value={})]


def _has_others(part: Node) -> bool:
    return part.value.get("additionalProperties") is not None


def _property(name: str, nodes: list[Node], required: bool, translator: Translator) -> Slot:
    schemas = [translator.schema(node, REQUEST) for node in nodes]
    schema = schemas[0] if len(schemas) == 1 else {"allOf": schemas}
    texts = [str(item["description"]) for item in schemas if item.get("description")]
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    return Slot(name, _rule(pointer), schema, required, texts[0] if texts else "")


def _rule(pointer: str) -> ArgumentRule:
    return ArgumentRule("body", pointer, "json", False, "one")
