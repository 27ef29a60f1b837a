"""The whole log verified: segments, ledger, notes, anchors, MACs, clear values (S21).

Nothing is kept of a file but its counts, so that a long log needs no more memory than a short one.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from mcp_proxy.app.audit_findings import all_findings
from mcp_proxy.app.audit_ledger_check import (
    Ledger,
    Outside,
    Place,
    check_outside,
    read_ledger,
)
from mcp_proxy.app.audit_recipients import named_recipients
from mcp_proxy.app.audit_segment import Checked, Finding, Task, check_loose, check_one
from mcp_proxy.core.audit_claims import Counts, Property, claims
from mcp_proxy.core.ledger_anchors import Anchor
from mcp_proxy.core.ledger_check import Story
from mcp_proxy.core.segment_story import signed_entries
from mcp_proxy.core.signed_note import VerifierKey, parse_key
from mcp_proxy.edges.audit_erase import clear_path
from mcp_proxy.edges.audit_reader import bereft_paths, segment_paths
from mcp_proxy.edges.spread import processors, spread

_SPREAD_BYTES = 32 << 20
_AGAIN = 16

# Bytes that are done, of all bytes.
Progress = Callable[[int, int], None]


class Means(NamedTuple):
    """What a log is verified with.

    `keys` are those that may have signed, `source` where they come from: given, keychain, or
    ledger, where there are none but those that the ledger itself names; lost or locked, where that
    is so because the home's own is gone, or a person would have to be asked. `private` is the
    organisation's key for the MACs; `damaged` tells of anchors that could not be used.
    """

    keys: tuple[VerifierKey, ...] = ()
    source: str = "ledger"
    anchors: tuple[Anchor, ...] = ()
    private: bytes | None = None
    damaged: tuple[Finding, ...] = ()


class Report(NamedTuple):
    """The whole log's state. `first` and `last` are its earliest and latest times.

    `open_segments` have no close entry, `killed` of them by the ledger's word; `ledger` counts the
    ledger's entries, `pruned` the segments of which it says so; `follows`: another ledger, which
    was damaged, came before it.
    """

    segments: int
    entries: int
    first: str | None
    last: str | None
    open_segments: int
    killed: int
    ledger: int
    pruned: int
    follows: bool
    properties: tuple[Property, ...]
    findings: tuple[Finding, ...]

    @property
    def good(self) -> bool:
        """Whether nothing is broken."""
        return not any(finding.bad for finding in self.findings)

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to verify, and nothing says that there should have been."""
        return self.good and not self.segments and not self.ledger


def verify(place: Place, means: Means = Means(), progress: Progress | None = None) -> Report:  # noqa: B008 - a value
    """The log in that place.

    Raises HomeError: H03 a folder cannot be read, or a file was changed under way.
    """
    paths = segment_paths(place.state)  # before the ledger, which names what is found here
    ledger = read_ledger(place)
    means = _with_own_keys(ledger, means)
    outside: list[Outside] = []
    ask = partial(_look_outside, ledger, place, means, outside)
    tasks = _tasks(paths, ledger, place, means.private)
    checked = list(_told(_run(tasks, ask), tasks, progress))
    if ledger.is_whole and any(map(_is_doubtful, checked)):
        _look_again(place, ledger, {task.name: task for task in tasks}, checked)
    counts = _counts(place, ledger, outside[0], checked, means)
    found = tuple(all_findings(place, ledger, outside[0], checked, means.source))
    alone = map(clear_path, bereft_paths(place.state))
    found += tuple(check_loose(path, place.own) for path in alone)
    return _report(ledger, checked, counts, found + means.damaged)


def _tasks(paths: Iterable[str], ledger: Ledger, place: Place, private: bytes | None) -> list[Task]:
    """The segments on disk, and those that should be there by the ledger's word."""
    stories = ledger.check.stories
    found = {_name(path): path for path in paths}
    for name, story in stories.items():
        if name not in found and story.pruned is None:
            found[name] = os.path.join(place.state, "audit", *name.split("/")) + ".jsonl"
    return [
        Task(name, path, stories.get(name, Story()), place.own, private)
        for name, path in found.items()
    ]


def _run(tasks: list[Task], beside: Callable[[], None]) -> Iterator[Checked]:
    if len(tasks) > 1 and processors() > 1 and sum(map(_size, tasks)) > _SPREAD_BYTES:
        yield from spread(check_one, tasks, beside)
        return
    beside()
    yield from map(check_one, tasks)


def _told(
    checked: Iterable[Checked], tasks: list[Task], progress: Progress | None
) -> Iterator[Checked]:
    sizes = {task.name: _size(task) for task in tasks}
    done, total = 0, sum(sizes.values())
    for item in checked:
        done += sizes[item.name]
        if progress is not None:
            progress(done, total)
        yield item


