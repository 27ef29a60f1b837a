"""A request's path from its template, and the proof that it still is that template.

Clients and servers normalise dot segments and decode separators at will, so a value that could be
read as one is refused before it is encoded, and the finished URL is taken apart again and compared
with the template (security rule S11).
"""

import re
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from mcp_proxy.core.profile import ArgumentRule
from mcp_proxy.core.styles import encoded, flat

_SLOT = re.compile(r"\{([^{}]*)\}")
# What RFC 3986 allows in a path, and "%" since a template's literals are encoded already.
_LITERAL_SAFE = "/:@!$&'()*+,;=-._~%"
# A path parameter (";...") behind dots is still a dot segment to some servers.
_DOTS = re.compile(r"\.{1,2}(?:;.*)?", re.DOTALL)
_FORBIDDEN = re.compile(r"[/\\%\x00-\x1f\x7f-\x9f]")


class PathValue(NamedTuple):
    """A slot's encoded text, and how many segments it adds to the one that it stands in."""

    text: str
    more_segments: int


def path_value(value: Any, rule: ArgumentRule) -> PathValue:
    """An argument as the text of a slot. Raises ValueError with words for the model."""
    items = flat(value, rule)
    if not items:
        raise ValueError("must not be empty")
    for item in items:
        for text in item:
            _check(text, rule.segments == "many")
    pair = "=" if rule.explode else ","
    many = ",".join(pair.join(_encoded(text, rule) for text in item) for item in items)
    return PathValue(many, many.count("/"))


def fill_path(path: str, values: dict[str, PathValue]) -> str:
    """The template's path with its slots filled. Raises KeyError for a slot without a value."""
    return "/".join(
        "".join(values[part].text if index % 2 else part for index, part in enumerate(segment))
        for segment in _segments(path)
    )


def fault_of_url(
    url: str, base: str, path: str, values: dict[str, PathValue], query: str
) -> str | None:
    """What differs between a finished URL and its template; None where they agree."""
    got, want = urlsplit(url), urlsplit(base)
    if (got.scheme, got.netloc) != (want.scheme, want.netloc):
        return "origin"
    if "#" in url or got.query != query or not url.isascii() or not url.isprintable():
        return "query"
    segments = got.path.split("/")
    for segment in _segments(want.path + path):
        span = 1 + sum(values[slot].more_segments for slot in segment[1::2])
        if not _fits(segments[:span], span, segment[::2]):
            return "segments"
        segments = segments[span:]
    return "segments" if segments else None


@lru_cache(maxsize=512)
def _segments(path: str) -> tuple[tuple[str, ...], ...]:
    """A template's segments: encoded literals at even places, names of slots at odd ones."""
    split = (_SLOT.split(segment) for segment in path.split("/"))
    return tuple(
        tuple(
            part if index % 2 else quote(part, safe=_LITERAL_SAFE)
            for index, part in enumerate(parts)
        )
        for parts in split
    )


def _fits(segments: list[str], span: int, literals: tuple[str, ...]) -> bool:
    text = "/".join(segments)
    if len(segments) != span:
        return False
    if len(literals) == 1:
        return text == literals[0]
    ends = text.startswith(literals[0]) and text.endswith(literals[-1])
    return ends and all(segment and not _DOTS.fullmatch(segment) for segment in segments)


def _check(text: str, many: bool) -> None:
    for segment in text.split("/") if many else [text]:
        if not segment:
            raise ValueError("must not be empty" + (" between slashes" if many else ""))
        if _DOTS.fullmatch(segment):
            raise ValueError("must not be a dot segment such as . or ..")
        if _FORBIDDEN.search(segment):
            raise ValueError("must not hold a slash, a backslash, % or a control character")


def _encoded(text: str, rule: ArgumentRule) -> str:
    if rule.segments == "many":
        return "/".join(encoded(segment) for segment in text.split("/"))
    return encoded(text)
