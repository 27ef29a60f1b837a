"""Entries as OpenTelemetry log records, and calls as spans, before the SDK makes them bytes. Pure.

A log record's body is the entry's own line, byte for byte, so that whoever collects them all holds
a copy of the chain. A span has the ids that its call had when it was made.
"""

import hashlib
import re
from typing import Any, NamedTuple

from mcp_proxy.core.audit_events import DAMAGED, Event, error_of, outcome, uid_of
from mcp_proxy.core.moments import epoch_ns

Attributes = dict[str, str | int | bool]

LOGS, TRACES = "logs", "traces"
INFO, WARN, ERROR = 9, 13, 17
_TRACE = re.compile(r"([0-9a-f]{32})-([0-9a-f]{16})")
_SPAN = re.compile(r"[0-9a-f]{16}")
_WHOLE = 1 << 63
_GRAVE = frozenset({DAMAGED, "refused", "cut"})

# An entry's fields by the names of their attributes.
_ENTRY = {
    "tool": "gen_ai.tool.name",
    "error": "error.type",
    "status": "http.response.status_code",
    "upstream": "mcp_proxy.upstream",
    "effect": "mcp_proxy.effect",
    "decision": "mcp_proxy.decision",
    "rule": "mcp_proxy.rule",
    "approval": "mcp_proxy.approval",
    "outcome": "mcp_proxy.outcome",
    "sent": "mcp_proxy.sent",
    "bytes": "mcp_proxy.result.bytes",
    "ms": "mcp_proxy.duration_ms",
    "what": "mcp_proxy.what",
    "count": "mcp_proxy.count",
    "reason": "mcp_proxy.reason",
    "hash": "mcp_proxy.audit.hash",
}


class Record(NamedTuple):
    """One log record; `trace` and `span` are hex, "" where the entry has none."""

    event: str
    time_ns: int
    severity: int
    body: str
    attributes: Attributes
    trace: str = ""
    span: str = ""


class Span(NamedTuple):
    """One span; ids are hex, `parent` "" for a root."""

    trace: str
    span: str
    parent: str
    name: str
    start_ns: int
    end_ns: int
    attributes: Attributes
    is_error: bool


def log_record(source: str, opened: dict[str, Any], entry: dict[str, Any], line: bytes) -> Record:
    """The record of one entry; `source` and `opened` as in `Event`."""
    ids = _TRACE.fullmatch(str(entry.get("trace") or ""))
    attributes: Attributes = {
        "log.record.uid": f"{uid_of(source, opened)}:{entry['seq']}",
        "mcp_proxy.audit.source": source,
        **_told(entry),
        **_subject(opened, entry),
    }
    if isinstance(entry.get("call"), int):
        segment = str(entry.get("segment") or source).rpartition("/")[2]
        attributes["mcp_proxy.call"] = f"{segment}:{entry['call']}"
    elif entry["kind"] == "decided":
        attributes["mcp_proxy.call"] = f"{source}:{entry['seq']}"
    return Record(
        f"mcp_proxy.audit.{entry['kind']}",
        epoch_ns(entry["time"]),
        _severity(entry),
        line.decode(errors="replace"),
        attributes,
        *(("", "") if ids is None else ids.groups()),
    )


def span_of(event: Event) -> Span:
    """The span of a call."""
    entry, end = event.entry, event.end or {}
    trace, span, parent = _ids(event)
    began_ns = epoch_ns(entry["time"])
    tool = str(entry["tool"] or "")
    attributes: Attributes = {
        "mcp_proxy.call": event.id,
        **_told({**entry, **end}),
        "mcp_proxy.outcome": outcome(event),
        **_subject(event.opened, entry),
    }
    return Span(
        trace,
        span,
        parent,
        f"tools/call {tool}".strip(),
        began_ns,
        max(began_ns, epoch_ns(str(end.get("time", "")))),
        attributes,
        is_error=error_of(event) is not None,
    )


def _ids(event: Event) -> tuple[str, str, str]:
    """Trace, span and parent: a later leg of a call is a child of the first one's span.

    A call that was logged before calls had spans gets ids that are the same at each export.
    """
    made = hashlib.sha256(f"mcp-proxy span of {event.id}".encode()).hexdigest()
    given = _TRACE.fullmatch(str(event.entry.get("trace") or ""))
    if given is None:
        return made[:32], made[32:48], ""
    if event.leg:
        return given[1], made[32:48], given[2]
    parent = str(event.entry.get("parent") or "")
    return given[1], given[2], parent if _SPAN.fullmatch(parent) else ""


def _told(entry: dict[str, Any]) -> Attributes:
    told: Attributes = {}
    for key, name in _ENTRY.items():
        value = entry.get(key)
        # A number beyond 64 bits, which OTLP has no form for, is of a damaged entry.
        if isinstance(value, str) or (isinstance(value, int) and -_WHOLE <= value < _WHOLE):
            told[name] = value
    return told


def _subject(opened: dict[str, Any], entry: dict[str, Any]) -> Attributes:
    profile = opened.get("profile") or entry.get("profile")
    client = (opened.get("client") or {}).get("name")
    named = {"mcp_proxy.profile": profile, "mcp_proxy.client": client}
    return {key: value for key, value in named.items() if isinstance(value, str) and value}


def _severity(entry: dict[str, Any]) -> int:
    if entry["kind"] in _GRAVE or entry.get("error"):
        return WARN if entry.get("decision") == "deny" else ERROR
    return INFO