def _size(task: Task) -> int:
    paths = (task.path, task.path.removesuffix(".jsonl") + ".clear.jsonl")
    return sum(os.path.getsize(path) for path in paths if os.path.exists(path))


def _look_outside(ledger: Ledger, place: Place, means: Means, found: list[Outside]) -> None:
    found.append(check_outside(ledger, place.own, means.keys, means.anchors))


def _with_own_keys(ledger: Ledger, means: Means) -> Means:
    """Where no key is given, the ledger's own show at least that the notes are whole."""
    if means.keys:
        return means
    keys = []
    for line in ledger.check.keys:
        try:
            keys.append(parse_key(line))
        except ValueError:
            continue
    source = means.source if means.source in {"locked", "lost"} else "ledger"
    return means._replace(keys=tuple(keys), source=source)


def _is_doubtful(item: Checked) -> bool:
    return not item.is_there or any(finding.bad for finding in item.findings)


def _is_unread(item: Checked) -> bool:
    return any(finding.bad and finding.about in ("entries", "private") for finding in item.findings)


def _look_again(
    place: Place, ledger: Ledger, tasks: dict[str, Task], checked: list[Checked]
) -> None:
    """What was pruned or erased while it was read is no damage: judged by the ledger as it is."""
    later = read_ledger(place).check.stories
    doubtful = [at for at, item in enumerate(checked) if _is_doubtful(item)]
    for at in doubtful:
        name = checked[at].name
        if name in later and name in ledger.check.stories:
            ledger.check.stories[name].pruned = later[name].pruned
    for at in doubtful[:_AGAIN]:
        name = checked[at].name
        checked[at] = check_one(tasks[name]._replace(story=later.get(name, Story())))


def _report(
    ledger: Ledger, checked: list[Checked], counts: Counts, findings: tuple[Finding, ...]
) -> Report:
    there = [item for item in checked if item.entries]
    stories = ledger.check.stories
    killed = [stories[item.name].reason == "crash" for item in there if item.name in stories]
    broken = frozenset(finding.about for finding in findings if finding.bad)
    return Report(
        counts.segments,
        counts.entries,
        min((item.first for item in there), default=None),
        max((item.last for item in there), default=None),
        sum(item.is_read and not item.closed for item in checked),
        sum(killed),
        ledger.check.entries,
        sum(story.pruned is not None for story in stories.values()),
        ledger.is_new,
        claims(counts, broken),
        findings,
    )


def _counts(
    place: Place, ledger: Ledger, outside: Outside, checked: list[Checked], means: Means
) -> Counts:
    there = [item for item in checked if item.is_read]
    macs = [item.mac for item in there]
    return Counts(
        segments=len(there),
        entries=sum(item.entries for item in there),
        fixed=sum(item.fixed for item in there),
        unread=sum(map(_is_unread, checked)),
        unnamed=sum(item.ledger is None and item.entries > 0 for item in there),
        ledger=ledger.check.entries if ledger.is_there else -1,
        is_whole=ledger.is_whole,
        is_new=ledger.is_new,
        key=means.source,
        noted=outside.noted,
        signed=outside.signed,
        signed_at=outside.signed_at,
        strangers=outside.strangers,
        foreign=outside.foreign,
        signed_entries=_signed(ledger, outside, there),
        reached=outside.reached,
        reached_at=outside.reached_at,
        far=outside.far,
        anchors=len(means.anchors),
        bare=sum(kind == "prune" for _, kind in outside.bare),
        macs=(macs.count("none"), macs.count("unchecked"), macs.count("proven")),
        macs_fixed=_anchored(ledger, outside, there),
        is_asked=means.private is not None,
        named=() if means.private is None else named_recipients(there, place.own),
        clear=sum(item.clear.proven for item in there),
        erased=sum(item.clear.erased for item in there),
        lost=sum(item.clear.lost for item in there),
        own=place.own,
    )


def _signed(ledger: Ledger, outside: Outside, there: list[Checked]) -> int:
    """Entries of segments that the signed part of the ledger fixes."""
    stories = ledger.check.stories
    return sum(
        min(item.fixed, signed_entries(stories[item.name].marks, outside.signed))
        for item in there
        if item.name in stories
    )


def _anchored(ledger: Ledger, outside: Outside, there: list[Checked]) -> int:
    """Segments with fitting MACs of which an anchor fixes an entry, and so the wrapped key.

    One that lies where programs of the user reach it fixes nothing against these.
    """
    stories = ledger.check.stories
    return sum(
        signed_entries(stories[item.name].marks, outside.far) > 0
        for item in there
        if item.mac == "proven" and item.name in stories
    )


def _name(path: str) -> str:
    day, name = os.path.split(path.removesuffix(".jsonl"))
    return f"{os.path.basename(day)}/{name}"
