"""This machine's way to upstreams, by the local settings of a home."""

from collections.abc import Callable

from mcp_proxy.app.keychain_store import credential_store
from mcp_proxy.core.authorization import Certificate, Headers
from mcp_proxy.core.binding_use import set_words
from mcp_proxy.core.origin import Origin
from mcp_proxy.core.secret import Secret
from mcp_proxy.edges.network import Network
from mcp_proxy.edges.placement import certificate_of
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.settings import read_settings
from mcp_proxy.errors import CredentialError


def network_of(home: Home, along: Callable[[], Headers] = tuple) -> Network:
    """The way out of that home's settings; reads nothing yet. `along` goes with each request."""
    return Network(lambda: read_settings(home).network, _Keys(home), along)


class _Keys:
    """The settings' secrets, out of the home's credentials: bound to the origin, whoever calls."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def proxy_login(self, name: str, proxy: Origin) -> Secret:
        item = credential_store(self._home).resolve_origin(name, "basic", proxy)
        if item is None:
            why = f"The credential {name} is not bound to the proxy {proxy.text}."
            raise CredentialError("MCPX-C04", why, set_words(name, proxy.text, "basic", ""))
        return item.secret

    def certificate(self, names: tuple[str, ...], origin: Origin) -> Certificate | None:
        store = credential_store(self._home)
        for name in names:
            item = store.resolve_origin(name, "mtls", origin)
            if item is not None:
                return certificate_of(item.secret)
        return None
