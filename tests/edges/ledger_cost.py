"""Times budget transactions as a sidecar makes them: arguments are a home's folder and how many.

Says "ready", and begins when a line comes; prints the milliseconds of each as one JSON list.
"""

import asyncio
import json
import sys
import time
from datetime import UTC

from edges.ledger_process import home_in

from mcp_proxy.core.budget import Reservation
from mcp_proxy.core.profile import Limit
from mcp_proxy.edges import ledger
from mcp_proxy.edges.ledger import Scope, Short
from mcp_proxy.edges.state_db import StateDb, Transaction

SCOPE = Scope("billing", "root", "refund")
TAKEN = (Reservation(Limit("calls/minute", "", "minute", 1_000_000, ""), 1),)


async def times_ms(db: StateDb, count: int) -> list[float]:
    """Of so many reservations, each settled before the next."""
    found = []
    for _ in range(count):
        began = time.perf_counter()
        ticket = await db.run(reserve)
        found.append((time.perf_counter() - began) * 1000)
        await db.run(lambda tx, ticket=ticket: ledger.settle(tx, ticket, "yes"))
    return found


def reserve(tx: Transaction) -> str | Short:
    return ledger.reserve(tx, SCOPE, TAKEN, UTC)


def main() -> None:
    db = StateDb(home_in(sys.argv[1]))
    asyncio.run(times_ms(db, 5))
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(asyncio.run(times_ms(db, int(sys.argv[2])))))
    db.close()


if __name__ == "__main__":
    main()
