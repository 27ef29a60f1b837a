"""An installed file held against the root of its name: keys pinned here, or one repository (S2).

A repository's own metadata are not read at a start: what they said of the profile stands in its
version record, with how long it holds (S4).
"""

from mcp_proxy.core.freshness import Freshness, bounded_grace_s, standing
from mcp_proxy.core.profile import Profile
from mcp_proxy.core.seen import PINNED_KEYS, REPOSITORY, Activation, Seen, wait_for_publisher
from mcp_proxy.core.trust import TrustedKeys, verify_profile
from mcp_proxy.core.trust_store import TrustedKey, TrustStore, key_id, may_serve
from mcp_proxy.errors import ProfileError

_NOT_LISTED = ("MCPX-P03", "MCPX-P04")


def verify_installed(
    data: bytes, name: str, trust: TrustStore, seen: Seen | None, now_s: float
) -> Profile:
    """The installed file of `name` to its profile, by the root that its record names.

    `now_s` is seconds since the epoch.

    Raises:
        ProfileError: P01 to P14, P17 to P21, the first that applies.
    """
    if seen is None or seen.root == PINNED_KEYS:
        return verify_profile(data, name, trust.keys, seen, now_s)
    activation = check_activation(name, trust, seen)
    keys = delegated_keys(activation, name)
    try:
        profile = verify_profile(data, name, keys, seen, now_s, root=seen.root)
    except ProfileError as error:
        raise (unlisted_signer(name) if error.id in _NOT_LISTED else error) from None
    grace_s = bounded_grace_s(profile.header.grace_s, trust.grace_max_s)
    freshness = Freshness(activation.fresh_until_s, grace_s)
    if standing(freshness, now_s) == "ended":
        raise stale(name)
    return profile._replace(root=seen.root, freshness=freshness)


def check_activation(name: str, trust: TrustStore, seen: Seen) -> Activation:
    """What the repository said of a name that is its own.

    Raises:
        ProfileError: P13 there is no such record, P18 the repository is not trusted here for the
            name, P19 it lists what is installed no longer.
    """
    kind, repository = (*seen.root, "", "")[:2]
    held = trust.repositories.get(repository) if kind == REPOSITORY else None
    if held is None or not may_serve(held, name):
        raise ProfileError(
            "MCPX-P18",
            f"Profile {name} is from a repository that is not trusted here for it.",
        )
    if seen.activation is None:
        raise ProfileError("MCPX-P13", f"Profile {name} is installed without its activation.")
    if seen.activation.withdrawn:
        later = f"mcp-proxy profile update {name}"
        mend = later if seen.activation.listed else wait_for_publisher(name)
        raise ProfileError("MCPX-P19", seen.activation.withdrawn, mend)
    return seen.activation


def delegated_keys(activation: Activation, name: str) -> TrustedKeys:
    """The keys that the repository's delegation lists for the name, which may sign it alone."""
    keys = (TrustedKey(key_id(key), "of the repository", key, (name,)) for key in activation.keys)
    return {key.keyid: key for key in keys}


def unlisted_signer(name: str) -> ProfileError:
    """P20: signed, perhaps by a key that is pinned here, but not by one of the delegation."""
    return ProfileError(
        "MCPX-P20",
        f"Profile {name} is not signed by a key that its repository lists for it.",
        f"mcp-proxy profile update {name}",
    )


def stale(name: str) -> ProfileError:
    """P21: for too long nobody has said that it still holds."""
    return ProfileError(
        "MCPX-P21",
        f"What the repository said of profile {name} has expired, and so has its offline grace.",
        f"mcp-proxy profile update {name}",
    )


def late(name: str) -> ProfileError:
    """P21 for what changes something: only reading is left of the grace (S19)."""
    return ProfileError(
        "MCPX-P21",
        f"What the repository said of profile {name} has expired: until it is renewed, only what "
        "reads may be called.",
        f"mcp-proxy profile update {name}",
    )
