"""Which candidates `--select` takes: `tag:`, `path:`, `method:`, `id:`, `name:` or plain words."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from mcp_proxy.errors import UsageError
from mcp_proxy.workshop.import_subject import Candidate
from mcp_proxy.workshop.risk import MARKS

KINDS = ("tag", "path", "method", "id", "name")
DEPRECATED = "deprecated"
FORM = "form"
_KIND = re.compile(r"([a-z]+):(.*)", re.DOTALL)
_PLACE = re.compile(r"[A-Za-z]+ +/.*")
_WILD = frozenset("*?[")


class Condition(NamedTuple):
    """One word of an expression; `kind` is one of `KINDS`, "place" or "any"."""

    kind: str
    pattern: str
    negated: bool


class Expression(NamedTuple):
    """All of its conditions hold. `text` is as it was written."""

    text: str
    conditions: tuple[Condition, ...]


class Selected(NamedTuple):
    """What was selected, and how many more by why they were left out: a mark, deprecated, form."""

    chosen: list[Candidate]
    left_out: dict[str, int]


def parse_expression(text: str) -> Expression:
    """`tag:billing,!method:delete`: comma is and, a leading `!` is not.

    Raises:
        UsageError: MCPX-W01 an empty word, or a kind there is not.
    """
    return Expression(text, tuple(_condition(word.strip(), text) for word in text.split(",")))


def matches(expression: Expression, candidate: Candidate) -> bool:
    """Whether every condition holds of the candidate."""
    return all(_holds(one, candidate) != one.negated for one in expression.conditions)


def select(
    candidates: Iterable[Candidate], expressions: list[Expression], include: set[str]
) -> Selected:
    """The candidates that any expression takes, less those with a mark not in `include`.

    One that an expression names exactly, by its id or as "GET /path", is taken with its marks.
    """
    chosen: list[Candidate] = []
    left_out: Counter[str] = Counter()
    for candidate in candidates:
        taking = [one for one in expressions if matches(one, candidate)]
        reasons = list(_reasons(candidate, include))
        if reasons and not any(_names(one, candidate) for one in taking):
            left_out.update(reasons if taking else ())
        elif taking:
            chosen.append(candidate)
    return Selected(
        chosen, {key: left_out[key] for key in (*MARKS, DEPRECATED, FORM) if left_out[key]}
    )


def check_hits(candidates: list[Candidate], expressions: list[Expression]) -> None:
    """Raises UsageError MCPX-W01 for an expression that takes nothing at all."""
    for one in expressions:
        if not any(matches(one, candidate) for candidate in candidates):
            tags = Counter(tag for candidate in candidates for tag in candidate.tags)
            known = ", ".join(tag for tag, _ in tags.most_common(12))
            hint = f" Its most used tags: {known}." if known else ""
            raise UsageError("MCPX-W01", f"--select {one.text!r} takes nothing there is.{hint}")


def _condition(word: str, text: str) -> Condition:
    negated = word.startswith("!")
    word = word.removeprefix("!").strip()
    if not word:
        raise UsageError("MCPX-W01", f"--select {text!r} holds an empty word between commas.")
    found = _KIND.fullmatch(word)
    if found is None:
        return Condition("place" if _PLACE.fullmatch(word) else "any", word, negated)
    if found[1] not in KINDS or not found[2]:
        why = f"--select {word!r}: before the colon stands one of {', '.join(KINDS)}."
        raise UsageError("MCPX-W01", why, "mcp-proxy profile import --help")
    return Condition(found[1], found[2], negated)


def _holds(one: Condition, candidate: Candidate) -> bool:
    pattern = one.pattern.lower()
    if one.kind == "place":
        method, _, path = one.pattern.partition(" ")
        return (method.upper(), path.strip()) == (candidate.method, candidate.path)
    if one.kind == "any":
        glob = pattern if _WILD & set(pattern) else f"*{_literal(pattern)}*"
        texts = (candidate.id, candidate.path, candidate.summary, candidate.name)
        return any(fnmatchcase(text.lower(), glob) for text in texts)
    return any(fnmatchcase(text.lower(), pattern) for text in _texts(one.kind, candidate))


def _texts(kind: str, candidate: Candidate) -> tuple[str, ...]:
    if kind == "tag":
        return candidate.tags
    texts = {
        "path": candidate.path,
        "method": candidate.method,
        "id": candidate.id,
        "name": candidate.name,
    }
    return (texts[kind],)


def _literal(text: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", text)


def _reasons(candidate: Candidate, include: set[str]) -> Iterator[str]:
    yield from (mark for mark in candidate.marks if mark not in include)
    if candidate.deprecated:
        yield DEPRECATED
    if candidate.form:
        yield FORM


def _names(expression: Expression, candidate: Candidate) -> bool:
    """Whether it speaks of this one alone."""
    return any(
        not one.negated
        and (
            one.kind == "place"
            or (one.kind in ("any", "id", "name") and one.pattern in (candidate.id, candidate.name))
        )
        for one in expression.conditions
    )
