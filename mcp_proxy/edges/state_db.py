"""state/state.db: what all sidecars of a home share, one transaction at a time (S18).

Each process has one connection, on a thread of its own, so that no wait for the disk or for another
process holds up its event loop. Who finds the database busy tries again after a short random pause
until its deadline.
"""

import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, TypeVar

from mcp_proxy.core.ledger_time import Judged, Reading, Record, Step, confirmed, judge
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.text import one_sentence
from mcp_proxy.edges.boot import read_clocks
from mcp_proxy.edges.files import FileLock, Held, ensure_folder
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.state_file import (
    Opened,
    inode_of,
    lock_path,
    open_state,
    settle_mark,
    state_path,
    unusable,
)
from mcp_proxy.edges.state_mark import Mark, read_mark
from mcp_proxy.edges.worker import Worker
from mcp_proxy.errors import HomeError

T = TypeVar("T")

_PAUSE_S = (0.0001, 0.003)
# Who has waited this long tries at each shortest pause, so that nobody is passed by for long.
_IMPATIENT_S = 0.006
# After this long the holder is not at work but stopped; there is no use in a busy loop.
_STUCK_S = 0.1
# The clock is recorded once in this time: the shortest window, so that no count that a clock set
# back would reach was forgotten, and what ends at a time ends this much later at most.
_RECORDED_S = 1.0
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)


class StateBusy(HomeError):
    """H03: other processes have held the database until the deadline."""


