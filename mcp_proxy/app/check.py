"""One finding of `mcp-proxy doctor`."""

from typing import NamedTuple


class Check(NamedTuple):
    """What was looked at, and what was found; `next` is the command that mends or betters it."""

    what: str
    ok: bool
    found: str
    next: str | None = None
