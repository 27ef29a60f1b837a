"""OpenAPI parameter styles: a JSON value as the text of a path, query or header parameter.

Styles form, simple, spaceDelimited, pipeDelimited and deepObject of OpenAPI 3.1 ("Style Values"),
and "json" for parameters sent as JSON text. Values are percent-encoded by RFC 3986 with nothing but
the unreserved characters left as they are. Everything here raises ValueError with words for the
model where a value has no such form.
"""

import json
import re
from typing import Any
from urllib.parse import quote

from mcp_proxy.core.profile import ArgumentRule

Pairs = list[tuple[str, str]]

_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]*")

# Encoded delimiters. A comma within an item is told from the delimiter by its own encoding; a blank
# or a bar is not, so an item that holds one is refused.
_DELIMITERS = {"form": ",", "simple": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C"}
_RAW_DELIMITERS = {"spaceDelimited": " ", "pipeDelimited": "|"}


def encoded(text: str) -> str:
    """Percent-encoded UTF-8. Raises ValueError for half characters (lone surrogates)."""
    if _UNRESERVED.fullmatch(text):
        return text
    return quote(text, safe="", errors="strict")


def scalar(value: Any) -> str:
    """A string as it is, true or false, a number in its shortest JSON form."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, (list, dict)):
        raise ValueError("must hold plain values only: text, numbers, true or false")
    return json.dumps(value, allow_nan=False)


def json_text(value: Any) -> str:
    """Compact JSON in ASCII."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def flat(value: Any, rule: ArgumentRule) -> list[list[str]]:
    """What a path or header parameter is made of: items, each of one text, or of key and value."""
    if rule.style == "json":
        return [[json_text(value)]]
    if isinstance(value, list):
        return [[scalar(item)] for item in value]
    if isinstance(value, dict):
        return [[key, scalar(item)] for key, item in value.items()]
    return [[scalar(value)]]


def query_pairs(value: Any, rule: ArgumentRule) -> Pairs:
    """The query's encoded pairs of one argument; none for an empty array or object."""
    name = encoded(rule.target)
    if rule.style == "json":
        return [(name, encoded(json_text(value)))]
    if not isinstance(value, (list, dict)):
        return [(name, encoded(scalar(value)))]
    if not value:
        return []
    if rule.style == "deepObject":
        return _deep(rule.target, value)
    if not rule.explode:
        return [(name, _delimited(value, rule.style))]
    if isinstance(value, list):
        return [(name, encoded(scalar(item))) for item in value]
    return [(encoded(key), encoded(scalar(item))) for key, item in value.items()]


def _delimited(value: Any, style: str) -> str:
    items = value if isinstance(value, list) else [x for pair in value.items() for x in pair]
    texts = [scalar(item) for item in items]
    raw = _RAW_DELIMITERS.get(style)
    if raw is not None and any(raw in text for text in texts):
        raise ValueError(f"must not hold {raw!r} within an item")
    return _DELIMITERS.get(style, ",").join(encoded(text) for text in texts)


def _deep(name: str, value: Any) -> Pairs:
    # OpenAPI leaves nesting and arrays open; brackets with keys and positions are what servers of
    # this style (qs, Rack, PHP) read.
    if not isinstance(value, (list, dict)):
        return [(encoded(name), encoded(scalar(value)))]
    items = enumerate(value) if isinstance(value, list) else value.items()
    pairs: Pairs = []
    for key, item in items:
        if "[" in str(key) or "]" in str(key):
            raise ValueError("must not hold a bracket in a property's name")
        pairs.extend(_deep(f"{name}[{key}]", item))
    return pairs
