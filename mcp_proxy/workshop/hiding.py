"""Which properties are no part of a message: readOnly in requests, writeOnly in answers.

OpenAPI 3.1.1, 4.8.24. Looks through references and `allOf`, because 3.0 allows no keyword beside a
`$ref`.
"""

from mcp_proxy.workshop.references import Node, References, is_reference

REQUEST = "request"
RESPONSE = "response"

_HIDING = {REQUEST: "readOnly", RESPONSE: "writeOnly"}
_PARTS_MAX = 256


def is_hidden(node: Node, direction: str, references: References) -> bool:
    """Whether a property is no part of a message in that direction."""
    return any(part.value.get(_HIDING[direction]) is True for part in _parts([node], references))


def hidden_names(node: Node, direction: str, references: References) -> set[str]:
    """The hidden properties of a schema, by its own `properties` and those of its `allOf`."""
    if not isinstance(node.value, dict):
        return set()
    listed = node.get("allOf")
    parts = _parts([*listed.elements()], references) if listed is not None else []
    return {
        name
        for part in (node, *parts)
        for name, inner in references.properties(part).items()
        if is_hidden(inner, direction, references)
    }


def _parts(nodes: list[Node], references: References) -> list[Node]:
    """The objects that speak of one value: schemas, what they refer to, `allOf`; each once.

    Never more than a bound: schemas that refer to each other many times would multiply.
    """
    found: dict[tuple[str, str], Node] = {}
    waiting = [*nodes]
    while waiting and len(found) < _PARTS_MAX:
        part = waiting.pop(0)
        key = (part.file, part.pointer)
        if key in found or not isinstance(part.value, dict):
            continue
        found[key] = part
        if is_reference(part):
            waiting.append(references.target(part))
        listed = part.get("allOf")
        waiting.extend(listed.elements() if listed is not None else ())
    return list(found.values())
