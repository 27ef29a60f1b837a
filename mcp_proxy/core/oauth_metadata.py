"""What a resource and its authorization server say of themselves (RFC 9728, RFC 8414), judged.

A document is untrusted: what it names is compared with what was asked for, character by character,
and an endpoint counts on the issuer's own origin only, unless the signed profile pins it (S8).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.oauth_scopes import Scopes, is_scope
from mcp_proxy.core.oauth_url import parse_identifier, parse_place, well_known
from mcp_proxy.core.origin import Origin, is_within
from mcp_proxy.core.text import one_sentence
from mcp_proxy.errors import CredentialError

ENDPOINTS = ("authorization", "token", "device_authorization", "revocation", "registration")
_SHOWN_CHARS = 200
# RFC 8414, 2: what a server that lists no methods takes.
_DEFAULT_METHODS = ("client_secret_basic",)


class Resource(NamedTuple):
    """A protected resource: what to name in requests, the issuers it relies on, all its scopes."""

    resource: str
    servers: tuple[str, ...]
    scopes: Scopes | None


class Metadata(NamedTuple):
    """An authorization server's endpoints, "" for one that it has not, and what it can do.

    `iss_sent`: its answer to the browser always names the issuer (RFC 9207). `client_metadata`: a
    client may be known by the URL of its document.
    """

    issuer: str
    authorization: str
    token: str
    device_authorization: str
    revocation: str
    registration: str
    auth_methods: tuple[str, ...]
    scopes: Scopes | None
    iss_sent: bool
    client_metadata: bool


def unreliable(why: str) -> CredentialError:
    """The error for what cannot be relied on; `why` is a whole clean sentence."""
    return CredentialError("MCPX-C07", why)


def check_issuer(issuer: str, *, localhost: bool = False) -> Origin:
    """Its origin. Raises CredentialError C07, it is no https URL (RFC 8414, 2)."""
    try:
        return parse_identifier(issuer, localhost=localhost).origin
    except ValueError as error:
        raise unreliable(f"The issuer {_shown(issuer)} cannot be used. {error}") from None


def canonical_resource(upstream_url: str) -> str:
    """The upstream's URL as a resource indicator (RFC 8707, 2): without a slash at its end.

    Raises:
        ValueError: it is no upstream's URL.
    """
    place = parse_identifier(upstream_url, localhost=True)
    return place.url.removesuffix("/")


def resource_urls(upstream_url: str) -> list[str]:
    """Where a resource's metadata may stand, best first. Raises ValueError, a sentence."""
    own = well_known(upstream_url, "oauth-protected-resource", localhost=True)
    root = parse_identifier(upstream_url, localhost=True).origin.text
    return list(dict.fromkeys((own, f"{root}/.well-known/oauth-protected-resource")))


def server_urls(issuer: str) -> list[str]:
    """Where a server's metadata may stand, best first. Raises ValueError, a sentence."""
    place = parse_identifier(issuer, localhost=True)
    before = [
        well_known(issuer, suffix, localhost=True)
        for suffix in ("oauth-authorization-server", "openid-configuration")
    ]
    behind = f"{place.url.removesuffix('/')}/.well-known/openid-configuration"
    return list(dict.fromkeys((*before, behind)))


def parse_resource(doc: Mapping[str, Any], upstream_url: str) -> Resource:
    """Its metadata, if it speaks for the upstream: same origin, the upstream's path or one above.

    Raises:
        CredentialError: C07, one sentence.
    """
    named = doc.get("resource")
    if not isinstance(named, str) or not _speaks_for(named, upstream_url):
        words = f"is for {_shown(named)}" if isinstance(named, str) else "names no resource"
        text = f"The upstream's metadata {words}, not for {_shown(upstream_url)}."
        raise unreliable(text)
    servers = _texts(doc, "authorization_servers", LIMITS.oauth_servers) or ()
    return Resource(named, servers, _scopes(doc))


