"""Processes of the audit log's storm: they make calls as serving ones do, and are killed.

Arguments: the home's folder, the folder for their own logs. This process forks one for each line of
its stdin, and answers with its number: `call SEED` makes calls until it is killed, `hold` takes the
ledger's lock and keeps it. Each writes a log of its own, one JSON list a line, right after what
the line tells of has returned:

    ["promised", segment, kind, call's number]   ["told", number in the ledger, hash]
    ["erased", segment, call's number]
    ["call", began, ended, "ok" or why not], in the machine's seconds
"""

import asyncio
import json
import os
import random
import signal
import sys
import time
from typing import Any, NoReturn

from mcp_proxy.app.audit_erase import erase_call, find_call
from mcp_proxy.app.crashes import close_crashed
from mcp_proxy.core.audit import Answered, Decided
from mcp_proxy.core.audit_key import Signer
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import AuditRules
from mcp_proxy.edges import call_log
from mcp_proxy.edges.audit_files import Subject
from mcp_proxy.edges.audit_ledger import AuditLedger, lock_path
from mcp_proxy.edges.audit_lock import LedgerLock
from mcp_proxy.edges.call_log import CallLog
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import AuditError

SEED = b"audit-storm-key-for-tests-000001"
SUBJECT = Subject("billing", 3, "ab" * 32)
ALLOWED = Decided("refund", "api", "destructive", "allow", "allow", None)
OK = Answered("ok", "yes", None, 200, 12, 3)
SEGMENT_BYTES = 24 << 10  # so that the storm sees many of them rotated


class Caller:
    """Makes calls, and writes what it was promised."""

    def __init__(self, home: Home, own: int, seed: str) -> None:
        self._home, self._own = home, own
        self._chance = random.Random(seed)
        self._sign = Signer(home.id, SEED)

    def serve(self) -> None:
        """One life of a log: opened, written, closed; then others' crashes are told."""
        log = CallLog(self._home, SUBJECT, AuditRules(("customer",), "deny"), dict)
        log.sign = self._sign
        for _ in range(self._chance.randrange(1, 60)):
            self._timed(lambda: self._call(log))
        self._timed(lambda: log.close("client ended"))
        self._timed(lambda: close_crashed(self._home, self._sign))

    def _call(self, log: CallLog) -> None:
        number = log.decided(ALLOWED, {"customer": "cus_1", "amount": self._chance.random()})
        segment = log.segment
        assert segment is not None
        self._write("promised", segment.name, "decided", number)
        if self._chance.random() < 0.2:
            asyncio.run(log.durable())
        log.answered(number, OK)
        self._write("promised", segment.name, "answered", number)
        if self._chance.random() < 0.1:
            told = segment.checkpoint(self._sign)
            self._write("told", told.seq, told.hash)
        if self._chance.random() < 0.05:
            admin = {"what": "trust add", "facts": {"scope": "billing"}}
            told = AuditLedger(self._home).append("admin", admin)
            self._write("told", told.seq, told.hash)
        if self._chance.random() < 0.03:
            call = find_call(self._home, f"{segment.name[-26:]}:{number}")
            erase_call(self._home, call, self._sign)
            self._write("erased", segment.name, number)

    def _timed(self, action: Any) -> None:
        began, ended = time.monotonic(), "ok"
        try:
            action()
        except AuditError as error:
            ended = error.why
        self._write("call", began, time.monotonic(), ended)

    def _write(self, *line: Any) -> None:
        os.write(self._own, json.dumps(line).encode() + b"\n")


def home_in(folder: str) -> Home:
    """The home that was made there."""
    with open(os.path.join(folder, "config", "home.json"), encoding="utf-8") as file:
        marker = json.load(file)
    return Home(marker["id"], marker["path"], marker["data"], marker["state"])


def be(home: Home, logs: str, words: list[str]) -> NoReturn:
    """The forked process, until it is killed."""
    own = os.open(os.path.join(logs, str(os.getpid())), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    if words[0] == "hold":
        with LedgerLock(lock_path(home)):
            os.write(own, b'["held"]\n')
            while True:
                time.sleep(60)
    caller = Caller(home, own, words[1])
    while True:
        caller.serve()


def main() -> None:
    home, logs = home_in(sys.argv[1]), sys.argv[2]
    call_log.LIMITS = LIMITS._replace(segment_bytes=SEGMENT_BYTES)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        made = os.fork()
        if made == 0:
            os.close(0)
            try:
                be(home, logs, line.split())
            finally:
                sys.stderr.flush()
                os._exit(9)
        print(made, flush=True)


if __name__ == "__main__":
    main()
