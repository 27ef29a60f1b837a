"""What a verified log proves, per property and against whom (S21). Pure: counts in, words out."""

from typing import Literal, NamedTuple

State = Literal["proven", "not proven", "not checked here", "broken"]

# Sources of a key that whoever wrote the ledger has not chosen.
KEYED = frozenset({"given", "keychain"})


class Counts(NamedTuple):
    """What verification counted.

    `fixed` are segment entries that the ledger fixes, `signed_entries` those that its signed part
    fixes; `unnamed` segments name no ledger, as those from before there was one. `ledger` counts
    the ledger's entries, -1 without one; `key` says where the keys came from: given, keychain,
    ledger, or locked or lost where the home's own cannot be had unasked or at all; `foreign` is the
    line from which on another key than these signs the rest.
    `macs` counts segments by none, unchecked, fitting; of the fitting ones an anchor fixes the
    beginning of `macs_fixed`. `far` counts ledger entries that anchors fix which programs of the
    user do not reach, `anchors` all of these; `bare` prunes that no signature covers. `is_whole`:
    the ledger's chain has no fault; `is_new`: it follows a damaged one. `unread` segments could not
    be read to their end. `is_asked`: a recipient's key was given; `named` are the ids of recipients
    whose segments it does not fit.
    """

    segments: int = 0
    entries: int = 0
    fixed: int = 0
    unread: int = 0
    unnamed: int = 0
    ledger: int = -1
    is_whole: bool = True
    is_new: bool = False
    key: str = "ledger"
    noted: int = 0
    signed: int = 0
    signed_at: str = ""
    strangers: int = 0
    foreign: int = 0
    signed_entries: int = 0
    reached: int = 0
    reached_at: str = ""
    far: int = 0
    anchors: int = 0
    bare: int = 0
    macs: tuple[int, int, int] = (0, 0, 0)
    macs_fixed: int = 0
    is_asked: bool = False
    named: tuple[str, ...] = ()
    clear: int = 0
    erased: int = 0
    lost: int = 0
    own: bool = False


class Property(NamedTuple):
    """One claim: what `about`, in words, and how far it holds against whom."""

    about: str
    name: str
    state: State
    against: str
    detail: str


_NAMES = {
    "entries": "entries are as written",
    "segments": "no segment is missing or shortened",
    "ledger": "the ledger is as written",
    "signed": "the ledger is signed",
    "cut": "the ledger's end is there",
    "macs": "entries are the serving process's",
    "values": "readable values are as written",
    "private": "the files are kept from other users",
}
_NEAR = "whoever can write the files and not this machine's keychain"
_AGAINST = {
    "entries": "damage, and edits by whoever does not rewrite the rest of the file",
    "segments": "whoever does not rewrite the ledger too",
    "ledger": "damage, and edits by whoever does not rewrite the rest of the file",
    "signed": "whoever can write the files and has not the key, for what was there when signed",
    "cut": "programs that run as the user, for what was there before the anchor",
    "macs": "programs that run as the user, for what was there before them",
    "values": "whoever does not rewrite the segment too",
    "private": "other users of this machine",
}


def claims(counts: Counts, broken: frozenset[str]) -> tuple[Property, ...]:
    """Every property; `broken` names those (`about`) that bad findings concern."""
    told = {
        "entries": _entries(counts),
        "segments": _segments(counts),
        "ledger": _ledger(counts),
        "signed": _signed(counts),
        "cut": _cut(counts),
        "macs": _macs(counts),
        "values": _values(counts),
        "private": _private(counts),
    }
    against = dict(_AGAINST)
    if counts.reached and not counts.far:
        against["cut"] = _NEAR
    return tuple(
        Property(
            about, _NAMES[about], "broken" if about in broken else state, against[about], detail
        )
        for about, (state, detail) in told.items()
    )


def _entries(counts: Counts) -> tuple[State, str]:
    if not counts.segments:
        return "not proven", "there are none"
    return "proven", f"{counts.entries} entries in {counts.segments} segments"


