"""What a profile may say of how an upstream is authorized; the same at the build and at a start."""

import re

from mcp_proxy.core.binding import CREDENTIAL_NAME, is_client_id, is_fit
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.origin import parse_url
from mcp_proxy.core.profile import OAUTH_GRANTS, Auth, Aws, Identity, OAuth

ENDPOINTS = ("authorization", "token", "device_authorization", "revocation", "registration")
STATIC_KINDS = ("bearer", "basic", "header", "query", "mtls")

_URL_CHARS = 2_048
# RFC 6749, 3.3.
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
# RFC 3986, 3.4.
_QUERY = re.compile(r"([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")
_AWS_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")


class Misfit(ValueError):
    """A term that cannot be: `key` is where below `auth`, "" for the whole; `why` ends `it ...`."""

    def __init__(self, key: str, why: str) -> None:
        """`why` is no sentence of its own, such as "is no URL"."""
        super().__init__(f"Its {'.'.join(filter(None, ('auth', key)))} {why}.")
        self.key = key
        self.why = why


def check_auth(auth: Auth | OAuth | Aws, upstream: str) -> None:
    """Whether an upstream of that kind can be authorized so. Raises Misfit."""
    if CREDENTIAL_NAME.fullmatch(auth.credential) is None:
        raise Misfit("credential", "is no name that a credential can have")
    if isinstance(auth, OAuth):
        _check_oauth(auth, upstream)
    elif isinstance(auth, Aws):
        _check_aws(auth)
    elif (auth.kind == "env") != (upstream == "stdio"):
        raise Misfit("kind", f"does not fit an upstream of kind {upstream}")
    elif not is_fit(auth.kind, auth.credential, auth.name):
        what = "parameter" if auth.kind == "query" else "header"
        raise Misfit("name", f"is a {what} that no credential may be sent in")


def _check_oauth(auth: OAuth, upstream: str) -> None:
    if auth.kind != "oauth" or auth.grant not in OAUTH_GRANTS or upstream == "stdio":
        raise Misfit("kind", f"does not fit an upstream of kind {upstream}")
    if not auth.issuer and (upstream == "rest" or auth.grant == "id_jag" or auth.endpoints):
        raise Misfit("", "needs the issuer here; add issuer: https://login.example.com")
    if auth.issuer:
        _check_url("issuer", auth.issuer)
    if auth.client_id and not is_client_id(auth.client_id):
        raise Misfit("client_id", "is not visible ASCII of at most 2,048 characters")
    if auth.client_metadata:
        _check_document(auth)
    if auth.resource:
        _check_resource(auth.resource, upstream)
    _check_scopes(auth.scopes)
    _check_endpoints(auth)
    _check_identity(auth.grant, auth.identity)


def _check_document(auth: OAuth) -> None:
    """A Client ID Metadata Document stands at an https URL that has a path."""
    if auth.client_id:
        raise Misfit("client_metadata", "is of no use beside client_id; keep one")
    _check_url("client_metadata", auth.client_metadata)
    if not auth.client_metadata.startswith("https://") or auth.client_metadata.count("/") < 3:
        raise Misfit("client_metadata", "is no https URL with a path")


def _check_resource(resource: str, upstream: str) -> None:
    """An absolute URI without a fragment (RFC 8707, 2)."""
    if upstream != "rest":
        raise Misfit("resource", f"is what an upstream of kind {upstream} says itself; take it out")
    address, _, query = resource.partition("?")
    _check_url("resource", address)
    if not _QUERY.fullmatch(query):
        raise Misfit("resource", "is no URL without a fragment")


def _check_scopes(scopes: tuple[str, ...]) -> None:
    if len(scopes) > LIMITS.scopes or len(set(scopes)) != len(scopes):
        raise Misfit("scopes", "names one twice, or too many")
    for scope in scopes:
        if len(scope) > LIMITS.scope_chars or not _SCOPE.fullmatch(scope):
            raise Misfit("scopes", "holds a blank, a quote or another character no scope has")


def _check_endpoints(auth: OAuth) -> None:
    names = [name for name, _ in auth.endpoints]
    if len(set(names)) != len(names) or not set(names) <= set(ENDPOINTS):
        raise Misfit("endpoints", f"are not of {', '.join(ENDPOINTS)}")
    for name, url in auth.endpoints:
        address, _, query = url.partition("?")
        _check_url(f"endpoints.{name}", address)
        if not _QUERY.fullmatch(query):
            raise Misfit(f"endpoints.{name}", "is no URL that a request can go to")
    if not names:
        return
    if "token" not in names:
        raise Misfit("endpoints", "need token, where all grants end")
    if auth.grant == "authorization_code" and not {"authorization", "device_authorization"} & {
        *names
    }:
        raise Misfit("endpoints", "need authorization or device_authorization, where a login goes")


def _check_identity(grant: str, identity: Identity | None) -> None:
    if (grant == "id_jag") != (identity is not None):
        raise Misfit("identity", "goes with grant id_jag, which needs it, and with no other")
    if identity is not None:
        _check_url("identity.issuer", identity.issuer)
        if not is_client_id(identity.client_id):
            raise Misfit("identity.client_id", "is not visible ASCII of 1 to 2,048 characters")


def _check_aws(auth: Aws) -> None:
    for key in ("region", "service"):
        if not _AWS_NAME.fullmatch(getattr(auth, key)):
            raise Misfit(key, "is no name of AWS, such as eu-central-1 or execute-api")


def _check_url(key: str, url: str) -> None:
    """Whether plain http to localhost may be used is each machine's to say, at login."""
    if len(url) > _URL_CHARS:
        raise Misfit(key, f"is above {_URL_CHARS} characters")
    try:
        parse_url(url, localhost=True)
    except ValueError as error:
        raise Misfit(key, f"is no URL that a login may use. {str(error).rstrip('.')}") from None
