"""Plain YAML scalars as values: the tag resolution of YAML 1.2.2, 10.3.2 (the core schema)."""

import math
import re

from mcp_proxy.core.limits import LIMITS

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)")
_NAN = frozenset({".nan", ".NaN", ".NAN"})

# Longer digits cost quadratic time and mean nothing here: they count as beyond every bound.
_DIGITS_MAX = 40


def resolve_plain(text: str) -> bool | int | float | str | None:
    """What an unquoted scalar means; integers of more than 40 digits come as 2^63."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) <= _DIGITS_MAX else LIMITS.integer_max + 1
    if _OCTAL.fullmatch(text) or _HEXADECIMAL.fullmatch(text):
        return int(text, 0) if len(text) <= _DIGITS_MAX else LIMITS.integer_max + 1
    if _FLOAT.fullmatch(text):
        return float(text)
    if text in _NAN:
        return math.nan
    return float(text.replace(".", "", 1)) if _INFINITE.fullmatch(text) else text
