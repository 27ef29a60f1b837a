"""Installing and removing profiles, and changing the trust store: each under the home's lock.

S3: the version record is raised, atomically and on disk, before the profile's file is switched. A
crash in between leaves the older file refused, never accepted.
"""

import os
import re
from collections.abc import Callable

from mcp_proxy.core.profile import NAME_PATTERN, Profile
from mcp_proxy.core.seen import PINNED_KEYS, Pin, Seen, dump_seen
from mcp_proxy.core.trust import Arrival, check_record, verify_arrival
from mcp_proxy.core.trust_store import TrustedKey, TrustStore, dump_trust_store
from mcp_proxy.edges.files import FileLock, ensure_folder, remove_file, write_file
from mcp_proxy.edges.kept_versions import keep_version
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.profile_store import (
    bump_generation,
    judged,
    lock_path,
    profile_path,
    read_records,
    read_stored_trust,
    records_path,
    trust_path,
)
from mcp_proxy.errors import HomeError

_SUFFIX = ".dsse.json"


def install_profile(home: Home, data: bytes, now_s: float, *, pin: bool | None = None) -> Arrival:
    """A DSSE file of a name of pinned keys, verified again under the lock, recorded, written.

    `pin` makes it the version to stay at, which may then be an older one; False ends that.

    Raises:
        ProfileError: as `verify_arrival` and `check_record`.
        HomeError: H02, H03 a file is not safe or not writable.
    """
    with home_lock(home):
        arrival = judged(home, lambda trust: verify_arrival(data, trust.keys, now_s))
        header = arrival.profile.header
        before = read_records(home).get(header.profile)
        check_before(arrival.profile, before, PINNED_KEYS, pin)
        keep_version(home, header.profile, header.version, arrival.envelope)
        switch(home, arrival, make_record(arrival, before, PINNED_KEYS, pin))
        return arrival


def check_before(
    profile: Profile, before: Seen | None, root: tuple[str, ...], pin: bool | None
) -> None:
    """An arrival against its name's record, as `check_record`; a pin may be older. ProfileError."""
    if before is None:
        return
    if pin is not None:
        is_older = pin and profile.header.version < before.version
        own = Pin(profile.header.version, profile.digest) if is_older else None
        before = before._replace(pin=own)
    check_record(profile, before, root)


def make_record(
    arrival: Arrival, before: Seen | None, root: tuple[str, ...], pin: bool | None
) -> Seen:
    """The record that an arrival leaves: its name's highest version never goes down (S3)."""
    profile = arrival.profile
    made = Seen(profile.header.version, profile.digest, root, arrival.signed_by)
    if before is not None and before.version > made.version:
        made = made._replace(version=before.version, digest=before.digest)
    if pin is None:
        return made._replace(pin=None if before is None else before.pin)
    return made._replace(pin=Pin(profile.header.version, profile.digest) if pin else None)


def switch(home: Home, arrival: Arrival, record: Seen) -> None:
    """Record, file, generation, in this order; the home's lock must be held. Raises HomeError."""
    name = arrival.profile.header.profile
    path = profile_path(home, name)
    ensure_folder(os.path.dirname(path))
    write_file(records_path(home), dump_seen({**read_records(home), name: record}))
    write_file(path, arrival.envelope)
    bump_generation(home)


def remove_profile(home: Home, name: str) -> bool:
    """Takes the installed file away; its version record stays. Whether there was one."""
    with home_lock(home):
        removed = remove_file(profile_path(home, name))
        bump_generation(home)
        return removed


def list_installed(home: Home) -> tuple[str, ...]:
    """Names of the installed profiles, in order, none of them verified."""
    if not home.id:
        return ()
    try:
        entries = os.listdir(os.path.join(home.data, "profiles"))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise HomeError("MCPX-H03", f"{home.data} cannot be read: {error.strerror}.") from None
    names = (entry.removesuffix(_SUFFIX) for entry in entries if entry.endswith(_SUFFIX))
    return tuple(sorted(name for name in names if re.fullmatch(NAME_PATTERN, name)))


def change_keys(
    home: Home, change: Callable[[dict[str, TrustedKey]], dict[str, TrustedKey]]
) -> None:
    """Replaces the trusted keys by what `change` makes of those that are there now.

    Raises:
        ProfileError: P15 the trust store is damaged; it is left as it is.
        HomeError: H02, H03.
    """
    change_trust(home, lambda trust: trust._replace(keys=change(trust.keys)))


def change_trust(home: Home, change: Callable[[TrustStore], TrustStore]) -> None:
    """Replaces the trust store by what `change` makes of it. Raises as `change_keys`."""
    with home_lock(home):
        write_file(trust_path(home), dump_trust_store(change(read_stored_trust(home))))
        bump_generation(home)


def home_lock(home: Home) -> FileLock:
    """Whose holder alone changes profiles, records and trust; waits for it."""
    return FileLock(lock_path(home))
