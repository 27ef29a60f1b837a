"""Which segments' processes are alive: a marker each, `state/audit/running/ULID`, that they lock.

The system lets go of a lock when its process ends, however it ends; so a marker whose lock can be
taken was left by one that did not come to close its segment.
"""

import contextlib
import os
import re
from collections.abc import Iterator

from mcp_proxy.edges.audit_lock import open_or_make, try_lock
from mcp_proxy.edges.files import ensure_folder, open_file
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import HomeError

_ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")


class Running:
    """The marker of one segment of this process, locked until it is released."""

    def __init__(self, home: Home, ulid: str) -> None:
        """`ulid` is the segment's. Raises OSError, HomeError."""
        folder = running_folder(home)
        ensure_folder(folder)
        self._path = os.path.join(folder, ulid)
        self._descriptor = _made(self._path)

    def release(self) -> None:
        """The segment is closed, and the ledger has it: nothing is left to be done."""
        self.abandon()
        with contextlib.suppress(OSError):  # who finds it left sees that the ledger has the end
            os.unlink(self._path)

    def abandon(self) -> None:
        """Leaves it to the next process to tell the ledger how the segment ended."""
        os.close(self._descriptor)


class Dead:
    """A segment whose process has ended without closing it; its marker is locked meanwhile."""

    def __init__(self, ulid: str) -> None:
        """`settle` is called once the ledger has its end."""
        self.ulid = ulid
        self.is_settled = False

    def settle(self) -> None:
        """Nothing is left to be done for it."""
        self.is_settled = True


def dead_segments(home: Home) -> Iterator[Dead]:
    """Those that nobody closed; each one's marker is locked until the next is asked for.

    What is no marker, or none that is safe to use, is passed over.
    """
    folder = running_folder(home)
    try:
        names = sorted(filter(_ULID.fullmatch, os.listdir(folder)))
    except OSError:
        return
    for name in names:
        path, dead = os.path.join(folder, name), Dead(name)
        with contextlib.suppress(HomeError):
            descriptor = open_file(path, os.O_RDWR, secret=True)
            if descriptor is None:
                continue
            try:
                if try_lock(descriptor) and _is_still(path, descriptor):
                    yield dead
            finally:
                os.close(descriptor)
        if dead.is_settled:
            with contextlib.suppress(OSError):
                os.unlink(path)


def running_folder(home: Home) -> str:
    """Where the markers are."""
    return os.path.join(home.state, "audit", "running")


def _made(path: str) -> int:
    """The descriptor of a locked marker that nobody took away as it was made."""
    while True:
        descriptor = open_or_make(path)
        if try_lock(descriptor) and _is_still(path, descriptor):
            return descriptor
        os.close(descriptor)


def _is_still(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
