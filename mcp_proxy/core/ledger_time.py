"""The time that limits and approvals go by (S18): no clock that is set gives anything back.

It is the later of the wall clock and the latest time that was recorded. Within one boot it is also
held to the clock that counts since the boot, which nobody sets: a wall clock more than a day ahead
of it is not believed until a person confirms it. Across boots the time that passed is believed: a
machine that was off for a weekend is no attack.
"""

from typing import Literal, NamedTuple

from mcp_proxy.core.windows import LAST_S

BACK_S = 5 * 60.0
FORWARD_S = 24 * 3600.0

Step = Literal["none", "back", "forward"]


class Reading(NamedTuple):
    """The clocks at one moment: `wall_s` since the epoch, `boot_s` since the boot named `boot_id`.

    `boot_id` is "" where the system names none.
    """

    wall_s: float
    boot_s: float
    boot_id: str


class Record(NamedTuple):
    """The latest ledger time, and the anchor: it was `anchor_s` at `boot_s` of the boot."""

    latest_s: float
    anchor_s: float
    boot_s: float
    boot_id: str


class Judged(NamedTuple):
    """The ledger time, the step that the wall clock has made, and what to record."""

    now_s: float
    step: Step
    record: Record


def judge(reading: Reading, record: Record | None) -> Judged:
    """The ledger time at this reading; `record` is the one before, None for the first ever.

    A step is "back" while the wall clock is more than 5 minutes behind the latest time, "forward"
    while it is more than a day ahead of what the boot's clock allows.
    """
    wall_s = min(max(reading.wall_s, 0.0), LAST_S)
    if record is None:
        return Judged(wall_s, "none", confirmed(reading))
    if record.boot_id != reading.boot_id or reading.boot_s < record.boot_s:
        record = _anchored(record.latest_s, max(wall_s, record.latest_s), reading)
    going_s = record.anchor_s + reading.boot_s - record.boot_s
    if wall_s > going_s + FORWARD_S:
        return _judged(max(going_s, record.latest_s), "forward", record)
    if wall_s < record.latest_s - BACK_S:
        return _judged(record.latest_s, "back", record)
    return _judged(max(wall_s, record.latest_s), "none", record)


def confirmed(reading: Reading) -> Record:
    """The record of a clock that a person says is right."""
    wall_s = min(max(reading.wall_s, 0.0), LAST_S)
    return _anchored(wall_s, wall_s, reading)


def _anchored(latest_s: float, anchor_s: float, reading: Reading) -> Record:
    return Record(latest_s, anchor_s, reading.boot_s, reading.boot_id)


def _judged(now_s: float, step: Step, record: Record) -> Judged:
    return Judged(now_s, step, record._replace(latest_s=now_s))
