"""Retention: whole segments that have ended are removed; the ledger keeps what they were.

A `prune` entry holds name, number of entries and head of each segment before any of them is
removed, so that a segment that is missing without one is found. A segment that does not fit what
the ledger says of it is evidence, and stays.
"""

import contextlib
import os
from collections.abc import Sequence
from typing import NamedTuple

from mcp_proxy.app import warmup
from mcp_proxy.core.audit import timestamp
from mcp_proxy.edges import clock
from mcp_proxy.edges.audit_ended import Ended, ended_segments, remove_segments, segments_bytes
from mcp_proxy.edges.audit_ledger import AuditLedger, Sign
from mcp_proxy.edges.audit_reader import bereft_paths, segment_paths
from mcp_proxy.edges.files import FileLock, Held, write_file
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.settings import read_settings
from mcp_proxy.edges.state_mark import read_mark

_DAY_NS = 86_400 * 10**9
_MIB = 1 << 20
_EVERY_NS = 3_600 * 10**9
_AT_ONCE = 100  # segments in one entry of the ledger, so that its lines stay short


class Keep(NamedTuple):
    """What stays: the segments of the last `days` days, `mib` MiB in all; 0 is no bound."""

    days: int
    mib: int


class Plan(NamedTuple):
    """What is due by age, and what beyond that by size; `odd` segments are due too, but stay.

    `recorded` are paths that the ledger has pruned before, of files that are still there.
    """

    old: tuple[Ended, ...]
    beyond: tuple[Ended, ...]
    odd: tuple[Ended, ...]
    recorded: tuple[str, ...]

    @property
    def segments(self) -> tuple[Ended, ...]:
        """All that is to be removed."""
        return self.old + self.beyond


def plan_prune(home: Home, keep: Keep) -> Plan:
    """What pruning would remove now. Raises HomeError: H02, H03 the log cannot be read."""
    found = ended_segments(home)
    since = _since(keep)
    due = [item for item in found.ended if item.last < since]
    excess = found.bytes - keep.mib * _MIB if keep.mib else 0
    excess -= sum(item.bytes for item in due if not item.is_odd)
    beyond = []
    for item in found.ended:
        if excess <= 0:
            break
        if item not in due:
            beyond.append(item)
            excess -= 0 if item.is_odd else item.bytes
    old, more = _sound(due), _sound(beyond)
    odd = tuple(item for item in (*due, *beyond) if item.is_odd)
    return Plan(old, more, odd, found.recorded)


def prune(home: Home, plan: Plan, sign: Sign | None, why: str | None = None) -> int:
    """Records, then removes what of the plan is still there; returns how many segments.

    `why` is told of all; None tells of each whether it was age or size.

    Raises:
        AuditError: A01, A02 it cannot be recorded, and what was not recorded is not removed.
        HomeError: H02, H03 a segment cannot be removed, though that was recorded; the next time.
    """
    with FileLock(_lock_path(home)):
        return _prune(home, plan, sign, why)


def apply_retention(home: Home, sign: Sign | None) -> int:
    """Prunes by the settings, at most once an hour by whichever process; returns how many.

    Raises as `prune`, and HomeError where the settings are not right.
    """
    if _is_early(home):
        return 0
    audit = read_settings(home).audit
    keep = Keep(audit.keep_days, audit.keep_mib)
    if not (keep.days or keep.mib):
        return 0
    with contextlib.suppress(Held), FileLock(_lock_path(home), wait=False):
        if not _is_early(home):
            _mark_time(home)
            if _may_be_due(home, keep):
                return _prune(home, plan_prune(home, _believed(home, keep)), sign)
    return 0


def _believed(home: Home, keep: Keep) -> Keep:
    """Nothing is old by a clock that limits do not go by either, until a person confirms it (S18).

    Raises HomeError: state.db is there, but cannot be used.
    """
    if read_mark(home) is None:
        return keep
    state = warmup.load(warmup.STATE_DB).StateDb(home)
    try:
        step = state.look_now(lambda tx: tx.step)
    finally:
        state.close()
    return keep if step == "none" else keep._replace(days=0)


def _prune(home: Home, plan: Plan, sign: Sign | None, why: str | None = None) -> int:
    remove_segments(plan.recorded)
    removed = 0
    for segments, reason in ((plan.old, why or "age"), (plan.beyond, why or "size")):
        there = [item for item in segments if os.path.lexists(item.path)]
        for at in range(0, len(there), _AT_ONCE):
            removed += _remove(home, there[at : at + _AT_ONCE], sign, reason)
    return removed


def _remove(home: Home, segments: Sequence[Ended], sign: Sign | None, why: str) -> int:
    rows = [[item.name, item.entries, item.head] for item in segments]
    AuditLedger(home).append("prune", {"segments": rows, "why": why}, sign)
    remove_segments(item.path for item in segments)
    return len(segments)


def _sound(segments: Sequence[Ended]) -> tuple[Ended, ...]:
    return tuple(item for item in segments if not item.is_odd)


def _since(keep: Keep) -> str:
    """What ended before this time is due; "" is before all times."""
    return timestamp(clock.now_ns() - keep.days * _DAY_NS) if keep.days else ""


def _may_be_due(home: Home, keep: Keep) -> bool:
    """Whether the ledger need be read at all: a segment's day is that of its first entry."""
    if keep.mib and segments_bytes(home) > keep.mib * _MIB:
        return True
    day = _since(keep)[:10]
    paths = *segment_paths(home.state), *bereft_paths(home.state)
    return any(os.path.basename(os.path.dirname(path)) <= day for path in paths)


def _is_early(home: Home) -> bool:
    """Whether this was done within the hour, by whichever process."""
    try:
        done_ns = os.stat(_time_path(home)).st_mtime_ns
    except OSError:
        return False
    return 0 <= clock.now_ns() - done_ns < _EVERY_NS


def _mark_time(home: Home) -> None:
    """Beside the lock: Windows lets nobody write what is locked. What it holds is for a person."""
    write_file(_time_path(home), timestamp(clock.now_ns()).encode() + b"\n")


def _time_path(home: Home) -> str:
    return os.path.join(home.state, "audit.prune.time")


def _lock_path(home: Home) -> str:
    return os.path.join(home.state, "audit.prune.lock")
