"""JSON answers of upstreams: read as strictly as a client's frame, but mended where harmless."""

import re
from typing import Any

from mcp_proxy.core import strict_json

_BOM = b"\xef\xbb\xbf"
# In order: an escape that is none of ours, a whole pair, and half a pair, which becomes U+FFFD.
# Cutting a text in the middle of an emoji is a common fault and no reason to lose an answer.
_ESCAPES = re.compile(
    rb"\\[^u]|(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def parse_answer(body: bytes) -> Any:
    """A JSON answer as a value: a byte order mark is ignored, half characters become U+FFFD.

    Raises:
        strict_json.Refused: no JSON, duplicate keys, too deep, a number beyond what a double holds.
    """
    body = body.removeprefix(_BOM)
    try:
        return strict_json.loads(body, wide_integers=True)
    except strict_json.Refused as refused:
        if refused.reason != "text":
            raise
    return strict_json.loads(_ESCAPES.sub(_mended, body), wide_integers=True)


def _mended(match: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if match["half"] else match.group()
