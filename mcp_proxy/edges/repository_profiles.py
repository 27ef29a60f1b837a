"""What a repository lists of a profile: versions added, revoked, given a floor; whose name it is.

The role of a profile remembers the highest version that it ever listed, so that a revoked number
is not given again. A version is listed only under an envelope that a present signer has signed.
"""

from collections.abc import Sequence

from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.api.metadata import DelegatedRole, Delegations, TargetFile, Targets

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.repository import (
    Listed,
    current_path,
    is_role_name,
    parse_listed,
    parse_version_path,
    version_path,
)
from mcp_proxy.core.trust import Arrival, verify_arrival
from mcp_proxy.core.trust_store import KeyLine, TrustedKey
from mcp_proxy.edges.repository_change import FIELD, Change
from mcp_proxy.edges.repository_files import damaged, delegated_names, read_below
from mcp_proxy.edges.repository_keys import trusted_keys, tuf_key
from mcp_proxy.errors import ProfileError, UsageError


def check_envelope(change: Change, data: bytes, now_s: float) -> Arrival:
    """An envelope against the delegation of the name that it holds.

    Raises:
        ProfileError: P01 to P06, P09, P10; P03 where its name is nobody's here.
    """
    names = delegated_names(change.targets)
    keys: dict[str, TrustedKey] = {}
    for name in names:
        for keyid, key in trusted_keys(change.targets, name).items():
            held = keys.get(keyid)
            keys[keyid] = key._replace(profiles=(*(held.profiles if held else ()), name))
    try:
        return verify_arrival(data, keys, now_s)
    except ProfileError as error:
        if error.id not in ("MCPX-P03", "MCPX-P04"):
            raise
        stranger = "Nobody to whom the repository gives a profile has signed this file."
        why = stranger if error.id == "MCPX-P03" else error.why
        mend = "mcp-proxy repository delegate DIR NAME --signer KEY-LINE"
        raise ProfileError(error.id, why, mend) from None


def add_version(change: Change, arrival: Arrival) -> bool:
    """Makes a verified profile the current version of its name; False where it is that already.

    Raises:
        ProfileError: P07 it is older than one listed before, P08 the same with other bytes.
    """
    header = arrival.profile.header
    name, version = header.profile, header.version
    role = change.view(name)
    current = listed_now(role, name)
    highest = _highest(role, name)
    if current is not None and current.version == version:
        if _is_target(role.targets[current_path(name)], arrival.envelope):
            return False
        why = f"Version {version} of profile {name} is published with other bytes."
        raise ProfileError("MCPX-P08", why)
    if version <= highest:
        why = f"Version {version} of profile {name} is not above {highest}, published before."
        raise ProfileError("MCPX-P07", why, f"raise `version` above {highest} and sign again")
    floor = 1 if current is None else current.floor
    _point(change, name, Listed(version, floor), arrival.envelope)
    change.profile(name).unrecognized_fields[FIELD] = {"highest": version}
    path = version_path(name, version)
    change.add_target(name, path, arrival.envelope, Listed(version, 1), now=False)
    return True


def revoke(change: Change, name: str, version: int | None) -> Listed | None:
    """Lists one version no more, or none at all; what is current then.

    Raises:
        UsageError: W01 it is not listed.
    """
    role = change.profile(name)
    current, listed = listed_now(role, name), versions(role, name)
    if version is not None and version not in listed:
        raise _not_listed(name, version)
    if version is None and current is None:
        raise UsageError("MCPX-W01", f"The repository lists no version of profile {name}.")
    gone = listed if version is None else (version,)
    for item in gone:
        role.targets.pop(version_path(name, item), None)
    left = [item for item in listed if item not in gone]
    return _settle(change, name, left, 1 if current is None else current.floor)


def raise_floor(change: Change, name: str, version: int) -> tuple[int, ...]:
    """Lists no version below `version` any more; those that are gone.

    Raises:
        UsageError: W01 it is not listed, or below the present floor.
    """
    role = change.profile(name)
    current, listed = listed_now(role, name), versions(role, name)
    if current is None or version not in listed:
        raise _not_listed(name, version)
    if version < current.floor:
        why = f"The floor of profile {name} is {current.floor}; it can only be raised."
        raise UsageError("MCPX-W01", why)
    gone = tuple(item for item in listed if item < version)
    for item in gone:
        del role.targets[version_path(name, item)]
    _settle(change, name, [item for item in listed if item >= version], version)
    return gone


