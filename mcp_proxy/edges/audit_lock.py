"""Locks of the audit log: the ledger's, which is waited for but not long; and what is durable.

The system frees a lock when its holder ends, however it ends, so none is ever broken by age.
"""

import contextlib
import errno
import os
import sys
import time
from types import TracebackType
from typing import Self

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.files import open_file
from mcp_proxy.errors import AuditError, McpProxyError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_TAKEN = (errno.EWOULDBLOCK, errno.EACCES, errno.EAGAIN)
_PAUSE_S = 0.002
# Windows keeps others from reading what is locked; the holder's number stands before it.
_LOCKED_AT = 1 << 20


class LedgerLock:
    """Held within `with`.

    Raises AuditError A01, with the holder's number, where it stays taken; HomeError H02, H03.
    """

    def __init__(self, path: str, what: str = "the ledger") -> None:
        """`path` is the lock's own file, made at need; its folder must exist. `what` is held."""
        self._path = path
        self._what = what
        self._descriptor = -1

    def __enter__(self) -> Self:
        try:
            self._descriptor = self._taken()
        except OSError as error:
            raise cannot_write(error) from error
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def _taken(self) -> int:
        descriptor = open_or_make(self._path)
        try:
            self._wait(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _wait(self, descriptor: int) -> None:
        ends_s = time.monotonic() + LIMITS.ledger_wait_ms / 1000
        while not try_lock(descriptor):
            if time.monotonic() > ends_s:
                raise cannot_write(f"{self._what} is held by process {_holder(descriptor)}")
            # Not in step with the others that wait.
            time.sleep(_PAUSE_S * (1 + os.urandom(1)[0] / 128))
        with contextlib.suppress(OSError):  # it only tells a person where to look
            os.ftruncate(descriptor, 0)
            os.write(descriptor, b"%d\n" % os.getpid())


def open_or_make(path: str) -> int:
    """A file of ours, mode 0600, to be read and appended to; the caller closes it.

    Raises HomeError: H02 not safe to use, H03; OSError: it cannot be made.
    """
    flags = os.O_RDWR | os.O_APPEND
    descriptor = open_file(path, flags, secret=True)
    while descriptor is None:
        with contextlib.suppress(FileExistsError):  # another process was faster
            os.close(os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600))
        descriptor = open_file(path, flags, secret=True)
    return descriptor


def try_lock(descriptor: int) -> bool:
    """Takes the lock on an open file, until it is closed; False where it is taken. OSError."""
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, _LOCKED_AT, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        raise
    return True


def sync_data(descriptor: int) -> None:
    """Brings a file's bytes to the disk. Raises OSError."""
    if sys.platform == "darwin":
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # fsync there does not reach the disk
    else:
        getattr(os, "fdatasync", os.fsync)(descriptor)


def cannot_write(reason: object) -> AuditError:
    """A01; an AuditError is told as it is."""
    if isinstance(reason, AuditError):
        return reason
    text = str(reason)
    if isinstance(reason, OSError):
        text = reason.strerror or text
    elif isinstance(reason, McpProxyError):
        text = reason.why.rstrip(".")
    return AuditError("MCPX-A01", f"The audit log cannot be written: {text}.")


def _holder(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    told = os.read(descriptor, 20).strip()
    return told.decode() if told.isdigit() else "unknown"
