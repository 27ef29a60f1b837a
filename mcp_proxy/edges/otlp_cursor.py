"""state/otlp-cursor.json: how much of the log a collector has taken, per signal and file.

It is replaced after each batch that the collector acknowledged, so a batch whose answer was lost
goes twice, with the same ids, and none is left out.
"""

import json
import os
from typing import Any, NamedTuple

from mcp_proxy.core import strict_json
from mcp_proxy.edges.files import read_file, write_file
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import HomeError

_CURSOR_BYTES = 64 << 20
VERSION = 1


class Reached(NamedTuple):
    """How many entries of a file are done, the hash of the last, and whether none will come."""

    entries: int = 0
    hash: str = ""
    ended: bool = False


class Cursor:
    """The whole file as values: by signal, then by file (DAY/ULID, or `ledger`)."""

    def __init__(self, home: Home) -> None:
        """Reads it. Raises HomeError: H02, H03 damaged."""
        self._path = os.path.join(home.state, "otlp-cursor.json")
        self._collector = ""
        self._rows: dict[str, dict[str, Reached]] = {}
        self.refused: dict[str, int] = {}
        data = read_file(self._path, _CURSOR_BYTES)
        if data is not None:
            self._read(data)

    def turn_to(self, collector: str) -> None:
        """For another collector everything is new."""
        if self._collector != collector:
            self._collector, self._rows, self.refused = collector, {}, {}

    def rows(self, signal: str) -> dict[str, Reached]:
        """What was reached, to be changed in place."""
        return self._rows.setdefault(signal, {})

    def refuse(self, signal: str, count: int) -> None:
        """Count what the collector will not have."""
        self.refused[signal] = self.refused.get(signal, 0) + count

    def save(self) -> None:
        """To the disk. Raises HomeError: H03 not writable."""
        value = {
            "v": VERSION,
            "collector": self._collector,
            "refused": self.refused,
            "reached": self._rows,
        }
        write_file(self._path, json.dumps(value, separators=(",", ":")).encode() + b"\n")

    def _read(self, data: bytes) -> None:
        try:
            value = strict_json.loads(data)
            self._collector = str(value["collector"])
            self.refused = {str(key): int(item) for key, item in value["refused"].items()}
            self._rows = {
                signal: {name: _reached(row) for name, row in rows.items()}
                for signal, rows in value["reached"].items()
            }
        except (ValueError, KeyError, TypeError, AttributeError):
            why = f"{self._path} is damaged; without it the export begins at the oldest entry."
            raise HomeError("MCPX-H03", why, f"rm '{self._path}'") from None


def _reached(row: Any) -> Reached:
    entries, last, ended = row
    if not isinstance(entries, int) or not isinstance(last, str) or not isinstance(ended, bool):
        raise TypeError("a row is a count, a hash and whether the file has ended")
    return Reached(entries, last, ended)
