"""Drift: what a gateway declares now against what it declared for the profile (S16).

A changed declaration is found; changed behaviour behind an unchanged one is not.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from mcp_proxy.core.fingerprint import canonical, fingerprint
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import Bound
from mcp_proxy.core.text import one_sentence

State = Literal["unchanged", "changed", "gone"]
Declared = Mapping[str, dict[str, Any]]


class Difference(NamedTuple):
    """One place of a declaration: its JSON pointer, and both sides in clean words.

    None where a side has nothing there.
    """

    pointer: str
    before: str | None
    now: str | None


def state_of(tool: Bound, declared: Declared) -> State:
    """Whether a gateway's tool stands in a listing as it did for the profile.

    A declaration that has no fingerprint (a number that JSON does not have) is a changed one.
    """
    entry = declared.get(tool.template.tool)
    if entry is None:
        return "gone"
    try:
        return "unchanged" if fingerprint(entry) == tool.template.fingerprint else "changed"
    except (ValueError, RecursionError):
        return "changed"


class Drifted(NamedTuple):
    """Names, in the profile, of the tools declared otherwise, and of those declared no more."""

    changed: frozenset[str]
    gone: frozenset[str]


def drifted_tools(tools: Iterable[Bound], declared: Declared) -> Drifted:
    """The gateway's tools that are not declared as they were."""
    states = {tool.name: state_of(tool, declared) for tool in tools}
    changed, gone = (
        frozenset(name for name, state in states.items() if state == wanted)
        for wanted in ("changed", "gone")
    )
    return Drifted(changed, gone)


def differences(before: Any, now: Any) -> tuple[Difference, ...]:
    """Where two declarations differ, in the order of their pointers; bounded in number and text."""
    found = []
    for difference in _differences(before, now, ()):
        found.append(difference)
        if len(found) == LIMITS.drift_differences:
            break
    return tuple(found)


def _differences(before: Any, now: Any, keys: tuple[str, ...]) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            inside = (*keys, key)
            if key not in before:
                yield Difference(_pointer(inside), None, _words(now[key]))
            elif key not in now:
                yield Difference(_pointer(inside), _words(before[key]), None)
            else:
                yield from _differences(before[key], now[key], inside)
    elif not _same(before, now, keys[-1] if keys else ""):
        yield Difference(_pointer(keys), _words(before), _words(now))


def _pointer(keys: tuple[str, ...]) -> str:
    text = "".join(f"/{key.replace('~', '~0').replace('/', '~1')}" for key in keys)
    return one_sentence(text, LIMITS.drift_words_chars)


def _same(before: Any, now: Any, key: str) -> bool:
    """As a fingerprint sees them, so that what does not count as drift is not told as such."""
    try:
        return canonical({key: before}) == canonical({key: now})
    except (ValueError, RecursionError):
        return False


def _words(value: Any) -> str:
    try:
        text = value if isinstance(value, str) else canonical(value).decode(errors="replace")
    except (ValueError, RecursionError):
        text = "no JSON"
    return one_sentence(text, LIMITS.drift_words_chars)
