"""How upstreams are reached from this machine (S9): by the local settings and by nothing else.

The extra CAs, the client certificates, the proxy, and for what untrusted metadata names the public
addresses alone. `HttpTransport` takes a `Route` of it for its origin.
"""

import asyncio
import os
import ssl
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol

from mcp_proxy.core.addresses import is_public, parse_address
from mcp_proxy.core.authorization import Certificate, Headers
from mcp_proxy.core.origin import Origin
from mcp_proxy.core.proxy import (
    FROM_ENVIRONMENT,
    Proxy,
    find_proxy,
    is_named,
    needs_proxy,
    parse_proxy,
)
from mcp_proxy.core.secret import Secret
from mcp_proxy.edges import tls
from mcp_proxy.edges.ca_file import read_ca_file
from mcp_proxy.edges.http_connect import Admits, connect, refused_address
from mcp_proxy.edges.http_connection import Connection
from mcp_proxy.edges.proxy_tunnel import open_tunnel
from mcp_proxy.edges.settings_network import NetworkSettings
from mcp_proxy.edges.single_flight import SingleFlight
from mcp_proxy.errors import HomeError

_CERTIFICATES = 4


class NetworkKeys(Protocol):
    """The secrets that the settings name; both may block on a keychain."""

    def proxy_login(self, name: str, proxy: Origin) -> Secret:
        """The `user:password` bound to that proxy. Raises CredentialError."""

    def certificate(self, names: tuple[str, ...], origin: Origin) -> Certificate | None:
        """The first of these that is bound to the origin. Raises CredentialError."""


class Plan(NamedTuple):
    """What a connection needs; `proxy_context` where the proxy itself speaks TLS."""

    context: ssl.SSLContext | None
    proxy: Proxy | None
    proxy_context: ssl.SSLContext | None
    private: tuple[str, ...]


_DIRECT_PLAN = Plan(None, None, None, ())


class _Turn:
    """Counts how often everything that was read has been forgotten."""

    number = 0


class Network:
    """One machine's way out. Made once, cheap, and shared by all upstreams of a process."""

    def __init__(
        self,
        read: Callable[[], NetworkSettings] = NetworkSettings,
        keys: NetworkKeys | None = None,
        along: Callable[[], Headers] = tuple,
    ) -> None:
        """`read` gives the settings when a connection needs them, in a thread.

        `along` gives what goes with each request to an upstream, and to nobody else.
        """
        self._read = read
        self.along = along
        self._keys = keys
        self._known: frozenset[str] | None = None
        self._turn = _Turn()

    def guarded(self, known: frozenset[str]) -> "Network":
        """The same, but to public addresses alone, save for the hosts `known` and `private`.

        For hosts that untrusted metadata has named. Behind a proxy the address is the proxy's to
        find, so there only a host that is an address itself is judged.
        """
        other = Network(self._read, self._keys)
        other._known = known
        other._turn = self._turn
        return other

    def route(self, host: str, port: int, *, tls: bool) -> "Route":
        """The way to one origin; opens and reads nothing yet."""
        return Route(self, host, port, tls=tls)

    def forget(self) -> None:
        """Read settings, files and secrets again at the next connection (S6)."""
        self._turn.number += 1

    @property
    def turn(self) -> int:
        """Another number after each `forget`, also of those that this one is `guarded` from."""
        return self._turn.number

    @property
    def is_guarded(self) -> bool:
        """Whether addresses are judged."""
        return self._known is not None

    def admission(self, host: str, private: tuple[str, ...]) -> Admits | None:
        """What judges the host's addresses; None where every one will do."""
        if self._known is None or host in self._known or is_named(host, private):
            return None
        return is_public

    def plan(self, host: str, port: int, certificate: Certificate | None, *, tls: bool) -> Plan:
        """What connections to that origin need; blocks.

        Raises:
            HomeError: the settings or the CA file are not right.
            CredentialError: a secret that they name is missing, locked or bound elsewhere.
        """
        settings = self._read()
        if not tls:
            return _DIRECT_PLAN._replace(private=settings.private)
        shown = certificate or self._certificate(settings, Origin("https", host, port))
        ca = read_ca_file(settings.ca_file) if settings.ca_file else ""
        context = make_context(settings.ca_file, ca, shown)
        proxy = self._proxy(settings, host, port)
        over_tls = proxy is not None and proxy.origin.scheme == "https"
        proxy_context = make_context(settings.ca_file, ca, None) if over_tls else None
        return Plan(context, proxy, proxy_context, settings.private)

    def _certificate(self, settings: NetworkSettings, origin: Origin) -> Certificate | None:
        if not settings.certificates or self._keys is None:
            return None
        return self._keys.certificate(settings.certificates, origin)

    def _proxy(self, settings: NetworkSettings, host: str, port: int) -> Proxy | None:
        no_proxy, proxy = settings.no_proxy, None
        if settings.proxy == FROM_ENVIRONMENT:
            try:
                found = find_proxy(os.environ)
            except ValueError as error:
                mend = "mcp-proxy network set --proxy http://HOST:PORT"
                raise HomeError("MCPX-H03", str(error), mend) from None
            proxy, no_proxy = found.proxy, (*no_proxy, *found.no_proxy)
        elif settings.proxy:
            proxy = Proxy(parse_proxy(settings.proxy))
        if proxy is None or not needs_proxy(host, port, no_proxy):
            return None
        if settings.proxy_credential and self._keys is not None:
            proxy = proxy._replace(
                login=self._keys.proxy_login(settings.proxy_credential, proxy.origin)
            )
        return proxy