class Transaction(NamedTuple):
    """One transaction. `now_s` is the ledger time, `step` how the wall clock was set against it."""

    connection: sqlite3.Connection
    now_s: float
    step: Step
    salt: bytes

    def execute(self, sql: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """One statement, with its values for `?`."""
        return self.connection.execute(sql, values)


class StateDb:
    """The database of one home, as one process uses it; opened, and made, by its first use."""

    def __init__(self, home: Home, now: Callable[[], Reading] = read_clocks) -> None:
        """Opens nothing yet."""
        self._home = home
        self._now = now
        self._opened: Opened | None = None
        self._worker = Worker("state")

    async def run(self, work: Callable[[Transaction], T]) -> T:
        """What `work` returns, done whole or not at all, and on disk; it runs on another thread.

        An exception of the work takes everything back. A task that is cancelled meanwhile does not
        stop the work.

        Raises:
            StateBusy: nothing was done before the deadline.
            HomeError: H04 missing, replaced or damaged; H02, H03 not safe or not usable.
        """
        return await self._worker.run(self._job(work, is_reading=False))

    async def look(self, work: Callable[[Transaction], T]) -> T:
        """The same for work that only reads, which waits for no other process's transaction."""
        return await self._worker.run(self._job(work, is_reading=True))

    def run_now(self, work: Callable[[Transaction], T]) -> T:
        """As `run`, for callers without an event loop."""
        return self._worker.run_now(self._job(work, is_reading=False))

    def look_now(self, work: Callable[[Transaction], T]) -> T:
        """As `look`, for callers without an event loop."""
        return self._worker.run_now(self._job(work, is_reading=True))

    def flush_now(self) -> None:
        """What was erased is in no file of the database any more when this returns.

        Raises as `run`; StateBusy where another process has read for as long as the deadline.
        """
        deadline = time.monotonic() + LIMITS.state_wait_ms / 1000
        self._worker.run_now(partial(self._flush, deadline))

    def confirm_clock(self) -> None:
        """A person says that the wall clock is right. Raises as `run`."""
        now = self._now
        self.run_now(lambda tx: _record(tx.connection, confirmed(now())))

    def close(self) -> None:
        """Waits for what runs. The object cannot be used any more."""
        self._worker.close(self._forget)

    def _job(self, work: Callable[[Transaction], T], *, is_reading: bool) -> Callable[[], T]:
        deadline = time.monotonic() + LIMITS.state_wait_ms / 1000
        return partial(self._work, work, deadline, is_reading)

    def _work(self, work: Callable[[Transaction], T], deadline: float, is_reading: bool) -> T:
        try:
            opened = self._begin(deadline, is_reading)
            with _transaction(opened.connection):
                known = _known(opened.connection)
                judged = judge(self._now(), known)
                if is_reading:
                    return work(_given(opened, judged))
                return _kept(opened, judged, known, work)
        except (sqlite3.Error, OSError) as error:
            self._forget()
            raise _broken(self._home, error) from None

    def _flush(self, deadline: float) -> None:
        try:
            _until(deadline, partial(_empty_journal, self._open(deadline).connection))
        except (sqlite3.Error, OSError) as error:
            self._forget()
            raise _broken(self._home, error) from None

    def _begin(self, deadline: float, is_reading: bool) -> Opened:
        """The database, in a transaction of the file that lies in its place now."""
        begin = _begin_reading if is_reading else _begin_writing
        while True:
            opened = self._open(deadline)
            _until(deadline, partial(begin, opened.connection))
            # Only now: whoever puts another file there holds this one's lock while doing so.
            if inode_of(state_path(self._home)) == opened.inode:
                return opened
            self._forget()

    def _open(self, deadline: float) -> Opened:
        if self._opened is None:
            mark = read_mark(self._home) or _until(deadline, partial(_settled, self._home))
            self._opened = _until(deadline, partial(open_state, self._home, mark))
        return self._opened

    def _forget(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.connection.close()


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
        if connection.in_transaction:
            connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _begin_writing(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")


def _begin_reading(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN")
    try:
        connection.execute("SELECT 1 FROM meta")
    except sqlite3.Error:
        connection.execute("ROLLBACK")
        raise


def _empty_journal(connection: sqlite3.Connection) -> None:
    """Raises Held where another process still reads from it."""
    if connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        raise Held


def _kept(
    opened: Opened, judged: Judged, known: Record | None, work: Callable[[Transaction], T]
) -> T:
    connection = opened.connection
    if _is_news(judged.record, known):
        _record(connection, judged.record)
    before = connection.total_changes
    made = work(_given(opened, judged))
    if connection.total_changes == before:
        # Nothing is dated by this time, so that nothing has to wait for the disk.
        connection.execute("ROLLBACK")
    return made


def _given(opened: Opened, judged: Judged) -> Transaction:
    return Transaction(opened.connection, judged.now_s, judged.step, opened.salt)


def _known(connection: sqlite3.Connection) -> Record | None:
    row = connection.execute("SELECT latest_s, anchor_s, boot_s, boot_id FROM clock").fetchone()
    return None if row is None else Record(*row)


def _is_news(record: Record, known: Record | None) -> bool:
    if known is None or record.latest_s >= known.latest_s + _RECORDED_S:
        return True
    return record != known._replace(latest_s=record.latest_s)


def _record(connection: sqlite3.Connection, record: Record) -> None:
    connection.execute("INSERT OR REPLACE INTO clock VALUES (1, ?, ?, ?, ?)", record)


def _settled(home: Home) -> Mark:
    ensure_folder(home.data)
    with FileLock(lock_path(home), wait=False):
        return settle_mark(home)


def _until(deadline: float, attempt: Callable[[], T]) -> T:
    """What the attempt returns; made again while others are at it. Raises StateBusy."""
    began = time.monotonic()
    while True:
        try:
            return attempt()
        except sqlite3.Error as error:
            if not _is_busy(error):
                raise
        except Held:
            pass
        now = time.monotonic()
        if now >= deadline:
            waited = f"{LIMITS.state_wait_ms / 1000:g} seconds"
            raise StateBusy("MCPX-H03", f"Other processes have held state.db for {waited}.")
        time.sleep(_pause_s(now - began))


def _pause_s(waited_s: float) -> float:
    shortest, longest = _PAUSE_S
    if waited_s > _STUCK_S:
        return longest
    if waited_s > _IMPATIENT_S:
        return shortest
    return random.uniform(shortest, longest / (1 + 2 * waited_s / _IMPATIENT_S))  # noqa: S311


def _is_busy(error: sqlite3.Error) -> bool:
    return _code(error) in _BUSY


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _broken(home: Home, error: sqlite3.Error | OSError) -> HomeError:
    path = state_path(home)
    if isinstance(error, OSError):
        return HomeError("MCPX-H03", f"{path} cannot be used: {error.strerror}.")
    # It may name what stands in the file.
    said = one_sentence(str(error), 200)
    if _code(error) in _DAMAGED or not os.path.lexists(path):
        return unusable(f"{path} is damaged: {said}.")
    return HomeError("MCPX-H03", f"{path} cannot be used: {said}.")
