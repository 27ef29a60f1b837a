"""HTTP statuses and broken connections in words: one clean sentence each, safe to show."""

import email.utils
import os
import socket
import ssl
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from mcp_proxy.core import strict_json
from mcp_proxy.core.authorization import Login
from mcp_proxy.core.limits import Limits
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.text import one_sentence
from mcp_proxy.edges.attempts import Broken
from mcp_proxy.edges.http_connect import NotConnected
from mcp_proxy.edges.refused_credentials import refused_credential

MESSAGE_BYTES = 64 << 10


def refusal(  # noqa: PLR0913, PLR0917 - an answer's parts
    spec: UpstreamSpec,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    limits: Limits,
    login: Login | None = None,
) -> Broken:
    """A status other than 2xx as a failure. `body` is scrubbed already and may be cut off.

    `login` is the one that the request's access token came of.
    """
    if 300 <= status < 400:
        return _redirect(status, headers.get("location", ""), limits)
    named = f"{status} {reason_words(status)}".strip()
    said = upstream_message(body, headers.get("content-type", ""), limits)
    tail = f": {said.rstrip('.')}." if said else "."
    if status in (401, 403):
        return refused_credential(spec, status, (named, tail), headers, login)
    if status in (429, 503):
        return _busy(named, headers.get("retry-after", ""), tail, status)
    return Broken("MCPX-U03", f"The upstream answered {named}{tail}", status=status)


def reason_words(status: int) -> str:
    """The status in words (RFC 9110 section 15), "" for one without."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def unreachable(error: BaseException) -> Broken:
    """A connection that could not be made: nothing was sent."""
    reason, again = _cause_words(error)
    text = f"The upstream cannot be reached: {reason}."
    return Broken("MCPX-U01", text, again="unsent" if again else "never")


def connection_lost(error: BaseException | None = None) -> Broken:
    """The connection ended after the request began to go, before the answer was whole.

    In TLS 1.3 a client that is refused for its certificate hears of it no earlier.
    """
    cause = None if error is None else error.__cause__
    if isinstance(cause, ssl.SSLError) and "ALERT" in (cause.reason or ""):
        return Broken("MCPX-U01", f"The upstream cannot be reached: {_handshake_words(cause)}.")
    text = "The connection to the upstream was lost before its answer was complete."
    return Broken("MCPX-U01", text, again="lost")


def protocol_broken(reason: str, status: int | None = None) -> Broken:
    """An answer that cannot be what was asked for; `reason` completes "The upstream's answer"."""
    return Broken("MCPX-U05", f"The upstream's answer {reason}.", status=status)


def retry_after_s(value: str, now_s: float) -> float | None:
    """Retry-After (RFC 9110 section 10.2.3) in seconds: a number of them, or an HTTP date."""
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return max(0.0, moment.timestamp() - now_s)


def upstream_message(body: bytes, content_type: str, limits: Limits) -> str:
    """What the upstream says about its refusal, bounded and clean; "" where it says nothing."""
    kind = content_type.partition(";")[0].strip().lower()
    text = ""
    if kind.endswith(("/json", "+json")) or body[:1] in (b"{", b"["):
        try:
            text = _message_in(strict_json.loads(body))
        except strict_json.Refused:
            text = ""
    elif kind in ("", "text/plain"):
        text = body.decode("utf-8", "replace")
    return one_sentence(text, limits.upstream_message_chars) if text.strip() else ""


def _message_in(value: Any) -> str:
    """The message in the common shapes: RFC 9457, JSON:API, OAuth, and what frameworks do."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return _message_in(value[0]) if value else ""
    if not isinstance(value, dict):
        return ""
    keys = ("error_description", "message", "detail", "msg", "error", "title", "errors")
    return next((text for key in keys if (text := _message_in(value.get(key)))), "")


def _redirect(status: int, location: str, limits: Limits) -> Broken:
    target = _origin_words(location, limits)
    text = f"The upstream redirects{target} ({status}); redirects are not followed."
    return Broken("MCPX-U04", text, status=status)


def _origin_words(location: str, limits: Limits) -> str:
    """` to https://host:port`, nothing more of the target; "" where it names no other origin."""
    try:
        parts = urlsplit(location)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host:
        return ""
    origin = f"{parts.scheme}://{host}" + (f":{port}" if port else "")
    return f" to {one_sentence(origin, limits.upstream_message_chars).rstrip('.')}"


def _busy(named: str, retry_after: str, tail: str, status: int) -> Broken:
    wait_s = retry_after_s(retry_after, time.time())
    when = "later" if wait_s is None else f"in {max(1, round(wait_s))} seconds"
    text = f"The upstream is busy ({named}){tail.rstrip('.')}. Try again {when}."
    return Broken("MCPX-U06", text, status=status, again="busy", wait_s=wait_s)


def _certificate_words(error: ssl.SSLCertVerificationError) -> str:
    """OpenSSL's own reason says which of many it is; it quotes nothing but the host's name."""
    reason = one_sentence(getattr(error, "verify_message", "") or "", 200).rstrip(".")
    said = f" ({reason})" if reason else ""
    return f"its TLS certificate is not trusted by this system{said}; `mcp-proxy doctor` says more"


def _handshake_words(error: ssl.SSLError) -> str:
    """With OpenSSL's name of the reason; the other side's alerts are about our certificate."""
    reason = (error.reason or "").replace("_", " ").lower()
    said = f"the TLS handshake failed ({reason})" if reason else "the TLS handshake failed"
    return (
        f"{said}; it may want a client certificate, or another one" if "alert" in reason else said
    )


def _cause_words(error: BaseException) -> tuple[str, bool]:
    """Why a connection failed, and whether an immediate repetition may help."""
    seen: BaseException | None = error
    for _ in range(10):
        if seen is None:
            break
        if isinstance(seen, NotConnected):
            return seen.reason, seen.again
        if isinstance(seen, ssl.SSLCertVerificationError):
            return _certificate_words(seen), False
        if isinstance(seen, ssl.SSLError):
            return _handshake_words(seen), False
        if isinstance(seen, TimeoutError):
            return "no connection within the time allowed", False
        if isinstance(seen, socket.gaierror):
            return "its host name cannot be resolved", True
        if isinstance(seen, OSError) and seen.errno:
            return os.strerror(seen.errno).lower(), True
        seen = seen.__cause__ or seen.__context__
    return "the connection failed", True
