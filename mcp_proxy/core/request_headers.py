"""Which headers an argument may become, and with which values (security rule S11; RFC 9110)."""

import re

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?")
_VALUE_CHARS = 8_192

# Credentials, routing, framing and hop-by-hop headers, and those that change the method: they are
# ours or the connection's, never an argument's.
_REFUSED = frozenset(
    {
        "accept-encoding",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "cookie2",
        "date",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
    }
)
_REFUSED_PREFIXES = ("mcp-", "proxy-", "sec-")


def is_refused_header(name: str) -> bool:
    """Whether no argument and no constant may ever become this header."""
    lower = name.lower()
    is_ours = lower in _REFUSED or lower.startswith(_REFUSED_PREFIXES)
    return is_ours or _TOKEN.fullmatch(name) is None


def is_header_value(text: str) -> bool:
    """Printable ASCII without blanks at the ends, at most 8,192 characters (RFC 9110, 5.5)."""
    return len(text) <= _VALUE_CHARS and _VALUE.fullmatch(text) is not None
