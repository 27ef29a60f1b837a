"""Which entries of the log are wanted: by time, kind, tool, decision, client, call or text. Pure.

Entries are those of reading (app.audit_log): with the `segment`, `profile`, `client` and `call`
that they belong to, and with their clear `values`.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

_UNIT_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_AGO = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
_CALL = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}(:\d{1,10})?", re.ASCII)
_ASKED = "approval "  # what notes and commands about requests to a person begin with
_TOLD = ("tool", "rule", "error", "what", "reason", "outcome")


class Filter(NamedTuple):
    """Which entries to show; None lets everything pass.

    The decision `ask` is whatever a person was asked about: calls that were then approved, and
    what became of the requests, too.
    `since` and `until` are times as entries have them (`core.audit.timestamp`), both included;
    `call` is a segment's ULID, or `ULID:SEQ` for one call; `client` the name that a client gave of
    itself, or a part of it; `text` is looked for in tool names, rules, errors and clear values.
    """

    kind: str | None = None
    tool: str | None = None
    decision: str | None = None
    since: str | None = None
    until: str | None = None
    client: str | None = None
    call: str | None = None
    text: str | None = None
    profile: str | None = None


def parse_moment(text: str, now_s: float) -> str:
    """A time as entries have it, from RFC 3339 (UTC where no zone is given) or `90s`, `2h`, `3d`.

    The latter are that long before `now_s`. Raises ValueError with a sentence.
    """
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago is not None:
            span = timedelta(seconds=int(ago[1]) * _UNIT_S[ago[2]])
            moment = datetime.fromtimestamp(now_s, UTC) - span
        else:
            moment = datetime.fromisoformat(text.strip())
            moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text[:40]!r} is no time; 2026-11-22, 2026-11-22T14:00:00Z, 90s, 2h and 3d are."
        ) from None
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_call(text: str) -> str:
    """A segment's ULID or `ULID:SEQ`, as `audit show` prints it. Raises ValueError."""
    if _CALL.fullmatch(text.strip().upper()) is None:
        raise ValueError(f"{text[:40]!r} is no call; ULID:SEQ is, as audit show prints it.")
    return text.strip().upper()


def passes(entry: dict[str, Any], only: Filter) -> bool:
    """Whether this entry is wanted."""
    if only == _ALL:
        return True
    same = (("kind", only.kind), ("tool", only.tool))
    return (
        all(value is None or entry.get(key) == value for key, value in same)
        and (only.decision is None or _is_decided(entry, only.decision))
        and (only.profile is None or entry.get("profile") == only.profile)
        and (only.since is None or str(entry["time"]) >= only.since)
        and (only.until is None or str(entry["time"]) <= only.until)
        and (only.client is None or only.client.lower() in client_name(entry).lower())
        and (only.call is None or _is_of(entry, only.call))
        and (only.text is None or _holds(entry, only.text.lower()))
    )


def client_name(entry: dict[str, Any]) -> str:
    """What the client of this entry's segment called itself; "" where there was none."""
    client = entry.get("client")
    return str(client.get("name", "")) if isinstance(client, dict) else ""


def is_approved(entry: dict[str, Any]) -> bool:
    """Whether this is a call that went on by a person's yes."""
    return entry.get("decision") == "allow" and entry.get("approval") is not None


def _is_decided(entry: dict[str, Any], decision: str) -> bool:
    if entry.get("decision") == decision:
        return True
    is_asked = entry.get("approval") is not None or str(entry.get("what")).startswith(_ASKED)
    return decision == "ask" and is_asked


def _is_of(entry: dict[str, Any], call: str) -> bool:
    if ":" in call:
        return call == entry.get("call")
    return call in (entry["segment"], str(entry.get("about")).rpartition("/")[2])


def _holds(entry: dict[str, Any], text: str) -> bool:
    return any(text in part.lower() for part in _parts(entry))


def _parts(entry: dict[str, Any]) -> Iterator[str]:
    yield from (str(entry[key]) for key in _TOLD if entry.get(key) is not None)
    for key in ("values", "facts"):
        told = entry.get(key)
        yield from map(str, told.values()) if isinstance(told, dict) else ()


_ALL = Filter()
