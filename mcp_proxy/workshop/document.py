"""A document of OpenAPI 2.0, 3.0 or 3.1: loaded once, its contents, one operation at a time.

Only what an operation reaches is resolved, so that a document of thousands costs its parsing alone.
"""

import difflib
import re
from collections.abc import Iterator
from typing import Any

from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.body import request_body
from mcp_proxy.workshop.definitions import Definitions
from mcp_proxy.workshop.document_contents import (
    SWAGGER,
    operation_name,
    servers_of,
    title_of,
    version_of,
)
from mcp_proxy.workshop.document_digest import Digests
from mcp_proxy.workshop.document_summary import Summaries
from mcp_proxy.workshop.operation import Operation, OperationName, Slot
from mcp_proxy.workshop.operation_parts import three_parts
from mcp_proxy.workshop.parameters import parameter_slots, styled_sending
from mcp_proxy.workshop.patterns import without_unreadable
from mcp_proxy.workshop.pinned_files import Pinned
from mcp_proxy.workshop.references import Node, References
from mcp_proxy.workshop.responses import success_response
from mcp_proxy.workshop.swagger import swagger_parts, swagger_sending
from mcp_proxy.workshop.translator import Translator

# TRACE is not among them: it answers with the request's own headers, credential included.
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")

# Longer ones are slow to be held against each other.
_NAME_CHARS = 200
_SELECTOR = re.compile(r"([A-Za-z]+) +(/.*)")
# RFC 3986, 3.3: pchar without percent-encoding, and the braces of slots.
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@{}/-]*")


def read_document(
    path: str, root: str, pinned: tuple[Pinned, ...] = (), data: bytes | None = None
) -> "Document":
    """The API document at `path`, JSON or YAML, at most 64 MiB with all it refers to.

    `root` is the folder of the profile source: references stay below it (S12), but for what
    `pinned` names. `data` are the bytes of a document that is not at `path` yet.

    Raises:
        SourceError: MCPX-B02 not to be read, no OpenAPI 2.0, 3.0 or 3.1, or malformed.
    """
    references = References(path, root, pinned, data)
    return Document(references, version_of(references.start))


