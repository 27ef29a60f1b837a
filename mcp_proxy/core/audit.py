"""Audit entries, format version 1: fields in, chained lines out. Pure.

An entry is one line of compact JSON that ends in `,"prev":"HEX","hash":"HEX"}`; `hash` is the
SHA-256 of the line's bytes before `,"hash":`, and `prev` the hash of the entry before, zeros for
the first of a segment. A segment is one process's file: `open`, then `decided`, `answered`,
`cancelled` and `note` entries, then `close`. The chained line holds enumerations, numbers, names
from the profile and digests alone; arguments appear as an HMAC-SHA256 over their canonical JSON
(keys sorted, compact) under a random key per call, which stands in the `.clear.jsonl` file beside
the segment, so that erasing a call's line there leaves the chain valid. `row` of a decision is the
HMAC of what is sealed there (null: nothing), and so binds the key of each call.
"""

import hashlib
import hmac
import json
import time
from functools import lru_cache
from typing import Any, NamedTuple

from mcp_proxy.core.limits import LIMITS

VERSION = 1
GENESIS = "0" * 64


class Chained(NamedTuple):
    """One entry's bytes, newline included, and its hash in hex."""

    line: bytes
    hash: str


class Head(NamedTuple):
    """The newest entry of a chain: its number, and its hash in hex."""

    seq: int
    hash: str


class Decided(NamedTuple):
    """What a decision leaves in the log. `tool` is None where the profile has none of that name.

    `decision` is allow, ask or deny; `approval` the id of what a person was asked, if one was;
    `trace` the call's own span as `TRACE-SPAN` in hex, `parent` the client's, if it gave one.
    """

    tool: str | None
    upstream: str | None
    effect: str | None
    decision: str
    rule: str
    error: str | None
    approval: str | None = None
    trace: str | None = None
    parent: str | None = None


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
    "open": ("v", "pid", "client", "profile", "version", "digest", "ledger", "mac"),
    "decided": (*Decided._fields, "args", "clear", "row"),
    "answered": ("call", *Answered._fields),
    "cancelled": ("call", "sent"),
    "note": ("what",),
    "close": ("reason",),
}
# Those that came to version 1 later, which a whole entry of an earlier program lacks.
LATER = frozenset({"approval", "trace", "parent", "mac", "row"})
_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_PREV_BYTES = len(b',"prev":""') + 64


def chain(  # noqa: PLR0913, PLR0917 - an entry's five parts
    seq: int,
    time_ns: int,
    kind: str,
    fields: dict[str, Any],
    prev: str,
    mac_key: bytes | bytearray | None = None,
) -> Chained:
    """One entry after `prev`.

    With a key, `,"mac":"HEX"` stands before `,"prev":`: HMAC-SHA256 over the bytes before
    `,"hash":` as they are without it (S21); but in none of kind open, whose `mac` is the wrapped
    key, and which the next one's MAC covers by `prev`.
    """
    entry = {"seq": seq, "time": timestamp(time_ns), "kind": kind, **fields, "prev": prev}
    body = compact(entry)[:-1]
    if mac_key is not None and kind != "open":
        mac = hmac.digest(mac_key, body, "sha256").hex().encode()
        body = body[:-_PREV_BYTES] + b',"mac":"' + mac + b'"' + body[-_PREV_BYTES:]
    digest = hashlib.sha256(body).hexdigest()
    return Chained(body + b',"hash":"' + digest.encode() + b'"}\n', digest)


def open_fields(  # noqa: PLR0913, PLR0917 - the subject's three, and where the ledger stands
    pid: int,
    client: dict[str, Any],
    profile: str | None,
    version: int | None,
    digest: str | None,
    ledger: Head | None = None,
    mac: dict[str, str] | None = None,
) -> dict[str, Any]:
    """The fields of a segment's first entry; the client's name is what it says of itself.

    `ledger` is the entry there that opened this segment; `mac` the first MAC key, wrapped to the
    organisation's recipient (`{"recipient": ..., "wrapped": ...}`), if the profile names one.
    """
    named = {key: escaped(client.get(key, "")) for key in ("name", "version")}
    return {
        "v": VERSION,
        "pid": pid,
        "client": named,
        "profile": profile,
        "version": version,
        "digest": digest,
        "ledger": None if ledger is None else ledger._asdict(),
        "mac": mac,
    }


def keyed(key: bytes, value: Any) -> str:
    """HMAC-SHA256 in hex of a value's canonical JSON."""
    return hmac.digest(key, canonical(value), "sha256").hex()


def canonical(value: Any) -> bytes:
    """A value's JSON as digests are made of it: keys sorted, no spaces."""
    return _CANONICAL.encode(value).encode(errors="replace")


def clear_values(arguments: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """The arguments that the profile keeps readable: short scalars alone."""
    if not isinstance(arguments, dict):
        return {}
    chosen = {name: arguments[name] for name in names if name in arguments}
    return {name: value for name, value in chosen.items() if _is_short_scalar(value)}


def clear_line(seq: int, key: bytes, clear: dict[str, Any], sealed: str | None = None) -> bytes:
    """One line of the file beside the segment; `sealed` are all arguments, if they are kept."""
    row: dict[str, Any] = {"seq": seq, "key": key.hex(), "clear": clear}
    if sealed is not None:
        row["sealed"] = sealed
    return compact(row) + b"\n"


def escaped(text: Any) -> str:
    """Foreign text for the log: bounded, control and non-ASCII characters as escapes."""
    return str(text)[: LIMITS.client_name_chars].encode("unicode_escape").decode()


def timestamp(time_ns: int) -> str:
    """UTC, RFC 3339, with microseconds."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{_second(seconds)}.{rest // 1000:06d}Z"


@lru_cache(maxsize=8)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _is_short_scalar(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= LIMITS.clear_value_chars
    return value is None or isinstance(value, (bool, int, float))


def compact(value: Any) -> bytes:
    """JSON without spaces, keys in their order."""
    return _COMPACT.encode(value).encode(errors="replace")
