"""What stands where in a text, by the detectors that a profile names.

A text is folded first, place by place: digits and separators of other scripts read as ASCII. In
what is searched, U+0001 stands between a key and its value and U+0000 ends a part (see
`core.redact`); no find reaches over either, and a word before U+0001 tells what the value is.
"""

import re
import unicodedata
from collections.abc import Set as AbstractSet

from mcp_proxy.core.detector_contact import find_emails, find_phones
from mcp_proxy.core.detector_ids import find_ids
from mcp_proxy.core.detector_money import find_cards, find_ibans
from mcp_proxy.core.detector_secrets import find_secrets
from mcp_proxy.core.detectors import LOCALES, NAMES, NATIONAL_ID
from mcp_proxy.core.found import Found
from mcp_proxy.core.text_runs import Run, kind_of_characters, runs

# What reads like an ASCII character; digits of all scripts do too, and full-width letters.
_FOLDS = {
    **dict.fromkeys("\u00a0\u2002\u2003\u2004\u2005\u2007\u2009\u202f\u3000", " "),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\uff0d", "-"),
    "\uff20": "@",
    "\uff0b": "+",
    "\u00b7": ".",
    **{chr(code + 0xFEE0): chr(code) for code in range(128) if chr(code).isalpha()},
}
_NUMBER = kind_of_characters(b" .-/()+", digits_only=True)
_WORD = kind_of_characters(b"")
# The shortest numbers have six digits in a row (with their separators), or stand in a long word.
_NUMBER_CHARS, _WORD_CHARS = 6, 15
# A date is the most common run of digits, and nothing that is looked for.
_SIX_DIGITS = re.compile(
    r"(?![ (]*+[0-9]{4}-[0-9]{2}-[0-9]{2}[ .)]*+\Z)[^0-9]*+(?:[0-9][^0-9]*+){6}"
)
_DIGIT = re.compile("[0-9]")
# Of two finds in one place, the one with the better proof.
_BEST = ("iban", "card", *(f"{NATIONAL_ID}.{locale}" for locale in LOCALES), "secret", "email")
_RANK = {name: rank for rank, name in enumerate(_BEST)}
_NUMERIC = frozenset(NAMES) - {"email", "secret"}


def detect(text: str, names: AbstractSet[str]) -> list[Found]:
    """Everything that the detectors `names` find, in order and apart."""
    plain = folded(text)
    found: list[Found] = []
    if "email" in names:
        found.extend(find_emails(plain))
    if names & _NUMERIC:
        found.extend(_find_numbers(plain, names))
    if "secret" in names:
        found.extend(find_secrets(plain))
    return apart(found)


def folded(text: str) -> str:
    """The text with characters that look like ASCII digits and separators as such; as long."""
    if text.isascii():
        return text
    for char in set(text):
        alike = char if char.isascii() else _FOLDS.get(char, unicodedata.decimal(char, char))
        if alike != char:
            text = text.replace(char, str(alike))
    return text


def apart(found: list[Found]) -> list[Found]:
    """In order; of those that overlap the first, as far as the last of them goes."""
    if len(found) == 1:
        return found
    kept: list[Found] = []
    for one in sorted(found, key=_by_place):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
        elif one.end > kept[-1].end:
            kept[-1] = kept[-1]._replace(end=one.end)
    return kept


def _by_place(found: Found) -> tuple[int, int, int]:
    return found.start, -found.end, _RANK.get(found.name, len(_RANK))


def _find_numbers(text: str, names: AbstractSet[str]) -> list[Found]:
    match = _SIX_DIGITS.match
    numbers = [run for run in runs(text, _NUMBER, _NUMBER_CHARS) if match(text, *run)]
    locales = [locale for locale in LOCALES if f"{NATIONAL_ID}.{locale}" in names]
    found: list[Found] = []
    words: list[Run] = []
    if locales or "iban" in names:
        words = [run for run in runs(text, _WORD, _WORD_CHARS) if _DIGIT.search(text, *run)]
    if "iban" in names:
        found.extend(find_ibans(text, numbers, words))
        numbers = _not_within(numbers, found)
    if "phone" in names:
        found.extend(find_phones(text, numbers))
    if "card" in names:
        found.extend(find_cards(text, numbers))
    if locales:
        found.extend(find_ids(text, locales, numbers, words))
    return found


def _not_within(numbers: list[Run], accounts: list[Found]) -> list[Run]:
    """Without those that are part of an account: whatever they hold beside it is not told."""
    kept = []
    index = 0
    for start, end in numbers:
        while index < len(accounts) and accounts[index].end < end:
            index += 1
        if index == len(accounts) or accounts[index].start > start:
            kept.append((start, end))
    return kept
