"""Lint rule L106: tools, resources and prompts that a model would mistake for each other."""

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any, NamedTuple

from mcp_proxy.workshop.lint_subject import Hit, Subject, listed
from mcp_proxy.workshop.yaml_reader import Path

# Every pair is compared; beyond this many, rule L805 says what matters.
_COMPARED = 300
_ALIKE = 0.85
_WORD = re.compile(r"[a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SAME = {
    word: words.split()[0]
    for words in (
        "get fetch read retrieve show view",
        "find search query lookup",
        "list enumerate",
        "create add new make insert",
        "update edit modify change",
        "delete remove destroy erase",
    )
    for word in words.split()
}
_VERBS = frozenset(_SAME.values())
_EMPTY_WORDS = """
a an the of for in on by to with and or all one from at as is are be given specific
"""
_EMPTY = frozenset(_EMPTY_WORDS.split())


class _Entry(NamedTuple):
    place: Path
    name: str
    spelled: tuple[str, ...]
    words: frozenset[str]
    said: frozenset[str]


def find(subject: Subject) -> Iterator[Hit]:
    """Pairs that read alike, told at the second of each."""
    kinds = {"tools": subject.contents.rows, **listed(subject.contents)}
    for kind, rows in kinds.items():
        entries = [_entry((kind, name), name, row) for name, row in rows.items()]
        for first, second in combinations(entries[:_COMPARED], 2):
            reason = _alike(first, second)
            if reason:
                yield Hit("L106", second.place, f"{second.name} and {first.name} {reason}")


def _entry(place: Path, name: str, row: dict[str, Any]) -> _Entry:
    text = str(row.get("description") or "")
    spelled = tuple(sorted(_SAME.get(word, word) for word in _split(name)))
    return _Entry(place, name, spelled, _folded(name), _folded(text) - _EMPTY)


def _alike(first: _Entry, second: _Entry) -> str:
    if first.spelled == second.spelled:
        return "have names of the same words"
    if first.said and first.said == second.said:
        return "have the same description"
    is_long = min(len(first.said), len(second.said)) > 3
    if is_long and not _are_told_apart(first, second):
        is_close = _share(first.words, second.words) > 0.5
        if is_close and _share(first.said, second.said) >= _ALIKE:
            return "have names and descriptions of almost the same words"
    return ""


def _are_told_apart(first: _Entry, second: _Entry) -> bool:
    """By their verbs, or by a word of the one's name and description that the other's lack."""
    if first.words & _VERBS != second.words & _VERBS:
        return True
    pairs = ((first, second), (second, first))
    return any((one.words & one.said) - other.said for one, other in pairs)


def _share(first: frozenset[str], second: frozenset[str]) -> float:
    return len(first & second) / len(first | second) if first | second else 0.0


def _folded(text: str) -> frozenset[str]:
    return frozenset(_SAME.get(word, word) for word in map(_singular, _split(text)))


def _split(text: str) -> list[str]:
    return _WORD.findall(_CAMEL.sub(" ", text).lower())


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    plain = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return word[:-1] if plain else word
