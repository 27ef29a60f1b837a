"""Whole audit logs made by the formats' own functions: segments, clear files, a signed ledger.

`Log(home_id, seed)` is written to as a home's processes would: `begin` a segment, add calls, make
checkpoints, `close`; `write(folder)` puts the files where a state folder has them.
"""

import os
from collections.abc import Mapping
from typing import Any

from mcp_proxy.core import audit
from mcp_proxy.core.audit import Answered, Decided, Head
from mcp_proxy.core.audit_key import Signer
from mcp_proxy.core.audit_ledger import Before, first, ledger_line, note_text
from mcp_proxy.core.audit_mac import Protection, evolve

HOME = "0123456789abcdef" * 2
SEED = b"audit-logs-signing-key-for-tests"
BEGAN_NS = 1_800_000_000_000_000_000
ALLOWED = Decided("find_invoices", "billing-api", "read", "allow", "allow", None)
OK = Answered("ok", "yes", None, 200, 512, 38)


class Log:
    """One home's log; `signer` None leaves the ledger without notes."""

    def __init__(self, home: str = HOME, seed: bytes | None = SEED) -> None:
        self.home = home
        self.signer = None if seed is None else Signer(home, seed)
        self.ledger: list[bytes] = []
        self.files: dict[str, list[bytes]] = {}
        self.now_ns = BEGAN_NS
        self._before: Before = first(home)
        self.tell("ledger", {"v": 1, "home": home, "follows": None}, signed=False)
        if self.signer is not None:
            self.tell("key", {"verifier": self.signer.verifier.line, "seal": self.signer.seal})

    @property
    def head(self) -> Head:
        """The ledger's newest entry."""
        return Head(self._before.seq - 1, self._before.hash)

    @property
    def ledger_bytes(self) -> bytes:
        """The ledger's file."""
        return b"".join(self.ledger)

    def follow(self, entries: int, head: str) -> None:
        """What is told from now on follows these entries of another ledger."""
        self._before = Before(self.home, entries, head)

    def tick(self) -> int:
        """The next time, in ns."""
        self.now_ns += 1_000_000
        return self.now_ns

    def tell(self, kind: str, fields: Mapping[str, Any], *, signed: bool = True) -> Head:
        """One ledger entry."""
        now, before, note = self.tick(), self._before, None
        if signed and self.signer is not None:
            note = self.signer(note_text(before, now, kind, dict(fields)))
        made = ledger_line(before, now, kind, dict(fields), note)
        self.ledger.append(made.line)
        self._before = Before(self.home, before.seq + 1, made.hash)
        return self.head

    def begin(self, protection: Protection | None = None, *, known: bool = True) -> "Segment":
        """A new segment; one that is not `known` is as if there were no ledger."""
        return Segment(self, len(self.files) // 2, protection, known)

    def write(self, folder: str) -> None:
        """Puts all files into a state folder."""
        os.makedirs(folder, 0o700, exist_ok=True)
        put(os.path.join(folder, "ledger.jsonl"), self.ledger_bytes)
        for name, lines in self.files.items():
            put(os.path.join(folder, "audit", name), b"".join(lines))


class Segment:
    """One process's segment."""

    def __init__(self, log: Log, number: int, protection: Protection | None, known: bool) -> None:
        day = audit.timestamp(log.now_ns)[:10]
        self.name = f"{day}/{number:026d}"
        self.log = log
        self.lines: list[bytes] = []
        self.rows: list[bytes] = []
        self.key = None if protection is None else bytearray(protection.key)
        self.prev = audit.GENESIS
        log.files[f"{self.name}.jsonl"] = self.lines
        log.files[f"{self.name}.clear.jsonl"] = self.rows
        opened = None
        if known:
            fields = {"pid": 7, "profile": "billing", "digest": "ab" * 32, "state": None}
            opened = log.tell("open", {"segment": self.name, **fields}, signed=False)
        mac = None if protection is None else protection.mac
        client = {"name": "host", "version": "1"}
        self.add("open", audit.open_fields(7, client, "billing", 3, "ab" * 32, opened, mac))

    def add(self, kind: str, fields: Mapping[str, Any]) -> int:
        """One entry; its number."""
        seq = len(self.lines)
        made = audit.chain(seq, self.log.tick(), kind, dict(fields), self.prev, self.key)
        self.lines.append(made.line)
        self.prev = made.hash
        if self.key is not None:
            evolve(self.key)
        return seq

    def call(self, **arguments: Any) -> int:
        """A call that was allowed and answered; its number."""
        key = len(self.lines).to_bytes(16, "big")
        clear = {name: arguments[name] for name in arguments if name == "customer"}
        self.rows.append(audit.clear_line(len(self.lines), key, clear))
        digests = {name: audit.keyed(key, value) for name, value in clear.items()}
        told = {**ALLOWED._asdict(), "args": audit.keyed(key, arguments), "clear": digests}
        seq = self.add("decided", told)
        self.add("answered", {"call": seq, **OK._asdict()})
        return seq

    def checkpoint(self, *, signed: bool = True) -> Head:
        """The ledger's checkpoint of what there is."""
        return self.log.tell("checkpoint", self._told(), signed=signed)

    def close(self, reason: str = "client ended") -> Head:
        """The close entry, and the ledger's."""
        self.add("close", {"reason": reason})
        return self.log.tell("close", {**self._told(), "reason": reason, "torn": 0})

    def crash(self, torn: bytes = b"") -> Head:
        """The process was killed, with `torn` half written; another one closes for it."""
        told = self._told()
        if torn:
            self.lines.append(torn)
        return self.log.tell("close", {**told, "reason": "crash", "torn": len(torn)})

    def _told(self) -> dict[str, Any]:
        return {"segment": self.name, "entries": len(self.lines), "head": self.prev}


def small_log(seed: bytes | None = SEED) -> Log:
    """Two segments: one closed after a checkpoint, one whose process was killed in a write."""
    log = Log(seed=seed)
    one = log.begin()
    one.call(customer="cus_1", amount=5)
    one.checkpoint()
    other = log.begin()
    one.call(customer="cus_2", amount=6)
    other.call(customer="cus_3")
    log.tell("admin", {"what": "trust add", "facts": {"scope": "billing"}}, signed=False)
    one.close()
    other.crash(b'{"seq":3,"ti')
    return log


def put(path: str, data: bytes) -> None:
    """A file as the log has them: mode 0600, folders 0700."""
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
