"""Who authorizes for an upstream: asked of the upstream itself, or named by its profile.

MCP 2025-11-25 and 2026-07-28, "Authorization Server Discovery". Done at login alone: serve posts to
the token endpoint that a login has stored (S8).
"""

from typing import Any, NamedTuple

from mcp_proxy.core import eras
from mcp_proxy.core.oauth_challenge import Bearer, bearer_challenge
from mcp_proxy.core.oauth_metadata import (
    Metadata,
    Resource,
    canonical_resource,
    check_issuer,
    parse_resource,
    parse_server,
    pinned_server,
    resource_urls,
    server_urls,
    unreliable,
)
from mcp_proxy.core.oauth_scopes import Scopes, choose
from mcp_proxy.core.profile import OAuth, UpstreamSpec
from mcp_proxy.core.text import one_sentence
from mcp_proxy.edges.oauth_http import Fetched, OAuthHttp, Unanswered
from mcp_proxy.errors import CredentialError

_SHOWN_CHARS = 200
_PROBE = "tools/list"
_PROBE_HEADERS = (
    ("Accept", "application/json, text/event-stream"),
    ("MCP-Protocol-Version", eras.MODERN),
    ("Mcp-Method", _PROBE),
)


class Found(NamedTuple):
    """A server, the resource to name to it ("" for none), and the scopes to ask for."""

    metadata: Metadata
    resource: str
    scopes: Scopes


async def discover(spec: UpstreamSpec, oauth: OAuth, http: OAuthHttp) -> Found:
    """The server for `spec`; an MCP upstream is asked, a REST API's profile names its issuer.

    Raises:
        CredentialError: C07 what is said cannot be relied on; C08 no answer.
    """
    if spec.kind == "mcp":
        demand = await _demand(spec, http)
        resource = await _resource(spec, oauth, http, demand)
    else:
        demand, resource = None, Resource(oauth.resource, (oauth.issuer,), None)
    metadata = await find_server(_issuer(resource, oauth), oauth, http)
    with_refresh = oauth.grant == "authorization_code"
    scopes = choose(
        None if demand is None else demand.scope,
        resource.scopes,
        oauth.scopes,
        metadata.scopes if with_refresh else None,
    )
    return Found(metadata, resource.resource, scopes)


async def wants_login(spec: UpstreamSpec, http: OAuthHttp) -> bool:
    """Whether an MCP upstream that refused a request says who authorizes; False if unreachable.

    What it says is relied on by `discover` alone.
    """
    try:
        demand = await _demand(spec, http)
        if demand is not None and demand.resource_metadata:
            return True
        return await find_document(resource_urls(spec.url), http) is not None
    except CredentialError:
        return False


async def find_server(issuer: str, oauth: OAuth, http: OAuthHttp) -> Metadata:
    """The issuer's endpoints: the profile's own where they suffice for its grant, else metadata.

    Raises:
        CredentialError: as `discover`.
    """
    check_issuer(issuer, localhost=http.localhost)
    pinned, needs_code = dict(oauth.endpoints), oauth.grant == "authorization_code"
    known = pinned_server(issuer, pinned, needs_code=needs_code, localhost=http.localhost)
    if known is not None:
        return known
    doc = await find_document(server_urls(issuer), http)
    if doc is None:
        text = f"The authorization server {_shown(issuer)} has no metadata where they belong"
        raise unreliable(f"{text}; the profile can name its `endpoints`.")
    return parse_server(doc, issuer, pinned, needs_code=needs_code, localhost=http.localhost)


async def find_document(urls: list[str], http: OAuthHttp) -> dict[str, Any] | None:
    """The first JSON object that stands at one of the URLs; None where each has none.

    Raises:
        CredentialError: C07 a redirect elsewhere; C08 a server is out of reach or out of order.
    """
    for url in urls:
        fetched = await http.get(url)
        if fetched.status >= 500 or fetched.status == 429:
            why = f"{_shown(url)} answered {fetched.status}."
            raise Unanswered(why, "maybe", is_away=True)
        if fetched.status == 200 and fetched.doc is not None:
            return fetched.doc
    return None


async def _demand(spec: UpstreamSpec, http: OAuthHttp) -> Bearer | None:
    """What the upstream demands of a request without a token; None where it says nothing."""
    meta = {eras.VERSION_KEY: eras.MODERN, eras.CAPABILITIES_KEY: {}}
    meta[eras.CLIENT_KEY] = eras.SERVER_INFO
    message = {"jsonrpc": "2.0", "id": 1, "method": _PROBE, "params": {"_meta": meta}}
    reply: Fetched = await http.probe(spec.url, message, _PROBE_HEADERS)
    return bearer_challenge(reply.headers.get("www-authenticate", ""))


async def _resource(
    spec: UpstreamSpec, oauth: OAuth, http: OAuthHttp, demand: Bearer | None
) -> Resource:
    named = [] if demand is None or not demand.resource_metadata else [demand.resource_metadata]
    doc = await find_document([*named, *resource_urls(spec.url)], http)
    if doc is not None:
        return parse_resource(doc, spec.url)
    if not oauth.issuer:
        text = f"{_shown(spec.url)} does not say which server authorizes for it"
        raise unreliable(f"{text}; the profile can name its `issuer`.")
    return Resource(canonical_resource(spec.url), (oauth.issuer,), None)


def _issuer(resource: Resource, oauth: OAuth) -> str:
    """The profile's issuer, which the resource has to rely on too; else the first it relies on."""
    if not resource.servers:
        raise unreliable("The upstream's metadata name no authorization server.")
    # Frameworks add a slash to the names they list. What is compared later is the profile's name.
    listed = {server.removesuffix("/") for server in resource.servers}
    if oauth.issuer and oauth.issuer.removesuffix("/") not in listed:
        text = f"The upstream relies on {_shown(resource.servers[0])}"
        raise unreliable(f"{text}, but its profile names {_shown(oauth.issuer)}.")
    return oauth.issuer or resource.servers[0]


def _shown(text: str) -> str:
    return one_sentence(text, _SHOWN_CHARS)
