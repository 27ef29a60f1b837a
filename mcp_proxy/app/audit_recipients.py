"""Whose key the MACs of segments are for, as the segments themselves say."""

import json
import re
from collections.abc import Iterable

from mcp_proxy.app.audit_segment import Checked
from mcp_proxy.edges.audit_source import Source
from mcp_proxy.errors import HomeError

_ID = re.compile(r"[0-9a-f]{16}", re.ASCII)
_READ = 64


def named_recipients(checked: Iterable[Checked], own: bool) -> tuple[str, ...]:
    """The ids of recipients in segments whose MACs were not checked; the first 64 are asked."""
    unchecked = [item for item in checked if item.mac == "unchecked"][:_READ]
    named = {_named(item.path, own) for item in unchecked}
    return tuple(sorted(named - {""}))


def _named(path: str, own: bool) -> str:
    try:
        with Source(path, own=own) as source:
            told = json.loads(next(iter(source.lines()), b""))["mac"]["recipient"]
    except (HomeError, ValueError, LookupError, TypeError, RecursionError):
        return ""
    return told if isinstance(told, str) and _ID.fullmatch(told) else ""
