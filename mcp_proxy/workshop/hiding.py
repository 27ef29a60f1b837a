"""Which properties are no part of a message: readOnly in requests, writeOnly in answers.

OpenAPI 3.1.1, 4.8.24. Looks through references and `allOf`, because 3.0 allows no keyword beside a
`$ref`.
"""

from mcp_proxy.workshop.references import Node, References, is_reference

REQUEST = "request"
RESPONSE = "response"

_HIDING = {REQUEST: "readOnly", RESPONSE: "writeOnly"}
_LOOK_THROUGH = 8


def is_hidden(
    node: Node, direction: str, references: References, hops: int = _LOOK_THROUGH
) -> bool:
    """Whether a property is no part of a message in that direction."""
    if not isinstance(node.value, dict) or hops == 0:
        return False
    if node.value.get(_HIDING[direction]) is True:
        return True
    if is_reference(node):
        target = references.target(node)
        if is_hidden(target, direction, references, hops - 1):
            return True
    parts = node.get("allOf")
    return parts is not None and any(
        is_hidden(part, direction, references, hops - 1) for part in parts.elements()
    )


def hidden_names(
    node: Node, direction: str, references: References, hops: int = _LOOK_THROUGH
) -> set[str]:
    """The hidden properties of a schema, by its own `properties` and those of its `allOf`."""
    if not isinstance(node.value, dict) or hops == 0:
        return set()
    properties = references.properties(node)
    names = {name for name, part in properties.items() if is_hidden(part, direction, references)}
    parts = node.get("allOf")
    for part in parts.elements() if parts is not None else ():
        target = references.follow(part)
        names |= hidden_names(target, direction, references, hops - 1)
    return names
