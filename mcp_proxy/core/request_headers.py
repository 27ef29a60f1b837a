"""Which headers an argument may become, and a credential (security rules S7, S11; RFC 9110)."""

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
# Framing, hop-by-hop and negotiation: RFC 9110 7.6.1, RFC 9112; what the MCP transport and a call's
# span set.
_NOT_FOR_SECRETS = re.compile(
    "accept|accept-encoding|connection|content-(encoding|length|type)|expect|host|keep-alive|"
    "last-event-id|mcp-.*|proxy-.*|te|trace(parent|state)|trailer|transfer-encoding|upgrade",
    re.IGNORECASE,
)
_SECRET_NAME_CHARS = 64
# RFC 3986, 2.3: what stands in a query as it is, so that there is one spelling to compare.
_PARAMETER = re.compile(r"[A-Za-z0-9._~-]{1,64}")


def is_refused_header(name: str) -> bool:
    """Whether no argument and no constant may ever become this header."""
    lower = name.lower()
    is_ours = lower in _REFUSED or lower.startswith(_REFUSED_PREFIXES)
    return is_ours or _TOKEN.fullmatch(name) is None


def is_header_value(text: str) -> bool:
    """Printable ASCII without blanks at the ends, at most 8,192 characters (RFC 9110, 5.5)."""
    return len(text) <= _VALUE_CHARS and _VALUE.fullmatch(text) is not None


def is_secret_header(name: str) -> bool:
    """Whether a credential may be sent in this header."""
    is_token = len(name) <= _SECRET_NAME_CHARS and _TOKEN.fullmatch(name) is not None
    return is_token and not _NOT_FOR_SECRETS.fullmatch(name)


def is_secret_parameter(name: str) -> bool:
    """Whether a credential may be sent in this parameter of the query."""
    return _PARAMETER.fullmatch(name) is not None