class Route:
    """The way to one origin, for one event loop: what was read for it is kept until `forget`."""

    def __init__(self, network: Network, host: str, port: int, *, tls: bool) -> None:
        """Made by `Network.route`."""
        self._network = network
        self._host = host
        self._port = port
        self._tls = tls
        self._turn = network.turn
        self._plans: dict[Certificate | None, SingleFlight[Plan]] = {}

    @property
    def turn(self) -> int:
        """What connections were made by; those of another number are not to be used again."""
        return self._network.turn

    async def prepare(self, certificate: Certificate | None = None) -> None:
        """Read what connections need: a person may be asked, for whom they have no time.

        Raises:
            HomeError, CredentialError, OSError: as `connect`.
        """
        await self._plan(certificate)

    async def connect(self, certificate: Certificate | None = None) -> Connection:
        """A new connection, which shows `certificate`, or else the one that the settings name.

        Raises:
            OSError: no connection.
            UpstreamError: U01, for a reason that has its own next command.
            HomeError, CredentialError: the settings, or a secret that they name.
        """
        plan = await self._plan(certificate)
        admits = self._network.admission(self._host, plan.private)
        if plan.proxy is None or plan.context is None:
            return await connect(self._host, self._port, plan.context, admits)
        if admits is not None and parse_address(self._host) and not admits(self._host):
            raise refused_address(self._host)
        return await open_tunnel(
            plan.proxy, self._host, self._port, plan.context, plan.proxy_context
        )

    async def close(self) -> None:
        """End what is being read."""
        plans, self._plans = self._plans, {}
        for plan in plans.values():
            await plan.close()

    async def _plan(self, certificate: Certificate | None) -> Plan:
        if not self._tls and not self._network.is_guarded:
            return _DIRECT_PLAN
        if self._turn != self._network.turn or len(self._plans) > _CERTIFICATES:
            self._turn = self._network.turn
            self._plans.clear()
        held = self._plans.get(certificate)
        if held is None:
            held = self._plans[certificate] = SingleFlight(partial(self._made, certificate))
        return await held.get()

    async def _made(self, certificate: Certificate | None) -> Plan:
        """In a thread: other calls need not wait for it."""
        return await asyncio.to_thread(
            self._network.plan, self._host, self._port, certificate, tls=self._tls
        )


def make_context(ca_file: str, ca: str, certificate: Certificate | None) -> ssl.SSLContext:
    """TLS with the CAs in `ca`, the bytes of `ca_file`, beside the system's.

    Raises:
        HomeError: H03, a certificate in the file is damaged.
        CredentialError: C04, the client certificate is not right.
        OSError: the system's CAs cannot be read.
    """
    try:
        return tls.client_context(ca, certificate)
    except ssl.SSLError:
        why = f"The CA file {ca_file} holds a damaged certificate."
        raise HomeError("MCPX-H03", why, "mcp-proxy network set --ca-file FILE") from None


DIRECT = Network()
