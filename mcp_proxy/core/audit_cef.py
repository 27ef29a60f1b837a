"""Events in the Common Event Format (CEF:0), one line each. Pure.

The header's parts escape backslash and pipe; the extension's values backslash, equals sign and line
breaks. Other control characters, which the format has no place for, stand as escapes like \\u001b.
"""

import re
from typing import Any

from mcp_proxy.core.audit_events import Event, error_of, outcome, summary
from mcp_proxy.core.moments import epoch_ms

_VENDOR = "mcp-proxy"
_CONTROL = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SEVERITY = {"ok": 2, "asked": 3, "cancelled": 3, "unknown": 5, "denied": 6, "error": 6}


def cef_line(event: Event, version: str, home_id: str) -> str:
    """The event as one line without its end; `version` is this program's, `home_id` the home's."""
    head = (_VENDOR, _VENDOR, version, _signature(event), summary(event))
    told = "|".join(_in_header(part) for part in head)
    severity = _SEVERITY.get(outcome(event), 5)
    parts = [("deviceExternalId", home_id), *_extension(event)]
    pairs = (f"{key}={_in_value(value)}" for key, value in parts if value is not None)
    return f"CEF:0|{told}|{severity}|{' '.join(pairs)}"


def _signature(event: Event) -> str:
    return f"call.{event.entry['decision']}" if event.is_call else str(event.entry["kind"])


def _extension(event: Event) -> list[tuple[str, Any]]:
    """Keys of the CEF dictionary; what it has no key for stands in its numbered custom ones."""
    entry, end = event.entry, event.end or {}
    facts = entry.get("facts") or {}
    return [
        ("rt", epoch_ms(str(entry["time"]))),
        ("externalId", event.id),
        ("cat", entry["kind"]),
        ("act", entry.get("decision") or entry.get("what")),
        ("outcome", outcome(event)),
        ("reason", error_of(event) or entry.get("rule") or entry.get("reason")),
        ("app", entry.get("tool")),
        ("destinationServiceName", entry.get("upstream")),
        ("requestClientApplication", event.client or None),
        ("dvcpid", event.opened.get("pid")),
        ("in", end.get("bytes")),
        *_custom("cs1", "profile", event.profile),
        *_custom("cs2", "effect", entry.get("effect")),
        *_custom("cs3", "rule", entry.get("rule")),
        *_custom("cs4", "trace", entry.get("trace")),
        *_custom("cs5", "facts", ", ".join(f"{key}={facts[key]}" for key in facts) or None),
        *_custom("cs6", "hash", (event.end or entry).get("hash")),
        *_custom("cn1", "milliseconds", end.get("ms")),
        *_custom("cn2", "httpStatus", end.get("status")),
        *_custom("cn3", "count", entry.get("count")),
    ]


def _custom(key: str, label: str, value: Any) -> tuple[tuple[str, Any], ...]:
    return () if value is None else ((key, value), (f"{key}Label", label))


def _in_header(part: object) -> str:
    text = re.sub(r"[\\|]", r"\\\g<0>", str(part))
    return _visible(re.sub(r"[\r\n]+", " ", text))


def _in_value(value: object) -> str:
    text = re.sub(r"[\\=]", r"\\\g<0>", str(value))
    return _visible(text.replace("\r", "\\r").replace("\n", "\\n"))


def _visible(text: str) -> str:
    return _CONTROL.sub(lambda found: f"\\\\u{ord(found[0]):04x}", text)
