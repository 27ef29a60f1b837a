"""URI templates (RFC 6570) matched against a concrete URI, in time linear in its length.

Stricter than expansion demands, as what a client writes into a variable must not move the request:
no `.` or `..` segment, no escaped slash, backslash, percent sign or control character in a value
(a query's values, which are data, may hold the first three), and escapes are UTF-8 of characters
that can be seen (S11). The scheme stands in the template, and so does the host of a web address; no
value after a slash begins with another, since that would make an absolute path of it.
"""

import re
import string
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.text import hidden_character
from mcp_proxy.core.uri_program import Program, Take, either, literal, many, optional, runs

_PART = re.compile(r"\{([^{}]*)\}")
_EXPRESSION = re.compile(r"([+#./;?&]?)([A-Za-z0-9_.%,*:-]+)")
_VARIABLE = re.compile(
    r"((?:[A-Za-z0-9_-]|%[0-9A-Fa-f]{2})(?:[A-Za-z0-9_.-]|%[0-9A-Fa-f]{2})*)"
    r"(?:(\*)|:([1-9][0-9]?))?"
)
_SYMBOL = re.compile(r"%[0-9A-Fa-f]{2}|[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_WEB = re.compile(r"(?:https?|wss?|ftp)://([^/?#{]*)", re.IGNORECASE)
_DOTS = re.compile(r"\.{1,2}(?:;.*)?")

_UNRESERVED = frozenset(string.ascii_letters + string.digits + "-._~")
_ESCAPES = {f"%{code:02X}": code for code in range(0x20, 0x100) if code != 0x7F}
_DATA = frozenset(key for key, code in _ESCAPES.items() if chr(code) not in _UNRESERVED)
_SAFE = _DATA - {"%25", "%2F", "%5C"}
_SEGMENT = _UNRESERVED | _SAFE | frozenset("!$&'()*+,;=:@")
_ANY = _SEGMENT | frozenset("/?#[]")
_MATRIX = _SEGMENT - {";"}
_QUERY = (_SEGMENT | _DATA) - {"&"}


class Variable(NamedTuple):
    """One variable of an expression; `prefix` is its greatest length, None for any."""

    name: str
    explode: bool
    prefix: int | None


class UriTemplate(NamedTuple):
    """A template ready to match: its text, the names of its variables, the steps.

    `host` is that of a web address, with its port; None for any other scheme.
    """

    text: str
    names: tuple[str, ...]
    program: Program
    host: str | None


@lru_cache(maxsize=512)
def compile_template(text: str) -> UriTemplate:
    """A template as a matcher.

    Raises:
        ValueError: words for the publisher; it is no template, or matches no URI safely.
    """
    if len(text) > LIMITS.uri_chars:
        raise ValueError(f"is longer than {LIMITS.uri_chars} characters")
    parts = _PART.split(text)
    if len(parts) > 2 * LIMITS.uri_expressions + 1:
        raise ValueError(f"holds more than {LIMITS.uri_expressions} expressions")
    if not _SCHEME.match(parts[0]):
        raise ValueError("does not begin with a scheme, as in docs://")
    if _has_dots(text):
        raise ValueError("holds a `.` or `..` segment")
    program: Program = ()
    names: list[str] = []
    for index, part in enumerate(parts):
        if index % 2:
            operator, variables = _parse_expression(part)
            names += (variable.name for variable in variables)
            begun = parts[index - 1]
            is_path = begun.endswith("/") and not begun.endswith("://")
            program += _expression(operator, variables, is_path=is_path)
        else:
            program += literal(_literal_symbols(part))
    return UriTemplate(text, tuple(dict.fromkeys(names)), program, _web_host(text))


def matches(template: UriTemplate, uri: str) -> bool:
    """Whether the URI is an expansion of the template, and safe as this module says."""
    symbols = symbols_of(uri)
    if symbols is None or _has_dots(uri) or not _is_visible(uri):
        return False
    if _web_host(uri) != template.host:
        return False
    return runs(template.program, symbols)


def symbols_of(text: str) -> list[str] | None:
    """The characters and escapes (`%2F`, upper case) of a URI; None if it cannot be one."""
    if len(text) > LIMITS.uri_chars:
        return None
    symbols = _SYMBOL.findall(text)
    if sum(map(len, symbols)) != len(text):
        return None
    return [symbol.upper() if symbol[0] == "%" else symbol for symbol in symbols]


def _literal_symbols(text: str) -> list[str]:
    symbols = symbols_of(text)
    if symbols is None:
        raise ValueError("holds a character that no URI has outside of {...}; escape it as %XX")
    return symbols


def _web_host(text: str) -> str | None:
    found = _WEB.match(text)
    return None if found is None else found[1]


def _has_dots(text: str) -> bool:
    return any(_DOTS.fullmatch(segment) for segment in re.split("[/?#]", text))


def _is_visible(uri: str) -> bool:
    try:
        return hidden_character(unquote_to_bytes(uri).decode()) is None
    except UnicodeDecodeError:
        return False


def _parse_expression(text: str) -> tuple[str, tuple[Variable, ...]]:
    found = _EXPRESSION.fullmatch(text)
    named = [_VARIABLE.fullmatch(item) for item in found[2].split(",")] if found else [None]
    variables = tuple(
        Variable(item[1], item[2] is not None, int(item[3]) if item[3] else None)
        for item in named
        if item is not None
    )
    if found is None or len(variables) != len(named) or len(named) > LIMITS.uri_expressions:
        raise ValueError(f"holds the expression {{{text[:64]}}}, which is not supported")
    if found[1] not in {"", "+"} and any(item.prefix for item in variables):
        raise ValueError("holds a length (:n) beside an operator, which is not supported")
    return found[1], variables


def _expression(operator: str, variables: tuple[Variable, ...], *, is_path: bool) -> Program:
    """What an expression may become; any variable may be absent, but none empty in a path."""
    if operator in {"", "+"}:
        symbols = _ANY if operator else _SEGMENT
        return _plain(symbols - {"/"} if is_path else symbols, symbols, variables)
    if operator == "#":
        return optional((*literal("#"), *_some(_ANY)))
    if operator in {"?", "&"}:
        return _query(operator, variables)
    program: Program = ()
    for variable in variables:
        part = (*literal(operator), *_some(_SEGMENT))
        if operator == ";":
            value = optional((*literal("="), *_some(_MATRIX)))
            part = (*literal(operator), *literal(_literal_symbols(variable.name)), *value)
        program += optional(many(part) if variable.explode else part)
    return program


def _plain(
    first: frozenset[str], symbols: frozenset[str], variables: tuple[Variable, ...]
) -> Program:
    """Values in a row, commas between them: as one value, unless a length bounds the only one."""
    prefix = variables[0].prefix if len(variables) == 1 else None
    if prefix is None:
        return (Take(first), *optional(_some(symbols)))
    rest: Program = ()
    for _ in range(prefix - 1):
        rest = optional((Take(symbols), *rest))
    return (Take(first), *rest)


def _query(operator: str, variables: tuple[Variable, ...]) -> Program:
    """`?a=1&b=2`: variables in their order, each may be absent; the first has the operator."""
    pairs = [_pair(variable) for variable in variables]
    joined = [optional((*literal("&"), *pair)) for pair in pairs]
    if operator == "&":
        return sum(joined, ())
    begun = [
        (*literal("?"), *pair, *sum(joined[index + 1 :], ())) for index, pair in enumerate(pairs)
    ]
    return optional(either(begun))


def _pair(variable: Variable) -> Program:
    name = literal(_literal_symbols(variable.name))
    pair = (*name, *literal("="), *optional(_some(_QUERY)))
    return (*pair, *optional(many((*literal("&"), *pair)))) if variable.explode else pair


def _some(symbols: frozenset[str]) -> Program:
    return many((Take(symbols),))
