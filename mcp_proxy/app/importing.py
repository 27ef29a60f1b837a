"""`profile import`: an API or an MCP server in, a source in which everything starts hidden out.

A later import keeps every byte that the publisher wrote and says what moved since the one before.
"""

import datetime as dt
import os
import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from mcp_proxy.app.capture import MayStart
from mcp_proxy.app.import_earlier import (
    Earlier,
    read_earlier,
    record_path,
    refreshed,
    refuse_foreign,
    refuse_other_api,
)
from mcp_proxy.app.import_origin import (
    Origin,
    Read,
    Wanted,
    is_url,
    read_command,
    read_file,
    read_gateway,
    read_url,
)
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import NAME_PATTERN
from mcp_proxy.edges import clock
from mcp_proxy.edges.files import write_given
from mcp_proxy.errors import UsageError
from mcp_proxy.workshop.draft import tool_name
from mcp_proxy.workshop.import_merge import merge
from mcp_proxy.workshop.import_moves import Move, moves
from mcp_proxy.workshop.import_record import (
    Record,
    Then,
    dump_record,
    remember,
    with_refusals,
)
from mcp_proxy.workshop.import_subject import Candidate, Subject
from mcp_proxy.workshop.import_text import (
    Head,
    Hidden,
    Written,
    hidden_line,
    line_digests,
    source_text,
    tool_text,
)
from mcp_proxy.workshop.import_trial import Trial, try_candidate
from mcp_proxy.workshop.selection import Expression, Selected, check_hits, parse_expression, select

_DAYS = 365


Try = Callable[[Candidate], Trial]
# Lets a person choose among candidates; None: leave without writing anything.
Pick = Callable[[list[Candidate], Try], list[Candidate] | None]


class Wish(NamedTuple):
    """What a person asked for. `pick` is asked where nothing was chosen yet, by a source's tools or
    `select`, or always with `picks`."""

    name: str
    out: str | None
    origin: Origin
    select: tuple[str, ...]
    include: tuple[str, ...]
    picks: bool


class Imported(NamedTuple):
    """What an import did. `left_out` counts by mark what was selected and not asked for;
    `refused` are the selected that no tool can be built of; `moves` is None for a first import.
    `waits`: the source is there, and its gateway lists nothing before somebody logs in by it.
    `is_blank`: the source has no tools, neither from before nor by this import."""

    path: str
    tools: tuple[str, ...]
    tokens: int
    hidden: int
    left_out: Mapping[str, int]
    refused: Mapping[str, str]
    moves: tuple[Move, ...] | None
    notes: tuple[str, ...]
    waits: bool = False
    is_blank: bool = False


def import_profile(wish: Wish, may_start: MayStart, pick: Pick | None) -> Imported | None:
    """Imports; None where the person left the picker. `pick` is None without a terminal.

    Raises:
        UsageError: the name, a file or an expression is none; what is asked cannot be.
        SourceError: the document, the listing, the source or its record cannot be used.
        UpstreamError, CredentialError: a URL or a server does not give what it has.
    """
    if not re.fullmatch(NAME_PATTERN, wish.name):
        raise UsageError("MCPX-W01", "A profile's name is 1 to 16 of a-z, 0-9 and -.")
    expressions = [parse_expression(text) for text in wish.select]
    path = wish.out or f"{wish.name}.yaml"
    earlier = read_earlier(wish.name, path)
    if earlier is None:
        read = _read(wish, path, may_start)
    else:
        earlier, read = refreshed(wish.origin, earlier, may_start)
    refuse_foreign(path, read, earlier)
    return _Import(wish, path, read, earlier).run(expressions, pick)


