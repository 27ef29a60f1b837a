"""Digests of an operation and all it reaches: what tells one version of a document from the next.

A referenced value is digested once and stands in by its name, so a cycle ends and a thousand
operations that share their schemas cost little more than one. Examples have no say.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.fingerprint import canonical
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.references import Node, References, is_reference

_EXAMPLES = frozenset({"example", "examples"})
# Their keys are names of an API, not keywords.
_NAMED = frozenset({"properties", "patternProperties", "parameters", "responses", "headers"})

_Key = tuple[str, str]


class _Digested(NamedTuple):
    """A value without what it refers to: its own digest, and what it refers to directly."""

    digest: str
    targets: dict[_Key, Node]


class Digests:
    """Digests of one document's values; what two of them share is read once."""

    def __init__(self, references: References) -> None:
        self._references = references
        self._known: dict[_Key, _Digested] = {}

    def whole(self, nodes: list[Node]) -> str:
        """64 hex digits over `nodes` and everything they reach."""
        start = [self._digested(node) for node in nodes]
        found: dict[_Key, _Digested] = {}
        waiting = [item for one in start for item in one.targets.items()]
        while waiting:
            key, node = waiting.pop()
            if key not in found:
                found[key] = self._digested(node)
                waiting.extend(found[key].targets.items())
        rows = [[*key, found[key].digest] for key in sorted(found)]
        return sha256_hex(json.dumps([[one.digest for one in start], rows]).encode())

    def _digested(self, node: Node) -> _Digested:
        key = (self._file(node), node.pointer)
        if key not in self._known:
            targets: dict[_Key, Node] = {}
            for place in _references(node):
                target = self._target(place)
                if target is not None:
                    targets[self._file(target), target.pointer] = target
            own = sha256_hex(canonical(_without_examples(node.value)))
            self._known[key] = _Digested(own, targets)
        return self._known[key]

    def _target(self, node: Node) -> Node | None:
        try:
            return self._references.target(node)
        except SourceError:
            # Where it leads nowhere, what it says is all there is.
            return None

    def _file(self, node: Node) -> str:
        """A document keeps its digests where it is downloaded under another name."""
        return "" if node.file == self._references.start.file else node.name


def _references(node: Node) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if is_reference(item):
            yield item
        if isinstance(item.value, dict):
            waiting.extend(item.child(key) for key in item.value if key not in _EXAMPLES)
        elif isinstance(item.value, list):
            waiting.extend(item.child(index) for index in range(len(item.value)))


def _without_examples(value: Any, *, named: bool = False) -> Any:
    if isinstance(value, list):
        return [_without_examples(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _without_examples(item, named=key in _NAMED and not named)
        for key, item in value.items()
        if named or key not in _EXAMPLES
    }
