"""A new file of this process that lines are appended to: each is in it whole or not at all."""

import errno
import os

_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
_APPEND |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class Appended:
    """Mode 0600. `size` is that of the lines, in bytes.

    `changes` counts what was done to it, `durable` as much of that as is on the disk.
    """

    def __init__(self, path: str) -> None:
        """Raises OSError: it is there already, or cannot be made."""
        self._fd = os.open(path, _APPEND, 0o600)
        self.size = self.changes = self.durable = 0
        self._size_before = 0
        self._is_torn = False

    def append(self, line: bytes) -> None:
        """Raises OSError, after which the file is as it was before."""
        if self._is_torn:
            self._take_back()
        if self._is_torn:
            raise OSError(errno.EIO, "an earlier line could not be cut off")
        status = os.fstat(self._fd)
        if status.st_nlink == 0:
            raise OSError(errno.ENOENT, "its file was removed")
        if status.st_size != self.size:
            raise OSError(errno.EIO, "its file was changed by another program")
        view = memoryview(line)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError:
            self._take_back()
            raise
        self._size_before, self.size = self.size, self.size + len(line)
        self.changes += 1

    def take_back(self) -> None:
        """Cut the last line off again; where that fails, before the next one is appended."""
        self.size = self._size_before
        self.changes += 1
        self._take_back()

    def copied(self) -> int:
        """Another descriptor of it, which the caller closes. Raises OSError."""
        return os.dup(self._fd)

    def close(self) -> None:
        """Let go of the descriptor."""
        os.close(self._fd)

    def _take_back(self) -> None:
        try:
            if os.fstat(self._fd).st_size != self.size:
                os.ftruncate(self._fd, self.size)
        except OSError:
            self._is_torn = True
        else:
            self._is_torn = False
