"""A whole small state folder, made by the formats' own functions from fixed keys and times.

Its bytes stand in tests/assets/audit/state, for other programs to be checked against. Five
segments: `PLAIN` was closed, and one of its calls erased; `PROTECTED` has MACs and sealed
arguments for a recipient; `KILLED` ends in a torn line; `PRUNED` is gone; `EARLIER` was written
before there was a ledger, which has every kind of entry and ends in one that no note covers.
"""

import base64
import json
from typing import Any

from core.audit_samples import ARGUMENTS, BEGAN_NS, DIGEST, KEYS, PARENT, TRACE, asset, fields_of

from mcp_proxy.core import audit
from mcp_proxy.core.audit import Answered, Decided, Head
from mcp_proxy.core.audit_key import Signer
from mcp_proxy.core.audit_ledger import close_fields, first, ledger_line, note_text
from mcp_proxy.core.audit_mac import evolve, new_protection
from mcp_proxy.core.recipient import recipient_of, seal_to

HOME = "00112233445566778899aabbccddeeff"
SEED = bytes(range(32))
RECIPIENT = bytes(range(32, 64))
RECIPIENT_LINE = recipient_of(RECIPIENT, "acme").line
SIGNER = Signer(HOME, SEED)
SEALED = b"mcp-proxy audit arguments 1"

DAY, DAY_BEFORE = "2027-01-15", "2027-01-14"
PLAIN, PROTECTED, KILLED, PRUNED = (f"{DAY}/01KF0000000000000000000{n}0A" for n in (1, 2, 3, 4))
EARLIER = f"{DAY_BEFORE}/01KE0000000000000000000000"
TORN_BYTES = 40
TOLD_NS = BEGAN_NS + 60_000_000_000  # the ledger's first entry: after the earlier segment
Fields = dict[str, Any]


class Chain:
    """Lines of one segment; `marks` are entries and head after each of them."""

    def __init__(self, opened: Head, mac_key: bytearray | None, mac: dict[str, str] | None) -> None:
        client = {"name": "host", "version": "1.0"}
        self.lines: list[bytes] = []
        self.marks: list[tuple[int, str]] = []
        self._prev, self._key = audit.GENESIS, mac_key
        self.add("open", audit.open_fields(4711, client, "billing", 3, DIGEST, opened, mac))

    def add(self, kind: str, fields: Fields) -> None:
        seq = len(self.lines)
        time_ns = TOLD_NS + (seq + 1) * 1_000_000
        made = audit.chain(seq, time_ns, kind, fields, self._prev, self._key)
        if self._key is not None:
            evolve(self._key)
        self.lines.append(made.line)
        self.marks.append((seq + 1, made.hash))
        self._prev = made.hash


