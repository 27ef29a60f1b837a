"""Local files that carry authority (S23): opened once, that descriptor checked, those bytes used.

Not checked on Windows: owner and DACL. There the user's own profile folder, which Windows keeps
from other users, is what protects them.
"""

import contextlib
import errno
import os
import stat
import sys
from types import TracebackType
from typing import Self

from mcp_proxy.edges.folders import POSIX, check_ancestors, check_own_folder, sync_folder, unsafe
from mcp_proxy.errors import HomeError, UsageError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_ANOTHER = "name another file, as with -o FILE"
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
# Opening a named pipe to read must not wait for its writer.
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)


def read_file(
    path: str, max_bytes: int, *, secret: bool = False, owner: int | None = None
) -> bytes | None:
    """A file's bytes, or None where there is none; a `secret` one must not be readable by others.

    It has to belong to `owner` (a user's number), by default to the user that we run as.

    Raises:
        HomeError: H02 not safe to use, H03 not readable.
    """
    descriptor = open_file(path, secret=secret, owner=owner)
    if descriptor is None:
        return None
    try:
        return _read_bounded(descriptor, path, max_bytes)
    except OSError as error:
        raise broken(path, error) from None
    finally:
        os.close(descriptor)


def open_file(
    path: str, mode: int = os.O_RDONLY, *, secret: bool = False, owner: int | None = None
) -> int | None:
    """A descriptor of a file that was checked as `read_file` does; None where there is none.

    `mode` is os.O_RDONLY or os.O_RDWR. The caller closes it.

    Raises:
        HomeError: H02 not safe to use, H03 cannot be opened.
    """
    try:
        descriptor = os.open(path, mode | _FLAGS | _NO_LINK | _NO_WAIT)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            raise unsafe(path, "it is a symbolic link", f"rm '{path}'") from None
        raise broken(path, error) from None
    try:
        _check_file(path, os.fstat(descriptor), secret, owner)
        check_ancestors(os.path.dirname(path))
    except HomeError:
        os.close(descriptor)
        raise
    except OSError as error:
        os.close(descriptor)
        raise broken(path, error) from None
    return descriptor