class Document:
    """A loaded document. `servers` is what it says of itself: a hint, never taken silently.

    `references` are its files, for what else is read of it.
    """

    def __init__(self, references: References, version: str) -> None:
        """`version` is the text of its `openapi` or `swagger` key."""
        start = references.start
        self.version = version
        self.title, self.servers = title_of(start), servers_of(start, version)
        self.references = references
        self._digests = Digests(references)
        self._definitions = Definitions(references, version)
        self._patterns: dict[str, list[str]] = {}
        self._summaries = Summaries()
        self._paths = start.get("paths") or Node({}, start.file, start.name, "/paths")
        self._by_id: dict[str, list[tuple[str, str]]] | None = None

    def operations(self) -> list[OperationName]:
        """Every operation, in the document's order; a malformed one is told when it is built.

        Raises SourceError for a malformed path.
        """
        return list(self._entries())

    def operation(self, selector: str) -> Operation:
        """One operation by its operationId, or as "GET /path".

        Raises:
            SourceError: MCPX-B02 no such operation, two of that name, or malformed; MCPX-B03 it
                needs what this version does not send.
        """
        method, path = self._find(selector)
        item = self._item(path)
        # Bundlers take a reference to an operation too, and published documents use it.
        # A fragment only tells two operations of one path apart; it is never sent.
        sent = path.partition("#")[0]
        return self._build(method, sent, item, self.references.follow(item.child(method)))

    def digest_of(self, selector: str) -> str:
        """64 hex digits over the operation and all it reaches, its path's parameters too.

        Raises SourceError as `operation` for a selector; what cannot be sent has a digest too.
        """
        method, path = self._find(selector)
        item = self._item(path)
        parameters = item.get("parameters")
        place = Node([method, path], item.file, item.name, f"{method} {path}")
        shared = [parameters] if parameters is not None else []
        return self._digests.whole([place, item.child(method), *shared])

    def described(self, selector: str) -> dict[str, Any]:
        """The operation in brief, to tell what moved; its form is `Summaries.describe`'s.

        `deprecated` is added, and `refused`: why no tool can be built of it, "" where one can.
        Raises SourceError as `operation` for a selector alone.
        """
        method, path = self._find(selector)
        node = self.references.follow(self._item(path).child(method))
        name = operation_name(method, path, node)
        base = {"arguments": {}, "response": "", "summary": name.summary}
        told = {**base, "deprecated": name.deprecated, "refused": ""}
        try:
            return {**told, **self._summaries.describe(self.operation(selector))}
        except SourceError as error:
            return {**told, "refused": error.why}

    def _item(self, path: str) -> Node:
        node = self._paths.get(path)
        return self._paths._replace(value={}) if node is None else self.references.follow(node)

    def _entries(self) -> Iterator[OperationName]:
        for path, node in self._paths.items():
            if not path.startswith("/"):
                continue
            item = self.references.follow(node)
            for method in _METHODS:
                if method in item.mapping():
                    entry = self.references.follow(item.child(method))
                    yield operation_name(method, path, entry)

    def _find(self, selector: str) -> tuple[str, str]:
        start = self.references.start
        match = _SELECTOR.fullmatch(selector)
        if match is not None:
            method, path = match[1].lower(), match[2]
            if method in _METHODS and method in self._item(path).mapping():
                return method, path
        found = self._ids().get(selector, [])
        if len(found) > 1:
            raise start.error(f"two operations have the operationId {selector!r}")
        if not found:
            raise start.error(f"it has no operation {selector!r}{self._near(selector)}")
        return found[0]

    def _ids(self) -> dict[str, list[tuple[str, str]]]:
        if self._by_id is None:
            self._by_id = {}
            for name in self.operations():
                entry = (name.method.lower(), name.path)
                self._by_id.setdefault(name.id, []).append(entry)
            self._by_id.pop("", None)
        return self._by_id

    def _near(self, selector: str) -> str:
        names = [name.id or f"{name.method} {name.path}" for name in self.operations()]
        close = [name for name in names if len(name) <= _NAME_CHARS]
        near = difflib.get_close_matches(selector[:_NAME_CHARS], close, 3)
        return f"; near to it: {', '.join(near)}" if near else ""

    def _build(self, method: str, path: str, item: Node, node: Node) -> Operation:
        _check_path(node, path)
        translator = Translator(self._definitions)
        is_swagger = self.version == SWAGGER
        parts = (swagger_parts if is_swagger else three_parts)(item, node, self.references)
        sending = swagger_sending if is_swagger else styled_sending
        slots = parameter_slots(parts.parameters, node, path, sending, translator)
        body = request_body(parts.body, method.upper(), translator)
        response, types = success_response(parts.answers, translator)
        for owner in (item, node):
            if owner.get("servers") is not None:
                translator.warn(owner, "its own `servers` are not used; the profile's url is")
        slots, response, defs = self._readable([*slots, *body.slots], response, translator)
        return Operation(
            id=node.text("operationId"),
            method=method.upper(),
            path=path,
            summary=node.text("summary") or item.text("summary"),
            description=node.text("description") or item.text("description"),
            slots=tuple(slots),
            body_type=body.type,
            body_required=body.required,
            response=response,
            response_types=types,
            defs=defs,
            warnings=tuple(translator.warnings),
        )

    def _readable(
        self, slots: list[Slot], response: dict[str, Any] | None, translator: Translator
    ) -> tuple[list[Slot], dict[str, Any] | None, dict[str, Any]]:
        """The same without the patterns that the linear engine cannot read, each one told of."""
        names = [f"argument {slot.name} ({slot.rule.place})" for slot in slots]
        schemas: dict[str, Any] = dict(zip(names, (slot.schema for slot in slots), strict=True))
        schemas["the response"] = response
        kept, defs, warnings = without_unreadable(schemas, translator.defs, self._patterns)
        translator.warnings.extend(warnings)
        kept_slots = [
            slot._replace(schema=kept[name]) for name, slot in zip(names, slots, strict=True)
        ]
        return kept_slots, kept["the response"], defs


def _check_path(node: Node, path: str) -> None:
    if not _PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise node.error(f"the path {path} holds what no path may: query, fragment, %, or dots")
