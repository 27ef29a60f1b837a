"""What a repository says of an installed profile, asked anew and acted on: renewed, activated, kept
waiting (S5).

What reads a repository's metadata, or compares two versions, is loaded only where it is needed.
"""

from typing import Any, NamedTuple

from mcp_proxy.app import admin_log, tuf_extra, warmup
from mcp_proxy.core.contents import parse_contents
from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.envelope import parse_envelope
from mcp_proxy.core.listing import (
    Listing,
    activation,
    find_target,
    held_digest,
    held_version,
    nothing_listed,
    withdrawal,
)
from mcp_proxy.core.profile import Profile
from mcp_proxy.core.seen import Activation, Seen
from mcp_proxy.core.trust import Arrival
from mcp_proxy.core.trust_store import Repository, TrustStore, may_serve
from mcp_proxy.edges import clock
from mcp_proxy.edges.activations import (
    activate_profile,
    arrive,
    installed_payload,
    renew_activation,
)
from mcp_proxy.edges.installs import list_installed
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.profile_store import judged, read_records
from mcp_proxy.edges.settings import read_settings
from mcp_proxy.errors import ProfileError

CHANGES = "mcp_proxy.core.changes"
NETWORK = "mcp_proxy.app.network"


class Newer(NamedTuple):
    """A newer version that the repository lists as the current one, verified."""

    data: bytes
    arrival: Arrival


class Renewed(NamedTuple):
    """A refresh over the network. `newer` waits, or None; `activated` is a version, 0 for none."""

    listing: Listing
    newer: Newer | None
    activated: int


def installed_record(home: Home, name: str) -> Seen:
    """The version record of an installed profile. Raises ProfileError P11, P13."""
    if name not in list_installed(home):
        raise ProfileError("MCPX-P11", f"No profile {name[:64]!r} is installed here.")
    record = read_records(home).get(name)
    if record is None:
        raise ProfileError("MCPX-P13", f"Profile {name} is installed without its version record.")
    return record


def find_repository(home: Home, name: str, repository: str) -> Repository:
    """The repository that is trusted here for the name. Raises ProfileError P18, P29."""

    def find(trust: TrustStore) -> Repository:
        held = trust.repositories.get(repository)
        if held is None or not may_serve(held, name):
            why = f"Profile {name} is from a repository that is not trusted here for it."
            raise ProfileError("MCPX-P18", why)
        return held

    return judged(home, find)


def open_repository(home: Home, repository: Repository, *, wait: bool) -> Any:
    """As `edges.profile_repository` has it, by this machine's settings. Raises also P30."""
    edge = tuf_extra.load(tuf_extra.PROFILE_REPOSITORY)
    # An offline proof, which a first call waits for, needs none of it.
    localhost, network = read_settings(home).localhost, warmup.load(NETWORK).network_of(home)
    return edge.open_repository(home, repository, localhost=localhost, wait=wait, network=network)


def renew(home: Home, client: Any, name: str, record: Seen) -> Renewed:
    """Asks the repository, writes what it says into the record, activates what is not wider (S5).

    Raises:
        ProfileError, UpstreamError: what the repository is refused with; the record stays as it is.
        AuditError: A01, and nothing is activated.
    """
    listing: Listing = client.look(name)
    version = held_version(record)
    withdrawn = withdrawal(name, record, listing)
    data = b"" if withdrawn else client.fetch(name, listing.versions[version])
    if data and sha256_hex(parse_envelope(data).payload) != held_digest(record):
        withdrawn = f"The repository lists other bytes as version {version} of profile {name}."
    held = None if withdrawn else _held_arrival(data, name, listing)
    said = activation(listing, withdrawn)
    waiting = said._replace(waiting=_known_waiting(record, listing))
    _take_over(home, name, record, waiting, held)
    current = 0 if listing.current is None else listing.current.version
    client.forget_others(name, {version, current})
    if record.pin is not None or current <= version:
        return Renewed(listing, None, 0)
    newer = fetch_newer(client, name, listing)
    if is_wider_than_held(home, name, record, newer.arrival.profile):
        renew_activation(home, name, record.root, said._replace(waiting=current), held)
        return Renewed(listing, newer, 0)
    _activate(home, name, record, newer, listing)
    return Renewed(listing, None, current)


def fetch_newer(client: Any, name: str, listing: Listing) -> Newer:
    """The current version, verified. Raises ProfileError: as `arrive`, P23, P25, P26, P27."""
    target = listing.current
    if target is None:
        raise nothing_listed(name, listing)
    return fetch_version(client, name, listing, target.version)


def fetch_version(client: Any, name: str, listing: Listing, version: int) -> Newer:
    """A listed version, verified. Raises ProfileError: as `arrive`, P23, P25 to P28."""
    data = client.fetch(name, find_target(name, version, listing))
    arrival = arrive(data, name, activation(listing), clock.now_s())
    if arrival.profile.header.version != version:
        why = f"The repository lists another version of profile {name} as version {version}."
        raise ProfileError("MCPX-P23", why)
    return Newer(data, arrival)


def is_wider_than_held(home: Home, name: str, record: Seen, new: Profile) -> bool:
    """Whether a person has to agree to the newer version; also where there is no comparison."""
    old = installed_payload(home, name, record)
    if old is None:
        return True
    changes = warmup.load(CHANGES)
    return bool(changes.is_wider(changes.compare(parse_contents(old), parse_contents(new))))


def _take_over(home: Home, name: str, record: Seen, said: Activation, held: Arrival | None) -> None:
    """Writes what the repository says, and logs where that withdraws the profile or gives it back.

    A withdrawal counts even where it cannot be logged; what is given back does not.
    """
    was_withdrawn = record.activation is not None and bool(record.activation.withdrawn)
    if was_withdrawn and not said.withdrawn:
        _log_standing(home, "profile give back", name, record)
    renew_activation(home, name, record.root, said, held)
    if said.withdrawn and not was_withdrawn:
        _log_standing(home, "profile withdraw", name, record)


def _log_standing(home: Home, what: str, name: str, record: Seen) -> None:
    version, repository = held_version(record), record.root[1]
    admin_log.record(home, what, profile=name, version=version, repository=repository, by="refresh")


def _activate(home: Home, name: str, record: Seen, newer: Newer, listing: Listing) -> None:
    header, digest = newer.arrival.profile.header, newer.arrival.profile.digest
    admin_log.record(
        home,
        "profile activate",
        profile=name,
        version=header.version,
        digest=digest,
        repository=record.root[1],
        by="refresh",
    )
    activate_profile(
        home,
        name,
        newer.data,
        root=record.root,
        activation=activation(listing),
        now_s=clock.now_s(),
        over=held_digest(record),
    )


def _held_arrival(data: bytes, name: str, listing: Listing) -> Arrival | None:
    """What is installed as the repository has it now; None where nobody listed signs it any more.

    Then the new keys in the record are what refuses it.
    """
    try:
        return arrive(data, name, activation(listing), clock.now_s())
    except ProfileError as error:
        if error.id in ("MCPX-P06", "MCPX-P20"):
            return None
        raise


def _known_waiting(record: Seen, listing: Listing) -> int:
    """A version that waits already and still is the current one, so that it is not forgotten."""
    before = 0 if record.activation is None else record.activation.waiting
    return before if listing.current is not None and before == listing.current.version else 0