def read_given(path: str, max_bytes: int) -> bytes:
    """A file that the user named on the command line, whoever owns it; bounded.

    Raises:
        UsageError: W01 not there, not readable, or larger than `max_bytes`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _FLAGS)
        try:
            data = _read_at_most(descriptor, max_bytes + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UsageError(
            "MCPX-W01", f"{path} cannot be read: {error.strerror}.", "name a file that can be read"
        ) from None
    if len(data) > max_bytes:
        raise UsageError("MCPX-W01", f"{path} is larger than {max_bytes} bytes.")
    return data


def write_given(path: str, data: bytes) -> None:
    """Replaces a file that the user named, or one beside it; no partial file is ever left there.

    Raises:
        UsageError: W01 not writable, or no regular file.
    """
    check_given(path)
    folder = os.path.dirname(os.path.abspath(path))
    temporary = os.path.join(folder, f".{os.path.basename(path)}.{os.urandom(8).hex()}")
    try:
        _write_new(temporary, data, 0o666)
        _rename(temporary, path)
    except OSError as error:
        raise unwritten(path, error) from None


def check_given(path: str) -> None:
    """Refuses to put a file in the place of what is none: a device, a pipe, a folder (W01)."""
    with contextlib.suppress(OSError):
        if not stat.S_ISREG(os.stat(path).st_mode):
            why = f"{path} cannot be written: it is no regular file."
            raise UsageError("MCPX-W01", why, _ANOTHER)


def unwritten(path: str, error: OSError) -> UsageError:
    """The word on a file that the user named and that cannot be written."""
    folder = os.path.dirname(os.path.abspath(path))
    if isinstance(error, FileNotFoundError) and not os.path.isdir(folder):
        why = f"{path} cannot be written: there is no folder {folder}."
    else:
        why = f"{path} cannot be written: {error.strerror}."
    return UsageError("MCPX-W01", why, _ANOTHER)


def write_file(path: str, data: bytes) -> None:
    """Replaces the file in one step, mode 0600, on disk when this returns; the folder must exist.

    Raises:
        HomeError: H02 a folder on the way is not safe, H03 not writable.
    """
    folder = os.path.dirname(path)
    temporary = os.path.join(folder, f".{os.path.basename(path)}.{os.urandom(8).hex()}")
    try:
        check_ancestors(folder)
        _write_new(temporary, data, 0o600)
        _rename(temporary, path)
        sync_folder(folder)
    except OSError as error:
        raise broken(path, error) from None


def remove_file(path: str) -> bool:
    """Takes the file away, for good when this returns; whether there was one.

    Raises:
        HomeError: H02 a folder on the way is not safe, H03 not removable.
    """
    try:
        check_ancestors(os.path.dirname(path))
        os.unlink(path)
        sync_folder(os.path.dirname(path))
    except FileNotFoundError:
        return False
    except OSError as error:
        raise broken(path, error) from None
    return True


def ensure_folder(path: str) -> None:
    """Makes the folder and what is missing above it, each 0700, and checks what was there.

    Raises:
        HomeError: H02 not safe, H03 cannot be made.
    """
    missing = []
    folder = path
    while not os.path.lexists(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    try:
        if missing:
            check_ancestors(folder)
        for name in reversed(missing):
            os.mkdir(name, 0o700)
            sync_folder(os.path.dirname(name))
        check_own_folder(path)
    except FileExistsError:
        # Another process made it meanwhile; it is checked like any other.
        ensure_folder(path)
    except OSError as error:
        raise broken(path, error) from None


class Held(Exception):
    """Another process holds the lock, and this one was not to wait."""


class FileLock:
    """An OS lock on a file of its own, held within `with`; waits until it is free.

    The system frees it when the holder ends, however it ends, so it is never broken by age.
    With `wait` off, entering raises `Held` where it is taken.
    """

    def __init__(self, path: str, *, wait: bool = True) -> None:
        self._path = path
        self._wait = wait
        self._descriptor = -1

    def __enter__(self) -> Self:
        check_ancestors(os.path.dirname(self._path))
        try:
            self._descriptor = os.open(
                self._path, os.O_RDWR | os.O_CREAT | _FLAGS | _NO_LINK, 0o600
            )
            self._lock()
        except OSError as error:
            raise broken(self._path, error) from None
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def _lock(self) -> None:
        try:
            if sys.platform == "win32":
                mode = msvcrt.LK_LOCK if self._wait else msvcrt.LK_NBLCK
                msvcrt.locking(self._descriptor, mode, 1)
            else:
                mode = fcntl.LOCK_EX if self._wait else fcntl.LOCK_EX | fcntl.LOCK_NB
                fcntl.flock(self._descriptor, mode)
        except OSError as error:
            os.close(self._descriptor)
            if not self._wait and error.errno in (errno.EWOULDBLOCK, errno.EACCES, errno.EAGAIN):
                raise Held from None
            raise


def _check_file(path: str, status: os.stat_result, secret: bool, owner: int | None) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise unsafe(path, "it is not a regular file")
    if not POSIX:
        return
    if status.st_uid != (os.geteuid() if owner is None else owner):
        raise unsafe(path, "it belongs to another user")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise unsafe(path, "other users may write it", f"chmod go-w '{path}'")
    if secret and status.st_mode & (stat.S_IRGRP | stat.S_IROTH):
        raise unsafe(path, "other users may read it", f"chmod go-r '{path}'")


def _read_bounded(descriptor: int, path: str, max_bytes: int) -> bytes:
    data = _read_at_most(descriptor, max_bytes + 1)
    if len(data) > max_bytes:
        raise unsafe(path, f"it is larger than {max_bytes} bytes")
    return data


def _read_at_most(descriptor: int, max_bytes: int) -> bytes:
    parts = []
    while max_bytes > 0 and (part := os.read(descriptor, min(max_bytes, 1 << 20))):
        parts.append(part)
        max_bytes -= len(part)
    return b"".join(parts)


def _rename(temporary: str, path: str) -> None:
    try:
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise


def _write_new(path: str, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS | _NO_LINK, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    except OSError:
        os.unlink(path)
        raise
    finally:
        os.close(descriptor)


def broken(path: str, error: OSError) -> HomeError:
    """H03."""
    return HomeError("MCPX-H03", f"{path} cannot be used: {error.strerror}.")
