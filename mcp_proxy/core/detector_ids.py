"""National id numbers in a text, by country.

A form says how a number is written. One that is digits alone, with a check that one in ten random
numbers passes, is taken only behind a word that tells what it is.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from mcp_proxy.core import id_checks
from mcp_proxy.core.detectors import NATIONAL_ID
from mcp_proxy.core.found import Found
from mcp_proxy.core.text_runs import Run
from mcp_proxy.core.word_before import stands_behind

# How far a number with letters reaches beyond its digits.
_LEFT_CHARS, _RIGHT_CHARS = 4, 16

_FREE_LEFT = r"(?<![0-9A-Za-z])(?<![0-9][-./,])"
_FREE_RIGHT = r"(?![0-9A-Za-z])(?![-./,]?[0-9])"
_ANY_WORDS = r"national[ _-]?id|identity|identification|tax[ _-]?(?:id|number)|taxpayer|\btin\b"


class _Form(NamedTuple):
    """`telling` is the form that needs no word; `bare` the one that needs one of `words`."""

    check: Callable[[str], bool]
    telling: str
    bare: str = ""
    words: str = ""


_FORMS = {
    "at": _Form(id_checks.at, r"[1-9][0-9]{3} ?[0-9]{6}"),
    "au": _Form(id_checks.au, "", r"[0-9]{3} ?[0-9]{3} ?[0-9]{3}", r"\btfn\b|tax file"),
    "be": _Form(id_checks.be, r"[0-9]{2}\.?[0-9]{2}\.?[0-9]{2}-?[0-9]{3}\.?[0-9]{2}"),
    "br": _Form(id_checks.br, r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}|[0-9]{11}"),
    "ca": _Form(
        *(id_checks.ca, "", r"[0-9]{3}([ -]?)[0-9]{3}\1[0-9]{3}"),
        r"\bsin\b|social insurance|assurance sociale|\bnas\b",
    ),
    "ch": _Form(id_checks.ch, r"756\.?[0-9]{4}\.?[0-9]{4}\.?[0-9]{2}"),
    "cn": _Form(id_checks.cn, r"[1-9][0-9]{16}[0-9Xx]"),
    "de": _Form(
        id_checks.de,
        r"[1-9][0-9] [0-9]{3} [0-9]{3} [0-9]{3}|[0-9]{2} ?[0-9]{6} ?[A-Z] ?[0-9]{3}",
        r"[1-9][0-9]{10}",
        r"steuer|\bidnr|identifikationsnummer|\bst-?id",
    ),
    "dk": _Form(id_checks.dk, r"[0-9]{6}-[0-9]{4}", r"[0-9]{10}", r"\bcpr|personnummer"),
    "es": _Form(id_checks.es, r"(?:[0-9]{8}|[XYZ][0-9]{7})-?[A-Z]"),
    "fi": _Form(id_checks.fi, r"[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-FHJ-NPR-Y]"),
    "fr": _Form(
        id_checks.fr,
        r"[12] ?[0-9]{2} ?(?:0[1-9]|1[0-2]|[2-9][0-9]) ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3}"
        r" ?[0-9]{2}",
    ),
    "gb": _Form(
        id_checks.gb,
        r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]",
        r"[0-9]{3} ?[0-9]{3} ?[0-9]{4}",
        r"\bnhs\b",
    ),
    "ie": _Form(id_checks.ie, r"[0-9]{7}[A-W][A-IW]?"),
    "in": _Form(
        *(id_checks.in_, r"[2-9][0-9]{3}([ -])[0-9]{4}\1[0-9]{4}", r"[2-9][0-9]{11}"),
        r"aadhaar|aadhar|\buid\b|uidai",
    ),
    "it": _Form(id_checks.it, r"[A-Z]{6}[0-9]{2}[A-EHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z]"),
    "kr": _Form(id_checks.kr, r"[0-9]{6}-[1-8][0-9]{6}"),
    "mx": _Form(id_checks.mx, r"[A-Z]{4}[0-9]{6}[HMX][A-Z]{5}[0-9A-Z][0-9]"),
    "nl": _Form(
        id_checks.nl, "", r"[0-9]{9}|[0-9]{4}\.[0-9]{2}\.[0-9]{3}", r"\bbsn|burgerservice|sofi"
    ),
    "no": _Form(id_checks.no, r"[0-9]{6} ?[0-9]{5}"),
    "pl": _Form(id_checks.pl, r"[0-9]{11}"),
    "pt": _Form(
        id_checks.pt, "", r"[1235689][0-9]{2} ?[0-9]{3} ?[0-9]{3}", r"\bnif\b|contribuinte|fiscal"
    ),
    "se": _Form(
        id_checks.se,
        r"(?:19|20)?[0-9]{6}[-+][0-9]{4}|(?:19|20)[0-9]{10}",
        r"[0-9]{10}",
        r"personnummer|personnr|samordningsnummer",
    ),
    "sg": _Form(id_checks.sg, r"[STFGM][0-9]{7}[A-Z]"),
    "us": _Form(
        *(id_checks.us, r"[0-9]{3}([ -])[0-9]{2}\1[0-9]{4}", r"[0-9]{9}"),
        r"\bssn\b|[_-]ssn|ssn[_-]|social[ _-]?security|\bitin\b",
    ),
    "za": _Form(id_checks.za, r"[0-9]{13}"),
}


def find_ids(
    text: str, locales: Collection[str], numbers: Iterable[Run], words: Iterable[Run]
) -> Iterator[Found]:
    """Each number of these countries: its normal form has no separators."""
    any_form = _any_form(tuple(locales))
    windows = [run for run in _windows(text, numbers, words) if any_form.search(text, *run)]
    for locale in locales:
        form = _FORMS[locale]
        telling, bare = _compiled(form.telling), _compiled(form.bare)
        for start, end in windows:
            if telling is not None:
                yield from _passing(telling, form, locale, text, start, end)
            if bare is not None:
                for found in _passing(bare, form, locale, text, start, end):
                    if stands_behind(text, found.start, _words(form.words)):
                        yield found


def _passing(  # noqa: PLR0913, PLR0917 - one form in one window
    pattern: re.Pattern[str], form: _Form, locale: str, text: str, start: int, end: int
) -> Iterator[Found]:
    for match in pattern.finditer(text, start, end):
        number = "".join(filter(str.isalnum, match[0])).upper()
        if form.check(number):
            yield Found(*match.span(), f"{NATIONAL_ID}.{locale}", number)


def _windows(text: str, numbers: Iterable[Run], words: Iterable[Run]) -> list[Run]:
    reach = [(max(0, start - _LEFT_CHARS), end + _RIGHT_CHARS) for start, end in numbers]
    windows: list[Run] = []
    for start, end in sorted((*reach, *((start, end + 1) for start, end in words))):
        if windows and start <= windows[-1][1]:
            windows[-1] = (windows[-1][0], max(end, windows[-1][1]))
        else:
            windows.append((start, end))
    return [(start, min(end, len(text))) for start, end in windows]


@lru_cache(maxsize=2 * len(_FORMS))
def _compiled(form: str) -> re.Pattern[str] | None:
    return re.compile(f"{_FREE_LEFT}(?:{form}){_FREE_RIGHT}") if form else None


@lru_cache(maxsize=16)
def _any_form(locales: tuple[str, ...]) -> re.Pattern[str]:
    """Whatever may have one of these countries' forms: most windows have none, and are left."""
    forms = [part for name in locales for part in (_FORMS[name].telling, _FORMS[name].bare) if part]
    either = "|".join(forms)
    for group in ("([ -]?)", "([ -])", "\\1"):
        either = either.replace(group, "[ -]?")
    return re.compile(f"{_FREE_LEFT}(?:{either}){_FREE_RIGHT}")


@lru_cache(maxsize=len(_FORMS))
def _words(words: str) -> re.Pattern[str]:
    return re.compile(f"(?:{words}|{_ANY_WORDS})[^0-9]{{0,24}}$", re.IGNORECASE)
