"""Payment cards and bank accounts in a text; both bear checksums, so little else looks alike."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from mcp_proxy.core.found import Found
from mcp_proxy.core.text_runs import Run

_FREE_LEFT = r"(?<![0-9A-Za-z])(?<![0-9][.,])"
_FREE_RIGHT = r"(?![0-9A-Za-z])"
# All digits, or in the groups that are printed on cards, by one separator.
_CARD = (
    rf"{_FREE_LEFT}(?:[2-6][0-9]{{12,18}}"
    r"|[2-6][0-9]{3}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{3}(?![0-9]))?"
    rf"|3[47][0-9]{{2}}([ -])[0-9]{{6}}\2[0-9]{{5}}|3[0689][0-9]{{2}}([ -])[0-9]{{6}}\3[0-9]{{4}})"
    rf"{_FREE_RIGHT}"
)
# Who issues it, by its first digits and length (ISO/IEC 7812; lists of the networks).
_ISSUERS = (
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|5[1-5][0-9]{14}"  # Visa, Mastercard
    r"|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}"  # Mastercard
    r"|3[47][0-9]{13}|3(?:0[0-5]|[689][0-9])[0-9]{11,16}"  # American Express, Diners
    # Discover, JCB
    r"|6(?:011|5[0-9]{2}|4[4-9][0-9])[0-9]{12,15}|35(?:2[89]|[3-8][0-9])[0-9]{12,15}"
    r"|62[0-9]{14,17}|(?:5018|5020|5038|5[68][0-9]{2}|6304|6759|676[1-3])[0-9]{8,15}"  # UnionPay
    r"|220[0-4][0-9]{12,15}|6(?:0|521|522)[0-9]{13,14}"  # Mir, RuPay
)
_LENGTHS = """
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22
DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28
HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25
MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29
RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29
VA22 VG24 XK20 YE30
"""
IBAN_LENGTHS = {pair[:2]: int(pair[2:]) for pair in _LENGTHS.split()}
_HEAD = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{2}[0-9]{2}")
# How far left of a run of digits its country stands: IT60 X054 2811 ...
_HEAD_CHARS = 16
# Groups, by single separators.
_SPREAD = re.compile(r"[A-Za-z0-9]+(?:[ -][A-Za-z0-9]+)*")
_VALUES = {ord(char): str(int(char, 36)) for char in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
# How much further an account reaches where single separators part its groups.
_SPREAD_CHARS = 50


def find_cards(text: str, numbers: Iterable[Run]) -> Iterator[Found]:
    """Each card number, with its digits."""
    for start, end in numbers:
        for match in _card().finditer(text, start, end + 1):
            for written in (match[0], match[0][:19]):
                digits = written.replace(" ", "").replace("-", "")
                if _issuers().fullmatch(digits) and luhn(digits):
                    yield Found(match.start(), match.start() + len(written), "card", digits)
                    break


def find_ibans(text: str, numbers: Iterable[Run], words: Iterable[Run]) -> Iterator[Found]:
    """Each IBAN, in upper case without separators."""
    heads = {start for start, _end in words}
    for start, end in numbers:
        if text[start].isdigit() and text[start - 2 : start].isalpha():
            heads.add(start - 2)  # DE89 3704 0044 ...
        elif not text[start:end].isdigit():
            near = _HEAD.finditer(text, max(0, start - _HEAD_CHARS), start + 2)
            heads.update(match.start() for match in near)  # GB29 NWBK 6016 1331 ...
    for head in sorted(heads):
        if _HEAD.match(text, head):
            end = _iban_end(text, head)
            if end:
                yield Found(head, end, "iban", _bare(text[head:end]))


def luhn(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit (ISO/IEC 7812-1) of those before."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _iban_end(text: str, head: int) -> int:
    """Where the account ends that begins at `head`, 0 where none does."""
    length = IBAN_LENGTHS.get(text[head : head + 2].upper(), 0)
    if not length:
        return 0
    bare, end = text[head : head + length], head + length
    if not bare.isalnum():
        spread = _SPREAD.match(text, head, head + _SPREAD_CHARS)
        bare = _bare(spread[0])[:length] if spread is not None else ""
        spread = _spread(length).match(text, head)
        end = head if spread is None else spread.end()
    is_free = end >= len(text) or not (text[end].isascii() and text[end].isalnum())
    if len(bare) != length or not is_free or not bare.isascii():
        return 0
    bare = bare.upper()
    account = bare[4:] if bare[4:].isdigit() else bare[4:].translate(_VALUES)
    return end if int(account + bare[:2].translate(_VALUES) + bare[2:4]) % 97 == 1 else 0


def _bare(written: str) -> str:
    return written.replace(" ", "").replace("-", "").upper()


@lru_cache(maxsize=32)
def _spread(length: int) -> re.Pattern[str]:
    """So many letters and digits, with what parts them."""
    return re.compile(f"[A-Za-z0-9](?:[ -]?[A-Za-z0-9]){{{length - 1}}}")


@lru_cache(maxsize=1)
def _card() -> re.Pattern[str]:
    return re.compile(_CARD)


@lru_cache(maxsize=1)
def _issuers() -> re.Pattern[str]:
    return re.compile(_ISSUERS)
