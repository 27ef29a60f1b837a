"""Where state/state.db lies, whose it is, and how it is opened and made (S18, S23).

That it exists, and which one it is, stands outside of it, in data/state.json: whoever takes the
file away, or puts another in its place, gets no new limits but none at all.
"""

import contextlib
import os
import sqlite3
import stat
from typing import NamedTuple
from urllib.parse import quote

from mcp_proxy.edges.files import ensure_folder
from mcp_proxy.edges.folders import POSIX, check_ancestors, sync_folder, unsafe
from mcp_proxy.edges.network_folder import network_kind
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.settings import read_settings, settings_path
from mcp_proxy.edges.state_mark import Mark, mark_path, read_mark, write_mark
from mcp_proxy.edges.state_schema import TABLES, VERSION
from mcp_proxy.errors import HomeError

# What SQLite keeps beside the file; it belongs to it, and to no other file of that name.
BESIDE = ("-wal", "-shm")


class Opened(NamedTuple):
    """An open state.db; `inode` tells whether the path still names it."""

    connection: sqlite3.Connection
    inode: tuple[int, int]
    salt: bytes


def state_path(home: Home) -> str:
    """The database."""
    return os.path.join(home.state, "state.db")


def lock_path(home: Home) -> str:
    """The lock of whoever makes or replaces it."""
    return os.path.join(home.data, "state.lock")


def open_state(home: Home, mark: Mark) -> Opened:
    """The database that the mark tells of; nothing is made.

    Raises:
        HomeError: H04 missing, another one, damaged, of a newer version; H02 not safe.
        sqlite3.Error: as a database does, where it is busy or cannot be read.
    """
    path = state_path(home)
    if mark.home != home.id:
        raise unusable(f"{mark_path(home)} was made by another home.")
    inode = inode_of(path)
    if inode is None:
        raise unusable(f"{path} is missing.")
    check_file(path)
    _check_place(home)
    connection = connect(path)
    try:
        salt = _checked_salt(connection, mark, path)
    except BaseException:
        connection.close()
        raise
    return Opened(connection, inode, salt)


def settle_mark(home: Home) -> Mark:
    """The mark of a state.db that has none yet: adopted where it is this home's, else made.

    The caller holds the lock of `lock_path`.

    Raises:
        HomeError: H04 it is another home's, H02, H03.
        sqlite3.Error: as `open_state`.
    """
    mark = read_mark(home)
    if mark is not None:
        return mark
    path = state_path(home)
    if os.path.lexists(path):
        check_file(path)
        with contextlib.closing(connect(path)) as connection:
            mark, _salt = _read_meta(connection)
        if mark.home != home.id:
            raise unusable(f"{path} was made by another home.")
    else:
        mark = make_state(home)
    write_mark(home, mark)
    return mark


def make_state(home: Home, grants_from_s: int = 0) -> Mark:
    """A new database without counts, in its place at once or not at all. Raises HomeError H02.

    Grants that were issued before `grants_from_s`, of the epoch, are void by it.
    """
    ensure_folder(home.state)
    path = state_path(home)
    mark = Mark(home.id, os.urandom(16).hex())
    fresh = f"{path}.{mark.id}"
    # Made by us first, so that no moment lets others read it, whatever the umask.
    os.close(os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with contextlib.closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN")
        for table in TABLES:
            connection.execute(table)
        salt = os.urandom(32)
        facts = {**mark._asdict(), "salt": salt, "grants_from_s": grants_from_s}
        connection.executemany("INSERT INTO meta VALUES (?, ?)", facts.items())
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    # What another database left beside its name would be taken for a part of this one.
    for name in BESIDE:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + name)
    os.replace(fresh, path)
    sync_folder(home.state)
    return mark


def check_file(path: str) -> None:
    """Raises HomeError H02 unless it is a regular file of ours that no other user may read.

    So must be what stands beside it, for SQLite would follow a link there and believe its content.
    They are not opened: to close any descriptor of a database drops this process's locks on it.
    """
    _check_one(path)
    for end in BESIDE:
        with contextlib.suppress(FileNotFoundError):
            _check_one(path + end)
    check_ancestors(os.path.dirname(path))


def _check_place(home: Home) -> None:
    kind = network_kind(home.state)
    if kind and not read_settings(home).state.network_filesystem:
        why = f"it lies on a network's file system ({kind}), where limits may be counted twice"
        mend = f"write network_filesystem = true under [state] in {settings_path(home)}"
        raise unsafe(state_path(home), why, mend)


def _check_one(path: str) -> None:
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        raise unsafe(path, "it is not a regular file")
    if POSIX and status.st_uid != os.geteuid():
        raise unsafe(path, "it belongs to another user")
    if POSIX and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise unsafe(path, "other users may use it", f"chmod 600 '{path}'")


def inode_of(path: str) -> tuple[int, int] | None:
    """Which file a path names, None where it names none."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def unusable(why: str) -> HomeError:
    """H04."""
    return HomeError("MCPX-H04", why)


def connect(path: str) -> sqlite3.Connection:
    """A connection to a database that is there. Raises sqlite3.Error."""
    # Waiting is ours: SQLite's own grows to steps that stall a call for most of a second.
    connection = sqlite3.connect(
        f"file:{quote(path)}?mode=rw", uri=True, timeout=0, isolation_level=None
    )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    # What is erased leaves the pages too, however this SQLite was built.
    connection.execute("PRAGMA secure_delete = ON")
    return connection


def _checked_salt(connection: sqlite3.Connection, mark: Mark, path: str) -> bytes:
    found, salt = _read_meta(connection)
    if found != mark:
        raise unusable(f"{path} is another one than the one that was made here.")
    return salt


def _read_meta(connection: sqlite3.Connection) -> tuple[Mark, bytes]:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise HomeError("MCPX-H04", "state.db was made by a newer mcp-proxy.", "update mcp-proxy")
    facts = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    salt = facts.get("salt")
    if not isinstance(salt, bytes) or version != VERSION:
        raise unusable("state.db is damaged.")
    return Mark(str(facts.get("home")), str(facts.get("id"))), salt
