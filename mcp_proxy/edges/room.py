"""Room on disk that is taken before it is needed, so that a full disk is met while it still may be.

Blocks behind a nameless file: gone with the process, whatever ends it.
"""

import os


def reserve(path: str, size_bytes: int) -> int:
    """The descriptor that holds the room until it is closed; -1 where the system reserves none.

    `path` is a free name on the disk in question, borrowed for a moment. Raises OSError.
    """
    if not hasattr(os, "posix_fallocate"):
        return -1
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    os.unlink(path)
    try:
        os.posix_fallocate(fd, 0, size_bytes)
    except OSError:
        os.close(fd)
        raise
    return fd


def give_back(fd: int) -> None:
    """Frees what `reserve` gave."""
    if fd >= 0:
        os.close(fd)
