"""A clear file beside its segment, both read once and together. Pure.

The rows stand in the order of their entries; an entry that could not be written after its row
leaves the number to the next one, so of several rows of a number the last counts. A row that no
call took is such a one, unless there is a call whose row is missing: then its number was changed.
"""

from collections.abc import Callable, Iterator
from typing import Any

from mcp_proxy.core.audit_check import Fault, clear_row, fits

_FAULTS = 20


class ClearCheck:
    """The rows of one clear file against the decided entries, given in their order.

    `proven` counts entries whose row fits; `erased` those without one of which the ledger says so,
    `lost` the others without; `kept` those whose row is there although they were to be erased.
    `faults` are the first broken lines of the clear file, at most 20, `broken` counts all.
    """

    def __init__(self, lines: Iterator[bytes], erased: frozenset[int]) -> None:
        """`lines` are the file's, without newlines; `erased` numbers as the ledger tells."""
        self.proven = self.erased = self.lost = self.kept = self.broken = 0
        self.faults: list[Fault] = []
        self._erased = erased
        self._loose = 0  # the first line that no call took
        self._lines = 0
        self._rows = self._read(lines)
        self._next = next(self._rows, None)

    def check(self, entry: dict[str, Any]) -> None:
        """The next decided entry."""
        seq, found, passed = entry["seq"], None, None
        while self._next is not None and self._next[1]["seq"] <= seq:
            passed, found = passed or found, self._next
            self._next = next(self._rows, None)
        if found is not None and found[1]["seq"] != seq:
            passed, found = passed or found, None
        if found is not None and not fits(entry, found[1]):
            self._fault(found[0], f"a clear value does not fit its digest in entry {seq}")
            return
        self._loosen(passed)
        if found is None:
            self.erased += seq in self._erased
            self.lost += seq not in self._erased
        else:
            self.proven += 1
            self.kept += seq in self._erased

    def end(self, tail: Callable[[], bytes] = bytes) -> None:
        """After the last entry: the rest of the file is read; `tail` is what has no newline."""
        self._loosen(self._next)
        for row in self._rows:
            self._loosen(row)
        if self.lost and self._loose:
            self._fault(self._loose, f"it is no call's, and {self.lost} calls have no line")
        rest = tail()
        is_whole = clear_row(rest) is not None or clear_row(rest[:-1]) is not None
        if rest and (rest[:1] == b" " or (self.lost and is_whole)):
            self._fault(self._lines + 1, "its last line has no end")
        self.faults.sort()

    def _loosen(self, row: tuple[int, dict[str, Any]] | None) -> None:
        if row is not None and not self._loose:
            self._loose = row[0]

    def _read(self, lines: Iterator[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
        newest = 0
        for number, line in enumerate(lines, 1):
            self._lines = number
            row = clear_row(line)
            if row is None:
                self._fault(number, "it is not readable")
            elif row and row["seq"] < newest:
                self._fault(number, "it stands after a later entry's")
            elif row:
                newest = row["seq"]
                yield number, row

    def _fault(self, line: int, what: str) -> None:
        self.broken += 1
        if len(self.faults) < _FAULTS:
            self.faults.append(Fault(line, what))