class _Import:
    """One import under way, once everything has been read."""

    def __init__(self, wish: Wish, path: str, read: Read, earlier: Earlier | None) -> None:
        self._wish, self._path, self._read, self._earlier = wish, path, read, earlier
        self._subject: Subject = read.subject
        self._upstream = wish.name if earlier is None else earlier.upstream
        self._all = self._subject.candidates(set())
        own = {} if earlier is None else earlier.tools(self._all)
        self._tools: dict[str, tuple[str, ...]] = own
        if earlier is not None:
            refuse_other_api(wish.origin, read, earlier, self._all)
        taken = set() if earlier is None else set(earlier.source.profile.tools)
        self._free = list(_free(self._all, own.keys(), taken))
        self._trials: dict[str, Trial] = {}

    def run(self, expressions: list[Expression], pick: Pick | None) -> Imported | None:
        if self._read.waits:
            return self._write(Selected([], {}))
        is_blank = self._earlier is None or self._earlier.is_blank
        asks = self._wish.picks or (is_blank and not expressions)
        if asks and pick is not None:
            picked = pick(self._free, self._trial)
            if picked is None:
                return None
            selected = Selected(picked, {})
        else:
            check_hits(self._all, expressions)
            selected = select(self._free, expressions, set(self._wish.include))
        return self._write(selected)

    def _write(self, selected: Selected) -> Imported:
        trials = {one.selector: self._trial(one) for one in selected.chosen}
        written = [trial.written for trial in trials.values() if trial.written is not None]
        refused = {key: trial.refusal for key, trial in trials.items() if trial.refusal}
        operations = self._operations(written, refused, set(trials))
        hidden = self._hidden({one.candidate.selector for one in written}, operations)
        text = self._text(written, hidden)
        _check_size(self._path, text, len(written))
        found = None
        if self._earlier is not None and not self._earlier.is_blank:
            old = None if self._earlier.record is None else self._earlier.record.operations
            found = tuple(moves(old, operations, self._tools))
        self._save(text, self._record(operations, hidden))
        return Imported(
            path=self._path,
            tools=tuple(one.candidate.name for one in written),
            tokens=sum(trial.tokens for trial in trials.values()),
            hidden=len(self._free) - len(written),
            left_out=selected.left_out,
            refused=refused,
            moves=found,
            notes=() if self._earlier is None else self._earlier.notes(self._read),
            waits=self._read.waits,
            is_blank=not written and not (self._earlier and self._earlier.source.profile.tools),
        )

    def _trial(self, candidate: Candidate) -> Trial:
        if candidate.selector not in self._trials:
            self._trials[candidate.selector] = try_candidate(
                self._subject, self._upstream, candidate
            )
        return self._trials[candidate.selector]

    def _operations(
        self, written: list[Written], refused: dict[str, str], tried: set[str]
    ) -> dict[str, Then]:
        shown = {*self._tools, *(one.candidate.selector for one in written)}
        record = None if self._earlier is None else self._earlier.record
        old = {} if record is None else record.operations
        return with_refusals(remember(self._subject, self._all, shown), refused, tried, old)

    def _hidden(self, written: set[str], operations: dict[str, Then]) -> Hidden:
        lines = [
            hidden_line(one, self._upstream, operations[one.selector].refused)
            for one in self._free
            if one.selector not in written
        ]
        return Hidden(lines, self._subject.others(self._upstream))

    def _text(self, written: list[Written], hidden: Hidden) -> bytes:
        if self._earlier is not None:
            blocks = [tool_text(one, self._upstream) for one in written]
            record = self._earlier.record
            ours = frozenset() if record is None else record.hidden
            return merge(self._earlier.data, self._path, blocks, hidden, ours).encode()
        head = Head(self._wish.name, self._read.title, self._read.lines, _expiry(clock.now_s()))
        return source_text(head, written, hidden).encode()

    def _record(self, operations: dict[str, Then], hidden: Hidden) -> Record:
        return Record(
            kind=self._subject.kind,
            upstream=self._upstream,
            url=self._read.url,
            file=self._read.file,
            sha256=self._read.sha256,
            hidden=line_digests(hidden),
            operations={**self._unfollowed(operations), **operations},
        )

    def _unfollowed(self, operations: dict[str, Then]) -> dict[str, Then]:
        """What tools of the source still name and is no more: the next import tells it again."""
        record = None if self._earlier is None else self._earlier.record
        old = {} if record is None else record.operations
        return {key: old[key] for key in self._tools if key in old and key not in operations}

    def _save(self, text: bytes, record: Record) -> None:
        folder = os.path.dirname(os.path.abspath(self._path))
        if self._read.data is not None:
            write_given(os.path.join(folder, self._read.file), self._read.data)
        if self._earlier is None or text != self._earlier.data:
            write_given(self._path, text)
        if not self._read.waits:
            write_given(record_path(self._path), dump_record(record))


def _read(wish: Wish, path: str, may_start: MayStart) -> Read:
    """What a first import reads."""
    origin, stem = wish.origin, os.path.splitext(path)[0]
    wanted = Wanted(wish.name, os.path.dirname(os.path.abspath(path)), origin.url)
    if origin.openapi is not None and is_url(origin.openapi):
        return read_url(wanted, origin.openapi, stem)
    if origin.openapi is not None:
        return read_file(wanted, origin.openapi)
    if origin.url is not None:
        raise UsageError("MCPX-W01", "--url goes with --openapi.")
    if origin.mcp is not None:
        return read_gateway(wish.name, origin.mcp, stem)
    if origin.command:
        return read_command(wish.name, origin.command, stem, may_start)
    why = f"{path} is not there yet, so say what to import: --openapi, --mcp or --stdio."
    raise UsageError("MCPX-W01", why, f"mcp-proxy profile import {wish.name} --openapi FILE")


def _free(
    candidates: list[Candidate], own: AbstractSet[str], taken: set[str]
) -> Iterator[Candidate]:
    """Those that are no tool of the profile yet, under names that none of its tools has."""
    names = {*taken, *(one.name for one in candidates)}
    for one in candidates:
        if one.selector not in own:
            yield one._replace(name=tool_name(one.name, names)) if one.name in taken else one


def _check_size(path: str, text: bytes, tools: int) -> None:
    """A source that no build would read is not written."""
    if len(text) > LIMITS.small_file_bytes:
        bound = LIMITS.small_file_bytes
        why = f"{path} would be larger than {bound:,} bytes with {tools} more tools."
        raise UsageError("MCPX-W01", why, "select fewer")


def _expiry(now_s: float) -> str:
    day = dt.datetime.fromtimestamp(now_s, dt.UTC).date()
    return (day + dt.timedelta(days=_DAYS)).isoformat()
