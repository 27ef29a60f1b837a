"""`profile refresh`: what a repository says of an installed profile, proved or asked anew.

Serving processes run it, in a process of its own that ends soon: what reads a repository's metadata
or compares two versions is loaded only where it is needed. Nobody is asked anything here.
"""

from typing import NamedTuple

from mcp_proxy.app import tuf_extra
from mcp_proxy.app.renewing import (
    Renewed,
    find_repository,
    installed_record,
    open_repository,
    renew,
)
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.listing import (
    Listing,
    activation,
    held_version,
    is_target,
    withdrawal,
)
from mcp_proxy.core.roots import unlisted_signer
from mcp_proxy.core.seen import PINNED_KEYS, REPOSITORY, Seen, wait_for_publisher
from mcp_proxy.core.trust_store import key_id
from mcp_proxy.edges import clock
from mcp_proxy.edges.activations import arrive
from mcp_proxy.edges.files import Held, read_file
from mcp_proxy.edges.installs import list_installed
from mcp_proxy.edges.places import Home, find_home
from mcp_proxy.edges.profile_store import load_profile, read_records
from mcp_proxy.edges.repository_folder import repository_lock, target_path
from mcp_proxy.errors import McpProxyError, ProfileError


class Refreshed(NamedTuple):
    """What a refresh came to. `verified`: the profile may be served, by what was just looked at.

    `version` is installed, 0 for none; `waiting` waits for a person, `activated` was put in place
    by this refresh, each 0 for none; `fresh_until_s` is 0 for a profile of pinned keys.
    """

    profile: str
    verified: bool
    version: int = 0
    waiting: int = 0
    activated: int = 0
    fresh_until_s: int = 0
    problem: McpProxyError | None = None


def refresh(name: str, *, offline: bool) -> Refreshed:
    """Proves an installed profile again, `offline` from what is here, else by its repository.

    An error is a part of the outcome; another process that is refreshing just now is none.
    """
    try:
        home = find_home()
        record = installed_record(home, name)
        if record.root == PINNED_KEYS:
            return _outcome(home, name, 0, is_looked_at=True)
        if offline:
            _prove(home, name, record)
            return _outcome(home, name, 0, is_looked_at=True)
        renewed = _renew_unless_held(home, name, record)
        if renewed is None:
            return _outcome(home, name, 0, is_looked_at=False)
        return _outcome(home, name, renewed.activated, is_looked_at=True)
    except McpProxyError as error:
        return Refreshed(name, verified=False, problem=error)


def refresh_all(*, offline: bool) -> list[Refreshed]:
    """The same for every installed profile that a repository answers for. Raises HomeError."""
    home = find_home()
    records = read_records(home) if home.id else {}
    names = [name for name in list_installed(home) if is_of_repository(records.get(name))]
    return [refresh(name, offline=offline) for name in names]


def is_of_repository(record: Seen | None) -> bool:
    """Whether a repository answers for the name."""
    return record is not None and record.root[0] == REPOSITORY


def prove(home: Home, name: str, record: Seen) -> None:
    """Holds what is installed against the metadata of the last refresh, all verified again (S4).

    Expired metadata are no error here: whether they still hold is the record's freshness, which
    may not claim more than they say.

    Raises:
        ProfileError: as `load_profile`; P19, P20, P23, P25 metadata and record disagree.
    """
    now_s = clock.now_s()
    profile = load_profile(home, name, now_s)
    proof = tuf_extra.load(tuf_extra.REPOSITORY_PROOF)
    listing: Listing = proof.read_listing(home, record.root[1], name)
    withdrawn = withdrawal(name, record, listing)
    if withdrawn:
        later = f"mcp-proxy profile update {name}"
        mend = wait_for_publisher(name) if listing.current is None else later
        raise ProfileError("MCPX-P19", withdrawn, mend)
    if not set(record.signed_by) <= {key_id(key) for key in listing.keys}:
        raise unlisted_signer(name)
    if profile.freshness is None or profile.freshness.until_s > listing.until_s:
        why = f"The version record of {name} says more than its repository signed for."
        raise ProfileError("MCPX-P23", why, f"mcp-proxy profile update {name}")
    target = listing.versions[profile.header.version]
    path = target_path(home, record.root[1], name, target.version)
    data = read_file(path, LIMITS.envelope_bytes)
    if data is None or not is_target(data, target):
        raise _other_bytes(name)
    if arrive(data, name, activation(listing), now_s).profile.digest != profile.digest:
        raise _other_bytes(name)


def _prove(home: Home, name: str, record: Seen) -> None:
    """Proves it; a refresh that is between two of its files is no reason to refuse anything."""
    try:
        prove(home, name, record)
    except ProfileError:
        with repository_lock(home, record.root[1], wait=True):
            again = installed_record(home, name)
            if again.root == record.root:
                prove(home, name, again)


def _renew_unless_held(home: Home, name: str, record: Seen) -> Renewed | None:
    repository = find_repository(home, name, record.root[1])
    try:
        with open_repository(home, repository, wait=False) as client:
            # Read again under the repository's lock: another process may have been at it.
            return renew(home, client, name, installed_record(home, name))
    except Held:
        return None


def _outcome(home: Home, name: str, activated: int, *, is_looked_at: bool) -> Refreshed:
    record = installed_record(home, name)
    said = record.activation
    waiting, until_s = (0, 0) if said is None else (said.waiting, said.fresh_until_s)
    found = Refreshed(name, is_looked_at, held_version(record), waiting, activated, until_s)
    try:
        load_profile(home, name, clock.now_s())
    except McpProxyError as error:
        return found._replace(verified=False, problem=error)
    return found


def _other_bytes(name: str) -> ProfileError:
    why = f"What is installed as profile {name} is not what its repository signed for."
    return ProfileError("MCPX-P25", why, f"mcp-proxy profile update {name}")
