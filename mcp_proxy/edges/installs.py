"""Installing and removing profiles, and changing the trust store: each under the home's lock.

S3: the version record is raised, atomically and on disk, before the profile's file is switched. A
crash in between leaves the older file refused, never accepted.
"""

import os
import re
from collections.abc import Callable

from mcp_proxy.core.profile import NAME_PATTERN
from mcp_proxy.core.seen import PINNED_KEYS, Seen, dump_seen
from mcp_proxy.core.trust import Arrival, check_record, verify_arrival
from mcp_proxy.core.trust_store import TrustedKey, TrustStore, dump_trust_store
from mcp_proxy.edges.files import FileLock, ensure_folder, remove_file, write_file
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.profile_store import (
    bump_generation,
    lock_path,
    profile_path,
    read_keys,
    read_records,
    read_trust,
    records_path,
    trust_path,
)
from mcp_proxy.errors import HomeError

_SUFFIX = ".dsse.json"


def install_profile(home: Home, data: bytes, now_s: float) -> Arrival:
    """Any DSSE file, verified again under the lock, recorded, and written in canonical form.

    Raises:
        ProfileError: as `verify_arrival` and `check_record`.
        HomeError: H02, H03 a file is not safe or not writable.
    """
    with _lock(home):
        arrival = verify_arrival(data, read_keys(home), now_s)
        name = arrival.profile.header.profile
        records = read_records(home)
        if name in records:
            check_record(arrival.profile, records[name])
        path = profile_path(home, name)
        ensure_folder(os.path.dirname(path))
        write_file(records_path(home), dump_seen({**records, name: _record(arrival)}))
        write_file(path, arrival.envelope)
        bump_generation(home)
        return arrival


def remove_profile(home: Home, name: str) -> bool:
    """Takes the installed file away; its version record stays. Whether there was one."""
    with _lock(home):
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
    with _lock(home):
        write_file(trust_path(home), dump_trust_store(change(read_trust(home))))
        bump_generation(home)


def _record(arrival: Arrival) -> Seen:
    profile = arrival.profile
    return Seen(profile.header.version, profile.digest, PINNED_KEYS, arrival.signed_by)


def _lock(home: Home) -> FileLock:
    return FileLock(lock_path(home))
