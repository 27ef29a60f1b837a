"""The ledger's head as it is kept elsewhere: `SIZE HASH`, to be compared later. Pure.

SIZE is the number of the ledger's entries, HASH that of the last one in hex. A ledger of which an
anchor was taken has an entry number SIZE - 1 of that hash for ever, or was cut or rewritten.
"""

import re

from mcp_proxy.core.audit import Head

HEADER = "Mcp-Proxy-Audit-Head"
_ANCHOR = re.compile(r"([1-9][0-9]{0,14}) ([0-9a-f]{64})", re.ASCII)


def anchor_text(head: Head) -> str:
    """The head in one line, without a newline."""
    return f"{head.seq + 1} {head.hash}"


def parse_anchor(text: str) -> Head:
    """The inverse of `anchor_text`. Raises ValueError."""
    match = _ANCHOR.fullmatch(text.strip())
    if match is None:
        raise ValueError("An anchor is SIZE HASH: a number, a space, and 64 hex digits.")
    return Head(int(match[1]) - 1, match[2])
