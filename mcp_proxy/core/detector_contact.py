"""E-mail addresses and telephone numbers in a text.

A number in international form tells itself. One in a country's own form is taken where its groups
are those of a telephone number, and any other only behind a word such as "phone": most digits in
an answer are ids, amounts and dates.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from mcp_proxy.core.found import Found
from mcp_proxy.core.text_runs import Run
from mcp_proxy.core.word_before import END, IS, stands_behind

_LOCAL_CHARS = 64
# No = / ? & : in links they part an address from what it is the value of.
_LOCAL = r"[\w.!#$%*+^{}~'-]{1,64}"
_DOMAIN = r"(?:[^\W_](?:[^\W_]|-){0,62}+\.){1,8}(?:xn--[A-Za-z0-9-]{2,59}|[^\W\d_]{2,63})(?![^\W_])"
# A picture for screens of twice the dots is named logo@2x.png.
_NO_DOMAIN = re.compile(r"[1-9]x\.\w+", re.IGNORECASE)
_SIGNS = ("@", "%40")
_PARTS = re.compile(f"[{END}{IS}]")

# ITU-T E.164 country codes that are in use.
_COUNTRY = (
    "1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
    "|2[1-69][0-9]|3[578][0-9]|42[0-3]|5[09][0-9]|6[789][0-9]|8[05789][0-9]|9[679][0-9]"
)
_FREE_LEFT = r"(?<![0-9A-Za-z])(?<![0-9][-./,+])(?<![A-Za-z]-)"
_FREE_RIGHT = r"(?![0-9A-Za-z])(?![-./,:][0-9])"
_GAP = r"[ .\-/()]{0,2}"
_AREA = r"(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])"
_GROUPED = (
    rf"(?P<world>\+[1-9](?:{_GAP}[0-9]){{6,14}}"
    rf"|00[1-9][0-9]{{0,2}}[ .\-/(](?:{_GAP}[0-9]){{6,12}})"
    rf"|(?P<america>(?:1[ .-])?{_AREA}[2-9][0-9]{{2}}[ .-][0-9]{{4}})"
    r"|(?P<trunk>(?<![0-9] )\(?0[1-9][0-9]{0,4}\)?(?:[ ./-]{1,2}[0-9]{2,8}){1,5})"
    r"|(?P<other>\([0-9]{2,3}\) ?[0-9]{3,5}[ -][0-9]{4}|[679][0-9]{2}(?: [0-9]{2}){3}"
    r"|1[3-9][0-9][ -][0-9]{4}[ -][0-9]{4})"
)
_NO_DIGITS = re.compile("[^0-9]+")
# No form has fewer.
_SEVEN_DIGITS = re.compile("[^0-9]*+(?:[0-9][^0-9]*+){7}")
_ANY = rf"\(?\+?[0-9](?:{_GAP}[0-9]){{6,14}}"
_DATE = re.compile(r"[0-9]{1,2}([./-])[0-9]{1,2}\1(?:[0-9]{4}|[0-9]{2}(?!\1))")
_SSN = re.compile(r"[0-9]{3}-[0-9]{2}-[0-9]{4}")
_WORDS = (
    "phone|mobile|mobil|handy|fax|whatsapp|hotline|celular|móvil|movil|portable|cell|gsm"
    "|telef|teléf|téléph|telekom|\\btel|[_.]tel|\\bsms|\\bcall|\\bdial|\\bring|rückruf|msisdn"
)


def find_emails(text: str) -> Iterator[Found]:
    """Each address: start, end, and how it reads in lower case."""
    for sign in _SIGNS:
        at = text.find(sign)
        while at >= 0:
            found = _email(text, at, at + len(sign))
            if found is not None:
                yield found
            at = text.find(sign, at + 1)


def _email(text: str, at: int, behind: int) -> Found | None:
    domain = _domain().match(text, behind)
    if domain is None or _NO_DOMAIN.fullmatch(domain[0]):
        return None
    left = _PARTS.split(text[max(0, at - _LOCAL_CHARS) : at])[-1]
    if left.endswith('"'):
        quote = left.rfind('"', 0, -1)
        start = at - len(left) + quote if quote >= 0 else at
    else:
        local = _local().match(left[::-1])
        start = at if local is None else at - len(local[0].rstrip(".'*!#$%^~{}-"))
    if start == at or _is_behind_user(text, start):
        return None
    normal = text[start : domain.end()].replace("%40", "@").lower()
    return Found(start, domain.end(), "email", normal)


def _is_behind_user(text: str, start: int) -> bool:
    """Whether it is a password and the host of a URL: https://user:password@host."""
    if not text.endswith(":", 0, start):
        return False
    _scheme, slashes, user = text[max(0, start - _LOCAL_CHARS) : start].rpartition("://")
    return bool(slashes) and " " not in user


def find_phones(text: str, numbers: Iterable[Run]) -> Iterator[Found]:
    """Each telephone number within the runs of digits and separators."""
    for start, end in numbers:
        if not _SEVEN_DIGITS.match(text, start, end) or _is_in_a_word(text, start, end):
            continue
        found = False
        for match in _grouped().finditer(text, start, end + 1):
            if _is_phone(match):
                found = True
                yield Found(*match.span(), "phone", _normal(match[0]))
        if not found and stands_behind(text, start, _words()):
            match_any = _any().search(text, start, end + 1)
            if match_any is not None and not _DATE.match(match_any[0]):
                yield Found(*match_any.span(), "phone", _normal(match_any[0]))


def _is_in_a_word(text: str, start: int, end: int) -> bool:
    """Whether it is the number of an id such as inv_00471182."""
    before = text[start - 1 : start]
    return (before.isalnum() or before == "_") and text[start:end].isdigit()


def _is_phone(match: re.Match[str]) -> bool:
    digits = _digits(match[0])
    if match.lastgroup == "world":
        number = digits.removeprefix("00")
        country = _country().match(number)
        if country is None or not 8 <= len(number) <= 15:
            return False
        return country[0] != "1" or (len(number) == 11 and number[1] > "1" and number[4] > "1")
    if match.lastgroup == "trunk":
        return 9 <= len(digits) <= 12 and not (_DATE.match(match[0]) or _SSN.fullmatch(match[0]))
    return True


def _normal(written: str) -> str:
    digits = _digits(written)
    if written.startswith("+"):
        return f"+{digits}"
    return f"+{digits[2:]}" if digits.startswith("00") else digits


def _digits(written: str) -> str:
    return _NO_DIGITS.sub("", written)


@lru_cache(maxsize=1)
def _local() -> re.Pattern[str]:
    return re.compile(_LOCAL)


@lru_cache(maxsize=1)
def _domain() -> re.Pattern[str]:
    return re.compile(_DOMAIN)


@lru_cache(maxsize=1)
def _grouped() -> re.Pattern[str]:
    return re.compile(f"{_FREE_LEFT}(?:{_GROUPED}){_FREE_RIGHT}")


@lru_cache(maxsize=1)
def _any() -> re.Pattern[str]:
    return re.compile(_FREE_LEFT + _ANY + _FREE_RIGHT)


@lru_cache(maxsize=1)
def _country() -> re.Pattern[str]:
    return re.compile(_COUNTRY)


@lru_cache(maxsize=1)
def _words() -> re.Pattern[str]:
    return re.compile(f"(?:{_WORDS})[^0-9]{{0,24}}$", re.IGNORECASE)
