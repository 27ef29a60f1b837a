"""What was found in a log, segment by segment, against what the ledger tells. Words alone."""

from collections.abc import Iterator

from mcp_proxy.app.audit_ledger_check import Ledger, Outside, Place
from mcp_proxy.app.audit_segment import Checked, Finding
from mcp_proxy.core.audit_claims import KEYED
from mcp_proxy.core.ledger_check import Story


def all_findings(
    place: Place, ledger: Ledger, outside: Outside, checked: list[Checked], source: str
) -> Iterator[Finding]:
    """Everything that is not simply whole, the ledger's first, then by segment.

    `source` says where the keys came from that should have signed the ledger.
    """
    yield from ledger.findings
    if place.home is not None and ledger.check.entries and ledger.check.home != place.home:
        yield Finding(ledger.path, 1, "it is the ledger of another home", True, "ledger")
    yield from outside.findings
    if source in KEYED:
        yield from _signed_findings(ledger, outside, source == "keychain")
    for item in sorted(checked):
        story = ledger.check.stories.get(item.name)
        yield from item.findings
        if item.is_there and not any(finding.bad for finding in item.findings):
            yield from _segment_findings(item, story, ledger)
        elif not item.is_there and story is not None:
            yield from _absent_findings(item, story)


def _signed_findings(ledger: Ledger, outside: Outside, is_own: bool) -> Iterator[Finding]:
    """`is_own`: the key is the one that this machine signs with now."""
    if ledger.is_whole and not outside.signed:
        # A ledger that has just taken the place of a damaged one is told of its key later.
        is_untold = ledger.is_new and not outside.noted and not ledger.check.keys
        what = "no note of the ledger is by the key that is asked for"
        yield Finding(ledger.path, 0, what, not (is_own and is_untold), "signed")
    elif outside.foreign:
        what = "from here on another key signs: a new one, or that of whoever made up the rest"
        yield Finding(ledger.path, outside.foreign, what, is_own, "signed")
    for line, kind in outside.bare:
        what = f"no signature covers this {kind}: whoever can write the ledger may have told it"
        yield Finding(ledger.path, line, what, False, "segments")


def _segment_findings(item: Checked, story: Story | None, ledger: Ledger) -> Iterator[Finding]:
    at = item.entries + 1
    if story is not None and story.pruned is not None:
        what = f"{story.pruned.at} says that it was pruned; the next audit prune removes it"
        yield Finding(item.path, 0, what, False, "segments")
    elif story is None or (story.opened is None and not story.marks):
        yield from _unnamed_findings(item, ledger)
    elif story.closed is not None and story.reason == "crash":
        yield Finding(item.path, at, _killed_words(item, story), False, "segments")
    elif story.closed is None and (item.torn or not item.entries):
        what = f"torn tail of {item.torn} bytes: its process was killed, or is writing it now"
        yield Finding(item.path, at, what, False, "segments")
    elif story.closed is None and item.closed:
        what = "closed, but the ledger was not told: its process was killed, or is at it"
        yield Finding(item.path, 0, what, False, "segments")
    if item.clear.kept:
        what = f"{item.clear.kept} calls of it were to be erased and are there: erase them again"
        yield Finding(item.path, 0, what, False, "values")
    if item.clear.lost:
        what = f"{item.clear.lost} calls of it have no values: the ledger tells of no erasure"
        yield Finding(item.path, 0, what, False, "values")


def _killed_words(item: Checked, story: Story) -> str:
    torn = f", {item.torn} bytes of the next were written" if item.torn else ""
    at = "" if story.closed is None else story.closed.at
    return f"its process was killed after line {item.entries}{torn}; {at} closed it"


def _unnamed_findings(item: Checked, ledger: Ledger) -> Iterator[Finding]:
    """A segment of which the ledger does not tell that it was opened."""
    named = item.ledger
    if item.torn or not item.entries:
        what = f"torn tail of {item.torn} bytes: its process ended while it wrote"
        yield Finding(item.path, item.entries + 1, what, False, "segments")
    if not item.entries:
        return
    if named is None:
        yield from _older_findings(item, ledger)
    elif not ledger.is_there:
        what = f"it names entry {named.seq} of a ledger that is not there"
        yield Finding(item.path, 1, what, True, "segments")
    elif any(named.seq >= entries for entries in ledger.breaks):
        what = f"it names entry {named.seq} of an earlier ledger, behind what is left of that"
        yield Finding(item.path, 1, what, False, "segments")
    elif ledger.is_whole:
        what = f"the ledger does not name it, and it names entry {named.seq} there"
        yield Finding(item.path, 1, what, True, "segments")


def _older_findings(item: Checked, ledger: Ledger) -> Iterator[Finding]:
    """A segment that names no ledger: all of it has to be older than the one that is there."""
    if not ledger.began:
        return
    is_late = item.last > ledger.began
    what = "it names no ledger: older than that, or made up since, which nothing excludes"
    if is_late:
        what = "the ledger does not name it, though it was there"
    yield Finding(item.path, 1, what, is_late, "segments")


def _absent_findings(item: Checked, story: Story) -> Iterator[Finding]:
    if story.pruned is not None:
        return
    last = max(story.marks, key=lambda mark: mark.entries, default=None)
    if last is None or not last.entries:
        if story.opened is not None and story.closed is None:
            what = f"{story.opened.at} says that it begins: its process was killed, or is at it"
            yield Finding(item.path, 0, what, False, "segments")
        return
    what = f"it is missing: {last.at} tells of {last.entries} entries"
    yield Finding(item.path, 0, what, True, "segments")
