"""What a source can be imported from, a document or a listing, under one form: candidates for
tools, how each is built, and what tells a later import that one has moved."""

from typing import Any, NamedTuple, Protocol

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.fingerprint import canonical, fingerprint
from mcp_proxy.core.text import one_sentence
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.document import Document
from mcp_proxy.workshop.draft import tool_name
from mcp_proxy.workshop.draft_lists import list_blocks
from mcp_proxy.workshop.import_arguments import argument_rows
from mcp_proxy.workshop.listed_tool import read_tool
from mcp_proxy.workshop.listing import Listing
from mcp_proxy.workshop.listing_schema import Unreadable
from mcp_proxy.workshop.operation import Operation, OperationName
from mcp_proxy.workshop.risk import assess, assess_tool
from mcp_proxy.workshop.source_keys import ToolSource
from mcp_proxy.workshop.tools_mcp import mcp_tool
from mcp_proxy.workshop.tools_rest import BuiltTool, rest_tool

# A line of a source that bears it waits for a person to read it; lint finds it.
REVIEW_SIGN = "# REVIEW:"
_WORDS_CHARS = 4_000
_SCHEMA_CHARS = 200


class Candidate(NamedTuple):
    """An operation or a listed tool that may become a tool called `name`.

    `selector` is what a source calls it. `method` and `path` are "" for a listed tool, whose `id`
    is its name there. `reason` is the effect_reason that a reading one needs, "" where none;
    `form` the type of its optional body where that is left out, as a form is.
    """

    selector: str
    name: str
    method: str
    path: str
    id: str
    summary: str
    text: str
    tags: tuple[str, ...]
    deprecated: bool
    effect: str
    marks: tuple[str, ...]
    reason: str
    form: str = ""

    @property
    def place(self) -> str:
        """`GET /path`, or the tool's name there."""
        return f"{self.method} {self.path}" if self.method else self.id


class Subject(Protocol):
    """What an import reads. `kind` is rest, mcp or stdio."""

    kind: str

    def candidates(self, names: set[str]) -> list[Candidate]:
        """Every candidate in order, under names that are not among `names`, which grow."""

    def arguments(self, candidate: Candidate) -> dict[str, dict[str, Any]]:
        """The `arguments` block to draft; {} where everything is taken as it is."""

    def build(self, candidate: Candidate, block: ToolSource) -> BuiltTool:
        """The tool. Raises Wrong, SourceError where it cannot be built."""

    def digest(self, candidate: Candidate) -> str:
        """64 hex digits over all that it is upstream."""

    def described(self, candidate: Candidate) -> dict[str, Any]:
        """In brief: arguments, response, summary, deprecated."""

    def others(self, upstream: str) -> list[str]:
        """What is there beside tools, as lines of comments."""


class DocumentSubject:
    """The operations of an API document."""

    def __init__(self, document: Document) -> None:
        self.kind = "rest"
        self._document = document
        # The last one alone: one is asked for twice in a row, and thousands would fill the memory.
        self._last: tuple[str, Operation] | None = None

    def candidates(self, names: set[str]) -> list[Candidate]:
        """One for each operation; called by its operationId where that is its own alone."""
        operations = self._document.operations()
        counts: dict[str, int] = {}
        for one in operations:
            counts[one.id] = counts.get(one.id, 0) + 1
        return [_operation(one, names, is_own=counts[one.id] == 1) for one in operations]

    def arguments(self, candidate: Candidate) -> dict[str, dict[str, Any]]:
        """Raises SourceError where the operation cannot be read."""
        return argument_rows(self._operation(candidate))

    def build(self, candidate: Candidate, block: ToolSource) -> BuiltTool:
        """Raises Wrong, SourceError."""
        return rest_tool(candidate.name, block, self._operation(candidate))

    def digest(self, candidate: Candidate) -> str:
        """With everything that it refers to."""
        return self._document.digest_of(candidate.place)

    def described(self, candidate: Candidate) -> dict[str, Any]:
        """As the document has it."""
        return self._document.described(candidate.place)

    def others(self, _upstream: str) -> list[str]:
        """None."""
        return []

    def _operation(self, candidate: Candidate) -> Operation:
        if self._last is None or self._last[0] != candidate.place:
            self._last = candidate.place, self._document.operation(candidate.selector)
        return self._last[1]