def parse_server(
    doc: Mapping[str, Any],
    issuer: str,
    pinned: Mapping[str, str],
    *,
    needs_code: bool = True,
    localhost: bool = False,
) -> Metadata:
    """A server's metadata, if they are this issuer's; `pinned` are the profile's endpoints.

    `needs_code`: for the authorization code's grant, which wants S256 (or a device's endpoint).

    Raises:
        CredentialError: C07, one sentence.
    """
    if doc.get("issuer") != issuer:
        named = doc.get("issuer")
        words = (
            f"says it is {_shown(named)}" if isinstance(named, str) else "does not say who it is"
        )
        raise unreliable(f"The authorization server {_shown(issuer)} {words}.")
    endpoints = _endpoints(doc, issuer, pinned, localhost=localhost)
    if needs_code:
        _check_code(doc, issuer, endpoints)
    return Metadata(
        issuer,
        **endpoints,
        auth_methods=_texts(doc, "token_endpoint_auth_methods_supported", 32) or _DEFAULT_METHODS,
        scopes=_scopes(doc),
        iss_sent=doc.get("authorization_response_iss_parameter_supported") is True,
        client_metadata=doc.get("client_id_metadata_document_supported") is True,
    )


def pinned_server(
    issuer: str, pinned: Mapping[str, str], *, needs_code: bool = True, localhost: bool = False
) -> Metadata | None:
    """What the profile alone says of the server; None where that does not suffice for the grant.

    Raises:
        CredentialError: C07, an endpoint is no URL that may be asked.
    """
    has_start = "authorization" in pinned or "device_authorization" in pinned
    if "token" not in pinned or (needs_code and not has_start):
        return None
    endpoints = _endpoints({}, issuer, pinned, localhost=localhost)
    return Metadata(
        issuer, **endpoints, auth_methods=(), scopes=None, iss_sent=False, client_metadata=False
    )


def _endpoints(
    doc: Mapping[str, Any], issuer: str, pinned: Mapping[str, str], *, localhost: bool
) -> dict[str, str]:
    own = check_issuer(issuer, localhost=localhost)
    found: dict[str, str] = {}
    elsewhere: list[str] = []
    for name in ENDPOINTS:
        url = pinned.get(name, doc.get(f"{name}_endpoint", ""))
        found[name] = _checked(name, url, issuer, localhost=localhost)
        if not found[name] or name in pinned:
            continue
        origin = parse_place(found[name], localhost=localhost).origin
        if origin != own:
            elsewhere.append(f"{name} at {origin.text}")
    if elsewhere:
        text = f"The authorization server {_shown(issuer)} names endpoints on other hosts"
        advice = "the profile has to name them under `endpoints` if that is right"
        raise unreliable(f"{text} ({', '.join(elsewhere)}); {advice}.")
    if not found["token"]:
        raise unreliable(f"The authorization server {_shown(issuer)} names no token endpoint.")
    return found


def _checked(name: str, url: object, issuer: str, *, localhost: bool) -> str:
    if url == "" or url is None:
        return ""
    why = "It is no text."
    if isinstance(url, str):
        try:
            return parse_place(url, localhost=localhost).url
        except ValueError as error:
            why = str(error)
    text = f"The {name} endpoint of {_shown(issuer)} cannot be used. {why}"
    raise unreliable(text)


def _check_code(doc: Mapping[str, Any], issuer: str, endpoints: Mapping[str, str]) -> None:
    methods = doc.get("code_challenge_methods_supported")
    if endpoints["authorization"]:
        if not isinstance(methods, list) or "S256" not in methods:
            text = f"The authorization server {_shown(issuer)} does not say that it checks PKCE"
            raise unreliable(f"{text} (S256), without which a login can be stolen.")
    elif not endpoints["device_authorization"]:
        text = f"The authorization server {_shown(issuer)} names no endpoint to log in at."
        raise unreliable(text)


def _speaks_for(named: str, upstream_url: str) -> bool:
    try:
        resource = parse_identifier(named, localhost=True)
    except ValueError:
        return False
    upstream = parse_identifier(upstream_url, localhost=True)
    paths = (upstream.target.removesuffix("/"), resource.target.removesuffix("/"))
    return resource.origin == upstream.origin and is_within(*paths)


def _scopes(doc: Mapping[str, Any]) -> Scopes | None:
    listed = _texts(doc, "scopes_supported", LIMITS.scopes)
    return None if listed is None else tuple(scope for scope in listed if is_scope(scope))


def _texts(doc: Mapping[str, Any], key: str, most: int) -> tuple[str, ...] | None:
    """A list of texts, each once; None where it is absent or another thing."""
    listed = doc.get(key)
    if not isinstance(listed, list):
        return None
    return tuple(dict.fromkeys(item for item in listed if isinstance(item, str)))[:most]


def _shown(text: str) -> str:
    return one_sentence(text, _SHOWN_CHARS)