class Ledger:
    """The ledger's lines, and the number and hash of the last."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self._before = first(HOME)

    def add(self, kind: str, fields: Fields, *, signed: bool = False) -> Head:
        time_ns = TOLD_NS + len(self.lines) * 1_000_000_000
        note = SIGNER(note_text(self._before, time_ns, kind, fields)) if signed else None
        made = ledger_line(self._before, time_ns, kind, fields, note)
        self.lines.append(made.line)
        head = Head(self._before.seq, made.hash)
        self._before = self._before._replace(seq=head.seq + 1, hash=made.hash)
        return head

    def open(self, segment: str, pid: int) -> Head:
        named: Fields = {"segment": segment, "pid": pid, "profile": "billing", "digest": DIGEST}
        return self.add("open", {**named, "state": None})

    def mark(self, segment: str, mark: tuple[int, str], *, signed: bool = False) -> None:
        told = {"segment": segment, "entries": mark[0], "head": mark[1]}
        self.add("checkpoint", told, signed=signed)

    def close(self, segment: str, mark: tuple[int, str], reason: str, torn: int = 0) -> None:
        fields = close_fields(segment, *mark, reason, torn)
        self.add("close", fields, signed=reason != "crash")


READ = Decided("find_invoices", "billing-api", "read", "allow", "allow", None, None, TRACE, PARENT)
WRITE = Decided("refund", "billing-api", "destructive", "allow", "approval.always", None, "cd" * 16)
DENIED = Decided(None, None, None, "deny", "tools of the profile", "MCPX-D05")
ANSWERED: Fields = {"call": 1, **Answered("ok", "yes", None, 200, 512, 38)._asdict()}


def story() -> dict[str, bytes]:
    """Every file of the folder by its name in it."""
    ledger = Ledger()
    ledger.add("ledger", {"v": 1, "home": HOME, "follows": None})
    told = {"verifier": SIGNER.verifier.line, "seal": SIGNER.seal}
    ledger.add("key", told, signed=True)
    plain = Chain(ledger.open(PLAIN, 4711), None, None)
    protection = new_protection(RECIPIENT_LINE, bytes(range(100, 176)))
    protected = Chain(ledger.open(PROTECTED, 4712), protection.key, protection.mac)
    pruned = Chain(ledger.open(PRUNED, 4713), None, None)
    ledger.close(PRUNED, pruned.marks[-1], "client ended")
    killed = Chain(ledger.open(KILLED, 4714), None, None)
    for chain, public in ((plain, _home_public()), (protected, _recipient_public()), (killed, b"")):
        sealed = _sealed(public) if public else None
        chain.add("decided", {**fields_of(0, READ), "row": audit.keyed(KEYS[0], sealed)})
    ledger.mark(PROTECTED, protected.marks[-1], signed=True)
    ledger.mark(KILLED, killed.marks[-1])
    for chain in (plain, protected, killed):
        chain.add("answered", ANSWERED)
    plain.add("decided", fields_of(1, WRITE))
    plain.add("cancelled", {"call": 3, "sent": "maybe"})
    plain.add("note", {"what": "malformed", "count": 2})
    plain.add(
        "decided",
        {
            **DENIED._asdict(),
            "args": audit.keyed(KEYS[1], {}),
            "clear": {},
            "row": audit.keyed(KEYS[1], None),
        },
    )
    ledger.add("erase", {"segment": PLAIN, "call": 3}, signed=True)
    ledger.close(KILLED, killed.marks[1], "crash", TORN_BYTES)
    ledger.add("prune", {"segments": [[PRUNED, *pruned.marks[-1]]], "why": "age"}, signed=True)
    ledger.add("cut", {"bytes": 17})
    for chain, name in ((plain, PLAIN), (protected, PROTECTED)):
        chain.add("close", {"reason": "client ended"})
        ledger.close(name, chain.marks[-1], "client ended")
    ledger.add("admin", {"what": "profile install", "facts": {"profile": "billing", "version": 3}})
    ledger.add("refused", {"profile": "billing", "error": "MCPX-P03"})
    return {
        "ledger.jsonl": b"".join(ledger.lines),
        "audit-key.json": json.dumps(told).encode() + b"\n",
        f"audit/{PLAIN}.jsonl": b"".join(plain.lines),
        f"audit/{PLAIN}.clear.jsonl": _plain_clear(),
        f"audit/{PROTECTED}.jsonl": b"".join(protected.lines),
        f"audit/{PROTECTED}.clear.jsonl": _row(1, 0, _sealed(_recipient_public())),
        f"audit/{KILLED}.jsonl": b"".join(killed.lines[:2]) + killed.lines[2][:TORN_BYTES],
        f"audit/{KILLED}.clear.jsonl": _row(1, 0),
        f"audit/{EARLIER}.jsonl": asset("segment.earlier.jsonl"),
        f"audit/{EARLIER}.clear.jsonl": asset("segment.clear.jsonl"),
    }


def _plain_clear() -> bytes:
    erased = b" " * (len(_row(3, 1)) - 1) + b"\n"
    home = _sealed(_home_public())
    return _row(1, 0, home) + erased + audit.clear_line(6, KEYS[1], {})


def _row(seq: int, call: int, sealed: str | None = None) -> bytes:
    clear = audit.clear_values(ARGUMENTS[call], ("customer",))
    return audit.clear_line(seq, KEYS[call], clear, sealed)


def _home_public() -> bytes:
    return base64.b64decode(SIGNER.seal)


def _recipient_public() -> bytes:
    return recipient_of(RECIPIENT, "").public


def _sealed(public: bytes) -> str:
    return seal_to(public, audit.canonical(ARGUMENTS[0]), SEALED, bytes(range(200, 244)))


def keys() -> bytes:
    """The keys of the story, private ones too: they are good for nothing else."""
    rows = {
        "home": HOME,
        "seed": SEED.hex(),
        "verifier": SIGNER.verifier.line,
        "recipient_private": base64.b64encode(RECIPIENT).decode(),
        "recipient": RECIPIENT_LINE,
    }
    return json.dumps(rows, indent=1).encode() + b"\n"
