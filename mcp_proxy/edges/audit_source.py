"""Lines of an audit file as long as it was when it was opened, in a home or in a copied folder."""

import os
import stat
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from mcp_proxy.edges.files import broken, open_file
from mcp_proxy.errors import HomeError

_CHUNK_BYTES = 1 << 18
_LINE_BYTES = 32 << 20  # sealed arguments of the largest frame, in base64, with room
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_FLAGS |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class Source:
    """One file, open within `with`. `size` is None where there is none.

    A file of our own home is checked as a secret (S23); a copy belongs to whoever copied it.
    """

    def __init__(self, path: str, *, own: bool) -> None:
        """Raises HomeError: H02 not safe to use, H03 not readable."""
        self.path = path
        self.size: int | None = None
        self.tail = b""
        found = open_file(path, secret=True) if own else _open_copy(path)
        self._descriptor = -1 if found is None else found
        if found is not None:
            self.size = os.fstat(found).st_size

    def lines(self) -> Iterator[bytes]:
        """Whole lines without their newlines; in the end `tail` is what stands after the last.

        Raises HomeError: H03 not readable, or a line is too long to be any entry.
        """
        left = self.size or 0
        while left > 0 and (part := self._read(min(left, _CHUNK_BYTES))):
            left -= len(part)
            *lines, self.tail = (self.tail + part).split(b"\n")
            yield from lines
            if len(self.tail) > _LINE_BYTES:
                raise HomeError("MCPX-H03", f"{self.path} has a line above {_LINE_BYTES} bytes.")

    def _read(self, bytes_max: int) -> bytes:
        try:
            return os.read(self._descriptor, bytes_max)
        except OSError as error:
            raise broken(self.path, error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


def _open_copy(path: str) -> int | None:
    try:
        descriptor = os.open(path, _FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise broken(path, error) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise HomeError("MCPX-H02", f"{path} is no regular file.")
    return descriptor
