"""An OpenAPI document in YAML: text in, JSON values out.

Built on a parser's events (libyaml's by PyYAML where it is built in, else ruamel's): keys are
always text, so `200:` is "200"; no dates; aliases are read, because published documents use them,
but never one within itself. Duplicate keys, tags, merge keys and a second document are refused.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import yaml
from ruamel.yaml import YAML, events
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.workshop.yaml_core import resolve_plain

# Both parsers' events, which bear the same names and fields.
_ALIAS = (yaml.AliasEvent, events.AliasEvent)
_DOCUMENT_START = (yaml.DocumentStartEvent, events.DocumentStartEvent)
_MAPPING_END = (yaml.MappingEndEvent, events.MappingEndEvent)
_MAPPING_START = (yaml.MappingStartEvent, events.MappingStartEvent)
_SCALAR = (yaml.ScalarEvent, events.ScalarEvent)
_SEQUENCE_END = (yaml.SequenceEndEvent, events.SequenceEndEvent)

_C_LOADER: Any = getattr(yaml, "CSafeLoader", None)
_PLAIN_TAGS = frozenset({None, "", "!"})
_TEXT_TAG = "tag:yaml.org,2002:str"
# Aliases of aliases multiply: a few lines can stand for more values than any memory holds.
_ALIASED_VALUES = 1_000_000


class NotYaml(ValueError):
    """The text cannot be read; the sentence names the line, never what stands there."""


def parse_spec_yaml(text: str) -> Any:
    """YAML text as JSON values. Raises NotYaml.

    The C parser is thirty times faster, but of YAML 1.1, and it names errors otherwise. So what it
    refuses is read again by the Python one.
    """
    if _C_LOADER is None:
        return _read_slowly(text)
    try:
        return _Reader(yaml.parse(text, Loader=_C_LOADER)).document()
    except yaml.YAMLError:
        return _read_slowly(text)


def _read_slowly(text: str) -> Any:
    try:
        return _Reader(YAML(typ="safe", pure=True).parse(text)).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = "" if mark is None else f"line {mark.line + 1}: "
        raise NotYaml(f"{line}not YAML: {error.problem or error.context}") from None
    except YAMLError:
        raise NotYaml("not YAML: it holds a control character") from None


class _Reader:
    """Walks the events once, down to `LIMITS.json_depth` levels."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._anchors: dict[str, Any] = {}
        self._open: set[str] = set()
        self._aliased = 0

    def document(self) -> Any:
        """The one document's value; None where the text is empty."""
        value, documents = None, 0
        for event in self._events:
            if isinstance(event, _DOCUMENT_START):
                documents += 1
                if documents > 1:
                    raise _wrong(event, "a second document starts here")
            elif isinstance(event, (*_SCALAR, *_ALIAS)) or hasattr(event, "flow_style"):
                value = self._value(event, 0)
        return value

    def _value(self, event: Any, depth: int) -> Any:
        if isinstance(event, _ALIAS):
            return self._alias(event, depth)
        if event.tag not in _PLAIN_TAGS and event.tag != _TEXT_TAG:
            raise _wrong(event, f"the tag {event.tag} is not read")
        if depth > LIMITS.json_depth:
            raise _wrong(event, f"nested deeper than {LIMITS.json_depth} levels")
        if event.anchor:
            self._open.add(event.anchor)
        value = self._bare(event, depth)
        if event.anchor:
            self._open.discard(event.anchor)
            self._anchors[event.anchor] = value
        return value

    def _bare(self, event: Any, depth: int) -> Any:
        if isinstance(event, _SCALAR):
            return _scalar(event)
        if isinstance(event, _MAPPING_START):
            return self._mapping(depth + 1)
        items = []
        for item in self._events:
            if isinstance(item, _SEQUENCE_END):
                break
            items.append(self._value(item, depth + 1))
        return items

    def _mapping(self, depth: int) -> dict[str, Any]:
        row: dict[str, Any] = {}
        for event in self._events:
            if isinstance(event, _MAPPING_END):
                break
            if not isinstance(event, _SCALAR):
                raise _wrong(event, "a key must be plain text")
            key = event.value
            if key == "<<" and not event.style:
                raise _wrong(event, "the merge key << is not read; write the keys out")
            if key in row:
                raise _wrong(event, f"the key {key} stands here a second time")
            row[key] = self._value(next(self._events), depth)
        return row

    def _alias(self, event: Any, depth: int) -> Any:
        if event.anchor in self._open:
            raise _wrong(event, f"the alias *{event.anchor} stands within itself")
        if event.anchor not in self._anchors:
            raise _wrong(event, f"the alias *{event.anchor} has no anchor")
        value = self._anchors[event.anchor]
        self._count(event, value, depth)
        return value

    def _count(self, event: Any, value: Any, depth: int) -> None:
        """What an alias repeats is bounded as if it were written out."""
        level = [value]
        while level:
            self._aliased += len(level)
            if self._aliased > _ALIASED_VALUES:
                raise _wrong(event, f"aliases repeat more than {_ALIASED_VALUES} values")
            if depth > LIMITS.json_depth:
                raise _wrong(event, f"nested deeper than {LIMITS.json_depth} levels")
            level = [child for item in level for child in _children(item)]
            depth += 1


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _scalar(event: Any) -> Any:
    text: str = event.value
    if event.style or event.tag:
        return text
    value = resolve_plain(text)
    if isinstance(value, float) and not math.isfinite(value):
        raise _wrong(event, f"{text} is not a finite number")
    return value


def _wrong(event: Any, text: str) -> NotYaml:
    return NotYaml(f"line {event.start_mark.line + 1}: {text}")
