"""Room on disk that is taken before it is needed, so that a full disk is met while it still may be.

Blocks behind a nameless file: gone with the process, whatever ends it.
"""

import contextlib
import os


def reserve(path: str, size_bytes: int) -> int:
    """The descriptor that holds the room until it is closed; -1 where the system reserves none.

    `path` is a free name on the disk in question, borrowed for a moment where the system makes no
    file without one. Raises OSError.
    """
    if not hasattr(os, "posix_fallocate"):
        return -1
    fd = _nameless(path)
    try:
        os.posix_fallocate(fd, 0, size_bytes)
    except OSError:
        os.close(fd)
        raise
    return fd


def _nameless(path: str) -> int:
    flags = os.O_RDWR | os.O_CLOEXEC
    if hasattr(os, "O_TMPFILE"):
        with contextlib.suppress(OSError):  # not every file system can
            return os.open(os.path.dirname(path), flags | os.O_TMPFILE, 0o600)
    fd = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
    os.unlink(path)
    return fd


def give_back(fd: int) -> None:
    """Frees what `reserve` gave."""
    if fd >= 0:
        os.close(fd)
