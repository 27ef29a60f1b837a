"""What a 401 or 403 demands: `WWW-Authenticate` (RFC 9110, 11.6.1; RFC 6750, 3; RFC 9728, 5.1)."""

import re
from typing import NamedTuple

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.oauth_scopes import Scopes, split_scopes

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - the grammar's word for a word
_GAP = re.compile(r"[ \t]*(?:,[ \t]*)*")
_PARAMETER = re.compile(
    rf'({_TOKEN})[ \t]*=[ \t]*(?:({_TOKEN})|"((?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t -~])*+)")'
    r"(?=[ \t]*(?:,|$))"
)
_SCHEME = re.compile(rf"({_TOKEN})(?=[ \t,]|$)")
_TOKEN68 = re.compile(r"[ \t]+[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))")
_ESCAPED = re.compile(r"\\(.)")


class Challenge(NamedTuple):
    """Scheme and parameter names in lower case. `params` has no entry for a token68."""

    scheme: str
    params: dict[str, str]


class Bearer(NamedTuple):
    """What a Bearer challenge says; "" where it does not, and None where it names no scope."""

    resource_metadata: str
    scope: Scopes | None
    error: str


def parse_challenges(values: list[str]) -> tuple[Challenge, ...]:
    """The challenges of the header's lines; reading a line stops where it is malformed.

    A challenge that names a parameter twice has two readings and is left out.
    """
    return tuple(
        challenge
        for value in values
        if len(value) <= LIMITS.oauth_challenge_chars
        for challenge in _parse_line(value)
    )


def bearer_challenge(text: str) -> Bearer | None:
    """The first Bearer challenge of the whole header (lines joined by commas); None without one."""
    for scheme, params in parse_challenges([text]):
        if scheme == "bearer":
            scope = split_scopes(params["scope"]) if "scope" in params else None
            return Bearer(params.get("resource_metadata", ""), scope, params.get("error", ""))
    return None


def _parse_line(text: str) -> list[Challenge]:
    found: list[Challenge] = []
    place = _skip(text, 0)
    while place < len(text):
        scheme = _SCHEME.match(text, place)
        if scheme is None:
            break
        params, end, is_whole = _parse_params(text, scheme.end())
        if params is not None:
            found.append(Challenge(scheme[1].lower(), params))
        if not is_whole:
            break
        place = _skip(text, end)
    return found


def _parse_params(text: str, place: int) -> tuple[dict[str, str] | None, int, bool]:
    """The parameters, None if one comes twice; where they end; whether the rest can be read."""
    if (sole := _TOKEN68.match(text, place)) and not _PARAMETER.match(text, _skip(text, place)):
        return {}, sole.end(), True
    params: dict[str, str] = {}
    is_clear = True
    while found := _PARAMETER.match(text, _skip(text, place)):
        name, plain, quoted = found[1].lower(), found[2], found[3]
        is_clear = is_clear and name not in params
        params[name] = plain if quoted is None else _ESCAPED.sub(r"\1", quoted)
        place = found.end()
    rest = _skip(text, place)
    is_whole = rest == len(text) or "," in text[place:rest]
    return (params if is_clear else None), place, is_whole


def _skip(text: str, place: int) -> int:
    found = _GAP.match(text, place)
    return place if found is None else found.end()
