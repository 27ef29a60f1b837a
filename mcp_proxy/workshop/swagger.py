"""Swagger 2.0 as the parts of an operation, so that the rest reads it like OpenAPI 3.0.

Swagger 2.0: Parameter, Items, Response and Operation Objects. Forms and files are not sent by this
version: an operation that requires one is refused, an optional one is left out and told.
"""

from typing import Any

from mcp_proxy.core.profile import ArgumentRule
from mcp_proxy.workshop.media import FORMS, bare, is_json
from mcp_proxy.workshop.operation_parts import (
    BodyPart,
    Content,
    Parts,
    merged_parameters,
    successes,
)
from mcp_proxy.workshop.references import Node, References

_JSON = ["application/json"]
_IN_BODY = frozenset({"body", "formData"})
# What of a parameter speaks of it, not of its value.
_ABOUT = frozenset({"name", "in", "required", "description", "collectionFormat", "allowEmptyValue"})
# The style, and whether an array is spread over several pairs.
_COLLECTIONS = {
    "query": {
        "csv": ("form", False),
        "multi": ("form", True),
        "ssv": ("spaceDelimited", False),
        "pipes": ("pipeDelimited", False),
    },
    "path": {"csv": ("simple", False)},
    "header": {"csv": ("simple", False)},
}


def swagger_servers(start: Node) -> tuple[str, ...]:
    """The addresses that `schemes`, `host` and `basePath` make, https first; () without a host."""
    host, listed = start.text("host"), start.get("schemes")
    if not host:
        return ()
    schemes = [str(node.value) for node in listed.elements()] if listed is not None else []
    known = [scheme for scheme in ("https", "http") if scheme in (schemes or ["https"])]
    path = start.text("basePath").strip("/")
    return tuple(f"{scheme}://{host}/{path}".rstrip("/") for scheme in known)


def swagger_parts(item: Node, operation: Node, references: References) -> Parts:
    """The parts of an operation of Swagger 2.0. Raises SourceError where malformed."""
    start = references.start
    nodes = merged_parameters(item, operation, references)
    inside = [node for node in nodes if node.text("in") in _IN_BODY]
    produced = _types(operation, start, "produces") or _JSON
    answers = (_answer(node, produced, references) for node in successes(operation))
    return Parts(
        [node for node in nodes if node.text("in") not in _IN_BODY],
        _body(operation, inside, _types(operation, start, "consumes")) if inside else None,
        [answer for answer in answers if answer is not None],
    )


def swagger_sending(
    node: Node, place: str, name: str, _references: References
) -> tuple[ArgumentRule, Node]:
    """How a parameter is sent, and its schema, which stands among its own keys."""
    schema = node.get("schema")
    if schema is None:
        value = {key: item for key, item in node.mapping().items() if key not in _ABOUT}
        schema = node._replace(value=value)
    if schema.mapping().get("type") != "array":
        style = "form" if place == "query" else "simple"
        return ArgumentRule(place, name, style, False, "one"), schema
    known = _COLLECTIONS[place]
    wanted = node.text("collectionFormat") or "csv"
    if wanted not in known:
        text = f"the collectionFormat {wanted!r} is not sent in {place}; {', '.join(known)} are"
        raise node.error(text)
    return ArgumentRule(place, name, *known[wanted], "one"), schema


def _types(operation: Node, start: Node, key: str) -> list[str]:
    """`consumes` or `produces`: the operation's own, else the document's; [] where none is told."""
    owner = operation if operation.get(key) is not None else start
    listed = owner.get(key)
    return [bare(str(node.value)) for node in listed.elements()] if listed is not None else []


def _body(operation: Node, nodes: list[Node], consumed: list[str]) -> BodyPart:
    whole = [node for node in nodes if node.text("in") == "body"]
    if len(whole) > 1 or (whole and len(nodes) > 1):
        raise operation.error("more than one parameter stands for the body")
    if not whole:
        return _form(operation, nodes, consumed)
    node = whole[0]
    schema = node.get("schema")
    if not consumed or any(map(is_json, consumed)) or not set(consumed).isdisjoint(FORMS):
        # Tools write a form's type here for a body too; a body with a schema is JSON to them.
        consumed = [kind for kind in consumed if kind not in FORMS] or _JSON
    content = Content(node, [(kind, schema) for kind in consumed])
    return BodyPart(content, node.flag("required"), node.text("description"))


def _form(operation: Node, nodes: list[Node], consumed: list[str]) -> BodyPart:
    has_file = any(node.value.get("type") == "file" for node in nodes)
    guessed = "multipart/form-data" if has_file else "application/x-www-form-urlencoded"
    kinds = [kind for kind in consumed if kind in FORMS] or [guessed]
    content = Content(
        operation.child("parameters") if operation.get("parameters") else operation,
        [(kind, None) for kind in kinds],
    )
    return BodyPart(content, any(node.flag("required") for node in nodes), "")


def _answer(node: Node, produced: list[str], references: References) -> Content | None:
    answer = references.follow(node)
    schema = answer.get("schema")
    if schema is None:
        return None
    if _is_file(references.follow(schema).value):
        return Content(answer, [(kind, None) for kind in produced])
    return Content(answer, [(kind, schema) for kind in produced])


def _is_file(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "file"