class ListingSubject:
    """The tools of an MCP server's listing."""

    def __init__(self, kind: str, listing: Listing) -> None:
        """`kind` is mcp or stdio."""
        self.kind = kind
        self._listing = listing
        self._tools = listing.tools

    def candidates(self, names: set[str]) -> list[Candidate]:
        """One for each listed tool."""
        return [_listed(name, raw, names) for name, raw in self._tools.items()]

    def arguments(self, _candidate: Candidate) -> dict[str, dict[str, Any]]:
        """None: a server's own schemas are what it enforces."""
        return {}

    def build(self, candidate: Candidate, block: ToolSource) -> BuiltTool:
        """Raises Wrong."""
        return mcp_tool(candidate.name, block, self._tools)

    def digest(self, candidate: Candidate) -> str:
        """The tool's fingerprint."""
        return fingerprint(self._tools[candidate.id])

    def described(self, candidate: Candidate) -> dict[str, Any]:
        """Of its input schema and its texts; without arguments where that cannot be read."""
        raw = self._tools[candidate.id]
        told = {"arguments": {}, "response": "", "summary": candidate.summary, "deprecated": False}
        if "outputSchema" in raw:
            told["response"] = sha256_hex(canonical(raw["outputSchema"]))
        try:
            slots = read_tool(raw).slots
        except (Unreadable, Wrong):
            return told
        rows = {
            slot.name: {"required": slot.required, "schema": _brief(slot.schema)} for slot in slots
        }
        return {**told, "arguments": rows}

    def others(self, upstream: str) -> list[str]:
        """Its resources and prompts."""
        lines = list_blocks(upstream, self._listing, REVIEW_SIGN).splitlines()
        return [f"# {line.replace('# ', '', 1) if _is_comment(line) else line}" for line in lines]


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _operation(one: OperationName, names: set[str], *, is_own: bool) -> Candidate:
    place = f"{one.method} {one.path}"
    risk = assess(one.method, one.path, one.id, one.summary or one.description, one.tags)
    asks = risk.effect == "read" and one.method not in ("GET", "HEAD")
    return Candidate(
        selector=one.id if one.id and is_own else place,
        name=tool_name(one.id or place, names),
        method=one.method,
        path=one.path,
        id=one.id,
        summary=one.summary[:_WORDS_CHARS],
        text=one.description[:_WORDS_CHARS],
        tags=one.tags,
        deprecated=one.deprecated,
        effect=risk.effect,
        marks=risk.marks,
        reason=f"By its name this {one.method} only asks." if asks else "",
        form=one.form,
    )


def _listed(name: str, raw: dict[str, Any], names: set[str]) -> Candidate:
    hints = raw.get("annotations")
    hints = hints if isinstance(hints, dict) else {}
    text = raw.get("description")
    text = text if isinstance(text, str) else ""
    risk = assess_tool(name, text, hints)
    asks = risk.effect == "read" and hints.get("readOnlyHint") is not True
    title = raw.get("title")
    return Candidate(
        selector=name,
        name=tool_name(name, names),
        method="",
        path="",
        id=name,
        summary=title[:_WORDS_CHARS] if isinstance(title, str) else "",
        text=text[:_WORDS_CHARS],
        tags=(),
        deprecated=False,
        effect=risk.effect,
        marks=risk.marks,
        reason="By its name it only reads; the server says nothing." if asks else "",
    )


def _brief(schema: dict[str, Any]) -> str:
    bare = {key: value for key, value in schema.items() if key not in ("description", "title")}
    text = canonical(bare).decode()
    short = one_sentence(text, _SCHEMA_CHARS)
    return short if short == text else f"{short} ({sha256_hex(text.encode())[:8]})"
