"""The log's files while they grow: which segments there are, and the whole lines of one file.

A file is opened anew for each piece: the ledger's torn tail may be cut off by its next writer, and
another file may take the name of a damaged one.
"""

import os
import re
from collections.abc import Iterator

from mcp_proxy.edges import clock
from mcp_proxy.edges.files import broken, open_file
from mcp_proxy.errors import HomeError

_PIECE_BYTES = 1 << 18
_LINE_BYTES = 32 << 20
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_SEGMENT = re.compile(r"([0-9A-Z]{26})\.jsonl")
# A folder that changed so lately may have changed again within one tick of its clock.
_SETTLED_NS = 2_000_000_000


class Segments:
    """The names of all segments, DAY/ULID; a day's folder is read again only when it changed."""

    def __init__(self, state: str) -> None:
        """`state` is the home's state folder."""
        self._folder = os.path.join(state, "audit")
        self._known: dict[str, tuple[int, list[str]]] = {}

    def names(self) -> list[str]:
        """Oldest first. Raises HomeError: H03."""
        try:
            days = sorted(filter(_DAY.fullmatch, os.listdir(self._folder)))
            found = {day: self._of(day) for day in days}
        except FileNotFoundError:
            return []
        except OSError as error:
            raise broken(self._folder, error) from None
        self._known = {day: row for day, row in found.items() if row[0]}
        return [f"{day}/{name}" for day, (_, names) in found.items() for name in names]

    def path(self, name: str) -> str:
        """Where the segment of that name is."""
        return os.path.join(self._folder, *name.split("/")) + ".jsonl"

    def _of(self, day: str) -> tuple[int, list[str]]:
        """The time of the day's last change, 0 where it may change unseen; its segments."""
        folder = os.path.join(self._folder, day)
        try:
            status = os.stat(folder)
            # The second is set by the system alone, where it is not the time of its making.
            changed_ns = max(status.st_mtime_ns, status.st_ctime_ns)
            if day in self._known and self._known[day][0] == changed_ns:
                return self._known[day]
            found = filter(None, map(_SEGMENT.fullmatch, os.listdir(folder)))
        except FileNotFoundError:
            return 0, []
        is_settled = clock.now_ns() - changed_ns > _SETTLED_NS
        return changed_ns if is_settled else 0, sorted(match[1] for match in found)


class Growing:
    """One file's whole lines, each once and in order; the file checked as a secret (S23)."""

    def __init__(self, path: str) -> None:
        """Opens nothing."""
        self.path = path
        self.number = 0
        self._offset = 0
        self._inode: int | None = None

    def lines(self) -> list[bytes]:
        """Some of the lines after those given before, without newlines; [] where none are there.

        `number` counts the lines given so far. After another file took the name, or the file was
        cut below what was read, it begins at 0 again.

        Raises:
            HomeError: H02 not safe to use, H03 not readable, or with a line that is too long.
        """
        descriptor = open_file(self.path, secret=True)
        if descriptor is None:
            return []
        try:
            self._look(os.fstat(descriptor))
            data = self._piece(descriptor)
        except OSError as error:
            raise broken(self.path, error) from None
        finally:
            os.close(descriptor)
        self._offset += len(data)
        lines = data.split(b"\n")[:-1]
        self.number += len(lines)
        return lines

    def all(self) -> Iterator[bytes]:
        """All lines that there are now, as `lines`."""
        while lines := self.lines():
            yield from lines

    def _look(self, status: os.stat_result) -> None:
        if self._inode != status.st_ino or status.st_size < self._offset:
            self._inode, self._offset, self.number = status.st_ino, 0, 0

    def _piece(self, descriptor: int) -> bytes:
        """The next bytes up to the end of a line."""
        os.lseek(descriptor, self._offset, os.SEEK_SET)
        data = b""
        while part := os.read(descriptor, _PIECE_BYTES):
            data += part
            end = data.rfind(b"\n") + 1
            if end:
                return data[:end]
            if len(data) > _LINE_BYTES:
                raise HomeError("MCPX-H03", f"{self.path} has a line above {_LINE_BYTES} bytes.")
        return b""
