"""Audit logs as serving processes leave them, made by the product's own functions, at any time."""

import json
from typing import Any

import pytest

from mcp_proxy.core.audit import Answered, Decided
from mcp_proxy.core.profile import AuditRules
from mcp_proxy.edges import clock
from mcp_proxy.edges.audit_files import Subject
from mcp_proxy.edges.audit_ledger import ledger_path
from mcp_proxy.edges.call_log import CallLog
from mcp_proxy.edges.places import Home

DAY_NS = 86_400 * 10**9
ALLOWED = Decided("find", "api", "read", "allow", "allow", None)
OK = Answered("ok", "yes", None, 200, 12, 3)
SUBJECT = Subject("billing", 3, "ab" * 32)


class SetClock:
    """The wall clock as the product reads it, set wrong by `offset_ns`; it goes on by itself."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.offset_ns = 0
        self._true_ns = clock.now_ns
        monkeypatch.setattr(clock, "now_ns", lambda: self._true_ns() + self.offset_ns)

    def set_back(self, days: float) -> None:
        self.offset_ns = -int(days * DAY_NS)


def log_in(home: Home, rules: AuditRules | None = None) -> CallLog:
    """The log of a process that serves billing, and keeps `customer` readable."""
    kept = AuditRules(("customer",), "deny") if rules is None else rules
    return CallLog(home, SUBJECT, kept, lambda: {"name": "host"})


def call_once(log: CallLog, customer: str = "cus_1") -> int:
    """The number of a call that was answered."""
    number = log.decided(ALLOWED, {"customer": customer, "amount": 5})
    log.answered(number, OK)
    return number


def serve_once(home: Home, *customers: str) -> str:
    """A process that made these calls, one if none is named, and ended; its segment's path."""
    log = log_in(home)
    for customer in customers or ("cus_1",):
        call_once(log, customer)
    path = path_of(log)
    log.close("client ended")
    return path


def path_of(log: CallLog) -> str:
    """The segment that it writes."""
    assert log.segment is not None
    return log.segment.path


def read_bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def ledger(home: Home, *kinds: str) -> list[dict[str, Any]]:
    """The ledger's entries of these kinds, of all if none is named."""
    entries = [json.loads(line) for line in read_bytes(ledger_path(home)).splitlines()]
    return [entry for entry in entries if not kinds or entry["kind"] in kinds]
