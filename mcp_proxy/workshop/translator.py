"""The schemas of one operation: each translated, with the definitions that it reaches."""

from typing import Any

from mcp_proxy.workshop.definitions import Definitions
from mcp_proxy.workshop.dialect import SCHEMAS_MAX
from mcp_proxy.workshop.references import Node


class Translator:
    """Translates the schemas of one operation; `defs` and `warnings` grow as it goes."""

    def __init__(self, definitions: Definitions) -> None:
        """`definitions` are the document's, shared by all its operations."""
        self.defs: dict[str, Any] = {}
        self.warnings: list[str] = []
        self.references = definitions.references
        self._definitions = definitions
        self._size = 0

    def schema(self, node: Node, direction: str) -> dict[str, Any]:
        """One schema, and into `defs` all it reaches.

        Raises:
            SourceError: MCPX-B02 malformed, too deep, too large, or a reference that leads nowhere.
        """
        walk = self._definitions.walk()
        found = walk.schema(node, direction)
        self._size += walk.size
        if self._size > SCHEMAS_MAX:
            raise node.error(f"the operation's schemas are more than {SCHEMAS_MAX}")
        new = [name for name in walk.names if name not in self.defs]
        defs, warnings = self._definitions.reach(new, node)
        self.warnings.extend([*walk.warnings, *warnings])
        self.defs.update(defs)
        return found if isinstance(found, dict) else ({} if found else {"not": {}})

    def warn(self, node: Node, text: str) -> None:
        """Keeps a sentence about a place for the publisher."""
        self.warnings.append(node.told(text))
