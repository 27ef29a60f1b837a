"""Whether an answer holds what reads like instructions to the model.

A list of patterns finds the careless and the plain attack; it is no proof of innocence, and some
ordinary texts look alike. So it is told to the log by default, and withheld only where a profile
says so. The words of an answer, each once, tell which patterns could match at all: mostly none.
"""

import base64
import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import cache, lru_cache
from typing import Any, NamedTuple

from mcp_proxy.core import strict_json
from mcp_proxy.core.answer_json import parse_answer
from mcp_proxy.core.instruction_patterns import FOREIGN, IN_BASE64, IN_HEX, PATTERNS
from mcp_proxy.core.question_words import likeness, strings_in

_SPACE = re.compile(r"\s+")
_BLANKS = re.compile(r"[^\S\n]+")
# Bytes to words in lower case, apart by blanks; beyond ASCII all are of words.
_NO_WORD = bytes(i for i in range(128) if not (chr(i).isalnum() or i == ord("_")))
_APART = bytes.maketrans(_NO_WORD, b" " * len(_NO_WORD)).lower()
# What is left of UTF-8 without these is of other scripts than Latin: no lead byte of C2 to CB.
_LATIN = bytes([*range(128), *range(0x80, 0xCC)])
# Letters that only look Latin stand beside Latin ones, or are full width, mathematical, boxed.
_FOREIGN_LETTER = "[\u0370-\u058f\u1d00-\u1dbf\u2c80-\u2cff]"
_DISGUISE = (
    rf"[A-Za-z]{_FOREIGN_LETTER}|{_FOREIGN_LETTER}[A-Za-z]"
    r"|[\uff21-\uff5a\U0001d400-\U0001d7ff\U0001f130-\U0001f189]{3}"
)
_END = re.compile(r"(?<=[.!?。！？।])\s+|\n\s*\n")
_SHORTEST_CHARS = 8
_ENCODED_CHARS = 24
# What is no blank, to see where long words stand at all.
_LENGTHS = bytes(ord(" ") if chr(code) == " " else ord("w") for code in range(256))
_LONG_WORD = b"w" * _ENCODED_CHARS
# A passage that is longer is read in pieces, each with the end of the one before.
_PIECE_CHARS = 600
_OVERLAP_CHARS = 200
# More that could match, without one that does, is no ordinary answer, and is not read to its end.
_SUSPECTS = 100


class _Rule(NamedTuple):
    """A pattern, and the words of which a text holds one of each group, if it matches."""

    groups: tuple[frozenset[bytes], ...]
    regex: str

    def fits(self, words: AbstractSet[bytes]) -> bool:
        return not any(map(words.isdisjoint, self.groups))


def reads_like_instructions(data: bytes, value: Any) -> bool:
    """Whether a cleaned JSON value does; `data` is it as UTF-8, or a text that holds all of it."""
    plain = _apart(data)
    words = plain.split()
    if _LONG_WORD in plain.translate(_LENGTHS) and _is_encoded(words):
        return True
    rules = _fitting_all(_triggers().intersection(words))
    is_foreign = False
    if not data.isascii() and data.translate(None, _LATIN):
        text = data.decode(errors="ignore")
        is_foreign = bool(_foreign(text))
        rules = _rules() if re.search(_DISGUISE, text) else rules
    return (bool(rules) or is_foreign) and _any_reads(value, rules)


def _any_reads(value: Any, rules: tuple[_Rule, ...]) -> bool:
    suspects = 0
    for text in set(_texts(value)):
        possible = _fitting(text, rules)
        if not possible and not _foreign(text):
            continue
        for passage in _passages(text):
            fitting = [rule.regex for rule in _fitting(passage, possible)] + _foreign(passage)
            suspects += bool(fitting)
            if suspects > _SUSPECTS or _reads(passage, fitting):
                return True
    return False


def _foreign(text: str) -> list[str]:
    """Patterns of other scripts that the text may match."""
    if text.isascii():
        return []
    lower = text.lower()
    return [regex for stems, regex in FOREIGN if any(stem in lower for stem in stems)]


def _fitting(text: str, rules: Sequence[_Rule]) -> list[_Rule]:
    words = _words(text.encode(errors="replace"))
    if not text.isascii() and re.search(_DISGUISE, text):
        words |= _words(likeness(text).encode(errors="replace"))
    return [] if words.isdisjoint(_triggers()) else [rule for rule in rules if rule.fits(words)]


def _reads(passage: str, regexes: list[str]) -> bool:
    if not regexes:
        return False
    lower = _BLANKS.sub(" ", passage.lower())
    forms = {lower, _SPACE.sub(" ", lower)}
    if not passage.isascii():
        forms.add(_SPACE.sub(" ", likeness(passage)))
    return any(re.search(regex, form) for form in forms for regex in regexes)


def _texts(value: Any) -> Iterator[str]:
    """The strings of a value, those of a text that is JSON itself each for itself."""
    for text in strings_in(value):
        if text[:1] in {"{", "["}:
            try:
                yield from strings_in(parse_answer(text.encode(errors="replace")))
                continue
            except strict_json.Refused:
                pass
        if len(text) >= _SHORTEST_CHARS:
            yield text


def _passages(text: str) -> Iterator[str]:
    for passage in _END.split(text):
        for at in range(0, max(1, len(passage) - _OVERLAP_CHARS), _PIECE_CHARS - _OVERLAP_CHARS):
            yield passage[at : at + _PIECE_CHARS]


def _words(data: bytes) -> set[bytes]:
    return set(_apart(data).split())


def _apart(data: bytes) -> bytes:
    """Words in lower case, apart by blanks."""
    if b"\\" in data:
        data = data.replace(b"\\n", b" ")
    return data.translate(_APART)


def _is_encoded(words: list[bytes]) -> bool:
    encoded = b" ".join({word for word in words if len(word) >= _ENCODED_CHARS})
    return any(mark in encoded for mark in _marks())


# Answers of one tool hold the same of these words, mostly.
@lru_cache(maxsize=256)
def _fitting_all(known: frozenset[bytes]) -> tuple[_Rule, ...]:
    return tuple(rule for rule in _rules() if rule.fits(known))


@cache
def _rules() -> tuple[_Rule, ...]:
    return tuple(
        _Rule(tuple(frozenset(group.encode().split()) for group in groups), regex)
        for groups, regex in PATTERNS
    )


@cache
def _triggers() -> frozenset[bytes]:
    return frozenset().union(*(group for rule in _rules() for group in rule.groups))


@cache
def _marks() -> tuple[bytes, ...]:
    """What encoded words hold, in lower case; of base64, at each alignment, what is theirs."""
    found = [mark.encode() for mark in IN_HEX]
    for word in IN_BASE64:
        for before in range(3):
            encoded = base64.b64encode(b"\0" * before + word.encode()).lower()
            first, last = (before * 8 + 5) // 6, (before + len(word)) * 8 // 6
            found.append(encoded[first:last])
    return tuple(found)
