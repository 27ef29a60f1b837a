"""A profile from a file that nobody need have signed: a source, a payload or an envelope.

For commands that only look at what it says. Nothing that comes of it may be served: what serves
takes an installed name, and verifies it.
"""

import re

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.envelope import parse_envelope
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import NAME_PATTERN, Profile
from mcp_proxy.core.profile_lines import parse_payload
from mcp_proxy.edges import clock
from mcp_proxy.edges.files import read_given
from mcp_proxy.errors import ProfileError
from mcp_proxy.workshop.build import build_payload
from mcp_proxy.workshop.source import read_source

_SOURCES = (".yaml", ".yml")


def is_name(given: str) -> bool:
    """Whether an argument names an installed profile: a file's name has a dot or a slash."""
    return re.fullmatch(NAME_PATTERN, given) is not None


def unverified_profile(path: str) -> Profile:
    """What the file holds, no signature looked at; a source is built in memory, as of now.

    Raises:
        SourceError: B01 to B03 the source cannot be built.
        ProfileError: P09, P10 it is not a profile.
        UsageError: W01 it cannot be read.
    """
    if path.endswith(_SOURCES):
        payload = build_payload(read_source(path), int(clock.now_s())).payload
    else:
        payload = _payload(read_given(path, LIMITS.envelope_bytes))
    return parse_payload(payload, sha256_hex(payload), "")


def _payload(data: bytes) -> bytes:
    try:
        return parse_envelope(data).payload
    except ProfileError as error:
        if error.id == "MCPX-P01":
            return data  # a payload that nobody has signed
        raise
