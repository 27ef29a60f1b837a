"""The parts of an operation, the same for every version of the specification.

A reader of each version (`three_parts` here, `swagger.swagger_parts`) finds them in the document;
what becomes of them is decided once.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from mcp_proxy.core.profile import ArgumentRule
from mcp_proxy.workshop.media import bare
from mcp_proxy.workshop.references import Node, References

_SUCCESS = re.compile(r"2([0-9][0-9]|XX)")

# A parameter, its place and its name in; how it is sent and its schema out.
Sending = Callable[[Node, str, str, References], tuple[ArgumentRule, Node]]


class Content(NamedTuple):
    """What a body may be: bare media types, each with its schema, None where none is told."""

    node: Node
    kinds: list[tuple[str, Node | None]]


class BodyPart(NamedTuple):
    """What a request may or must carry; `text` is its description."""

    content: Content
    required: bool
    text: str


class Parts(NamedTuple):
    """An operation's parameters, references followed; its body; the answers of success."""

    parameters: list[Node]
    body: BodyPart | None
    answers: list[Content]


def three_parts(item: Node, operation: Node, references: References) -> Parts:
    """The parts of an operation of OpenAPI 3.0 or 3.1. Raises SourceError where malformed."""
    found = (_content(references.follow(node)) for node in successes(operation))
    return Parts(
        merged_parameters(item, operation, references),
        _body(operation, references),
        [content for content in found if content is not None],
    )


def merged_parameters(item: Node, operation: Node, references: References) -> list[Node]:
    """3.1.1, 4.8.10: an operation's parameter replaces its path's of the same name and place."""
    merged: dict[tuple[str, str], Node] = {}
    for owner in (item, operation):
        own: set[tuple[str, str]] = set()
        listed = owner.get("parameters")
        for entry in listed.elements() if listed is not None else ():
            node = references.follow(entry)
            place, name = node.text("in"), node.text("name")
            key = (place, name.lower() if place == "header" else name)
            if key in own:
                raise entry.error(f"the {place} parameter {name!r} stands here twice")
            own.add(key)
            merged[key] = node
    return list(merged.values())


def successes(operation: Node) -> list[Node]:
    """The answers of 2xx, in the order of their codes; `default` counts where none stands."""
    listed = operation.get("responses")
    if listed is None:
        return []
    rows = dict(listed.items())
    codes = sorted(code for code in rows if _SUCCESS.fullmatch(code.upper()))
    return [rows[code] for code in codes or (["default"] if "default" in rows else [])]


def _body(operation: Node, references: References) -> BodyPart | None:
    listed = operation.get("requestBody")
    if listed is None:
        return None
    node = references.follow(listed)
    content = _content(node)
    if content is None:
        raise node.error("a request body needs content")
    return BodyPart(content, node.flag("required"), node.text("description"))


def _content(node: Node) -> Content | None:
    content = node.get("content")
    if content is None:
        return None
    return Content(content, [(bare(kind), media.get("schema")) for kind, media in content.items()])
