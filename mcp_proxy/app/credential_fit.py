"""Which installed profiles want a credential in just the way that it is bound to."""

from mcp_proxy.core.binding import CLIENT, Binding
from mcp_proxy.core.binding_use import check_use
from mcp_proxy.core.profile import OAuth, UpstreamSpec
from mcp_proxy.edges import clock
from mcp_proxy.edges.authorizer import root_text
from mcp_proxy.edges.credential_use import Grounds, describe_use
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.profile_store import load_profile, read_records
from mcp_proxy.edges.settings import Settings, read_settings
from mcp_proxy.errors import CredentialError, ProfileError


def fitting_profiles(home: Home, name: str, binding: Binding) -> tuple[tuple[str, str], ...]:
    """Their names and trust roots, for a binding; one that cannot be read wants nothing.

    Raises:
        HomeError: settings or records cannot be read.
    """
    settings = read_settings(home)
    fitting = []
    for profile_name, record in sorted(read_records(home).items()):
        grounds = Grounds(profile_name, root_text(record.root))
        try:
            upstreams = load_profile(home, profile_name, clock.now_s()).header.upstreams
        except ProfileError:
            continue
        named = [one for one in upstreams.values() if one.auth and one.auth.credential == name]
        if any(_wants(spec, binding, grounds, settings) for spec in named):
            fitting.append((grounds.profile, grounds.root))
    return tuple(fitting)


def _wants(spec: UpstreamSpec, binding: Binding, grounds: Grounds, settings: Settings) -> bool:
    if spec.kind == "stdio":
        return False
    if binding.kind == CLIENT:
        return isinstance(spec.auth, OAuth) and _is_client(spec.auth, binding)
    allowed = binding._replace(profiles=((grounds.profile, grounds.root),))
    try:
        check_use(allowed, describe_use(spec, grounds, settings.localhost))
    except CredentialError:
        return False
    return True


def _is_client(auth: OAuth, binding: Binding) -> bool:
    """Whether a login for it may be that client's: what the profile leaves open fits all."""
    return auth.issuer in {"", binding.issuer} and auth.client_id in {"", binding.client}
