"""The log for other systems, one line for each entry or event, in the order of time."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from mcp_proxy import __version__
from mcp_proxy.app.audit_log import Reading
from mcp_proxy.app.audit_stream import Damage
from mcp_proxy.core.audit_cef import cef_line
from mcp_proxy.core.audit_events import LEDGER, Event, Events, entry_of, is_told
from mcp_proxy.core.audit_filter import Filter
from mcp_proxy.core.audit_ocsf import ocsf_record
from mcp_proxy.edges.audit_ledger import ledger_path
from mcp_proxy.edges.audit_lines import Lines
from mcp_proxy.edges.places import Home

# How long a call may go on after the time up to which calls are asked for.
_LONGEST = timedelta(hours=1)


class Export:
    """The lines of one export; `damaged` tells afterwards what could not be read of the log."""

    def __init__(self, home: Home, form: str, only: Filter) -> None:
        """`form` is jsonl, ocsf or cef; of `only` the times and the profile count. Opens nothing.

        jsonl are the entries as `audit show --json` has them. The others tell a call and how it
        ended in one event, at the time when it was decided, and no values of arguments.
        """
        self._home = home
        self._only = only
        self._line = _FORMS.get(form)
        later = None if only.until is None else _later(only.until)
        self._reading = Reading(home, only if self._line is None else only._replace(until=later))

    @property
    def damaged(self) -> list[Damage]:
        """The first damaged place of each file that has one."""
        return self._reading.damaged

    def lines(self) -> Iterator[str]:
        """Lines without their ends. Raises HomeError: a file is not safe to use, or unreadable."""
        if self._line is None:
            yield from (_json(entry) for entry in self._reading)
            return
        for event in _events(iter(self._reading), _ledger(self._home)):
            is_wanted = self._only.until is None or str(event.entry["time"]) <= self._only.until
            if is_wanted and is_told(event):
                yield self._line(event, __version__, self._home.id)


def _ledger(home: Home) -> Events:
    """The ledger's events to come: its first entry, which names it, is in every export."""
    events, lines = Events(LEDGER), Lines(ledger_path(home))
    try:
        for line in islice(lines.read(), 1):
            events.take(entry_of(line, 0))
    finally:
        lines.close()
    return events


def _events(entries: Iterator[dict[str, Any]], ledger: Events) -> Iterator[Event]:
    """The events of all segments; the calls whose end is not in the log come last."""
    sources = {LEDGER: ledger}
    for entry in entries:
        name = str(entry["segment"])
        source = sources.setdefault(name, Events(name))
        yield from filter(_is_whole, source.take(entry))
        ended = _ended(entry)
        if ended in sources:
            yield from sources.pop(ended).rest()
    for source in sources.values():
        yield from source.rest()


def _ended(entry: dict[str, Any]) -> str:
    """The segment that this entry closes, "" if none."""
    if entry["kind"] != "close":
        return ""
    return str(entry.get("about") or entry["segment"]).rpartition("/")[2]


def _is_whole(event: Event) -> bool:
    """An end whose call was decided before the time asked for belongs to that time."""
    return event.entry["kind"] not in {"answered", "cancelled"}


def _later(time: str) -> str:
    try:
        moment = datetime.fromisoformat(time) + _LONGEST
    except OverflowError:
        return time
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def _ocsf(event: Event, version: str, home_id: str) -> str:
    return _json(ocsf_record(event, version, home_id))


_FORMS: dict[str, Callable[[Event, str, str], str]] = {"ocsf": _ocsf, "cef": cef_line}
