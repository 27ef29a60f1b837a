"""YAML text in; plain values with the line of each key out.

YAML 1.2, core schema, and less: what makes two readers disagree (anchors, aliases, tags, merge
keys, duplicate keys, directives, several documents) is refused with its line and the fix. Built on
the parser's events, so that nothing is resolved before it has been looked at.
"""

import math
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from ruamel.yaml.reader import ReaderError

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.yaml_core import resolve_plain

Path = tuple[str | int, ...]


class Problem(NamedTuple):
    """One thing that is wrong, where, and in `text` also what to write instead."""

    line: int
    text: str


class SourceProblems(SourceError):
    """A source with all that is wrong in it, by line."""

    def __init__(self, id: str, file: str, problems: list[Problem]) -> None:  # noqa: A002
        """`id` is MCPX-B01 to B03, `file` the name that the source bears."""
        self.problems = tuple(sorted(set(problems)))
        rows = [f"{file}:{line}: {text}" for line, text in self.problems]
        super().__init__(
            id, "\n".join(rows), f"correct the source, then: mcp-proxy profile build {file}"
        )


class Positioned(NamedTuple):
    """A document's value; `lines` maps the path of each key and item to its line, from 1."""

    file: str
    value: Any
    lines: dict[Path, int]

    def line(self, path: Path) -> int:
        """The line of the deepest part of `path` that the file holds."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1


def parse_yaml(data: bytes, file: str) -> Positioned:
    """UTF-8 YAML text to values; `file` is the name that errors bear.

    Raises:
        SourceError: MCPX-B01 with every problem found, each with file, line and fix.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise source_error(file, [Problem(1, "is not UTF-8 text; save it as UTF-8")]) from None
    reader = _Reader(text)
    value = reader.document()
    if reader.problems:
        raise source_error(file, reader.problems)
    return Positioned(file, value, reader.lines)


def source_error(file: str, problems: list[Problem], id: str = "MCPX-B01") -> SourceError:  # noqa: A002
    """All `problems` as one error, in the order of their lines."""
    return SourceProblems(id, file, problems)


class _Reader:
    """Walks the events once; keeps every problem instead of stopping at the first."""

    def __init__(self, text: str) -> None:
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []
        self._events = YAML(typ="safe", pure=True).parse(text)

    def document(self) -> Any:
        """The value of the only document; None where the syntax is broken."""
        try:
            return self._document()
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._problem(mark, _syntax_text(error))
        except ReaderError as error:
            self.problems.append(Problem(1, _character_text(error)))
        return None

    def _document(self) -> Any:
        value = None
        documents = 0
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                self._check_document(event, documents)
            elif not isinstance(event, (DocumentEndEvent, StreamEndEvent)) and documents:
                found = self._value(event, ())
                value = found if documents == 1 else value
        return value

    def _check_document(self, event: Any, count: int) -> None:
        if count > 1:
            self._problem(event.start_mark, "a second document starts here; keep one, without ---")
        if event.tags or event.version not in (None, (1, 2)):
            self._problem(event.start_mark, "directives are not read; take the % line out")

    def _value(self, event: Any, path: Path) -> Any:
        self._check_event(event)
        if isinstance(event, ScalarEvent):
            return self._scalar(event)
        if isinstance(event, AliasEvent):
            return None
        if len(path) >= LIMITS.json_depth:
            self._problem(event.start_mark, f"is nested deeper than {LIMITS.json_depth} levels")
            return self._skip()
        if isinstance(event, MappingStartEvent):
            return self._mapping(path)
        return self._sequence(path)

    def _check_event(self, event: Any) -> None:
        if isinstance(event, AliasEvent):
            text = f"alias *{event.anchor}: not read; write the value out (quote a lone '*')"
            self._problem(event.start_mark, text)
            return
        if event.anchor:
            text = f"anchor &{event.anchor}: not read; take it out and write values where needed"
            self._problem(event.start_mark, text)
        if getattr(event, "tag", None):
            self._problem(event.start_mark, f"tag {event.tag}: not read; take it out")

    def _skip(self) -> None:
        depth = 1
        while depth:
            event = next(self._events)
            if isinstance(event, (MappingStartEvent, SequenceStartEvent)):
                depth += 1
            elif isinstance(event, (MappingEndEvent, SequenceEndEvent)):
                depth -= 1

    def _sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        for event in self._events:
            if isinstance(event, SequenceEndEvent):
                break
            here = (*path, len(items))
            self.lines[here] = event.start_mark.line + 1
            items.append(self._value(event, here))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        row: dict[str, Any] = {}
        for event in self._events:
            if isinstance(event, MappingEndEvent):
                break
            key = self._key(event, path)
            here = (*path, key)
            if key in row:
                first = self.lines[here]
                text = f"{key}: stands here again, first on line {first}; keep one"
                self._problem(event.start_mark, text)
            self.lines[here] = event.start_mark.line + 1
            row[key] = self._value(next(self._events), here)
        return row

    def _key(self, event: Any, path: Path) -> str:
        if not isinstance(event, ScalarEvent):
            self._problem(event.start_mark, "a key must be plain text")
            self._value(event, path)
            return ""
        self._check_event(event)
        text: str = event.value
        if event.style is None and text == "<<":
            self._problem(event.start_mark, "merge key <<: not read; write the keys out")
        elif event.style is None and not isinstance(resolve_plain(text), str):
            self._problem(event.start_mark, f'{text}: a key must be text; write "{text}"')
        return text

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if event.style is not None or event.tag:
            return text
        value = resolve_plain(text)
        if isinstance(value, float) and not math.isfinite(value):
            self._problem(event.start_mark, f"{text}: not a finite number")
        if isinstance(value, int) and abs(value) > LIMITS.integer_max:
            self._problem(event.start_mark, f"{text}: a number beyond 2^63; quote it if it is text")
        return value

    def _problem(self, mark: Any, text: str) -> None:
        self.problems.append(Problem(1 if mark is None else mark.line + 1, text))


def _syntax_text(error: MarkedYAMLError) -> str:
    problem = str(error.problem or error.context or "is not YAML").strip()
    if "alias" in str(error.context or ""):
        problem += "; a lone * must be quoted: '\"*\": {}'"
    return f"not YAML: {problem}"


def _character_text(error: ReaderError) -> str:
    found = error.character
    code = found if isinstance(found, int) else ord(found)
    return f"not YAML: it holds the character U+{code:04X}; take it out"
