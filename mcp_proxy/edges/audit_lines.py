"""Lines of an audit file that may still be growing: read as they come, never held as a whole."""

import os
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from mcp_proxy.edges.files import broken, open_file
from mcp_proxy.errors import HomeError

_CHUNK_BYTES = 1 << 18
_LINE_BYTES = 32 << 20  # sealed arguments of the largest frame, in base64, with room
_TIME = b',"time":"'


class Times(NamedTuple):
    """The earliest and the latest time in a file, both included."""

    first: str
    last: str


_ANY = Times("", "Z")  # before and after every time


class Lines:
    """One file's lines from its start on, the file checked as a secret of ours (S23).

    `number` counts the lines that were given; `torn_bytes` what stood behind the last whole one
    when the end was reached.
    """

    def __init__(self, path: str) -> None:
        """Raises HomeError: H02 not safe to use, H03 not readable."""
        self.path = path
        self.number = 0
        self.torn_bytes = 0
        self._whole: deque[bytes] = deque()
        self._rest: list[bytes] = []
        descriptor = open_file(path, secret=True)
        self.is_there = descriptor is not None
        self._file = None if descriptor is None else os.fdopen(descriptor, "rb", buffering=0)

    def read(self) -> Iterator[bytes]:
        """Whole lines that were not read yet, up to the file's end as it is then; no newline.

        A line without its end stays for the next call: its writer is at it, or was killed.
        Raises HomeError: H03 not readable.
        """
        while self._whole or self._fill():
            self.number += 1
            yield self._whole.popleft()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def is_replaced(self) -> bool:
        """Whether another file stands at the path now."""
        try:
            return self._file is not None and not os.path.samestat(
                os.stat(self.path), os.fstat(self._file.fileno())
            )
        except OSError:
            return False

    def _fill(self) -> bool:
        """Whether there is another whole line."""
        while not self._whole and (part := self._part()):
            first, *others = part.split(b"\n")
            self._rest.append(first)
            if others:
                self._whole.append(b"".join(self._rest))
                self._whole.extend(others[:-1])
                self._rest = others[-1:]
            if sum(map(len, self._rest)) > _LINE_BYTES:
                raise HomeError("MCPX-H03", f"{self.path} has a line above {_LINE_BYTES} bytes.")
        if not self._whole:
            self._go_back()
        return bool(self._whole)

    def _go_back(self) -> None:
        """To the end of the last whole line: its writer may cut off what stands behind that."""
        self.torn_bytes = sum(map(len, self._rest))
        self._rest = []
        if self._file is not None and self.torn_bytes:
            self._file.seek(-self.torn_bytes, os.SEEK_CUR)

    def _part(self) -> bytes:
        if self._file is None:
            return b""
        try:
            return self._file.read(_CHUNK_BYTES) or b""
        except OSError as error:
            raise broken(self.path, error) from None


def times_of(path: str) -> Times:
    """Between which times the entries of a file are; any, where a line does not plainly tell.

    Every line is looked at: a file's own date is what anybody makes it, and after a clock that was
    set back the last entry is not the latest. Raises HomeError: H02, H03.
    """
    first, last = b"Z", b""
    lines = Lines(path)
    try:
        for line in lines.read():
            time = line.partition(_TIME)[2].partition(b'"')[0]
            first, last = time if time < first else first, time if time > last else last
    finally:
        lines.close()
    return Times(first.decode("latin-1"), last.decode("latin-1")) if first else _ANY
