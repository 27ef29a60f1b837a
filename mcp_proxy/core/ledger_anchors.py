"""What fixes a ledger from outside: signed notes of its entries, and heads that were kept. Pure.

A head that was kept is `SIZE HASH`: the ledger had SIZE entries, and HASH was the hash of the last.
A signed note of entry N is one too: it tells N entries before, the hash of the last of these, and
what entry N says itself.
"""

import base64
import hashlib
import re
from typing import Any, NamedTuple

from mcp_proxy.core.audit import GENESIS, compact
from mcp_proxy.core.audit_check import Fault
from mcp_proxy.core.audit_ledger import FIELDS, origin
from mcp_proxy.core.signed_note import VerifierKey, verify_note

_TAKING = frozenset({"prune", "erase"})
_BARE = 20
_FAULTS = 20
_SHOWN = 8
_HEAD = re.compile(r"([0-9]{1,15}) ([0-9a-f]{64})", re.ASCII)


class Anchor(NamedTuple):
    """A head that was kept; `note` is the text that was signed, if it came as a note.

    `near`: where whoever runs as the user can change it, as in this machine's keychain; `kept`
    names it by where it was kept.
    """

    size: int
    hash: str
    note: str | None = None
    near: bool = False
    kept: str = "the head that was given"


class NoteCheck:
    """The notes of one ledger's entries, in their order, against keys.

    A note by a key that is not known proves nothing, but its text has to be its entry's too.
    `noted` counts entries that bear a note; `signed` is how many entries the last note covers that
    one of the keys made, `signed_at` its time. Behind that one, `foreign` is the first line with a
    note by another key, 0 where there is none, and `bare` are the lines that take something out of
    the log, at most 20, each with its kind.
    """

    def __init__(self, home: str, keys: tuple[VerifierKey, ...]) -> None:
        self.noted = self.signed = 0
        self.signed_at = ""
        self.strangers = self.foreign = 0
        self.bare: list[tuple[int, str]] = []
        self._home = home
        self._keys = keys

    def feed(self, entry: dict[str, Any]) -> Fault | None:
        """The next entry, as `LedgerCheck` gave it."""
        line = entry["seq"] + 1
        if entry["kind"] in _TAKING and len(self.bare) < _BARE:
            self.bare.append((line, entry["kind"]))
        if entry["note"] is None:
            return None
        self.noted += 1
        try:
            found = verify_note(entry["note"], self._keys)
        except ValueError as error:
            return Fault(line, f"its note is bad: {error}")
        if entry["note"].rpartition("\n\n")[0] + "\n" != text_of(self._home, entry):
            return Fault(line, "its note was signed for another entry")
        if found is None:
            self.strangers += 1
            self.foreign = self.foreign or line
            return None
        self.signed, self.signed_at, self.foreign = line, entry["time"], 0
        self.bare.clear()
        return None


class AnchorCheck:
    """Heads that were kept, against a ledger's entries in their order.

    `reached` is how many entries the farthest one fixes, `at` that entry's time; `far` how many
    those fix that are not near. `faults` are those heads that are not in the ledger, each at the
    line that it was kept of, which stays the same while the ledger grows; at most 20.
    """

    def __init__(self, home: str, anchors: tuple[Anchor, ...]) -> None:
        self.reached = self.far = 0
        self.at = ""
        self.faults: list[Fault] = []
        self._home = home
        self._waiting = sorted(anchors, key=lambda anchor: anchor.size)
        self._time = ""

    def feed(self, entry: dict[str, Any]) -> None:
        """The next entry, as `LedgerCheck` gave it."""
        while self._waiting and self._waiting[0].size == entry["seq"]:
            self._compare(self._waiting.pop(0), entry)
        self._time = entry["time"]

    def end(self, entries: int, head: str) -> None:
        """After the last entry: what was kept and is not there any more was cut off."""
        for anchor in self._waiting:
            if anchor.note is None and (anchor.size, anchor.hash) == (entries, head):
                self._reach(anchor, entries, self._time)
            else:
                self._lacks(anchor)

    def _compare(self, anchor: Anchor, entry: dict[str, Any]) -> None:
        if anchor.hash != entry["prev"]:
            self._lacks(anchor)
        elif anchor.note is None:
            self._reach(anchor, anchor.size, self._time)
        elif anchor.note == text_of(self._home, entry):
            self._reach(anchor, anchor.size + 1, entry["time"])
        else:
            self._lacks(anchor)

    def _lacks(self, anchor: Anchor) -> None:
        line = anchor.size + (anchor.note is not None)
        named = f"{anchor.kept} ({anchor.size} {anchor.hash[:_SHOWN]}...)"
        if len(self.faults) < _FAULTS:
            why = "the ledger was cut, rewritten or put back"
            self.faults.append(Fault(line, f"{named} is not in the ledger: {why}"))

    def _reach(self, anchor: Anchor, entries: int, at: str) -> None:
        if entries >= self.reached:
            self.reached, self.at = entries, at
        if not anchor.near:
            self.far = max(self.far, entries)


def parse_anchors(text: str, keys: tuple[VerifierKey, ...]) -> tuple[Anchor, ...]:
    """A signed note, or lines of `SIZE HASH`. Raises ValueError: neither, or badly signed."""
    if "\n\n" in text:
        verify_note(text, keys)
        return (_of_note(text),)
    found = [_HEAD.fullmatch(line.strip()) for line in text.splitlines() if line.strip()]
    if not found or None in found:
        raise ValueError("it is neither a signed note nor lines of SIZE HASH")
    return tuple(Anchor(int(match[1]), match[2]) for match in found if match is not None)


def text_of(home: str, entry: dict[str, Any]) -> str:
    """What a note of this entry signs."""
    fields = {name: entry[name] for name in FIELDS[entry["kind"]]}
    told = base64.b64encode(hashlib.sha256(compact(fields)).digest()).decode()
    root = base64.b64encode(bytes.fromhex(entry["prev"])).decode()
    named = f"{entry['time']} {entry['kind']} {told}"
    return f"{origin(home)}\n{entry['seq']}\n{root}\n{named}\n"


def _of_note(note: str) -> Anchor:
    text = note.rpartition("\n\n")[0] + "\n"
    lines = text.split("\n")
    if len(lines) != 5 or not re.fullmatch(r"[0-9]{1,15}", lines[1], re.ASCII):
        raise ValueError("the note is not one of a ledger")
    root = base64.b64decode(lines[2], validate=True).hex()
    if len(root) != len(GENESIS):
        raise ValueError("the note is not one of a ledger")
    return Anchor(int(lines[1]), root, text)
