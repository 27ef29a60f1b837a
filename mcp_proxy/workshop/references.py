"""Values of an API description and where they stand; `$ref` followed, never out of the folder.

RFC 6901 pointers. A reference resolves within its document, in files below the source's folder
after links are resolved, or in a file that the source lists with its SHA-256; everything else is
refused before anything is opened.
"""

import os
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.text import one_sentence
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.pinned_files import Pinned, PinnedFiles, is_below, reference_place
from mcp_proxy.workshop.spec_file import TOLD_CHARS, parse_spec, read_bounded

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_HOPS = 32


class Node(NamedTuple):
    """A value and its place: `file` is where its file is from, `name` how errors call it.

    `file` is a path without links, or the URL or path that a listed file stands for.
    """

    value: Any
    file: str
    name: str
    pointer: str

    def child(self, key: str | int) -> "Node":
        """The value under `key`, which must be there."""
        token = str(key).replace("~", "~0").replace("/", "~1")
        return Node(self.value[key], self.file, self.name, f"{self.pointer}/{token}")

    def get(self, key: str) -> "Node | None":
        """The value under `key`; None where it is absent or null."""
        return None if self.mapping().get(key) is None else self.child(key)

    def text(self, key: str) -> str:
        """The text under `key`, "" where absent. Raises SourceError where it is no text."""
        value = self.mapping().get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.child(key).error("must be text")
        return value.replace("\r\n", "\n")

    def flag(self, key: str) -> bool:
        """Whether true stands under `key`. Raises SourceError where it is no boolean."""
        value = self.mapping().get(key, False)
        if not isinstance(value, bool):
            raise self.child(key).error("must be true or false")
        return value

    def mapping(self) -> dict[str, Any]:
        """The value as an object. Raises SourceError where it is none."""
        if not isinstance(self.value, dict):
            raise self.error("must be an object")
        return self.value

    def items(self) -> Iterator[tuple[str, "Node"]]:
        """The members of an object. Raises SourceError where it is none."""
        return ((key, self.child(key)) for key in self.mapping())

    def elements(self) -> Iterator["Node"]:
        """The elements of a list. Raises SourceError where it is none."""
        if not isinstance(self.value, list):
            raise self.error("must be a list")
        return (self.child(index) for index in range(len(self.value)))

    def error(self, text: str, id: str = "MCPX-B02") -> SourceError:  # noqa: A002
        """A sentence about this place."""
        return SourceError(id, self.told(text), "correct the document, then build again")

    def told(self, text: str) -> str:
        """`text` with its place before it, cleaned (S25) and bounded."""
        place = one_sentence(f"{self.name}#{self.pointer}", TOLD_CHARS)
        return f"{place}: {one_sentence(text, TOLD_CHARS)}"


class References:
    """The files of one API description, each read once, 64 MiB in all."""

    def __init__(
        self, path: str, root: str, pinned: tuple[Pinned, ...] = (), data: bytes | None = None
    ) -> None:
        """`path` is the document, `root` the folder that references must stay in.

        `pinned` are the files that may stand for others; `data` are the document's bytes where it
        is not at `path` yet. Raises SourceError MCPX-B02.
        """
        self._root = os.path.realpath(root)
        self._pinned = PinnedFiles(self._root, pinned)
        self._proven: set[str] = set()
        self._nested = 0
        self._left_bytes = LIMITS.document_bytes
        self._files: dict[str, Node] = {}
        real, name = os.path.realpath(path), os.path.basename(path)
        self.start = self._read(real, name) if data is None else self._keep(real, name, data)

    def follow(self, node: Node) -> Node:
        """The value that a chain of `$ref` leads to; `node` itself where it is no reference.

        Raises:
            SourceError: MCPX-B02 a reference that may not be followed, or leads nowhere.
        """
        for _ in range(_HOPS):
            if not is_reference(node):
                return node
            node = self.target(node)
        raise node.error("the reference leads back to itself")

    def properties(self, schema: Node) -> dict[str, Node]:
        """The members of a schema's `properties`; raises as `follow`.

        A `$ref` with text in their place is followed: bundlers do, and no property is text.
        """
        found = schema.get("properties")
        return {} if found is None else dict(self.follow(found).items())

    def target(self, node: Node) -> Node:
        """What the `$ref` of `node` names, one step on. Raises SourceError as `follow`."""
        if self._nested >= _HOPS:
            raise node.error("the reference leads back to itself")
        self._nested += 1
        try:
            return self._find(node, node.value["$ref"])
        finally:
            self._nested -= 1

    def _find(self, node: Node, reference: str) -> Node:
        path, _, fragment = reference.partition("#")
        found = self._file(node, path) if path else self._files[node.file]
        pointer = unquote(fragment)
        if pointer and not pointer.startswith("/"):
            raise node.error(f"$ref {reference!r}: only JSON pointers are followed, no anchors")
        for token in pointer.split("/")[1:]:
            key = token.replace("~1", "/").replace("~0", "~")
            if is_reference(found) and key not in found.value:
                found = self.follow(found)
            step = _step(found.value, key)
            if step is None:
                raise node.error(f"$ref {reference!r} leads nowhere")
            found = found.child(step)
        return found

    def _file(self, node: Node, path: str) -> Node:
        """S12: listed, or below the root after links are resolved; no URL, no absolute path."""
        place = "" if "\0" in path else reference_place(node.file, path)
        if place in self._pinned:
            return self._listed(place)
        hint = "list another under `references` with its SHA-256"
        if node.file in self._pinned:
            raise node.error(f"$ref {path!r} leads to {place}, which `references` does not list")
        path = unquote(path)
        if _SCHEME.match(path) or path.startswith(("/", "\\")) or "\0" in path:
            text = f"$ref {path!r}: only files below the source's folder are read; {hint}"
            raise node.error(text)
        real = os.path.realpath(os.path.join(os.path.dirname(node.file), path))
        if not is_below(real, self._root):
            raise node.error(f"$ref {path!r} leads out of the source's folder; {hint}")
        if real not in self._files:
            self._read(real, os.path.relpath(real, self._root))
        return self._files[real]

    def _read(self, real: str, name: str) -> Node:
        return self._keep(real, name, read_bounded(real, name, self._left_bytes))

    def _listed(self, place: str) -> Node:
        """What was opened otherwise, such as the document itself, was held against nothing."""
        if place not in self._proven:
            data, name = self._pinned.read(place, self._left_bytes)
            self._keep(place, name, data)
            self._proven.add(place)
        return self._files[place]

    def _keep(self, file: str, name: str, data: bytes) -> Node:
        self._left_bytes -= len(data)
        self._files[file] = Node(parse_spec(data, name), file, name, "")
        return self._files[file]


def is_reference(node: Node) -> bool:
    """Whether the value is a Reference Object: an object whose `$ref` is text."""
    return isinstance(node.value, dict) and isinstance(node.value.get("$ref"), str)


def _step(value: Any, key: str) -> str | int | None:
    if isinstance(value, dict):
        return key if key in value else None
    if isinstance(value, list) and key.isascii() and key.isdigit() and len(key) < 10:
        return int(key) if int(key) < len(value) else None
    return None
