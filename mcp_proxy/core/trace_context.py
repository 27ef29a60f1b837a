"""W3C Trace Context: a span of ours for each call, a child of the client's where it names one.

The client's `_meta.traceparent` gives the trace and its flags, `_meta.tracestate` goes along with
it; of a version above 00 the fields of 00 are taken, and 00 is what goes on. What is malformed is
passed over, as the specification wants; `baggage` is never handed on. Ids are hex, so that they may
stand in the audit log.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

RANDOM_BYTES = 24
_TRACE_BYTES = 16
# Version 00 ends with its flags, a later one may tell more behind a dash, ff is none.
_PARENT = re.compile(
    r"(00(?=.{53}\Z)|(?!00|ff)[0-9a-f]{2})"
    r"-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]([0-9a-f])(?:-.*)?",
    re.DOTALL,
)
# Sampled, and that the trace's id is random (level 2); of a later version only the first is known.
_FLAGS_KNOWN, _FLAGS_LATER = 0x03, 0x01
_SAMPLED = "01"
_STATE_CHARS = 512
_STATE_MEMBERS = 32
_MEMBER = re.compile(
    r"([a-z0-9][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
    r"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)

Pairs = tuple[tuple[str, str], ...]


class Trace(NamedTuple):
    """A call's span, all in lower-case hex: 16 bytes, 8, 8 (None without a client's span), 1.

    `state` is the client's tracestate, checked.
    """

    trace_id: str
    span_id: str
    parent: str | None
    flags: str
    state: str | None

    @property
    def own(self) -> str:
        """The span as the log names it."""
        return f"{self.trace_id}-{self.span_id}"


def begin(meta: Mapping[str, Any], random: bytes) -> Trace:
    """The span of one call. `meta` is its request's `_meta`; `random` has RANDOM_BYTES."""
    told = random.hex()
    span = told[2 * _TRACE_BYTES :]
    given = meta.get("traceparent")
    match = _PARENT.fullmatch(given) if isinstance(given, str) else None
    if match is None:
        return Trace(told[: 2 * _TRACE_BYTES], span, None, _SAMPLED, None)
    version, trace, parent, digit = match.groups()
    flags = int(digit, 16) & (_FLAGS_KNOWN if version == "00" else _FLAGS_LATER)
    return Trace(trace, span, parent, f"0{flags}", _state(meta.get("tracestate")))


def meta(trace: Trace | None) -> dict[str, str]:
    """What a request's `_meta` or its headers hold of a span; nothing without one."""
    if trace is None:
        return {}
    told = {"traceparent": f"00-{trace.trace_id}-{trace.span_id}-{trace.flags}"}
    if trace.state is not None:
        told["tracestate"] = trace.state
    return told


def with_headers(headers: Pairs, trace: Trace | None) -> Pairs:
    """A request's headers and those of its span, where it has none that the profile wants."""
    told = meta(trace)
    for name, _ in headers:
        if name.lower() in told:
            return headers
    return (*headers, *told.items())


def _state(given: Any) -> str | None:
    """The tracestate, if it is one (W3C Trace Context, 3.3); a part of one is never made up."""
    if not isinstance(given, str) or not 0 < len(given) <= _STATE_CHARS:
        return None
    if _MEMBER.fullmatch(given):
        return given
    members = [member.strip(" \t") for member in given.split(",")]
    matches = [_MEMBER.fullmatch(member) for member in members if member]
    keys = {match[1] for match in matches if match is not None}
    if not 0 < len(keys) == len(matches) <= _STATE_MEMBERS:
        return None
    return ",".join(member for member in members if member)
