"""The answer that a browser brings back to our page: state, issuer, then error or code.

The order is the safety (RFC 9207, 2.4): nothing is sent anywhere, and nothing that the sender wrote
is shown, before it is known that the answer is this login's and this server's.
"""

import hmac
import re
from urllib.parse import parse_qsl

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.oauth_answer import Refused
from mcp_proxy.core.oauth_metadata import unreliable
from mcp_proxy.core.secret import Secret
from mcp_proxy.errors import CredentialError

_CODE = re.compile(r"[ -~]+")
_NAMES = ("state", "iss", "error", "error_description", "code")
_FIELDS = 32


def judge(query: str, state: Secret, issuer: str, *, iss_sent: bool) -> Secret:
    """The code. `query` is the callback's, as sent; `iss_sent` whether the server promised `iss`.

    Raises:
        Refused: the server says no, e.g. as the person denied it.
        CredentialError: C07 the answer is not this login's, or not this server's.
    """
    found = _fields(query)
    if not hmac.compare_digest(found.get("state", "").encode(), state.reveal().encode()):
        raise unreliable("The answer in the browser does not belong to this login.")
    _check_issuer(found.get("iss"), issuer, iss_sent=iss_sent)
    if "error" in found:
        raise Refused(0, found["error"], found.get("error_description", ""))
    code = found.get("code", "")
    if len(code) > LIMITS.oauth_token_chars or not _CODE.fullmatch(code):
        raise unreliable("The authorization server sent neither a code nor an error.")
    return Secret(code)


def is_ours(query: str, state: Secret) -> bool:
    """Whether the answer bears the login's state; what does not may be ignored."""
    try:
        named = _fields(query).get("state", "")
    except CredentialError:
        return False
    return hmac.compare_digest(named.encode(), state.reveal().encode())


def _check_issuer(named: str | None, issuer: str, *, iss_sent: bool) -> None:
    if named is None and iss_sent:
        raise unreliable("The answer in the browser does not name its server, as it should.")
    if named is not None and named != issuer:
        raise unreliable("The answer in the browser comes from another server than the login's.")


def _fields(query: str) -> dict[str, str]:
    """What counts of the query. Raises CredentialError C07 if it can be read in two ways."""
    damaged = unreliable("The answer in the browser is damaged.")
    if len(query) > 2 * LIMITS.oauth_token_chars or not query.isascii():
        raise damaged
    try:
        rows = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=_FIELDS)
    except ValueError:
        raise damaged from None
    found = [(name, value) for name, value in rows if name in _NAMES]
    if len(dict(found)) != len(found):
        raise damaged
    return dict(found)
