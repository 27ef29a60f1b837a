"""Installed profiles, the trust store and the version records, as serve reads them at every start.

Also the generation: a file whose replacement tells running processes to look again (S6).
"""

import os
import re
from collections.abc import Callable
from typing import TypeVar

from mcp_proxy.core.admin_policy import forbidden, tighten
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import NAME_PATTERN, Profile
from mcp_proxy.core.roots import (
    check_activation,
    delegated_keys,
    unlisted_signer,
    verify_installed,
)
from mcp_proxy.core.seen import PINNED_KEYS, Seen, parse_seen
from mcp_proxy.core.trust_store import EMPTY, TrustedKey, TrustStore, may_sign, parse_trust_store
from mcp_proxy.edges.admin_policy import policy_mark, read_policy
from mcp_proxy.edges.files import FileLock, ensure_folder, read_file, write_file
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import HomeError, ProfileError

_UNDER_WAY = ("MCPX-P07", "MCPX-P17", "MCPX-P20")
_NOT_TRUSTED = ("MCPX-P03", "MCPX-P18")

Found = TypeVar("Found")


def load_profile(home: Home, name: str, now_s: float) -> Profile:
    """The installed profile of that name, read once and verified; `now_s` since the epoch.

    Raises:
        ProfileError: P01 to P15, P17 to P21, P29, the first that applies.
        HomeError: H02, H03 a file is not safe or not readable.
    """
    try:
        return _load(home, name, now_s)
    except ProfileError as error:
        if error.id not in _UNDER_WAY:
            raise
    # An install changes the record before it switches the file: one under way has to end first.
    with FileLock(lock_path(home)):
        return _load(home, name, now_s)


def _load(home: Home, name: str, now_s: float) -> Profile:
    data = None
    # A home without an id was never written to, so nothing that lies there was installed.
    if home.id and re.fullmatch(NAME_PATTERN, name):
        data = read_file(profile_path(home, name), LIMITS.envelope_bytes)
    if data is None:
        raise ProfileError("MCPX-P11", f"No profile {name[:64]!r} is installed here.")
    envelope, seen = data, read_records(home).get(name)
    return judged(home, lambda trust: verify_installed(envelope, name, trust, seen, now_s))


def check_held(home: Home, held: Profile) -> None:
    """A version that a running process still serves while another one is installed (S6).

    Raises:
        ProfileError: P03, P18, P20, P29 its signer counts no longer; P19, P28 it is withdrawn.
    """
    record = read_records(home)[held.header.profile]
    judged(home, lambda trust: _check_held(held, trust, record))


def _check_held(held: Profile, trust: TrustStore, record: Seen) -> None:
    name = held.header.profile
    if held.root == PINNED_KEYS:
        key = trust.keys.get(held.signer)
        if key is None or not may_sign(key, name):
            raise ProfileError("MCPX-P03", "The profile's signer is no longer trusted.")
        return
    activation = check_activation(name, trust, record)
    if held.signer not in delegated_keys(activation, name):
        raise unlisted_signer(name)
    version, mend = held.header.version, "restart the client, which takes the installed version"
    if version < activation.floor:
        why = f"Version {version} of profile {name} may be used no longer."
        raise ProfileError("MCPX-P28", why, mend)
    if version not in activation.listed:
        why = f"The repository has withdrawn version {version} of profile {name}."
        raise ProfileError("MCPX-P19", why, mend)


def judged(home: Home, judge: Callable[[TrustStore], Found]) -> Found:
    """What `judge` makes of the trust in force: what was stored, and the administrator leaves.

    Raises:
        ProfileError: what `judge` raises; P29 where only the administrator's policy is in the way.
        HomeError: H02, H03 a file is not safe or not readable.
    """
    stored, policy = read_stored_trust(home), read_policy()
    try:
        return judge(tighten(stored, policy))
    except ProfileError as error:
        if error.id not in _NOT_TRUSTED:
            raise
    judge(stored)
    raise forbidden("the key or repository that answers for this profile")


def read_trust(home: Home) -> TrustStore:
    """The trust in force: the keys and repositories that the administrator leaves of the stored.

    Raises:
        ProfileError: P15 damaged, P29 the administrator's policy is not right.
    """
    return tighten(read_stored_trust(home), read_policy())


def read_stored_trust(home: Home) -> TrustStore:
    """The trusted keys and repositories as stored; none where there is no trust store yet.

    Raises:
        ProfileError: P15 damaged.
    """
    data = read_file(trust_path(home), LIMITS.trust_store_bytes)
    return EMPTY if data is None else parse_trust_store(data)


def read_keys(home: Home) -> dict[str, TrustedKey]:
    """The trusted keys in force, by id. Raises as `read_trust`."""
    return read_trust(home).keys


def read_records(home: Home) -> dict[str, Seen]:
    """The version records by profile name. Raises HomeError H03 where they are damaged."""
    data = read_file(records_path(home), LIMITS.small_file_bytes)
    return {} if data is None else parse_seen(data)


def root_of(home: Home, name: str) -> tuple[str, ...]:
    """The trust root that answers for a name here; pinned keys for one never seen."""
    record = read_records(home).get(name) if home.id else None
    return PINNED_KEYS if record is None else record.root


def read_generation(home: Home) -> tuple[int, ...]:
    """Differs after every change of trust, profiles, credentials, policy: two stats, () if none."""
    try:
        status = os.stat(_generation_path(home))
    except FileNotFoundError:
        return policy_mark()
    except OSError as error:
        raise HomeError("MCPX-H03", f"{home.state} cannot be read: {error.strerror}.") from None
    return (status.st_ino, status.st_mtime_ns, status.st_size, *policy_mark())


def bump_generation(home: Home) -> None:
    """Tells running processes to verify again; call it after the change is on disk."""
    ensure_folder(home.state)
    write_file(_generation_path(home), os.urandom(16).hex().encode() + b"\n")


def profile_path(home: Home, name: str) -> str:
    """Where the envelope of an installed profile lies; `name` must fit NAME_PATTERN."""
    return os.path.join(home.data, "profiles", f"{name}.dsse.json")


def lock_path(home: Home) -> str:
    """Whose holder alone changes profiles, records and trusted keys."""
    return os.path.join(home.data, "lock")


def trust_path(home: Home) -> str:
    """Where the trust store lies."""
    return os.path.join(home.config, "trust.json")


def records_path(home: Home) -> str:
    """Where the version records lie."""
    return os.path.join(home.data, "seen.json")


def _generation_path(home: Home) -> str:
    return os.path.join(home.state, "generation")
