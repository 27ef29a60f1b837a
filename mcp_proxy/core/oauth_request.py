"""What is sent to an authorization server: the browser's URL, the forms, the client's own proof.

RFC 6749, 7636 (PKCE), 7009 (revocation), 7523 (assertions), 8628 (device), 8693 (exchange), 8707
(resource). A form is a list of name and value; it holds secrets and is never shown.
"""

import base64
import hashlib
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

from mcp_proxy.core.oauth_metadata import unreliable
from mcp_proxy.core.oauth_scopes import Scopes
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.token_set import Client
from mcp_proxy.errors import CredentialError

Form = list[tuple[str, str]]

AUTH_METHODS = ("none", "client_secret_basic", "client_secret_post", "private_key_jwt")
ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - a type's name
_GRANTS = "urn:ietf:params:oauth:grant-type"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Attempt(NamedTuple):
    """One login through the browser: fresh `state` and `verifier`, at least 43 characters each."""

    client_id: str
    redirect_uri: str
    scopes: Scopes
    resource: str
    state: Secret
    verifier: Secret


def challenge_of(verifier: Secret) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636, 4.2)."""
    digest = hashlib.sha256(verifier.reveal().encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def authorization_url(endpoint: str, attempt: Attempt) -> str:
    """Where the browser goes; the endpoint's own query is kept (RFC 6749, 3.1).

    Raises:
        CredentialError: C07 the endpoint's query sets a parameter that is ours to set.
    """
    rows: Form = [
        ("response_type", "code"),
        ("client_id", attempt.client_id),
        ("redirect_uri", attempt.redirect_uri),
        ("state", attempt.state.reveal()),
        ("code_challenge", challenge_of(attempt.verifier)),
        ("code_challenge_method", "S256"),
        *_scope(attempt.scopes),
        *_resource(attempt.resource),
    ]
    if "offline_access" in attempt.scopes:
        # OpenID Connect Core, 11: without it the server may ignore the scope.
        rows.append(("prompt", "consent"))
    _, mark, query = endpoint.partition("?")
    ours = {name for name, _ in rows} | {"scope", "resource", "request", "request_uri"}
    taken = sorted(ours & {name for name, _ in parse_qsl(query, keep_blank_values=True)})
    if taken:
        raise unreliable(f"The server's authorization URL sets `{taken[0]}`, which is ours to set.")
    joint = "&" if query else "" if mark else "?"
    return f"{endpoint}{joint}{urlencode(rows, quote_via=quote)}"


def code_form(code: Secret, attempt: Attempt) -> Form:
    """The code for tokens."""
    return [
        ("grant_type", "authorization_code"),
        ("code", code.reveal()),
        ("redirect_uri", attempt.redirect_uri),
        ("code_verifier", attempt.verifier.reveal()),
        *_resource(attempt.resource),
    ]


def refresh_form(refresh: Secret, resource: str) -> Form:
    """A refresh token for tokens of the same scopes."""
    return [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh.reveal()),
        *_resource(resource),
    ]


def client_form(scopes: Scopes, resource: str) -> Form:
    """The client's own tokens (client_credentials)."""
    return [("grant_type", "client_credentials"), *_scope(scopes), *_resource(resource)]


def device_form(scopes: Scopes, resource: str) -> Form:
    """To the device authorization endpoint, which gives the codes."""
    return [*_scope(scopes), *_resource(resource)]


def device_token_form(device_code: Secret, resource: str) -> Form:
    """Asks whether the person has agreed."""
    return [
        ("grant_type", f"{_GRANTS}:device_code"),
        ("device_code", device_code.reveal()),
        *_resource(resource),
    ]


def assertion_form(assertion: Secret, scopes: Scopes, resource: str) -> Form:
    """An ID-JAG, or another JWT of the person, for tokens (RFC 7523, 2.1)."""
    return [
        ("grant_type", f"{_GRANTS}:jwt-bearer"),
        ("assertion", assertion.reveal()),
        *_scope(scopes),
        *_resource(resource),
    ]


def exchange_form(id_token: Secret, audience: str, scopes: Scopes, resource: str) -> Form:
    """To the identity provider: the person's ID token for an ID-JAG for `audience`, an issuer."""
    return [
        ("grant_type", f"{_GRANTS}:token-exchange"),
        ("requested_token_type", ID_JAG),
        ("audience", audience),
        ("subject_token", id_token.reveal()),
        ("subject_token_type", ID_TOKEN),
        *_scope(scopes),
        *_resource(resource),
    ]


def revocation_form(token: Secret, hint: str) -> Form:
    """`hint` is refresh_token or access_token."""
    return [("token", token.reveal()), ("token_type_hint", hint)]


def authenticate(client: Client, secret: Secret | None, form: Form) -> tuple[Form, Form]:
    """The form and the headers with the client's proof of who it is.

    `secret` is the client's, or for private_key_jwt the signed assertion; it is not looked at for a
    public client (method none).

    Raises:
        CredentialError: C01 the method needs a secret and there is none; C07 an unknown method.
    """
    if client.method not in AUTH_METHODS:
        raise unreliable("The client is to prove who it is in a way that is not known here.")
    named: Form = [("client_id", client.id)]
    if client.method == "none":
        return [*form, *named], []
    if secret is None:
        text = f"The server wants the secret of the client ({client.method}), and there is none."
        raise CredentialError("MCPX-C01", text, _SET_CLIENT)
    if client.method == "client_secret_basic":
        return form, [("Authorization", _basic(client.id, secret))]
    if client.method == "client_secret_post":
        return [*form, *named, ("client_secret", secret.reveal())], []
    proof = [("client_assertion_type", _ASSERTION), ("client_assertion", secret.reveal())]
    return [*form, *named, *proof], []


_SET_CLIENT = "mcp-proxy credential set NAME --kind client --issuer URL --client-id ID"


def _basic(client_id: str, secret: Secret) -> str:
    # Both are form-encoded first (RFC 6749, 2.3.1): a colon in the id would end it.
    pair = f"{quote(client_id, safe='')}:{quote(secret.reveal(), safe='')}"
    return "Basic " + base64.b64encode(pair.encode("ascii")).decode("ascii")


def _scope(scopes: Scopes) -> Form:
    return [("scope", " ".join(scopes))] if scopes else []


def _resource(resource: str) -> Form:
    return [("resource", resource)] if resource else []
