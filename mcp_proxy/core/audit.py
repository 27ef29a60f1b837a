"""Audit entries, format version 1: fields in, chained lines out. Pure.

An entry is one line of compact JSON that ends in `,"prev":"HEX","hash":"HEX"}`; `hash` is the
SHA-256 of the line's bytes before `,"hash":`, and `prev` the hash of the entry before, zeros for
the first of a segment. A segment is one process's file: `open`, then `decided`, `answered`,
`cancelled` and `note` entries, then `close`. The chained line holds enumerations, numbers, names
from the profile and digests alone; arguments appear as an HMAC-SHA256 over their canonical JSON
(keys sorted, compact) under a random key per call, which stands in the `.clear.jsonl` file beside
the segment, so that erasing a call's line there leaves the chain valid.
"""

import hashlib
import hmac
import json
import time
from typing import Any, NamedTuple

from mcp_proxy.core.limits import LIMITS

VERSION = 1
GENESIS = "0" * 64


class Chained(NamedTuple):
    """One entry's bytes, newline included, and its hash in hex."""

    line: bytes
    hash: str


class Decided(NamedTuple):
    """What a decision leaves in the log. `tool` is None where the profile has none of that name."""

    tool: str | None
    upstream: str | None
    effect: str | None
    decision: str
    rule: str
    error: str | None


class Answered(NamedTuple):
    """How an allowed call ended. `status` is the upstream's HTTP status, if there was one."""

    outcome: str
    sent: str
    error: str | None
    status: int | None
    bytes: int
    ms: int


# What each kind of entry holds beside seq, time, kind, prev and hash; a note tells more in its own.
FIELDS: dict[str, tuple[str, ...]] = {
    "open": ("v", "pid", "client", "profile", "version", "digest", "ledger"),
    "decided": (*Decided._fields, "args", "clear"),
    "answered": ("call", *Answered._fields),
    "cancelled": ("call", "sent"),
    "note": ("what",),
    "close": ("reason",),
}


def chain(seq: int, time_ns: int, kind: str, fields: dict[str, Any], prev: str) -> Chained:
    """One entry after `prev`."""
    entry = {"seq": seq, "time": timestamp(time_ns), "kind": kind, **fields, "prev": prev}
    body = _compact(entry)[:-1]
    digest = hashlib.sha256(body).hexdigest()
    return Chained(body + b',"hash":"' + digest.encode() + b'"}\n', digest)


def open_fields(
    pid: int, client: dict[str, Any], profile: str | None, version: int | None, digest: str | None
) -> dict[str, Any]:
    """The fields of a segment's first entry; the client's name is what it says of itself."""
    named = {key: escaped(client.get(key, "")) for key in ("name", "version")}
    return {
        "v": VERSION,
        "pid": pid,
        "client": named,
        "profile": profile,
        "version": version,
        "digest": digest,
        "ledger": None,
    }


def keyed(key: bytes, value: Any) -> str:
    """HMAC-SHA256 in hex of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hmac.new(key, text.encode(errors="replace"), hashlib.sha256).hexdigest()


def clear_values(arguments: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """The arguments that the profile keeps readable: short scalars alone."""
    if not isinstance(arguments, dict):
        return {}
    chosen = {name: arguments[name] for name in names if name in arguments}
    return {name: value for name, value in chosen.items() if _is_short_scalar(value)}


def clear_line(seq: int, key: bytes, clear: dict[str, Any]) -> bytes:
    """One line of the file beside the segment."""
    return _compact({"seq": seq, "key": key.hex(), "clear": clear}) + b"\n"


def escaped(text: Any) -> str:
    """Foreign text for the log: bounded, control and non-ASCII characters as escapes."""
    return str(text)[: LIMITS.client_name_chars].encode("unicode_escape").decode()


def timestamp(time_ns: int) -> str:
    """UTC, RFC 3339, with microseconds."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest // 1000:06d}Z"


def _is_short_scalar(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= LIMITS.clear_value_chars
    return value is None or isinstance(value, (bool, int, float))


def _compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
