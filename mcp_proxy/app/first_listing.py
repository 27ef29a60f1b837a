"""The listing of a gateway that stands in no source yet, or what it wants before it gives one."""

import asyncio
from typing import NamedTuple

from mcp_proxy.app.capture import gateway_listing
from mcp_proxy.app.network import network_of
from mcp_proxy.core.oauth_url import parse_place
from mcp_proxy.core.profile import Auth, OAuth, UpstreamSpec
from mcp_proxy.edges.attempts import Broken
from mcp_proxy.edges.oauth_discovery import wants_login
from mcp_proxy.edges.oauth_http import OAuthHttp
from mcp_proxy.edges.places import find_home
from mcp_proxy.edges.settings import read_settings
from mcp_proxy.errors import CredentialError
from mcp_proxy.workshop.upstreams import gateway_spec


class First(NamedTuple):
    """`spec` names the credential that the gateway wants; `data` is the listing's file.

    It is None where a person has to log in first, which takes a source that says so.
    """

    spec: UpstreamSpec
    data: bytes | None


def first_listing(name: str, url: str, file: str) -> First:
    """What the gateway lists to the profile `name`, with its token where one is set and wanted.

    Raises:
        SourceError: the URL is none, or cannot be asked from here.
        UpstreamError, CredentialError: it lists nothing, and a login would not help.
    """
    spec = gateway_spec(url, None)
    try:
        return First(spec, gateway_listing(spec, name, file))
    except Broken as error:
        if error.status not in (401, 403):
            raise
    credential = name.lstrip("-") or "api"
    by_token = spec._replace(auth=Auth("bearer", credential, "Authorization"))
    try:
        return First(by_token, gateway_listing(by_token, name, file))
    except CredentialError as error:
        if error.id != "MCPX-C01" or not asyncio.run(_wants_login(spec)):
            raise
    auth = OAuth("oauth", credential, "authorization_code", "", "", "", (), ())
    return First(spec._replace(auth=auth), None)


async def _wants_login(spec: UpstreamSpec) -> bool:
    home = find_home()
    known = frozenset({parse_place(spec.url, localhost=True).origin.host})
    http = OAuthHttp(network_of(home), known, localhost=read_settings(home).localhost)
    try:
        return await wants_login(spec, http)
    finally:
        await http.close()
