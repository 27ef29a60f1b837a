"""A new ledger in the place of a damaged one, when a person says so."""

import hashlib

from mcp_proxy.core.audit import timestamp
from mcp_proxy.edges import clock
from mcp_proxy.edges.audit_ledger import AuditLedger, first_line, ledger_path, lock_path
from mcp_proxy.edges.audit_lock import LedgerLock
from mcp_proxy.edges.files import read_file, write_file
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import AuditError

_MOST_BYTES = 1 << 30


def replace_ledger(home: Home) -> str | None:
    """Copies a damaged ledger aside and begins the next one in its place; where the old one lies.

    None where it is not damaged (any more). At no moment is there no ledger: one that begins
    without a word of the one before would look like one that somebody took away.

    Raises:
        AuditError: A01 it is held, or cannot be read.
        HomeError: H02, H03 it is not safe to use, or cannot be written.
    """
    path = ledger_path(home)
    with LedgerLock(lock_path(home)):
        if damage_of(home) is None:
            return None
        data = read_file(path, _MOST_BYTES, secret=True) or b""
        moment = timestamp(clock.now_ns()).replace("-", "").replace(":", "")
        aside = path.replace(".jsonl", f".damaged-{moment}.jsonl")
        write_file(aside, data)
        write_file(path, first_line(home, hashlib.sha256(data).hexdigest()))
    return aside


def damage_of(home: Home) -> str | None:
    """What is wrong with the ledger's end, None where nothing is. Raises AuditError A01."""
    try:
        AuditLedger(home).head()
    except AuditError as error:
        if error.id != "MCPX-A02":
            raise
        return error.why
    return None
