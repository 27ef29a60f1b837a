"""What a repository's verified metadata say of one profile, and what follows for what is installed.

A target is found by its version; its bytes count only if length and SHA-256 are those listed.
"""

from typing import NamedTuple

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.seen import Activation, Seen, wait_for_publisher
from mcp_proxy.errors import ProfileError

# A record stays small, however many versions a publisher lists.
_RECORDED_VERSIONS = 64


class Target(NamedTuple):
    """A listed file: its target path, the version it is, its length in bytes, its digest in hex."""

    path: str
    version: int
    length: int
    sha256: str


class Listing(NamedTuple):
    """A profile's delegation as it stands.

    `keys` are the raw Ed25519 keys that may sign, `until_s` when the first of the metadata expires
    (since the epoch), `floor` the oldest version that may be pinned, `current` what the publisher
    wants installed (None: nothing), `versions` all that are listed, by number. `is_published` is
    off where the name was given to signers who have never listed anything.
    """

    keys: tuple[bytes, ...]
    until_s: int
    floor: int
    current: Target | None
    versions: dict[int, Target]
    is_published: bool = True


def held_version(record: Seen) -> int:
    """The version that a record lets be installed."""
    return record.version if record.pin is None else record.pin.version


def held_digest(record: Seen) -> str:
    """The digest of that version's payload."""
    return record.digest if record.pin is None else record.pin.digest


def withdrawal(name: str, record: Seen, listing: Listing) -> str:
    """Why what is installed may be used no longer, in a sentence; "" where it may.

    It counts as long as it is the current version (S2), or a listed one that a newer one follows,
    or that a person pinned.
    """
    version, current = held_version(record), listing.current
    if not listing.keys:
        return f"The repository answers for profile {name} no longer."
    if current is None:
        return f"The repository has withdrawn profile {name}: it lists no version of it."
    if version < listing.floor:
        return below_floor(name, version, listing)
    if version not in listing.versions:
        return f"The repository has withdrawn version {version} of profile {name}."
    if record.pin is None and current.version < version:
        return f"The repository went back to version {current.version} of profile {name}."
    return ""


def below_floor(name: str, version: int, listing: Listing) -> str:
    """That a version is too old to be used at all, in a sentence."""
    return (
        f"Version {version} of profile {name} is below version {listing.floor}, the oldest that "
        "its repository lets anyone use."
    )


def activation(listing: Listing, withdrawn: str = "", waiting: int = 0) -> Activation:
    """What a version record keeps of a listing."""
    usable = [] if listing.current is None else [v for v in listing.versions if v >= listing.floor]
    listed = tuple(sorted(usable)[-_RECORDED_VERSIONS:])
    return Activation(listing.keys, listing.until_s, listing.floor, withdrawn, waiting, listed)


def find_target(name: str, version: int, listing: Listing) -> Target:
    """The listed file of that version.

    Raises:
        ProfileError: P26 not listed, P28 below the floor.
    """
    if listing.current is None:
        raise nothing_listed(name, listing)
    if version < listing.floor:
        mend = f"mcp-proxy profile install {name}"
        raise ProfileError("MCPX-P28", below_floor(name, version, listing), mend)
    target = listing.versions.get(version)
    if target is None:
        listed = ", ".join(map(str, sorted(listing.versions)[-10:])) or "none"
        why = f"The repository lists no version {version} of profile {name}; it lists {listed}."
        raise ProfileError("MCPX-P26", why, f"mcp-proxy profile install {name}")
    return target


def nothing_listed(name: str, listing: Listing) -> ProfileError:
    """P26: there is no version at all that could be had, and only the publisher can mend that."""
    if listing.is_published:
        why = f"The repository lists no version of profile {name}: it was withdrawn."
        return ProfileError("MCPX-P26", why, wait_for_publisher(name))
    why = (
        f"The repository says who may sign profile {name}, but no version of it was published yet."
    )
    mend = "ask its publisher for: mcp-proxy profile publish FILE --to DIR"
    return ProfileError("MCPX-P26", why, mend)


def is_target(data: bytes, target: Target) -> bool:
    """Whether these are the bytes that were signed for."""
    return len(data) == target.length and sha256_hex(data) == target.sha256
