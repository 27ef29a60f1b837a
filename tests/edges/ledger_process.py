"""One process of the ledger's storm: reserves, marks as sent, dispatches, settles, as a sidecar.

Arguments: the home's folder, the clock's file, the folder for its own log, a seed, how many calls.
The clock's file holds the seconds by which the wall clock is set wrong; true time goes FASTER times
as fast as the machine's, so that many windows go by. Its log, one JSON list a line, each written
at once: ["call", began, ended, how it ended] in the machine's seconds, and, where a request would
leave, ["dispatch", ledger time, amount, customer] right before.
"""

import json
import os
import random
import sys
import time
from datetime import UTC
from typing import Any

from mcp_proxy.core.budget import Reservation
from mcp_proxy.core.ledger_time import Reading
from mcp_proxy.core.profile import Limit
from mcp_proxy.edges import ledger
from mcp_proxy.edges.ledger import Scope, Short
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.state_db import StateBusy, StateDb, Transaction

BEGAN_S = 1_800_000_000.0
FASTER = 600
CALLS = Limit("calls/minute", "", "minute", 12, "")
HOURLY = Limit("sum/amount/hour", "amount", "hour", 120_000, "")
CUSTOMER = Limit("sum/amount/day/customer", "amount", "day", 200_000, "customer")
SCOPE = Scope("billing", "root", "refund")
CUSTOMERS = ("a", "b", "c")


def true_s() -> float:
    """The time that it really is, in the storm: BEGAN_S when the machine was booted."""
    return BEGAN_S + time.clock_gettime(time.CLOCK_BOOTTIME) * FASTER


class FileClock:
    """The clocks as a sidecar reads them."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __call__(self) -> Reading:
        with open(self._path, encoding="ascii") as file:
            wrong_s = float(file.read() or 0)
        return Reading(true_s() + wrong_s, true_s() - BEGAN_S, "boot")


class Caller:
    """Makes calls, and writes what becomes of them."""

    def __init__(self, db: StateDb, log: int, chance: random.Random) -> None:
        self._db = db
        self._log = log
        self._chance = chance

    def call(self) -> None:
        began = time.monotonic()
        try:
            ended = self._call()
        except StateBusy:
            ended = "busy"
        self._write("call", began, time.monotonic(), ended)
        if ended == "step back":
            time.sleep(0.005)  # denied so fast that it would be most of the storm

    def _call(self) -> str:
        amount, customer = self._chance.randrange(1, 1000), self._chance.choice(CUSTOMERS)
        taken = (
            Reservation(CALLS, 1),
            Reservation(HOURLY, amount),
            Reservation(CUSTOMER, amount, customer),
        )
        ticket = self._db.run_now(lambda tx: reserve(tx, taken))
        if not isinstance(ticket, str):
            return f"short of {ticket.limit.per}" if ticket else "step back"
        if self._chance.random() < 0.05:
            return "abandoned"
        sent_s = self._db.run_now(lambda tx: sending(tx, ticket))
        if sent_s is None:
            return "lapsed"
        if self._chance.random() < 0.1:
            self._db.run_now(lambda tx: ledger.settle(tx, ticket, "no"))
            return "refused"
        self._write("dispatch", sent_s, amount, customer)
        self._db.run_now(lambda tx: ledger.settle(tx, ticket, "yes"))
        return "sent"

    def _write(self, *line: Any) -> None:
        os.write(self._log, json.dumps(line).encode() + b"\n")


def reserve(tx: Transaction, taken: tuple[Reservation, ...]) -> str | Short | None:
    """As the gate does for a call that changes something: never while the clock is set back."""
    return None if tx.step == "back" else ledger.reserve(tx, SCOPE, taken, UTC)


def sending(tx: Transaction, ticket: str) -> float | None:
    """The ledger's time at which it left; None where it may not."""
    return tx.now_s if ledger.sending(tx, ticket, UTC) else None


def home_in(folder: str) -> Home:
    """The home that was made there."""
    with open(os.path.join(folder, "config", "home.json"), encoding="utf-8") as file:
        marker = json.load(file)
    return Home(marker["id"], marker["path"], marker["data"], marker["state"])


def main() -> None:
    home, clock, logs, seed, calls = sys.argv[1:]
    db = StateDb(home_in(home), FileClock(clock))
    name = os.path.join(logs, f"{os.getpid()}.{seed}")
    caller = Caller(db, os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), random.Random(seed))
    for _ in range(int(calls)):
        caller.call()
    db.close()


if __name__ == "__main__":
    main()
