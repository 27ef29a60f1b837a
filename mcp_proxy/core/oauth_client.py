"""A client's registration at a server: what is asked for, and what comes back (RFC 7591)."""

import re
from collections.abc import Mapping
from typing import Any

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.oauth_answer import Refused, refused_words
from mcp_proxy.core.oauth_metadata import Metadata, unreliable
from mcp_proxy.core.oauth_scopes import Scopes
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.token_set import Client

_DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
_TEXT = re.compile(r"[ -~]+")
# Best first. What a native client is told to keep secret is none (RFC 8252, 8.5), and a registered
# key would have to be made and kept for each server.
_PREFERRED = ("none", "client_secret_basic", "client_secret_post")


def registration(metadata: Metadata, redirect_uri: str, scopes: Scopes) -> dict[str, Any]:
    """The client metadata to register; `redirect_uri` is "" where only a device logs in.

    Raises:
        CredentialError: C07 the server takes no way to authenticate that a new client could use.
    """
    grants = ["authorization_code"] if redirect_uri else []
    device = [_DEVICE_CODE] if metadata.device_authorization else []
    return {
        "client_name": "mcp-proxy",
        "application_type": "native",
        "redirect_uris": [redirect_uri] if redirect_uri else [],
        "grant_types": [*grants, "refresh_token", *device],
        "response_types": ["code"] if redirect_uri else [],
        "token_endpoint_auth_method": _method(metadata),
        **({"scope": " ".join(scopes)} if scopes else {}),
    }


def parse_registration(status: int, doc: Mapping[str, Any] | None, asked_method: str) -> Client:
    """The registered client; what the server does not say is as asked for.

    Raises:
        Refused: the server says no.
        CredentialError: C07 what it gives is no client that could be used.
    """
    if status not in (200, 201) or doc is None or "error" in doc:
        raise Refused(status, *refused_words(doc))
    name, secret = _text(doc.get("client_id")), _text(doc.get("client_secret"))
    method = doc.get("token_endpoint_auth_method", asked_method)
    if name is None or method not in _PREFERRED:
        raise unreliable("The authorization server registered a client that cannot be used here.")
    if method == "none":
        return Client(name, method)
    if secret is None:
        raise unreliable("The authorization server registered a client without its secret.")
    return Client(name, method, Secret(secret))


def _method(metadata: Metadata) -> str:
    # Of a server that the profile describes nothing is known.
    offered = metadata.auth_methods or ("none",)
    for method in _PREFERRED:
        if method in offered:
            return method
    raise unreliable("The authorization server takes only clients that it knows beforehand.")


def _text(value: object) -> str | None:
    if not isinstance(value, str) or len(value) > LIMITS.endpoint_chars:
        return None
    return value if _TEXT.fullmatch(value) else None
