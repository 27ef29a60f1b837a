"""What a tool can do to its upstream, proposed from its method, its hints and its wording.

A proposal for a publisher to check, never a decision. Wording raises what a method promises; it
lowers only a POST whose every verb is one of asking.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

MARKS = ("admin", "destructive", "bulk", "file")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_READING = _set(
    "check compare count describe download exists explain export fetch find get has inspect is list"
    " lookup peek preview query read retrieve search show stat status suggest view"
)
# What can hardly be taken back, also where the method is POST.
_DESTROYING = _set(
    "cancel clear deactivate delete destroy disable discard drop erase expire expunge flush kill"
    " purge refund reject remove reset revoke rotate suspend terminate transfer trash truncate"
    " uninstall unpublish void wipe"
)
_CHANGING = _set(
    "accept activate add adjust append apply approve archive assign attach authorize block book"
    " capture charge close commit confirm convert copy create deploy detach dismiss edit enable"
    " enroll execute finalize fork generate import insert install invite invoke lock log mark merge"
    " modify move order patch pause pay ping post publish push put rename reopen replace replay"
    " report request resend restart restore resume retry run save schedule send set share start"
    " stop submit subscribe sync tag trigger unlock unsubscribe update upload upsert write"
)
# What a POST may do and still only read.
_ASKING = _set(
    "count describe explain fetch find get list lookup preview query read retrieve search show"
    " suggest"
)
_PREPOSITIONS = _set("at by for from in of on to with")
_LASTING = re.compile(r"permanently|irreversibl|cannot be undone|can't be undone|not reversible")

# Who may do what, and with which secret: marked where it is only read, too.
_ADMIN = _set(
    "admin admins administration administrator administrators apikey apikeys audit credential"
    " credentials iam impersonate impersonation password passwords saml scim secret secrets sso"
    " sudo superuser token tokens"
)
# The same, marked where it is changed: what the operation is about, then what it lies below.
_ADMIN_CHANGED = _set(
    "access account accounts acl acls collaborator collaborators config configuration"
    " configurations domain domains firewall firewalls group groups hook hooks installation"
    " installations invitation invitations invite key keys member members membership memberships"
    " oauth organization organizations permission permissions policies policy protection role"
    " roles ruleset rulesets security setting settings tenant tenants user users webhook"
    " webhooks"
)
_ADMIN_BELOW = _set(
    "acl acls hooks membership memberships permission permissions policies policy protection role"
    " roles rulesets settings webhooks"
)
_BULK = _set("batch bulk export exports import imports mass")
_BULK_CHANGED = _set("all everything many multiple")
_FILE = _set(
    "artifact artifacts asset assets attachment attachments blob blobs content contents"
    " download downloads export file files media raw tarball upload uploads zipball"
)
_SLOT = re.compile(r"\{[^}]*\}")


class Risk(NamedTuple):
    """The effect to propose (read, write or destructive), and marks in the order of `MARKS`."""

    effect: str
    marks: tuple[str, ...]


def assess(method: str, path: str, id: str, text: str, tags: tuple[str, ...]) -> Risk:  # noqa: A002
    """An operation of an API: its method, `/path/{slot}`, operationId, summary or more, and tags.

    `id` and `text` may be "". What reads by POST (a search) is read: a source needs a reason then.
    """
    fixed = [part for part in path.split("/") if part and not _SLOT.fullmatch(part)]
    last = fixed[-1] if fixed else ""
    name = _words(id.rpartition("/")[2])
    effect = _effect(method.upper(), name, _words(last), _words(text))
    effect = _lasting(effect, text)
    about = {*_words(last), *_object(name)}
    about_all = {*about, *_words(" ".join((*fixed, id, *tags)))}
    is_bulk = effect != "read" and _replaces_all(method.upper(), path, last)
    return Risk(effect, _marks(effect, about, about_all, is_bulk=is_bulk))


def assess_tool(name: str, text: str, annotations: Mapping[str, Any]) -> Risk:
    """A tool of an MCP server: what it declares, raised where its name says more."""
    words = _words(name)
    said = [effect for word in words[:3] if (effect := _verb_effect(word))]
    effect = _hinted(annotations)
    if effect is None:
        effect = max(said or ["destructive"], key=_rank)
    else:
        effect = max([effect, *said[:1]], key=_rank)
    effect = _lasting(effect, text)
    return Risk(effect, _marks(effect, set(words), set(words), is_bulk=False))


def _effect(method: str, name: list[str], last: list[str], text: list[str]) -> str:
    """The method's own effect, raised by the first words of the name, path end and summary."""
    if method == "DELETE":
        return "destructive"
    verbs = [word for word in (*name[:2], *text[:1]) if _verb_effect(word)]
    verbs += last if len(last) == 1 and _verb_effect(last[0]) else []
    if method in ("GET", "HEAD", "OPTIONS"):
        # Nouns that are verbs too ("report", "order") end many a path that is only read.
        said = {_verb_effect(word) for word in name[:1] if not word.endswith("s")}
        return next((effect for effect in ("destructive", "write") if effect in said), "read")
    if method == "POST" and verbs and set(verbs) <= _ASKING:
        return "read"
    return max(["write", *(_verb_effect(word) or "write" for word in verbs)], key=_rank)


def _lasting(effect: str, text: str) -> str:
    is_lasting = effect == "write" and _LASTING.search(text.lower()[:2_000])
    return "destructive" if is_lasting else effect


def _verb_effect(word: str) -> str | None:
    forms = {word, word.removesuffix("s")}
    if forms & _DESTROYING:
        return "destructive"
    if forms & _CHANGING:
        return "write"
    return "read" if forms & _READING else None


def _hinted(annotations: Mapping[str, Any]) -> str | None:
    if annotations.get("readOnlyHint") is True:
        return "read"
    if "readOnlyHint" not in annotations and "destructiveHint" not in annotations:
        return None
    # MCP: destructiveHint is true unless said otherwise.
    return "write" if annotations.get("destructiveHint") is False else "destructive"


def _marks(effect: str, about: set[str], about_all: set[str], *, is_bulk: bool) -> tuple[str, ...]:
    changed_rights = about & _ADMIN_CHANGED or about_all & _ADMIN_BELOW
    holds = {
        "admin": bool(about_all & _ADMIN or (effect != "read" and changed_rights)),
        "destructive": effect == "destructive",
        "bulk": bool(is_bulk or about_all & _BULK or (effect != "read" and about & _BULK_CHANGED)),
        "file": bool(about & _FILE),
    }
    return tuple(mark for mark in MARKS if holds[mark])


def _replaces_all(method: str, path: str, last: str) -> bool:
    """DELETE or PUT of a whole collection: a plural word with no slot behind it."""
    is_collection = path.rstrip("/").endswith(last) and last.endswith("s")
    return method in ("DELETE", "PUT") and is_collection and not last.endswith(("ss", "us"))


def _object(name: list[str]) -> list[str]:
    """What a name is about: `remove-member-for-org` is of a member, not of an organization."""
    ends = [index for index, word in enumerate(name) if word in _PREPOSITIONS]
    return name[: ends[0]] if ends else name


def _words(text: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text[:2_000])
    return re.findall(r"[a-z0-9]+", spaced.lower())


def _rank(effect: str) -> int:
    return ("read", "write", "destructive").index(effect)
