"""Profiles of a repository: installed from it, renewed by what it says, moved to another root.

S4: what its metadata said stands in the version record, written together with the version, so that
a start reads no metadata.
"""

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.envelope import parse_canonical
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.listing import held_digest, held_version
from mcp_proxy.core.profile import Profile
from mcp_proxy.core.profile_lines import parse_payload
from mcp_proxy.core.roots import check_activation, delegated_keys, unlisted_signer
from mcp_proxy.core.seen import Activation, Seen, dump_seen
from mcp_proxy.core.trust import Arrival, verify_arrival
from mcp_proxy.edges.files import read_file, write_file
from mcp_proxy.edges.installs import check_before, home_lock, make_record, switch
from mcp_proxy.edges.kept_versions import keep_version
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.profile_store import (
    bump_generation,
    judged,
    profile_path,
    read_records,
    records_path,
)
from mcp_proxy.errors import ProfileError, UsageError


def arrive(data: bytes, name: str, activation: Activation, now_s: float) -> Arrival:
    """A file as it came from a repository to a profile signed by a key of its delegation.

    Raises:
        ProfileError: P01 to P06, P09, P10, P12 another name, P20 no such signer.
    """
    try:
        arrival = verify_arrival(data, delegated_keys(activation, name), now_s)
    except ProfileError as error:
        if error.id == "MCPX-P03":
            raise unlisted_signer(name) from None
        if error.id == "MCPX-P04":
            raise _other_name(name) from None
        raise
    if arrival.profile.header.profile != name:
        raise _other_name(name)
    return arrival


def activate_profile(  # noqa: PLR0913  (each by its name)
    home: Home,
    name: str,
    data: bytes,
    *,
    root: tuple[str, ...],
    activation: Activation,
    now_s: float,
    over: str,
    pin: bool | None = None,
) -> Arrival:
    """A listed file, verified under the lock, recorded with its activation, written.

    `over` is the digest of the installed payload that it was compared with, "" where there was
    none; `pin` as `install_profile` has it.

    Raises:
        ProfileError: as `arrive`, P07, P08, P14, P17, P18 the repository is not trusted, P19.
        UsageError: W01 something else is installed by now: what was compared counts no more.
        HomeError: H02, H03.
    """
    with home_lock(home):
        arrival = arrive(data, name, activation, now_s)
        before = read_records(home).get(name)
        if installed_digest(home, name, before) != over:
            raise _changed(name)
        check_before(arrival.profile, before, root, pin)
        record = make_record(arrival, before, root, pin)._replace(activation=activation)
        judged(home, lambda trust: check_activation(name, trust, record))
        keep_version(home, name, arrival.profile.header.version, arrival.envelope)
        switch(home, arrival, record)
        return arrival


def installed_digest(home: Home, name: str, record: Seen | None) -> str:
    """The digest of the payload that lies installed, "" where none that fits the record does."""
    held = None if record is None else installed_payload(home, name, record)
    return "" if held is None else held.digest


def installed_payload(home: Home, name: str, record: Seen) -> Profile | None:
    """What is installed, whoever may sign it today: its digest stands in the record."""
    data = read_file(profile_path(home, name), LIMITS.envelope_bytes)
    if data is None:
        return None
    try:
        payload = parse_canonical(data).payload
        digest = sha256_hex(payload)
        return parse_payload(payload, digest, "") if digest == held_digest(record) else None
    except ProfileError:
        return None


def renew_activation(
    home: Home, name: str, root: tuple[str, ...], activation: Activation, held: Arrival | None
) -> bool:
    """Writes what the repository says now of an installed name; whether anything but time changed.

    `held` is what is installed as the repository has it now, with the signatures that count now;
    where another file lies there, an activation was cut short, it ends that.

    Raises:
        HomeError: H02, H03.
    """
    with home_lock(home):
        records = read_records(home)
        before = records.get(name)
        if before is None or before.root != root:
            return False  # removed or moved meanwhile
        record = before._replace(activation=activation)
        if held is not None and _is_held(held, before):
            record = record._replace(signed_by=held.signed_by)
        path = profile_path(home, name)
        is_other = held is not None and _is_held(held, before) and _differs(path, held)
        if record == before and not is_other:
            return False
        write_file(records_path(home), dump_seen({**records, name: record}))
        if held is not None and is_other:
            write_file(path, held.envelope)
        has_changed = is_other or _substance(record) != _substance(before)
        if has_changed:
            bump_generation(home)
        return has_changed


def move_root(home: Home, name: str, root: tuple[str, ...]) -> None:
    """Makes another root answer for the name; its highest version stays, its file is refused.

    Raises:
        HomeError: H02, H03.
    """
    with home_lock(home):
        records = read_records(home)
        moved = records[name]._replace(root=root, pin=None, activation=None)
        write_file(records_path(home), dump_seen({**records, name: moved}))
        bump_generation(home)


def _differs(path: str, held: Arrival) -> bool:
    """Whether there is a file, and another one than this."""
    return read_file(path, LIMITS.envelope_bytes) not in (None, held.envelope)


def _is_held(held: Arrival, record: Seen) -> bool:
    profile = held.profile
    return (profile.header.version, profile.digest) == (held_version(record), held_digest(record))


def _substance(record: Seen) -> Seen:
    """The record without what says nothing of whether it may be served."""
    assert record.activation is not None  # noqa: S101 - a repository's records have one
    return record._replace(activation=record.activation._replace(fresh_until_s=0, waiting=0))


def _changed(name: str) -> UsageError:
    why = f"What is installed as profile {name} was changed meanwhile, so nothing was put over it."
    return UsageError("MCPX-W01", why, f"mcp-proxy profile update {name}")


def _other_name(name: str) -> ProfileError:
    why = f"The repository lists the file of another profile as profile {name}."
    return ProfileError("MCPX-P12", why, "tell the publisher")
