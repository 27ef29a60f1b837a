"""Decoded JSON of a payload as typed values: a missing key is malformed, an unknown one newer.

Each function takes a value and what it is called, and raises ProfileError P09 or P10.
"""

import json
import re
from typing import Any

from mcp_proxy.errors import ProfileError


def as_json(line: bytes) -> Any:
    """A line of the payload as a value."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise malformed("a line of it is not JSON") from None


def as_object(value: Any, keys: tuple[str, ...], what: str) -> dict[str, Any]:
    """An object with exactly these keys; another key means a newer format."""
    row = as_mapping(value, what)
    extra = sorted(row.keys() - set(keys))
    if extra:
        raise newer(f"{what} holds {', '.join(extra)}")
    missing = sorted(set(keys) - row.keys())
    if missing:
        raise malformed(f"{what} lacks {', '.join(missing)}")
    return row


def as_mapping(value: Any, what: str) -> dict[str, Any]:
    """An object with any keys."""
    if not isinstance(value, dict):
        raise malformed(f"{what} is not an object")
    return value


def as_string(value: Any, what: str) -> str:
    """A string."""
    if not isinstance(value, str):
        raise malformed(f"{what} is not a string")
    return value


def as_form(value: Any, pattern: str, what: str) -> str:
    """A string that the pattern matches, or the empty one."""
    text = as_string(value, what)
    if text and re.fullmatch(pattern, text, re.ASCII) is None:
        raise malformed(f"{what} has another form")
    return text


def as_strings(value: Any, what: str) -> tuple[str, ...]:
    """A list of strings."""
    if not isinstance(value, list):
        raise malformed(f"{what} is not a list")
    return tuple(as_string(item, what) for item in value)


def as_integer(value: Any, what: str) -> int:
    """A whole number that every JSON reader holds exactly (up to 2^53-1)."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 2**53 - 1:
        raise malformed(f"{what} is not a whole number")
    return value


def as_boolean(value: Any, what: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise malformed(f"{what} is not true or false")
    return value


def one_of(value: Any, known: tuple[str, ...], what: str) -> str:
    """A string of a closed set; another one means a newer format."""
    text = as_string(value, what)
    if text not in known:
        raise newer(f"{what} is {text!r}")
    return text


def malformed(reason: str) -> ProfileError:
    """The payload breaks its own format."""
    return ProfileError("MCPX-P10", f"The profile is malformed: {reason}.")


def newer(reason: str) -> ProfileError:
    """The payload holds what this version does not know, so cannot enforce."""
    return ProfileError("MCPX-P09", f"The profile needs a newer mcp-proxy: {reason}.")
