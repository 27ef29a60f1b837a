"""JSON as untrusted bytes, read strictly: what two parsers could read differently is refused.

RFC 8259 leaves duplicate keys, number ranges and lone surrogates open; a decision made on one
reading and a request built from another is how a limit is passed, so those texts are no JSON here.
"""

import json
import math
from typing import Any

from mcp_proxy.core.limits import LIMITS

_WIDE_DIGITS = 1000
# Below 10^18 no integer is beyond 2^63.
_LONG_DIGITS = b"0" * 19
_DIGITS = bytes(ord("0") if chr(code) in "0123456789" else ord(" ") for code in range(256))
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes({*range(256)} - {*b'[]{}"'})


class Refused(ValueError):
    """The text is not acceptable. `reason` is parse, duplicate, depth, number or text."""

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(why)
        self.reason = reason


def loads(data: bytes, *, wide_integers: bool = False) -> Any:
    """One JSON text as a value; integers beyond 2^63 only where `wide_integers`. Raises Refused."""
    try:
        text = data.decode()
        value = _decoder(data, wide_integers=wide_integers).decode(text)
    except Refused:
        raise
    except RecursionError:
        raise Refused("depth", f"nested deeper than {LIMITS.json_depth} levels") from None
    except ValueError:
        raise Refused("parse", "not valid JSON in UTF-8") from None
    if text.count("[") + text.count("{") > LIMITS.json_depth and not _is_shallow(data):
        _check_depth(value)
    if "\\u" in text:
        _check_text(value)
    return value


def dumps(value: Any) -> bytes:
    """Compact UTF-8 JSON in one line; non-finite numbers raise ValueError."""
    text: str = _ENCODER.encode(value)
    return text.encode(errors="replace")


def _decoder(data: bytes, *, wide_integers: bool) -> json.JSONDecoder:
    """What reads the text; one with no integer to be refused needs no look at each."""
    if _LONG_DIGITS not in data.translate(_DIGITS):
        return _SHORT_DECODER
    return _WIDE_DECODER if wide_integers else _DECODER


def _is_shallow(data: bytes) -> bool:
    """Whether valid JSON surely keeps the limit; False means: look closer.

    Without all but quotes and brackets, two quotes in a row are a string, or the end of one and
    the start of the next: taking both away leaves what is within a string within one.
    """
    if b"\\" in data:
        return False
    brackets = data.translate(_BRACKETS, _NO_BRACKETS).replace(b'""', b"")
    for _ in range(LIMITS.json_depth):
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return True
    return False


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Refused("duplicate", "an object names a key twice")
    return value


def _constant(_name: str) -> float:
    raise Refused("number", "NaN and Infinity are no JSON")


def _integer(digits: str) -> int:
    if len(digits) > 20 or abs(value := int(digits)) > LIMITS.integer_max:
        raise Refused("number", "an integer is beyond 2^63")
    return value


def _wide_integer(digits: str) -> int:
    if len(digits) > _WIDE_DIGITS:
        raise Refused("number", f"an integer has more than {_WIDE_DIGITS} digits")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise Refused("number", "a number is beyond what a double holds")
    return value


def _check_depth(value: Any) -> None:
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(LIMITS.json_depth):
        level = [child for item in level for child in _children(item)]
        if not level:
            return
    raise Refused("depth", f"nested deeper than {LIMITS.json_depth} levels")


def _children(item: Any) -> list[Any]:
    inside = item.values() if isinstance(item, dict) else item
    return [child for child in inside if isinstance(child, (dict, list))]


def _check_text(value: Any) -> None:
    try:
        _ENCODER.encode(value).encode()
    except UnicodeEncodeError:
        raise Refused("text", "a string holds half a character (lone surrogate)") from None


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_constant=_constant, parse_int=_integer, parse_float=_float
)
_WIDE_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs,
    parse_constant=_constant,
    parse_int=_wide_integer,
    parse_float=_float,
)
_SHORT_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_float
)
# What is written was read as JSON or made here, and never holds itself.
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")
)
