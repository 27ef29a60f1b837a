"""`profile install NAME[@VERSION]` and `profile update`: a version by its name, from the root that
answers for it, shown before a person agrees.

For a repository's names it comes from there; for names of pinned keys it is a version kept here.
A version that is asked for by its number is pinned (S3).
"""

import re
from functools import partial
from typing import NamedTuple

from mcp_proxy.app import admin_log, tuf_extra
from mcp_proxy.app.profile_check import check_tools
from mcp_proxy.app.profiles import Checked
from mcp_proxy.app.renewing import (
    Newer,
    fetch_newer,
    fetch_version,
    find_repository,
    open_repository,
)
from mcp_proxy.core.change import Change
from mcp_proxy.core.changes import compare
from mcp_proxy.core.contents import parse_contents
from mcp_proxy.core.listing import Listing, activation, find_target, is_target, nothing_listed
from mcp_proxy.core.profile import NAME_PATTERN
from mcp_proxy.core.roots import delegated_keys
from mcp_proxy.core.seen import PINNED_KEYS, Seen, repository_root
from mcp_proxy.core.trust import Arrival, TrustedKeys, verify_arrival
from mcp_proxy.core.trust_store import Repository, TrustStore, may_serve
from mcp_proxy.edges import clock
from mcp_proxy.edges.activations import activate_profile, installed_payload
from mcp_proxy.edges.installs import check_before, install_profile, list_installed
from mcp_proxy.edges.kept_versions import kept_versions, read_kept
from mcp_proxy.edges.places import Home, ensure_home
from mcp_proxy.edges.profile_store import judged, read_keys, read_records, read_trust
from mcp_proxy.edges.repository_folder import repository_lock
from mcp_proxy.errors import ProfileError, UsageError

_NAMED = re.compile(rf"({NAME_PATTERN})(?:@([1-9][0-9]{{0,17}}))?")


class Named(NamedTuple):
    """What `NAME` or `NAME@VERSION` asks for; without a version, the current one."""

    name: str
    version: int | None


class Offer(NamedTuple):
    """A verified version that may be put in place, with what a person judges it by.

    `changes` is what it changes of what is installed, None where nothing is; `over` is the digest
    of that, or "". `pin` makes it the version to stay at, False ends that, None leaves it.
    """

    home: Home
    data: bytes
    checked: Checked
    root: tuple[str, ...]
    changes: tuple[Change, ...] | None
    over: str
    pin: bool | None


def read_name(text: str) -> Named | None:
    """`NAME` or `NAME@VERSION`; None for anything else."""
    match = _NAMED.fullmatch(text)
    return None if match is None else Named(match[1], int(match[2]) if match[2] else None)


def find_offer(wanted: Named) -> Offer:
    """The version that is asked for, from the root that answers for its name.

    Raises:
        ProfileError: P11 not kept here, P18 no repository is trusted for it, P26 not listed, P28
            below the floor; what the repository or the profile is refused with otherwise.
        UsageError: W01 more than one repository answers for it.
        UpstreamError: U01, U02.
        HomeError: H01 to H03.
    """
    home, pin = ensure_home(), wanted.version is not None
    record = read_records(home).get(wanted.name)
    if record is not None and record.root == PINNED_KEYS:
        return _kept_offer(home, wanted, record)
    repository = _find_repository(home, wanted.name, record)
    with open_repository(home, repository, wait=True) as client:
        listing = client.look(wanted.name)
        if not listing.keys:
            raise _not_delegated(repository, wanted.name)
        if listing.current is None and wanted.name not in list_installed(home):
            raise _not_yet(wanted.name, listing)
        if wanted.version is None:
            newer = fetch_newer(client, wanted.name, listing)
        else:
            newer = fetch_version(client, wanted.name, listing, wanted.version)
    return repository_offer(home, repository.id, newer, listing, record, pin=pin)


def repository_offer(  # noqa: PLR0913  (each by its name)
    home: Home,
    repository: str,
    newer: Newer,
    listing: Listing,
    record: Seen | None,
    *,
    pin: bool | None,
) -> Offer:
    """A version that a repository lists. Raises ProfileError: P07 to P10, P14, P17."""
    keys = delegated_keys(activation(listing), newer.arrival.profile.header.profile)
    root = repository_root(repository)
    return _offer(home, newer.data, newer.arrival, keys, root, record, pin)


