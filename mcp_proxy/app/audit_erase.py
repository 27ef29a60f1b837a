"""Erasing one call's readable values and keys from the log; the ledger tells that it was done.

What was kept of the request for its approval goes too.

With its key gone, nothing can test a guess of the call's arguments against its digests. The chained
entry stays, so the log verifies as before.
"""

import re
from typing import Any, NamedTuple

from mcp_proxy.edges import approvals
from mcp_proxy.edges.audit_erase import (
    Span,
    blank,
    clear_path,
    find_clear,
    find_segment,
    read_entry,
    segment_name,
)
from mcp_proxy.edges.audit_ledger import AuditLedger, Sign
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.state_db import StateDb
from mcp_proxy.edges.state_mark import read_mark
from mcp_proxy.errors import UsageError

_CALL = re.compile(r"([0-9A-HJKMNP-TV-Z]{26}):(0|[1-9][0-9]{0,11})")
_LIST = "mcp-proxy audit show --kind decided"


class Call(NamedTuple):
    """A call as it stands in the log: its segment, its entry, its lines in the clear file."""

    segment: str
    entry: dict[str, Any]
    lines: tuple[Span, ...]


def find_call(home: Home, call: str) -> Call:
    """The call that `ULID:SEQ` names.

    Raises:
        UsageError: W01 there is no such call.
        HomeError: H02, H03 the log cannot be read.
    """
    match = _CALL.fullmatch(call)
    if match is None:
        why = "A call is named as audit show does, by its segment and number: ULID:NUMBER."
        raise UsageError("MCPX-W01", why, _LIST)
    path, seq = find_segment(home.state, match[1]), int(match[2])
    entry = None if path is None else read_entry(path, seq)
    if path is None or entry is None:
        why = f"The log has no entry {call} (any more); what was pruned is erased with it."
        raise UsageError("MCPX-W01", why, _LIST)
    if entry.get("kind") != "decided":
        raise UsageError("MCPX-W01", f"Entry {call} is no call, and holds no values.", _LIST)
    return Call(path, entry, find_clear(clear_path(path), seq))


def erase_call(home: Home, call: Call, sign: Sign | None) -> None:
    """Records the erasure, then erases; nothing of the call is readable when this returns.

    Raises:
        AuditError: A01, A02 it cannot be recorded, and nothing was erased.
        HomeError: H02, H03, H04 it was recorded, but a file cannot be written; to be repeated.
    """
    fields = {"segment": segment_name(call.segment), "call": call.entry["seq"]}
    AuditLedger(home).append("erase", fields, sign)
    _forget_request(home, call.entry.get("approval"))
    # Looked up again: a person was asked meanwhile, and the file may be another by now.
    path = clear_path(call.segment)
    blank(path, find_clear(path, call.entry["seq"]))


def _forget_request(home: Home, request: Any) -> None:
    if not isinstance(request, str) or read_mark(home) is None:
        return
    state = StateDb(home)
    try:
        state.run_now(lambda tx: approvals.forget(tx, request))
    finally:
        state.close()
