"""The schemas that a document's references lead to, each translated once for each direction.

Cycles stay cycles of `$defs`. A definition's name hangs on its place alone, so that an operation is
built the same whichever others were built before it.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.dialect import SCHEMAS_MAX, Walk
from mcp_proxy.workshop.hiding import RESPONSE
from mcp_proxy.workshop.references import Node, References

_COMPONENT = re.compile(r"/(?:components/schemas|definitions)/([A-Za-z0-9_.-]{1,64})")


class _Definition(NamedTuple):
    """One translated schema; `names` are the definitions that it refers to itself."""

    schema: Any
    names: tuple[str, ...]
    warnings: tuple[str, ...]
    size: int


class Definitions:
    """The definitions of one document, made when they are first reached."""

    def __init__(self, references: References, version: str) -> None:
        """`version` is the document's."""
        self.references = references
        self._version = version
        self._places: dict[str, tuple[Node, str]] = {}
        self._made: dict[str, _Definition] = {}
        self._wrong: dict[str, SourceError] = {}

    def walk(self) -> Walk:
        """A fresh translation of one schema."""
        return Walk(self.references, self._version, self._name)

    def reach(self, names: Iterable[str], node: Node) -> tuple[dict[str, Any], list[str]]:
        """The definitions of `names` and of all they lead to, and what is to be told of them.

        Raises:
            SourceError: MCPX-B02 as `Walk.schema`, or about `node` where they are too many.
        """
        found: dict[str, Any] = {}
        warnings: list[str] = []
        waiting, size = list(names), 0
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            one = self._definition(name)
            found[name] = one.schema
            warnings.extend(one.warnings)
            waiting.extend(one.names)
            size += one.size
            if size > SCHEMAS_MAX:
                raise node.error(f"the operation's schemas are more than {SCHEMAS_MAX}")
        return found, warnings

    def _definition(self, name: str) -> _Definition:
        if name in self._wrong:
            wrong = self._wrong[name]
            raise SourceError(wrong.id, wrong.why, wrong.next)
        if name not in self._made:
            walk = self.walk()
            try:
                schema = walk.schema(*self._places[name])
            except SourceError as error:
                self._wrong[name] = error
                raise
            self._made[name] = _Definition(
                schema, tuple(walk.names), tuple(walk.warnings), walk.size
            )
        return self._made[name]

    def _name(self, target: Node, direction: str) -> str:
        name = self._plain_name(target)
        if name is None:
            last = re.split(r"[\\/]", target.pointer or target.name)[-1]
            stem = re.sub(r"[^A-Za-z0-9_.-]", "_", last)[:64]
            place = f"{target.name}#{target.pointer}".replace("\\", "/")
            name = f"{stem}:{sha256_hex(place.encode())[:12]}"
        # No component's name holds a colon.
        name = name if direction == RESPONSE else f"{name}:{direction}"
        self._places.setdefault(name, (target, direction))
        return name

    def _plain_name(self, target: Node) -> str | None:
        match = _COMPONENT.fullmatch(target.pointer)
        is_own = target.file == self.references.start.file
        return match[1] if match is not None and is_own else None