def accept(offer: Offer, *, unasked: bool) -> None:
    """Logs the offer and puts it in place; `unasked` says that nobody confirmed.

    Raises:
        AuditError: A01, and nothing is changed.
        ProfileError, UsageError: what has changed since it was shown.
        HomeError: H02, H03.
    """
    profile = offer.checked.profile
    name, version = profile.header.profile, profile.header.version
    admin_log.record(
        offer.home,
        "profile install",
        profile=name,
        version=version,
        digest=profile.digest,
        signers=" ".join(key.keyid for key in offer.checked.signers),
        root=" ".join(offer.root),
        pin=bool(offer.pin),
        yes=unasked,
    )
    if offer.root == PINNED_KEYS:
        install_profile(offer.home, offer.data, clock.now_s(), pin=offer.pin)
        return
    repository = offer.root[1]
    with repository_lock(offer.home, repository, wait=True):
        proof = tuf_extra.load(tuf_extra.REPOSITORY_PROOF)
        listing: Listing = proof.read_listing(offer.home, repository, name)
        if not is_target(offer.data, find_target(name, version, listing)):
            raise ProfileError("MCPX-P26", f"The repository changed profile {name} meanwhile.")
        activate_profile(
            offer.home,
            name,
            offer.data,
            root=offer.root,
            activation=activation(listing),
            now_s=clock.now_s(),
            over=offer.over,
            pin=offer.pin,
        )


def _offer(  # noqa: PLR0913, PLR0917  (made in two places)
    home: Home,
    data: bytes,
    arrival: Arrival,
    keys: TrustedKeys,
    root: tuple[str, ...],
    record: Seen | None,
    pin: bool | None,
) -> Offer:
    profile = arrival.profile._replace(root=root)
    name, version = profile.header.profile, profile.header.version
    try:
        check_before(profile, record, root, pin)
    except ProfileError as error:
        mend = f"mcp-proxy profile install {name}@{version}" if error.id == "MCPX-P07" else None
        raise ProfileError(error.id, error.why, mend or error.next) from None
    signers = tuple(keys[keyid] for keyid in arrival.signed_by)
    old = None if record is None else installed_payload(home, name, record)
    changes = None if old is None else compare(parse_contents(old), parse_contents(profile))
    checked = Checked(profile, check_tools(profile), signers, record)
    over = "" if old is None else old.digest
    return Offer(home, data, checked, root, changes, over, pin)


def _check_asked(home: Home, wanted: Named, record: Seen) -> None:
    """P14 where a repository's version seems to be meant of a name that is of pinned keys (S2)."""
    able = [item for item in read_trust(home).repositories.values() if may_serve(item, wanted.name)]
    is_there = record.pin is None and wanted.name in list_installed(home)
    if able and is_there and wanted.version is None:
        why = f"Profile {wanted.name} is of pinned keys here, so no repository may deliver it."
        mend = f"mcp-proxy trust move {wanted.name} --to {able[0].id[:16]}"
        raise ProfileError("MCPX-P14", why, mend)


def _kept_offer(home: Home, wanted: Named, record: Seen) -> Offer:
    _check_asked(home, wanted, record)
    version = record.version if wanted.version is None else wanted.version
    data = read_kept(home, wanted.name, version)
    if data is None:
        kept = ", ".join(map(str, kept_versions(home, wanted.name))) or "none"
        why = f"Version {version} of profile {wanted.name} is not kept here; kept are: {kept}."
        raise ProfileError("MCPX-P11", why, "mcp-proxy profile install FILE")
    now_s = clock.now_s()
    arrival = judged(home, lambda trust: verify_arrival(data, trust.keys, now_s))
    if arrival.profile.header.profile != wanted.name:
        raise ProfileError("MCPX-P12", "The version that is kept is of another profile.")
    pin = wanted.version is not None
    return _offer(home, data, arrival, read_keys(home), PINNED_KEYS, record, pin)


def _find_repository(home: Home, name: str, record: Seen | None) -> Repository:
    """The one that the name belongs to; for a new name, the one trusted that delegates it."""
    if record is not None:
        return find_repository(home, name, record.root[1])
    able = judged(home, partial(_able, name))
    if len(able) > 1:
        able = [item for item in able if _delegates(home, item, name)]
    if not able:
        raise ProfileError("MCPX-P26", f"No repository that is trusted here has a profile {name}.")
    if len(able) > 1:
        why = (
            f"More than one repository answers for {name}: {', '.join(item.url for item in able)}."
        )
        mend = "mcp-proxy trust add-repository URL --root root.json --profiles NAMES, narrower"
        raise UsageError("MCPX-W01", why, mend)
    return able[0]


def _able(name: str, trust: TrustStore) -> list[Repository]:
    able = [item for item in trust.repositories.values() if may_serve(item, name)]
    if not able:
        why = f"No repository trusted here answers for profile {name}, and no file is named so."
        raise ProfileError("MCPX-P18", why)
    return able


def _delegates(home: Home, repository: Repository, name: str) -> bool:
    with open_repository(home, repository, wait=True) as client:
        return bool(client.look(name).keys)


def _not_yet(name: str, listing: Listing) -> ProfileError:
    found = nothing_listed(name, listing)
    mend = f"wait until its publisher lists a version, then mcp-proxy profile install {name}"
    return ProfileError(found.id, found.why, mend if listing.is_published else found.next)


def _not_delegated(repository: Repository, name: str) -> ProfileError:
    return ProfileError("MCPX-P26", f"The repository {repository.url} has no profile {name}.")
