"""Logs of many days, made by the format's own functions, so that every number in them is known."""

import os
import random
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from mcp_proxy.core import audit
from mcp_proxy.core.audit import Answered, Decided, Head
from mcp_proxy.core.audit_ledger import Before, ledger_line
from mcp_proxy.edges.places import Home

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
DAY_NS = 86_400 * 10**9
BEGAN_NS = 1_793_500_000 * 10**9  # 2026-11-01
KEY = bytes(range(16))

Entry = tuple[int, str, dict[str, Any]]


class Call(NamedTuple):
    """A call at a time; denied where it has no outcome, or asked for where it `is_asked`."""

    at_ns: int
    tool: str | None
    outcome: str | None = "ok"
    ms: int = 12
    bytes: int = 512
    rule: str = "allow"
    error: str | None = None
    values: Mapping[str, Any] = MappingProxyType({})
    is_asked: bool = False
    approval: str | None = None


def ulid(at_ns: int, number: int) -> str:
    """The ULID of that millisecond."""
    whole = at_ns // 1_000_000 << 80 | number
    return "".join(CROCKFORD[whole >> shift & 31] for shift in range(125, -5, -5))


class LedgerFile:
    """The home's ledger as its sidecars write it, without notes."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._head = Head(-1, audit.GENESIS)
        self.path = os.path.join(home.state, "ledger.jsonl")
        self.add(BEGAN_NS - 1, "ledger", {"v": 1, "home": home.id, "follows": None})

    def add(self, at_ns: int, kind: str, fields: dict[str, Any]) -> Head:
        """One entry more."""
        before = Before(self._home.id, self._head.seq + 1, self._head.hash)
        chained = ledger_line(before, at_ns, kind, fields, None)
        _append(self.path, chained.line)
        self._head = Head(before.seq, chained.hash)
        return self._head


def write_segment(
    home: Home,
    number: int,
    calls: Iterable[Call],
    *,
    client: str = "host",
    is_closed: bool = True,
    ledger: LedgerFile | None = None,
) -> str:
    """One process's segment and clear file; returns the segment's path. One left open is marked."""
    calls = sorted(calls)
    at_ns = calls[0].at_ns - 1_000_000
    day, name = audit.timestamp(at_ns)[:10], ulid(at_ns, number)
    path = os.path.join(home.state, "audit", day, name + ".jsonl")
    subject = {"segment": f"{day}/{name}", "pid": 4711, "profile": "billing", "digest": "ab" * 32}
    began = None if ledger is None else ledger.add(at_ns, "open", {**subject, "state": None})
    opened = audit.open_fields(
        4711, {"name": client, "version": "1"}, "billing", 3, "ab" * 32, began
    )
    entries: list[Entry] = [(at_ns, "open", opened)]
    rows = [_add(entries, call) for call in calls]
    if is_closed:
        entries.append((entries[-1][0] + 1_000_000, "close", {"reason": "client ended"}))
    else:
        _append(os.path.join(home.state, "audit", "running", name), f"{day}/{name}\n".encode())
    data = lines_of(entries)
    _append(path, data)
    _append(path.removesuffix(".jsonl") + ".clear.jsonl", b"".join(rows))
    if ledger is not None and is_closed:
        end = {"entries": len(entries), "head": data[-67:-3].decode(), "reason": "client ended"}
        ledger.add(entries[-1][0], "close", {"segment": f"{day}/{name}", **end, "torn": 0})
    return path


def append_call(path: str, call: Call) -> None:
    """The writer of an open segment goes on."""
    with open(path, "rb") as file:
        lines = file.read().splitlines()
    entries: list[Entry] = []
    row = _add(entries, call, len(lines))
    _append(path.removesuffix(".jsonl") + ".clear.jsonl", row)
    _append(path, lines_of(entries, len(lines), lines[-1][-66:-2].decode()))


def lines_of(entries: Iterable[Entry], seq: int = 0, prev: str = audit.GENESIS) -> bytes:
    """The chain of a segment's entries."""
    lines = []
    for number, (at_ns, kind, fields) in enumerate(entries, seq):
        chained = audit.chain(number, at_ns, kind, fields, prev)
        prev = chained.hash
        lines.append(chained.line)
    return b"".join(lines)


def month(home: Home, days: int = 30, calls_a_day: int = 40) -> None:
    """A month of two profiles and two clients, with slow days, errors and denials."""
    dice = random.Random(7)
    ledger = LedgerFile(home)
    facts = {"profile": "billing"}
    ledger.add(BEGAN_NS, "admin", {"what": "profile install", "facts": facts})
    for day in range(days):
        began = BEGAN_NS + day * DAY_NS
        most = calls_a_day if day % 7 < 5 else calls_a_day // 3
        some = range(3, 4 + dice.randrange(most // 3, most))
        calls = [_rolled(dice, began + at * 1_900 * 10**9) for at in some]
        client = "claude-code" if day % 3 else "vscode"
        write_segment(home, day, calls, client=client, ledger=ledger)
        if day == 1:
            ledger.add(began + DAY_NS, "admin", {"what": "pause", "facts": facts})
            ledger.add(began + DAY_NS, "refused", {"profile": "billing", "error": "MCPX-P02"})


def _rolled(dice: random.Random, at_ns: int) -> Call:
    tool = dice.choices(("find_invoices", "get_customer", "refund"), (6, 3, 1))[0]
    ms, size = int(dice.lognormvariate(4.2, 1.1)), dice.randrange(200, 60_000)
    if dice.random() < 0.06:
        rule, error = dice.choice((("limit.per_day", "MCPX-D13"), ("schema.maximum", "MCPX-D01")))
        return Call(at_ns, "refund", None, rule=rule, error=error, values={"customer": "cus_9"})
    if dice.random() < 0.04:
        asked = Call(at_ns, "refund", None, rule="approval.always", is_asked=True)
        approved = asked._replace(outcome="ok", ms=ms, is_asked=False, approval="cd" * 16)
        return asked if dice.random() < 0.3 else approved
    if dice.random() < 0.03:
        return Call(at_ns, tool, "error", ms * 9, 0, error="MCPX-U03")
    return Call(at_ns, tool, "ok", ms, size, values={"customer": f"cus_{dice.randrange(90)}"})


def _add(entries: list[Entry], call: Call, first: int = 0) -> bytes:
    """The call's entries at the end of the others; returns its row of the clear file."""
    seq = first + len(entries)
    is_denied = call.outcome is None
    decided = Decided(
        *(call.tool, "api", "read", ("ask" if call.is_asked else "deny") if is_denied else "allow"),
        *(call.rule, call.error if is_denied else None, call.approval),
    )
    clear = {name: audit.keyed(KEY, value) for name, value in call.values.items()}
    fields = {**decided._asdict(), "args": audit.keyed(KEY, dict(call.values)), "clear": clear}
    entries.append((call.at_ns, "decided", fields))
    if call.outcome is not None:
        error = None if call.outcome == "ok" else call.error
        answered = Answered(call.outcome, "yes", error, 200, call.bytes, call.ms)
        done_ns = call.at_ns + call.ms * 1_000_000
        entries.append((done_ns, "answered", {"call": seq, **answered._asdict()}))
    return audit.clear_line(seq, KEY, dict(call.values))


def _append(path: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
        file.write(data)
