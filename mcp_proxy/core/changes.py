"""Two versions of a profile, difference by difference: wider, narrower, or the same (S5).

An update activates without anybody being asked only if no change is wider. So each change that is
not wider is proved: whatever the new version accepts and sends, the old one accepted and sent
alike, and of what the model reads nothing is new. Every field of the format has a judge; one that
has none, of a later format, is wider where it differs.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from mcp_proxy.core.change import (
    NARROWER,
    SAME,
    WIDER,
    Change,
    Judge,
    Judged,
    at_most,
    changed,
    elsewhere,
    field_changes,
    named,
    old_to_new,
    same_text,
)
from mcp_proxy.core.change_arguments import Offered
from mcp_proxy.core.change_entries import prompt_changes, resource_changes, upstream_changes
from mcp_proxy.core.change_tool import new_tool, tool_changes
from mcp_proxy.core.contents import Contents
from mcp_proxy.core.payload import plain
from mcp_proxy.core.profile import AuditRules

# They follow from the tools alone, which are compared themselves.
_DERIVED = frozenset({"approval", "constraints", "limits", "response-validation", "result-guards"})
_ARGUMENTS = {"digest": "as digests", "sealed": "as digests, and all of them sealed"}


def compare(old: Contents, new: Contents) -> tuple[Change, ...]:
    """What differs: the profile first, then upstreams, tools, resources and prompts in order.

    Empty where nothing but version, time of issue and digest does.
    """
    try:
        return tuple(_changes(old, new))
    except RecursionError:
        return (Change(WIDER, "profile", "is nested too deeply to be compared"),)


def is_wider(changes: Iterable[Change]) -> bool:
    """Whether a person has to be asked."""
    return any(change.kind not in (NARROWER, SAME) for change in changes)


def _changes(old: Contents, new: Contents) -> Iterable[Change]:
    return (
        *field_changes("profile", old.header, new.header, HEADER_FIELDS),
        *_audit_changes(old.header.audit, new.header.audit),
        *_order_changes(old, new),
        *upstream_changes(old.header.upstreams, new.header.upstreams),
        *_tool_changes(old, new),
        *resource_changes(old.resources, new.resources),
        *prompt_changes(old.prompts, new.prompts),
    )


def _tool_changes(old: Contents, new: Contents) -> Iterator[Change]:
    for name in dict.fromkeys((*old.tools, *new.tools)):
        place = f"tool {named(name)}"
        if name not in new.tools:
            yield Change(NARROWER, place, "the model can no longer call it")
            continue
        now = Offered(new.tools[name], new.rows[name])
        if name not in old.tools:
            yield new_tool(place, now)
            continue
        before = Offered(old.tools[name], old.rows[name])
        if not same_text(plain(before), plain(now)):
            yield from tool_changes(place, before, now, frozenset(old.tools))


def _audit_changes(old: AuditRules, new: AuditRules) -> Iterator[Change]:
    yield from field_changes("profile", old, new, AUDIT_FIELDS)
    if old.arguments == new.arguments == "sealed" and old.recipient != new.recipient:
        words = f"all arguments are sealed to {_whose(old)} -> {_whose(new)}"
        yield Change(WIDER, "profile", words)


def _whose(rules: AuditRules) -> str:
    return named(rules.recipient.rpartition(":")[2]) or "the home itself"


def _judge_recipient(old: str, new: str) -> Judged:
    kind = WIDER if old else NARROWER
    yield kind, f"who can verify the log's MACs: {old_to_new(old or None, new or None)}"


def _judge_arguments(old: str, new: str) -> Judged:
    yield WIDER, f"arguments in the audit log: {_ARGUMENTS[old]} -> {_ARGUMENTS[new]}"


def _judge_expires(old: int | None, new: int | None) -> Judged:
    words = f"expires: {_day(old)} -> {_day(new)}"
    if new is None:
        yield WIDER, words
    else:
        yield (SAME if old is not None and new > old else NARROWER), words


def _judge_requires(old: tuple[str, ...], new: tuple[str, ...]) -> Judged:
    lost = set(old) - set(new) - _DERIVED
    words = [", ".join(names) or "nothing" for names in (old, new)]
    yield (WIDER if lost else SAME), f"requires of mcp-proxy: {words[0]} -> {words[1]}"


def _order_changes(old: Contents, new: Contents) -> Iterator[Change]:
    """The lists that the model has are in another order, as far as both versions hold them."""
    for what in ("tools", "resources", "prompts"):
        lists = getattr(old.header, what), getattr(new.header, what)
        orders = [[name for name in one if name in other] for one, other in (lists, lists[::-1])]
        if orders[0] != orders[1]:
            yield Change(SAME, "profile", f"{what} are listed in another order")


def _day(seconds: int | None) -> str:
    if seconds is None:
        return "never"
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):
        return f"{seconds} s after 1970"


HEADER_FIELDS: dict[str, Judge] = {
    "profile": changed("name"),
    "version": elsewhere,
    "title": changed("title"),
    "instructions": changed("instructions"),
    "issued": elsewhere,
    "expires": _judge_expires,
    "timezone": changed("time zone"),
    "requires": _judge_requires,
    "upstreams": elsewhere,
    "audit": elsewhere,
    "tools": elsewhere,
    "resources": elsewhere,
    "prompts": elsewhere,
    "grace_s": at_most("served without a fresh repository for at most", "s"),
}
AUDIT_FIELDS: dict[str, Judge] = {
    # More says more of the arguments to who reads the log, less is a weaker log.
    "clear": changed("arguments kept readable in the audit log"),
    "on_failure": changed("what a failing audit log does"),
    # One more who can verify takes nothing from anybody; another one or none does.
    "recipient": _judge_recipient,
    # As with `clear`.
    "arguments": _judge_arguments,
}
