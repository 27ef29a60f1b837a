"""Whether an entry's fields have the forms that every reader counts on. Pure.

A chain that fits may still hold anything: whoever can write the files can chain what they like.
"""

import json
import re
from datetime import datetime
from typing import Any

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)
_WHOLE = 1 << 63
_TEXTS = (
    *("kind", "hash", "rule", "what", "reason", "sent", "outcome"),
    *("segment", "head", "why", "verifier"),
)
_TEXTS_OR_NONE = (
    "tool",
    "upstream",
    "effect",
    "error",
    "approval",
    "trace",
    "parent",
    "profile",
    "digest",
)
_NUMBERS = ("seq", "pid", "call", "bytes", "ms", "count", "entries", "torn")
_NUMBERS_OR_NONE = ("version", "status")
_OBJECTS = ("client", "facts", "clear")
_DECISIONS = ("allow", "ask", "deny")


def is_well_formed(entry: dict[str, Any], line: bytes) -> bool:
    """`entry` is what its `line` holds; a field that it lacks is not looked for, but `time`."""
    return (
        all(type(entry.get(name, "")) is str for name in _TEXTS)
        and all(isinstance(entry.get(name), str | None) for name in _TEXTS_OR_NONE)
        and all(_is_number(entry.get(name, 0)) for name in _NUMBERS)
        and all(isinstance(entry.get(name), dict | None) for name in _OBJECTS)
        and all(entry.get(name) is None or _is_number(entry[name]) for name in _NUMBERS_OR_NONE)
        and entry.get("decision", "deny") in _DECISIONS
        and isinstance(entry.get("segments", []), list)
        and _is_time(entry.get("time"))
        and _is_text(line, entry)
    )


def _is_number(value: object) -> bool:
    return type(value) is int and -_WHOLE <= value < _WHOLE


def _is_time(value: object) -> bool:
    if not isinstance(value, str) or _TIME.fullmatch(value) is None:
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_text(line: bytes, entry: dict[str, Any]) -> bool:
    """Whether all of it can be written elsewhere: half a character (a lone surrogate) cannot."""
    if b"\\ud" not in line.lower():
        return True
    try:
        json.dumps(entry, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
