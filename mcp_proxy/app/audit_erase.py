"""Erasing one call's readable values and keys from the log; the ledger tells that it was done.

What was kept of the request for its approval goes too.

With its key gone, nothing can test a guess of the call's arguments against its digests. The chained
entry stays, so the log verifies as before.
"""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
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
from mcp_proxy.edges.state_db import StateBusy, StateDb
from mcp_proxy.edges.state_file import inode_of, state_path
from mcp_proxy.edges.state_mark import read_mark
from mcp_proxy.edges.state_repair import states_aside
from mcp_proxy.errors import HomeError, UsageError

_CALL = re.compile(r"([0-9A-HJKMNP-TV-Z]{26}):(0|[1-9][0-9]{0,11})")
_LIST = "mcp-proxy audit show --kind decided"


class Call(NamedTuple):
    """A call as it stands in the log: its segment, its entry, its lines in the clear file.

    `entry` is {} where the clear file alone has it: its entry was not written, or is gone.
    """

    segment: str
    seq: int
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
    lines = () if path is None else find_clear(clear_path(path), seq)
    if path is None or (entry is None and not lines):
        why = f"The log has no entry {call} (any more); what was pruned is erased with it."
        raise UsageError("MCPX-W01", why, _LIST)
    is_call = entry is not None and entry.get("kind") == "decided"
    if not is_call and not lines:
        raise UsageError("MCPX-W01", f"Entry {call} is no call, and holds no values.", _LIST)
    return Call(path, seq, entry if entry is not None and is_call else {}, lines)


def is_erased(home: Home, call: Call) -> bool:
    """Whether nothing of the call is readable, in the files of state.db either.

    Raises HomeError: H02, H03, H04 these cannot be read or written.
    """
    if call.lines:
        return False
    with _naming_the_rest():
        request = _request(home, call)
        return request is None or _is_forgotten(home, request)


def erase_call(home: Home, call: Call, sign: Sign | None) -> None:
    """Records the erasure, then erases; nothing of the call is readable when this returns.

    Raises:
        AuditError: A01, A02 it cannot be recorded, and nothing was erased.
        HomeError: H02, H03, H04 it was recorded, but a file cannot be written; to be repeated.
    """
    fields = {"segment": segment_name(call.segment), "call": call.seq}
    AuditLedger(home).append("erase", fields, sign)
    # Looked up again: a person was asked meanwhile, and the file may be another by now.
    path = clear_path(call.segment)
    blank(path, find_clear(path, call.seq))
    _forget_request(home, call)


def still_aside(home: Home, call: Call) -> tuple[str, ...]:
    """Databases that were put aside, where the request for this call may be in one of them.

    They may be damaged, and somebody may want to look at them: nothing is written into them.
    """
    if not isinstance(call.entry.get("approval"), str):
        return ()
    found, request = states_aside(home), _request(home, call)
    if not found or request is None:
        return found
    with closing(StateDb(home)) as state:
        is_here = state.look_now(lambda tx: approvals.knows(tx, request))
    return () if is_here else found


def _forget_request(home: Home, call: Call) -> None:
    with _naming_the_rest():
        request = _request(home, call)
        if request is None:
            return
        with closing(StateDb(home)) as state:
            state.run_now(lambda tx: approvals.forget(tx, request))
            state.flush_now()


def _is_forgotten(home: Home, request: str) -> bool:
    with closing(StateDb(home)) as state:
        if state.look_now(lambda tx: approvals.keeps(tx, request)):
            return False
        state.flush_now()
    return True


def _request(home: Home, call: Call) -> str | None:
    """The request for the call's approval, where there is or should be a state.db to have it."""
    request = call.entry.get("approval")
    if not isinstance(request, str):
        return None
    is_there = read_mark(home) is not None or inode_of(state_path(home)) is not None
    return request if is_there else None


@contextmanager
def _naming_the_rest() -> Iterator[None]:
    """The log's part comes first, so that a state.db that cannot be used keeps nothing in it."""
    try:
        yield
    except HomeError as error:
        why = f"The log's part is erased, the request for its approval is not: {error.why}"
        again = "repeat the command" if isinstance(error, StateBusy) else error.next
        raise HomeError(error.id, why, again) from None