def _segments(counts: Counts) -> tuple[State, str]:
    if counts.ledger < 0:
        return "not proven", "there is no ledger yet"
    detail = f"the ledger fixes {counts.fixed} of {counts.entries} entries"
    bare = counts.entries - counts.fixed
    if bare > 0:
        detail += f"; {bare} it does not cover, which could be cut off unseen"
    if counts.unread:
        detail += f"; {counts.unread} segments cannot be read to their end"
    if counts.unnamed:
        detail += f"; {counts.unnamed} segments name no ledger, and nothing excludes made-up ones"
    if counts.bare and counts.key in KEYED:
        detail += f"; no signature covers {counts.bare} prunes"
    if counts.is_new or not counts.is_whole:
        why = "it follows a damaged one" if counts.is_whole else "the rest of it is not readable"
        return "not proven", f"{detail}; {why}"
    return ("not proven" if bare > 0 or counts.unread else "proven"), detail


def _ledger(counts: Counts) -> tuple[State, str]:
    if counts.ledger < 0:
        return "not proven", "there is no ledger yet"
    return "proven", f"{counts.ledger} entries"


def _signed(counts: Counts) -> tuple[State, str]:
    far = f"{counts.signed} of {counts.ledger} ledger entries, to {_second(counts.signed_at)}"
    far += f"; these fix {counts.signed_entries} of {counts.entries} entries of the segments"
    if counts.strangers:
        far += f"; {counts.strangers} later or earlier notes are by other keys"
    if counts.ledger >= 0 and not counts.noted and not counts.is_whole:
        return "not proven", "no signature stands before the place where it is broken"
    if counts.ledger < 0 or not counts.noted:
        return "not proven", "nothing is signed; mcp-proxy audit key makes the key"
    if counts.key == "locked":
        return "not checked here", "its key cannot be had without asking: unlock it, or give --key"
    if counts.key == "lost":
        return "not checked here", "neither keychain nor vault has its key: it was lost; give --key"
    if counts.key not in KEYED:
        return "not checked here", "give --key: the line that mcp-proxy audit key prints"
    if not counts.signed:
        return "not proven", "the notes are by other keys than the one that is asked for"
    far += "; key from the keychain" if counts.key == "keychain" else ""
    if counts.foreign:
        return "not proven", f"only {far}; from line {counts.foreign} on another key signs"
    return ("proven", far) if counts.signed_entries or not counts.fixed else ("not proven", far)


def _cut(counts: Counts) -> tuple[State, str]:
    if counts.anchors and not counts.reached:
        return "not proven", "the ledger does not come whole to the head that was kept"
    if not counts.reached:
        return "not proven", "no anchor: give --anchor, a head that was kept elsewhere"
    return (
        "proven",
        f"{counts.reached} of {counts.ledger} ledger entries, to {_second(counts.reached_at)}",
    )


def _macs(counts: Counts) -> tuple[State, str]:
    none, unchecked, fitting = counts.macs
    if unchecked and counts.is_asked:
        fits = f"fits {fitting} segments and not {unchecked}"
        if not fitting:
            fits = f"fits none of the {unchecked} segments"
        return "not checked here", f"the key that was given {fits} ({_recipients(counts)})"
    if unchecked:
        return "not checked here", f"{unchecked} segments: only the organisation's key checks them"
    if not fitting:
        return "not proven", "no profile named an organisation's key"
    bare = f"; {none} without a MAC" if none else ""
    # Anybody can wrap a key of his own to the organisation: all of a segment may have been forged.
    if not counts.macs_fixed:
        return (
            "not proven",
            f"they fit in {fitting} segments, whose beginning no anchor fixes{bare}",
        )
    return "proven", f"{counts.macs_fixed} of {fitting} segments, whose beginning is anchored{bare}"


def _recipients(counts: Counts) -> str:
    return f"they name {', '.join(counts.named)}" if counts.named else "they name none"


def _values(counts: Counts) -> tuple[State, str]:
    detail = f"{counts.clear} calls; {counts.erased} erased, as the ledger says"
    if counts.lost:
        detail += f"; {counts.lost} have none, of which it says nothing: lost, or taken away"
    return ("proven" if counts.clear and not counts.lost else "not proven"), detail


def _private(counts: Counts) -> tuple[State, str]:
    if not counts.own:
        return "not checked here", "it is a copy"
    return "proven", "owner and mode of each file and folder"


def _second(time: str) -> str:
    """A time without what is below a second."""
    return f"{time[:19]}Z"
