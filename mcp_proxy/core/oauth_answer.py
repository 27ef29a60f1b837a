"""What an authorization server answers: tokens, a device's codes, or why not (RFC 6749, 5)."""

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.oauth_metadata import unreliable
from mcp_proxy.core.oauth_scopes import Scopes, split_scopes
from mcp_proxy.core.oauth_url import parse_place
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.text import one_sentence
from mcp_proxy.errors import CredentialError

_ERROR = re.compile(r"[A-Za-z0-9_.:/ -]{1,64}")
_ACCESS = re.compile(r"[!-~]+")
_TOKEN = re.compile(r"[ -~]+")
# Typed by a person, and shown in our own sentence: no room for words.
_CODE = re.compile(r"[A-Za-z0-9-]{1,32}")
# RFC 8707, 2: invalid, missing or unknown.
_TARGET = (
    "the profile's `auth` lacks `resource`, or names one that this server does not know: "
    "set it in the source, install the profile built from that, then log in again"
)
_INTERVAL_S = 5
_INTERVAL_MAX_S = 60
_DEVICE_MAX_S = 1800


class Refused(CredentialError):
    """C08: the server answered that it will not. `error` is its code, "" where it gave none."""

    def __init__(self, status: int, error: str, description: str) -> None:
        """`status` is the HTTP status, 0 for an answer through the browser."""
        code = error if _ERROR.fullmatch(error) else ""
        said = one_sentence(description, LIMITS.upstream_message_chars).rstrip(".")
        named = code or (f"with status {status}" if status else "without a reason")
        tail = f": {said}." if said else "."
        did = "gave no usable answer" if status == 200 and not code else "refused"
        next_ = _TARGET if code == "invalid_target" else None
        super().__init__("MCPX-C08", f"The authorization server {did} ({named}){tail}", next_)
        self.status = status
        self.error = code

    @property
    def is_invalid_grant(self) -> bool:
        """Whether what was presented (refresh token, code, assertion) is good for nothing more."""
        return self.error == "invalid_grant" and self.status < 500


class Granted(NamedTuple):
    """Tokens. `expires_s` is seconds of the epoch, None where the server gives no lifetime."""

    access: Secret
    expires_s: float | None
    refresh: Secret | None
    scopes: Scopes
    id_token: Secret | None


class Device(NamedTuple):
    """A device's codes (RFC 8628, 3.2). `complete` is the address with the code in it, or ""."""

    code: Secret
    user_code: str
    address: str
    complete: str
    expires_s: float
    interval_s: int


def parse_tokens(
    status: int, doc: Mapping[str, Any] | None, asked: Scopes, now_s: float
) -> Granted:
    """The token endpoint's answer; `doc` is None for what is no JSON object.

    Raises:
        Refused: the server says no, or what it says is no answer to the question.
        CredentialError: C07 the tokens are such as cannot be used.
    """
    doc = _success(status, doc)
    kind = doc.get("token_type")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise unreliable("The authorization server gave a token of a type other than Bearer.")
    access = _secret(doc, "access_token", _ACCESS)
    if access is None:
        raise unreliable("The authorization server gave no access token.")
    scope = doc.get("scope")
    return Granted(
        access,
        _expires(doc.get("expires_in"), now_s),
        _secret(doc, "refresh_token", _TOKEN),
        split_scopes(scope) if isinstance(scope, str) and scope else asked,
        _secret(doc, "id_token", _ACCESS),
    )


def parse_exchanged(status: int, doc: Mapping[str, Any] | None, wanted: str) -> Secret:
    """An exchange's answer (RFC 8693, 2.2): the token, if it is of the type `wanted`.

    Raises:
        Refused, CredentialError: as `parse_tokens`.
    """
    doc = _success(status, doc)
    token = _secret(doc, "access_token", _ACCESS)
    if token is None or doc.get("issued_token_type") != wanted:
        raise unreliable("The identity provider gave another kind of token than it was asked for.")
    return token


def parse_device(
    status: int, doc: Mapping[str, Any] | None, now_s: float, *, localhost: bool = False
) -> Device:
    """The device authorization endpoint's answer. Raises as `parse_tokens`."""
    doc = _success(status, doc)
    code, user_code = _secret(doc, "device_code", _TOKEN), doc.get("user_code")
    if code is None or not isinstance(user_code, str) or not _CODE.fullmatch(user_code):
        raise unreliable("The authorization server gave no codes for this device.")
    lifetime = _number(doc.get("expires_in"))
    if lifetime is None:
        raise unreliable("The authorization server does not say how long the code is good for.")
    pause = _number(doc.get("interval")) or _INTERVAL_S
    return Device(
        code,
        user_code,
        _address(doc.get("verification_uri"), localhost=localhost),
        _address(doc.get("verification_uri_complete", ""), localhost=localhost),
        now_s + min(lifetime, _DEVICE_MAX_S),
        min(max(1, math.ceil(pause)), _INTERVAL_MAX_S),
    )


def refused_words(doc: Mapping[str, Any] | None) -> tuple[str, str]:
    """The error's code and description of an answer, "" for what it lacks; neither is clean."""
    error, description = ((doc or {}).get(key) for key in ("error", "error_description"))
    return (
        error if isinstance(error, str) else "",
        description if isinstance(description, str) else "",
    )


def _success(status: int, doc: Mapping[str, Any] | None) -> Mapping[str, Any]:
    # Some servers put an error into an answer 200.
    if status != 200 or doc is None or "error" in doc:
        raise Refused(status, *refused_words(doc))
    return doc


def _secret(doc: Mapping[str, Any], key: str, pattern: re.Pattern[str]) -> Secret | None:
    text = doc.get(key)
    if text is None or text == "":
        return None
    fits = isinstance(text, str) and len(text) <= LIMITS.oauth_token_chars
    if not fits or not pattern.fullmatch(text):
        raise unreliable(f"The authorization server gave a `{key}` that cannot be one.")
    return Secret(text)


def _expires(value: object, now_s: float) -> float | None:
    seconds = _number(value)
    return None if seconds is None else now_s + min(seconds, LIMITS.oauth_lifetime_max_s)


def _number(value: object) -> float | None:
    """Seconds above 0; some servers write them as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return None
    return float(value)


def _address(value: object, *, localhost: bool) -> str:
    if value == "":
        return ""
    why = "It is no text."
    if isinstance(value, str):
        try:
            return parse_place(value, localhost=localhost).url
        except ValueError as error:
            why = str(error)
    raise unreliable(f"The address to confirm this device at cannot be opened. {why}")
