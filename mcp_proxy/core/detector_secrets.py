"""Secrets in a text: by their prefix, in an address, or by what they are called.

A token without a prefix looks like any id, and a page's cursor like a token. So only what stands
behind a word such as "password" or "api_key" is judged by how random it looks.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from mcp_proxy.core.found import Found
from mcp_proxy.core.secret_patterns import known_secrets

# Parts of names; each is looked for by itself, in lower case.
_PASSWORDS = (
    *("passw", "passphrase", "pwd", "passcode", "contrase", "mot de passe", "wachtwoord", "senha"),
    *("hasło", "пароль", "密码", "密碼", "パスワード"),
)
_TOKENS = (
    *(
        "secret",
        "token",
        "api_key",
        "api-key",
        "apikey",
        "access_key",
        "accesskey",
        "authorization",
    ),
    *("credential", "private_key", "privatekey", "cookie", "bearer"),
)
# The rest of the name, what parts it from its value, and the value.
_VALUE = (
    r"(?P<rest>[\w-]{0,24})[\"'`\\]{0,3}\s{0,4}(?:[:=\x01]|=>|\bis\b|(?<=bearer) )"
    r"\s{0,4}[\"'`\\]{0,3}(?:(?P<scheme>bearer|basic|token|negotiate)\s{1,2})?"
    r"(?P<value>[^\s\"'`<>,;\x00\x01\\\[\]{}()]{6,96})"
)
# What is judged is bounded, as each word of a text may have the rest of it for its value.
_FURTHER = re.compile(r"[^\s\"'`<>,;\x00\x01\\\[\]{}()]*+")
# What is no secret though it is called after one: next_page_token, token_type, secret_name.
_NOT_BEFORE = re.compile(
    r"(?:page|next|prev|previous|cursor|continuation|sync|resume|max|csrf)[_-]?$"
)
_NOT_REST = re.compile(
    r"[_-]?(?:name|type|id|ids|count|arn|version|ur[il]|link|path|file|hint|length|limit|usage|used"
    r"|expir\w*|expiry|expires\w*|created\w*|updated\w*|status|policy|manager|hash|field|s_\w+)$"
)
_NO_WORD = re.compile(r"[0-9!@#$%^&*+?~/=|]")
_PLACEHOLDER = re.compile(r"[*x•.\-_]{6,}|<.*|\$\{?\w.*|%\w.*|\{\{.*")
_ADDRESS = re.compile(
    r"[A-Za-z0-9+.-]{1,20}://[^\s/:@\x00\x01\"']{0,256}:([^\s/@\x00\x01\"']{3,256})@"
)
_TOKEN_CHARS = 16
_BITS_A_CHAR = 3.0


def find_secrets(text: str) -> Iterator[Found]:
    """Each secret."""
    for start, end in _places(text):
        yield Found(start, end, "secret", text[start:end])


def _places(text: str) -> Iterator[tuple[int, int]]:
    yield from known_secrets(text)
    if "://" in text and "@" in text:
        yield from (match.span(1) for match in _ADDRESS.finditer(text))
    # As long as the text: of all characters only this one is two in lower case.
    lower = text.replace("\u0130", "I").lower()
    for words, is_password in ((_PASSWORDS, True), (_TOKENS, False)):
        for word in words:
            yield from _behind(text, lower, word, is_password=is_password)


def _behind(text: str, lower: str, word: str, *, is_password: bool) -> Iterator[tuple[int, int]]:
    at = lower.find(word)
    while at >= 0:
        behind = at + len(word)
        match = _value().match(lower, behind)
        if match is not None and _is_secret(match, text, lower[max(0, at - 16) : at], is_password):
            further = _FURTHER.match(text, match.end())
            behind = match.end() if further is None else further.end()
            yield match.start("value"), behind
        at = lower.find(word, behind)


def _is_secret(match: re.Match[str], text: str, before: str, is_password: bool) -> bool:
    if _NOT_BEFORE.search(before) or _NOT_REST.search(match["rest"]):
        return False
    value = text[match.start("value") : match.end("value")]
    return _is_random(value) or ((is_password or bool(match["scheme"])) and _is_password(value))


def _is_password(value: str) -> bool:
    """Something with more in it than words, or than the names of a program, and no placeholder."""
    return _NO_WORD.search(value) is not None and _PLACEHOLDER.fullmatch(value) is None


def _is_random(value: str) -> bool:
    """Long, with digits in it, and of at least three bits a character (Shannon)."""
    if len(value) < _TOKEN_CHARS or not any(map(str.isdigit, value)):
        return False
    if "://" in value or _PLACEHOLDER.fullmatch(value):
        return False
    counts = Counter(value)
    total = sum(counts.values())
    bits = -sum(count / total * math.log2(count / total) for count in counts.values())
    return bits >= _BITS_A_CHAR


@lru_cache(maxsize=1)
def _value() -> re.Pattern[str]:
    return re.compile(_VALUE)
