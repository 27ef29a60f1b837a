"""The log as it grows: new entries of all sidecars of the home, those that start later too."""

import os

from mcp_proxy.app.audit_log import Reading
from mcp_proxy.app.audit_stream import Damage, Entry, LedgerStream, SegmentStream, open_stream
from mcp_proxy.core.audit_filter import Filter, passes
from mcp_proxy.edges.audit_growth import Segments
from mcp_proxy.edges.audit_ledger import ledger_path
from mcp_proxy.edges.audit_reader import running_names
from mcp_proxy.edges.places import Home


class Follower:
    """Entries from where `newest` ended; only files that may still grow are held open.

    `damaged` tells of which files the rest can not be read.
    """

    def __init__(self, home: Home, only: Filter) -> None:
        """Opens the files of running processes. Raises HomeError: H02, H03."""
        self._home = home
        self._only = only
        self.damaged: list[Damage] = []
        # In this order: a process that begins meanwhile is found by `poll`.
        self._segments = Segments(home.state)
        self._known = set(self._segments.names())
        running = running_names(home.state)
        self._shown: set[tuple[str, int]] = set()
        self._streams: dict[str, SegmentStream | LedgerStream] = {}
        written = [name for name in sorted(self._known) if name.rpartition("/")[2] in running]
        for path in [ledger_path(home), *map(self._segments.path, written)]:
            self._open(path)
            for _ in self._streams[path].read():
                pass

    @property
    def processes(self) -> int:
        """How many segments are open now."""
        return len(self._streams) - 1

    def newest(self, count: int) -> list[Entry]:
        """The last entries so far; `poll` does not tell them again. Call it once, first."""
        reading = Reading(self._home, self._only)
        entries = reading.newest(count)
        self.damaged += reading.damaged
        self._shown = {(entry["segment"], entry["seq"]) for entry in entries}
        return entries

    def poll(self) -> list[Entry]:
        """What came since, in the order of time. Raises HomeError: H02, H03."""
        # Who has ended is asked before its file is read: nothing comes after that.
        running = running_names(self._home.state)
        ended = {path for path in self._streams if _ulid(path) not in running}
        # In any day's folder: a clock that was set right again leaves folders of days to come.
        for name in self._segments.names():
            if name not in self._known:
                self._known.add(name)
                self._open(self._segments.path(name))
        entries = []
        for path, stream in list(self._streams.items()):
            was_damaged = stream.damage is not None
            entries += [entry for entry in stream.read() if self._is_wanted(entry)]
            if stream.damage is not None and not was_damaged:
                self.damaged.append(stream.damage)
            # The ledger is followed on: a damaged one is put aside, and a new one begun.
            if isinstance(stream, SegmentStream) and (stream.is_over or path in ended):
                self._streams.pop(path).close()
        self._shown = set()
        return sorted(entries, key=lambda entry: str(entry["time"]))

    def close(self) -> None:
        """Let go of all files."""
        for stream in self._streams.values():
            stream.close()

    def _open(self, path: str) -> None:
        self._streams[path] = open_stream(path)

    def _is_wanted(self, entry: Entry) -> bool:
        is_new = (entry["segment"], entry["seq"]) not in self._shown
        return is_new and passes(entry, self._only)


def _ulid(path: str) -> str:
    return os.path.basename(path).removesuffix(".jsonl")
