"""One small segment, made by the format's own functions; its bytes stand in tests/assets/audit."""

import os
from typing import Any

from mcp_proxy.core import audit
from mcp_proxy.core.audit import Answered, Decided

ASSETS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "assets")
DIGEST = "ab" * 32
APPROVAL = "cd" * 16
KEYS = (bytes(range(16)), bytes(range(16, 32)))
ARGUMENTS: tuple[dict[str, Any], ...] = (
    {"customer": "cus_1", "limit": 20, "note": "Grüße"},
    {"amount": 500, "customer": "cus_2"},
)
CLEAR = ("customer",)
EMPTY: dict[str, Any] = {
    "args": audit.keyed(KEYS[1], {}),
    "clear": {},
    "row": audit.keyed(KEYS[1], None),
}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736-53995c3f42cd8ad8"
PARENT = "00f067aa0ba902b7"
BEGAN_NS = 1_800_000_000_123_456_789


def fields_of(call: int, entry: Decided) -> dict[str, Any]:
    """What a decision on sample call 0 or 1 leaves in the chained line."""
    key, arguments = KEYS[call], ARGUMENTS[call]
    clear = audit.clear_values(arguments, CLEAR)
    return {
        **entry._asdict(),
        "args": audit.keyed(key, arguments),
        "clear": {name: audit.keyed(key, value) for name, value in clear.items()},
        "row": audit.keyed(key, None),
    }


def entries() -> list[tuple[str, dict[str, Any]]]:
    """Every kind once at least."""
    client = {"name": "host\x1b[31m", "version": "1.0"}
    read = Decided("find_invoices", "billing-api", "read", "allow", "allow", None)
    read = read._replace(trace=TRACE, parent=PARENT)
    write = Decided(
        "refund", "billing-api", "destructive", "allow", "approval.always", None, APPROVAL
    )
    denied = Decided(None, None, None, "deny", "tools of the profile", "MCPX-D05")
    return [
        ("open", audit.open_fields(4711, client, "billing", 3, DIGEST)),
        ("decided", fields_of(0, read)),
        ("answered", {"call": 1, **Answered("ok", "yes", None, 200, 512, 38)._asdict()}),
        ("decided", fields_of(1, write)),
        ("cancelled", {"call": 3, "sent": "maybe"}),
        ("note", {"what": "malformed", "count": 2}),
        ("decided", {**denied._asdict(), **EMPTY}),
        ("close", {"reason": "client ended"}),
    ]


def segment() -> bytes:
    """The whole segment."""
    data, prev = b"", audit.GENESIS
    for seq, (kind, fields) in enumerate(entries()):
        chained = audit.chain(seq, BEGAN_NS + seq * 1_000_000, kind, fields, prev)
        data, prev = data + chained.line, chained.hash
    return data


def clear_file() -> bytes:
    """The file beside it."""
    rows = ((1, KEYS[0], ARGUMENTS[0]), (3, KEYS[1], ARGUMENTS[1]))
    lines = [audit.clear_line(seq, key, audit.clear_values(args, CLEAR)) for seq, key, args in rows]
    return b"".join(lines)


def asset(name: str) -> bytes:
    """The bytes of a vector."""
    with open(os.path.join(ASSETS, "audit", name), "rb") as file:
        return file.read()
