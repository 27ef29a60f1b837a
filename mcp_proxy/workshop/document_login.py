"""What an API document says of OAuth: an oauth2 or openIdConnect scheme in, a login's terms out."""

from typing import NamedTuple

from mcp_proxy.core.auth_terms import Misfit, check_auth
from mcp_proxy.core.origin import parse_url
from mcp_proxy.core.profile import OAuth
from mcp_proxy.workshop.references import Node

_DISCOVERY = "/.well-known/openid-configuration"
_SCOPES = 20
# Flow by flow of OpenAPI 3 and Swagger 2, the grant; the implicit and password ones are no longer.
_FLOWS = {
    "authorizationCode": "authorization_code",
    "accessCode": "authorization_code",
    "clientCredentials": "client_credentials",
    "application": "client_credentials",
}
_URLS = {
    "authorizationUrl": "authorization",
    "tokenUrl": "token",
    "deviceAuthorizationUrl": "device_authorization",
}


class Login(NamedTuple):
    """Terms of an `auth` of kind oauth; `issuer` is the document's, or the token URL's origin."""

    grant: str
    issuer: str
    scopes: tuple[str, ...]
    endpoints: tuple[tuple[str, str], ...]


def find_login(scheme: Node, scopes: tuple[str, ...]) -> Login | None:
    """What a login for that scheme would be; `scopes` are those that the document wants of all.

    None where the scheme gives too little, or what no profile may name.
    """
    if scheme.text("type") == "openIdConnect":
        issuer = scheme.text("openIdConnectUrl").removesuffix(_DISCOVERY)
        return _checked(Login("authorization_code", issuer, scopes[:_SCOPES], ()))
    for name, flow in _flows(scheme).items():
        endpoints = tuple((ours, flow.text(key)) for key, ours in _URLS.items() if flow.text(key))
        issuer = _origin(dict(endpoints).get("token", ""))
        login = _checked(Login(_FLOWS[name], issuer, scopes[:_SCOPES], endpoints))
        if login is not None:
            return login
    return None


def _flows(scheme: Node) -> dict[str, Node]:
    """By name; Swagger 2 has one, in the scheme itself."""
    own = scheme.text("flow")
    if own:
        return {own: scheme} if own in _FLOWS else {}
    flows = scheme.get("flows")
    rows = {} if flows is None else dict(flows.items())
    return {name: rows[name] for name in _FLOWS if name in rows}


def _origin(url: str) -> str:
    try:
        return parse_url(url.partition("?")[0])[0].text
    except ValueError:
        return ""


def _checked(login: Login) -> Login | None:
    grant, issuer, scopes, endpoints = login
    auth = OAuth("oauth", "api", grant, issuer, "", "", scopes, endpoints)
    try:
        check_auth(auth, "rest")
    except Misfit:
        return None
    return login