def delegate(
    change: Change, name: str, lines: Sequence[KeyLine], threshold: int
) -> tuple[int, ...]:
    """Gives a profile's name to these signers and to nobody else; versions listed no more.

    Those are the ones whose envelope none of them signed. What the profile's role lists is then
    theirs, so it counts with their signatures alone, together with the delegation.

    Raises:
        UsageError: W01 the name cannot be delegated, or the threshold cannot be reached.
    """
    if not is_role_name(name):
        raise UsageError("MCPX-W01", f"No profile of a repository can be called {name[:64]!r}.")
    keys = {key.keyid: key for key in map(tuf_key, lines)}
    if not 1 <= threshold <= len(keys):
        raise UsageError("MCPX-W01", f"{threshold} of {len(keys)} signers cannot be required.")
    targets = change.edit_targets()
    _remove_role(targets, name)
    _add_role(targets, DelegatedRole(name, [], threshold, True, paths=[f"{name}/*"]))
    for key in keys.values():
        targets.add_key(key, name)
    if f"{name}.json" not in change.held.snapshot.signed.meta:
        return ()
    return _fit_versions(change, name)


def undelegate(change: Change, name: str) -> None:
    """Gives a profile's name to nobody: whatever its signers sign counts no more."""
    _remove_role(change.edit_targets(), name)
    change.drop(name)


def versions(role: Targets, name: str) -> tuple[int, ...]:
    """The versions that the role lists by number, in order."""
    found = (parse_version_path(path, name) for path in role.targets)
    return tuple(sorted(item for item in found if item is not None))


def listed_now(role: Targets, name: str) -> Listed | None:
    """The current version and its floor, or None."""
    target = role.targets.get(current_path(name))
    return None if target is None else parse_listed(target.custom)


def target_data(change: Change, role: Targets, path: str) -> bytes:
    """The bytes of a listed target, checked. Raises HomeError T01 where they are others."""
    target: TargetFile = role.targets[path]
    place = f"targets/{target.get_prefixed_paths()[0]}"
    data = read_below(change.held.folder, place, LIMITS.envelope_bytes)
    if not _is_target(target, data):
        raise damaged(change.held.folder, f"{place} was changed.")
    return data


def _fit_versions(change: Change, name: str) -> tuple[int, ...]:
    verified, role = change.verifies(name), change.view(name)
    keys, listed = trusted_keys(change.targets, name), versions(role, name)
    gone = tuple(item for item in listed if not _is_theirs(change, role, name, item, keys))
    if verified and not gone:
        return ()
    role, current = change.profile(name), listed_now(role, name)
    for item in gone:
        del role.targets[version_path(name, item)]
    left = [item for item in listed if item not in gone]
    _settle(change, name, left, 1 if current is None else current.floor)
    return gone


def _is_theirs(
    change: Change, role: Targets, name: str, version: int, keys: dict[str, TrustedKey]
) -> bool:
    data = target_data(change, role, version_path(name, version))
    try:
        # At the epoch nothing has expired: whether it is signed is all that is asked.
        verify_arrival(data, keys, 0.0)
    except ProfileError:
        return False
    return True


def _is_target(target: TargetFile, data: bytes) -> bool:
    try:
        target.verify_length_and_hashes(data)
    except LengthOrHashMismatchError:
        return False
    return True


def _settle(change: Change, name: str, left: Sequence[int], floor: int) -> Listed | None:
    """Makes the highest version that is left the current one."""
    role = change.profile(name)
    if not left:
        role.targets.pop(current_path(name), None)
        return None
    listed = Listed(max(left), floor)
    _point(change, name, listed, target_data(change, role, version_path(name, listed.version)))
    return listed


def _point(change: Change, name: str, listed: Listed, data: bytes) -> None:
    change.add_target(name, current_path(name), data, listed, now=True)


def _highest(role: Targets, name: str) -> int:
    own = role.unrecognized_fields.get(FIELD)
    highest = own.get("highest") if isinstance(own, dict) else None
    return max([highest if type(highest) is int else 0, *versions(role, name)])


def _remove_role(targets: Targets, name: str) -> None:
    roles = (targets.delegations.roles if targets.delegations else None) or {}
    if name not in roles:
        return
    for keyid in tuple(roles[name].keyids):
        targets.revoke_key(keyid, name)
    del roles[name]


def _add_role(targets: Targets, role: DelegatedRole) -> None:
    if targets.delegations is None or targets.delegations.roles is None:
        targets.delegations = Delegations({}, {})
    targets.delegations.roles = {**(targets.delegations.roles or {}), role.name: role}


def _not_listed(name: str, version: int) -> UsageError:
    why = f"The repository lists no version {version} of profile {name}."
    return UsageError("MCPX-W01", why, "mcp-proxy repository show DIR")
