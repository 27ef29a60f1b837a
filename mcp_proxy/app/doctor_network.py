"""doctor's findings about the network: what is set, the environment, whose certificate it is."""

import asyncio
import os
import shlex
import ssl
from collections.abc import Iterator, Mapping

from mcp_proxy.app.check import Check
from mcp_proxy.app.network import network_of
from mcp_proxy.app.otlp_check import check_collector
from mcp_proxy.core.origin import parse_url
from mcp_proxy.core.proxy import FROM_ENVIRONMENT, find_proxy, parse_bypass
from mcp_proxy.edges.ca_file import read_ca_file
from mcp_proxy.edges.network import Network, make_context
from mcp_proxy.edges.peer_certificate import Peer, look_at
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.settings import read_settings
from mcp_proxy.edges.settings_network import NetworkSettings, plain_network
from mcp_proxy.edges.system_proxy import has_pac
from mcp_proxy.errors import McpProxyError

_WHAT = "network"
_DEADLINE_S = 10.0
_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
_NAME_A_PROXY = "mcp-proxy network set --proxy http://HOST:PORT"


def check_network(home: Home, environment: Mapping[str, str] = os.environ) -> Iterator[Check]:
    """What is set, judged, and what the environment says beside it."""
    try:
        settings = read_settings(home).network
        if settings.ca_file:
            make_context(settings.ca_file, read_ca_file(settings.ca_file), None)
    except McpProxyError as error:
        yield Check(_WHAT, False, str(error), error.next)
        return
    yield Check(_WHAT, True, _summary(settings))
    if not settings.proxy:
        yield from _unused_proxy(environment)
    elif settings.proxy == FROM_ENVIRONMENT:
        yield _environment_proxy(environment)
    if not settings.ca_file:
        yield from _unused_ca(environment)
    yield from check_collector(home)


def _summary(settings: NetworkSettings) -> str:
    rows = plain_network(settings)
    if not rows:
        return "upstreams are reached directly, with this system's own CAs"
    parts = (
        f"{key} {' '.join(row) if isinstance(row, list) else row}" for key, row in rows.items()
    )
    return "; ".join(parts)


def _environment_proxy(environment: Mapping[str, str]) -> Check:
    """What `from_environment` comes to in this process; a client may start another with less."""
    what = "environment's proxy"
    try:
        found = find_proxy(environment)
    except ValueError as error:
        return Check(what, False, str(error), _NAME_A_PROXY)
    if found.proxy is None:
        return Check(what, True, "none is named here, so upstreams are reached directly")
    named = f"{found.variable} names {found.proxy.origin.text}"
    return Check(what, True, f"{named} here; the client's environment has to as well")


def _unused_proxy(environment: Mapping[str, str]) -> Iterator[Check]:
    """What the environment's proxy variables say; they are taken over by a command alone (S9)."""
    what = "environment's proxy"
    try:
        found = find_proxy(environment)
    except ValueError as error:
        yield Check(what, True, str(error), _NAME_A_PROXY)
        return
    if found.proxy is None:
        if has_pac():
            why = "This system's settings name a proxy auto-configuration file (PAC), which is a "
            why += "program and not run here; give the proxy that it names for the upstream."
            yield Check("system's proxy", True, why, _NAME_A_PROXY)
        return
    proxy = found.proxy.origin.text
    mend = f"mcp-proxy network set --proxy {proxy}{_bypass_options(found.no_proxy)}"
    if found.proxy.login is not None:
        first = f"mcp-proxy credential set proxy --kind basic --origin {proxy}"
        mend = f"{first}, then {mend} --proxy-credential proxy"
    yield Check(what, True, f"{found.variable} names {proxy}, which is not used", mend)


def _bypass_options(entries: tuple[str, ...]) -> str:
    options = []
    for entry in entries:
        try:
            options.append(f" --no-proxy {shlex.quote(parse_bypass(entry))}")
        except ValueError:
            continue
    return "".join(options)


def _unused_ca(environment: Mapping[str, str]) -> Iterator[Check]:
    name = next((name for name in _CA_VARIABLES if environment.get(name)), None)
    if name is not None:
        mend = f"mcp-proxy network set --ca-file {shlex.quote(environment[name])}"
        yield Check("environment's CA file", True, f"{name} names one, which is not used", mend)


def check_certificate(home: Home, upstream: str, url: str) -> Iterator[Check]:
    """Whose certificate an https upstream presents, where that is why it is not reached."""
    try:
        origin, _ = parse_url(url)
    except ValueError:
        return
    if origin.scheme != "https":
        return
    what = f"certificate of {upstream}"
    seen = asyncio.run(_look(network_of(home), origin.host, origin.port))
    if seen is not None:
        reason, peer = seen
        yield Check(what, False, _peer_words(origin.host, reason, peer), _mend(peer))


async def _look(network: Network, host: str, port: int) -> tuple[str, Peer] | None:
    """Why the certificate is refused, and what it is; None where something else is the matter."""
    route = network.route(host, port, tls=True)
    try:
        async with asyncio.timeout(_DEADLINE_S):
            (await route.connect()).close()
    except ssl.SSLCertVerificationError as error:
        return await _peer(network, host, port, error)
    except (OSError, McpProxyError):
        return None
    finally:
        await route.close()
    return None


async def _peer(
    network: Network, host: str, port: int, refused: ssl.SSLCertVerificationError
) -> tuple[str, Peer] | None:
    try:
        async with asyncio.timeout(_DEADLINE_S):
            peer = await look_at(network, host, port)
    except (OSError, McpProxyError):
        return None
    return None if peer is None else (str(refused.verify_message or "it is not trusted"), peer)


def _peer_words(host: str, reason: str, peer: Peer) -> str:
    said = (
        f"{host} presents a certificate for {peer.subject}, issued by {peer.issuer}, "
        f"valid until {peer.ends}: {reason.rstrip('.')}."
    )
    if not peer.trusted:
        return said
    known = "one of them has that issuer's name" if peer.is_known else "none has that issuer's name"
    return f"{said} Trusted here are {peer.trusted} CAs; {known}."


def _mend(peer: Peer) -> str | None:
    if peer.is_known:
        return "ask whoever runs the upstream for a valid certificate"
    return "ask your IT for that issuer's CA as PEM, then mcp-proxy network set --ca-file FILE"
