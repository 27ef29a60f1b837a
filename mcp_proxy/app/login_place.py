"""Where a login belongs: the upstream of a profile that names it, and the login's binding."""

from typing import NamedTuple

from mcp_proxy.app import warmup
from mcp_proxy.core.binding import OAUTH, Binding
from mcp_proxy.core.profile import OAuth, Profile, UpstreamSpec
from mcp_proxy.core.token_set import TokenSet
from mcp_proxy.edges import clock
from mcp_proxy.edges.authorizer import root_text
from mcp_proxy.edges.credential_use import Grounds, describe_use
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.profile_store import load_profile
from mcp_proxy.errors import CredentialError, UsageError


class LoginPlace(NamedTuple):
    """One upstream that is logged in to, on behalf of a verified profile.

    `source` is the file, where it is a publisher's own source that says so, else "". `is_only`:
    the profile has no other login, so that its upstream need not be named.
    """

    grounds: Grounds
    upstream: str
    spec: UpstreamSpec
    auth: OAuth
    source: str = ""
    is_only: bool = False


def is_source(profile_name: str) -> bool:
    """Whether what stands for a profile is its source's file, as no profile's name ends."""
    return profile_name.endswith((".yaml", ".yml"))


def login_places(profile: Profile) -> list[LoginPlace]:
    """The upstreams of a profile that are logged in to, in its order."""
    grounds = Grounds(profile.header.profile, root_text(profile.root))
    return [
        LoginPlace(grounds, upstream, spec, spec.auth)
        for upstream, spec in profile.header.upstreams.items()
        if isinstance(spec.auth, OAuth)
    ]


def find_place(home: Home, profile_name: str, upstream: str | None) -> LoginPlace:
    """The upstream asked for; without its name, the first of those that share the one login.

    A source's file in place of a name is the publisher's, who captures a listing by that login.

    Raises:
        UsageError: W01 none, or more than one login to choose from.
        ProfileError: the profile is not installed or not trusted.
        SourceError: the source cannot be used.
    """
    if is_source(profile_name):
        places: list[LoginPlace] = warmup.load(warmup.SOURCE_LOGINS).source_places(
            home, profile_name
        )
    else:
        places = login_places(load_profile(home, profile_name, clock.now_s()))
    is_only = len({place.auth.credential for place in places}) == 1
    if upstream is not None:
        places = [place for place in places if place.upstream == upstream]
    if not places:
        at = f"its upstream {upstream!r}" if upstream is not None else "no upstream"
        verb = "is not logged in to" if upstream is not None else "is logged in to"
        why = f"Of the profile {profile_name} {at} {verb} by OAuth."
        verb = "lint" if is_source(profile_name) else "show"
        raise UsageError("MCPX-W01", why, f"mcp-proxy profile {verb} {profile_name}")
    if len({place.auth.credential for place in places}) > 1:
        names = ", ".join(place.upstream for place in places)
        why = f"The profile {profile_name} has more than one login: {names}."
        next_ = f"name one: mcp-proxy login {profile_name} {places[0].upstream}"
        raise UsageError("MCPX-W01", why, next_)
    return places[0]._replace(is_only=is_only)


def login_command(place: LoginPlace, verb: str = "login") -> str:
    """The command that logs in there, or with `verb` "logout" out."""
    command = f"mcp-proxy {verb} {place.source or place.grounds.profile}"
    return command if place.is_only else f"{command} {place.upstream}"


def bind(place: LoginPlace, kept: TokenSet | None, made: TokenSet, *, localhost: bool) -> Binding:
    """What the access token `made` may be used for (S8); `kept` is the login there already.

    Profiles that share the login keep it if it is the same one.

    Raises:
        CredentialError: C04 the login there is another one, and another profile's.
    """
    use = describe_use(place.spec, place.grounds, localhost)
    pair = (use.profile, use.root)
    binding = Binding(OAUTH, "Authorization", (use.origin,), use.path, (pair,))
    if kept is None:
        return binding
    is_here = (kept.binding.origins, kept.binding.path) == (binding.origins, binding.path)
    if is_here and is_same(place, kept, made.server.issuer, made.resource):
        return binding._replace(profiles=tuple(dict.fromkeys((*kept.binding.profiles, pair))))
    others = [profile for profile, root in kept.binding.profiles if (profile, root) != pair]
    if others and pair not in kept.binding.profiles:
        why = (
            f"The credential {use.credential} is the login of the profile {others[0]} at "
            f"{kept.server.issuer}, for another resource, server or client."
        )
        mend = f"mcp-proxy logout {others[0]}, then repeat the command"
        raise CredentialError("MCPX-C04", why, mend)
    return binding


def is_same(place: LoginPlace, kept: TokenSet, issuer: str, resource: str) -> bool:
    """Whether a login there stands in for the one that is kept: grant, server, resource, client.

    A client that the profile does not name was registered, and may be another one each time.
    """
    old = (kept.grant, kept.server.issuer, kept.resource)
    is_client = place.auth.client_id in ("", kept.client.id)
    return is_client and old == (place.auth.grant, issuer, resource)
