"""The collector that the local settings name, with its credential."""

from mcp_proxy.app.keychain_store import asks_nobody, credential_store
from mcp_proxy.app.network import network_of
from mcp_proxy.core.authorization import Authorization
from mcp_proxy.core.binding_use import set_words
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.origin import Origin, parse_url
from mcp_proxy.core.profile import Auth, UpstreamSpec
from mcp_proxy.edges.otlp_link import Collector
from mcp_proxy.edges.placement import place
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.settings import read_settings, settings_path
from mcp_proxy.errors import CredentialError, HomeError, UsageError


def collector_url(home: Home) -> str:
    """The base URL, "" where none is set. Raises HomeError: H03 the settings are not right."""
    settings = read_settings(home)
    if not settings.audit.otlp:
        return ""
    try:
        origin, path = parse_url(settings.audit.otlp, localhost=settings.localhost)
    except ValueError as error:
        file = settings_path(home)
        raise HomeError("MCPX-H03", f"{file}: [audit] otlp: {error}", f"edit {file}") from None
    return origin.text + path


def open_collector(home: Home) -> Collector:
    """The way to it; opens nothing yet.

    Raises:
        UsageError: W01 no collector is set.
        HomeError: the settings are not right.
    """
    url = collector_url(home)
    if not url:
        why = "No collector is set: [audit] otlp in settings.toml is its base URL."
        raise UsageError("MCPX-W01", why, f"edit {settings_path(home)}")
    name = read_settings(home).audit.otlp_credential
    auth = Auth("bearer", name, "Authorization") if name else None
    spec = UpstreamSpec("rest", url, auth, LIMITS.otlp_deadline_ms, ())
    return Collector(url, _Credential(home), spec, network_of(home))


class _Credential:
    """What goes with each request; read again after a refusal, so that a new one is taken."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._held: Authorization | None = None

    async def authorization(self, spec: UpstreamSpec) -> Authorization | None:
        """As `edges.http.Authorizer`."""
        if spec.auth is not None and self._held is None:
            self._held = self._read(spec, spec.auth.credential)
        return self._held

    async def renewed(self, spec: UpstreamSpec, _used: Authorization) -> Authorization | None:
        """None: the next request takes what is set then."""
        self._held = None
        return None

    def _read(self, spec: UpstreamSpec, name: str) -> Authorization:
        """Raises CredentialError: C01 missing, C02 no answer, C04 bound elsewhere."""
        held = read_settings(self._home).credentials
        if held.get(name, ...) is None and not asks_nobody(self._home):
            why = f"The credential {name} is not read: its store would ask a person."
            raise CredentialError("MCPX-C02", why)
        origin, _ = parse_url(spec.url, localhost=True)
        store = credential_store(self._home)
        binding = store.binding(name)
        kind = "bearer" if binding is None else binding.kind
        item = store.resolve_origin(name, kind, origin)
        if item is None:
            raise _elsewhere(name, origin, kind)
        return place(item, spec)


def _elsewhere(name: str, origin: Origin, kind: str) -> CredentialError:
    why = f"The credential {name} is not bound to the collector {origin.text}."
    return CredentialError("MCPX-C04", why, set_words(name, origin.text, kind, ""))
