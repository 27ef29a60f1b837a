"""Folders on the way to files that carry authority (S23): whose they are, and who may write them.

Nothing of this is checked on Windows, which has no such owner and mode; see `edges.files`.
"""

import os
import stat

from mcp_proxy.errors import HomeError

POSIX = os.name == "posix"
_FLAGS = getattr(os, "O_CLOEXEC", 0)


def check_own_folder(path: str) -> None:
    """Raises HomeError H02 unless `path` is a folder of ours that no other user may write."""
    check_ancestors(path)
    if POSIX and os.stat(path).st_uid != os.geteuid():
        raise unsafe(path, "it belongs to another user")


def check_ancestors(folder: str) -> None:
    """Every folder up to the root: owned by us or root, not writable by others unless sticky.

    Where a link stands on the way, both the named and the real folders are checked.

    Raises:
        HomeError: H02.
    """
    if not POSIX:
        return
    owners = (os.geteuid(), 0)
    has_link = _check_chain(folder, owners)
    if has_link or os.path.abspath(folder) != folder:
        _check_chain(os.path.realpath(folder), owners)


def sync_folder(folder: str) -> None:
    """Makes a name's creation, replacement or removal durable. Raises OSError."""
    if not POSIX:
        return
    descriptor = os.open(folder, os.O_RDONLY | _FLAGS)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unsafe(path: str, reason: str, mend: str | None = None) -> HomeError:
    """The error for what is there but may not be used; `mend` is the command that helps."""
    return HomeError("MCPX-H02", f"{path} is not safe to use: {reason}.", mend)


def _check_chain(folder: str, owners: tuple[int, int]) -> bool:
    """Whether a link stands on the way."""
    has_link = False
    while True:
        status = os.lstat(folder)
        if status.st_uid not in owners:
            raise unsafe(folder, "it belongs to another user")
        is_link = stat.S_ISLNK(status.st_mode)
        has_link = has_link or is_link
        shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not is_link
        if shared and not status.st_mode & stat.S_ISVTX:
            raise unsafe(folder, "other users may write it", f"chmod go-w '{folder}'")
        parent = os.path.dirname(folder)
        if parent == folder:
            return has_link
        folder = parent
