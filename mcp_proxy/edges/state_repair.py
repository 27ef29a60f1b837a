"""A new state.db in the place of one that is missing, replaced or damaged, when a person says so.

Whatever held the old one open finds at its next transaction that the name is another file's.
"""

import contextlib
import glob
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.clock import new_ulid, now_s
from mcp_proxy.edges.files import FileLock, ensure_folder
from mcp_proxy.edges.folders import sync_folder
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.state_file import (
    BESIDE,
    connect,
    lock_path,
    make_state,
    state_path,
)
from mcp_proxy.edges.state_mark import write_mark

_PAUSE_S = 0.002


def replace_state(home: Home) -> str | None:
    """Starts a new database, with nothing counted; where the old one lies now, None for none.

    How often a grant was used went with the old one, so that those given until now are void.

    Raises:
        HomeError: H02, H03.
        OSError: it cannot be moved.
    """
    ensure_folder(home.data)
    ensure_folder(home.state)
    with FileLock(lock_path(home)), _no_transaction(state_path(home)):
        aside = _set_aside(home)
        # Grants bear whole seconds; one of this very second may be an old one.
        write_mark(home, make_state(home, int(now_s()) + 1))
    return aside


def states_aside(home: Home) -> tuple[str, ...]:
    """Where the old databases lie, each with or without what SQLite kept beside it."""
    found = glob.glob(glob.escape(state_path(home)) + ".bad-*")
    return tuple(sorted({path.removesuffix("-wal").removesuffix("-shm") for path in found}))


def _set_aside(home: Home) -> str | None:
    path = state_path(home)
    aside, moved = f"{path}.bad-{new_ulid()}", None
    for end in ("", *BESIDE):
        with contextlib.suppress(FileNotFoundError):
            os.rename(path + end, aside + end)
            moved = aside
    sync_folder(home.state)
    return moved


@contextmanager
def _no_transaction(path: str) -> Iterator[None]:
    """Lets what others have begun in the old database end, and nothing new begin, where it can.

    One that cannot even be opened takes no transaction of anybody.
    """
    connection = None
    try:
        connection = connect(path)
        _begin(connection)
    except sqlite3.Error:
        pass
    try:
        yield
    finally:
        if connection is not None:
            connection.close()


def _begin(connection: sqlite3.Connection) -> None:
    ends = time.monotonic() + LIMITS.state_wait_ms / 1000
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            if time.monotonic() > ends:
                raise
            time.sleep(_PAUSE_S)
        else:
            return
