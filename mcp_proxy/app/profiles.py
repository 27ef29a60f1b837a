"""`profile verify`, `install`, `list`, `show`, `remove`."""

import re
from functools import partial
from typing import NamedTuple

from mcp_proxy.app import admin_log
from mcp_proxy.app.profile_check import ToolSummary, check_tools
from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.envelope import parse_envelope
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.listing import held_digest
from mcp_proxy.core.profile import NAME_PATTERN, Profile
from mcp_proxy.core.profile_lines import parse_payload
from mcp_proxy.core.roots import check_activation, delegated_keys
from mcp_proxy.core.seen import PINNED_KEYS, Seen
from mcp_proxy.core.trust import Arrival, TrustedKeys, check_record, verify_arrival
from mcp_proxy.core.trust_store import TrustedKey
from mcp_proxy.edges import clock
from mcp_proxy.edges.activations import activate_profile, installed_digest
from mcp_proxy.edges.files import read_given
from mcp_proxy.edges.installs import install_profile, list_installed, remove_profile
from mcp_proxy.edges.places import Home, ensure_home, find_home
from mcp_proxy.edges.profile_store import judged, load_profile, read_keys, read_records
from mcp_proxy.edges.repository_folder import repository_lock
from mcp_proxy.errors import HomeError, McpProxyError, ProfileError


class Checked(NamedTuple):
    """A verified profile with what a person judges it by; `before` is its version record."""

    profile: Profile
    tools: tuple[ToolSummary, ...]
    signers: tuple[TrustedKey, ...]
    before: Seen | None


class Candidate(NamedTuple):
    """A file read and verified, to be installed once a person has agreed."""

    data: bytes
    checked: Checked


class Installed(NamedTuple):
    """One line of `profile list`; `problem` is the error that serve would raise, or None.

    `record` is its version record, None where there is none.
    """

    name: str
    profile: Profile | None
    problem: McpProxyError | None
    record: Seen | None


def verify(path: str) -> Checked:
    """A file, checked as install would check it; nothing is changed.

    Raises:
        ProfileError: P01 to P10, P14, P15, the first that applies.
        UsageError: W01 the file cannot be read.
        HomeError: H01 to H03.
    """
    return _check_file(find_home(), _read(path))


def prepare(path: str) -> Candidate:
    """A file to install, read once: what is shown is what will be installed. Raises as `verify`."""
    data = _read(path)
    return Candidate(data, _check_file(find_home(), data))


def _read(path: str) -> bytes:
    if path.endswith((".yaml", ".yml")):
        why = f"{path} is a profile's source, which nobody has signed."
        raise ProfileError("MCPX-P01", why, f"mcp-proxy profile sign {path}")
    return read_given(path, LIMITS.envelope_bytes)


def is_known(candidate: Candidate) -> bool:
    """Whether exactly this version was installed here before, so that nobody need be asked."""
    before = candidate.checked.before
    return before is not None and before.digest == candidate.checked.profile.digest


def install(candidate: Candidate, *, unasked: bool) -> Home:
    """Logs and installs; `unasked` says that nobody confirmed. The home it went to.

    Raises:
        AuditError: A01, and nothing is changed.
        ProfileError, HomeError: as `verify`; trust may have changed meanwhile.
    """
    home = ensure_home()
    profile = candidate.checked.profile
    admin_log.record(
        home,
        "profile install",
        profile=profile.header.profile,
        version=profile.header.version,
        digest=profile.digest,
        signers=" ".join(key.keyid for key in candidate.checked.signers),
        yes=unasked,
    )
    if profile.root == PINNED_KEYS:
        install_profile(home, candidate.data, clock.now_s())
    else:
        _install_local_copy(home, candidate)
    return home


def _install_local_copy(home: Home, candidate: Candidate) -> None:
    """The file of a repository's name back in its place, by what the repository said last.

    Under the repository's lock: what it says meanwhile is not written over.
    """
    profile = candidate.checked.profile
    name = profile.header.profile
    with repository_lock(home, profile.root[1], wait=True):
        record = read_records(home)[name]
        if record.activation is None or record.root != profile.root:
            raise ProfileError("MCPX-P13", f"Profile {name} has no activation of its repository.")
        _check_local_copy(profile, record)
        activate_profile(
            home,
            name,
            candidate.data,
            root=record.root,
            activation=record.activation,
            now_s=clock.now_s(),
            over=installed_digest(home, name, record),
        )


def list_profiles() -> list[Installed]:
    """Every installed profile, verified as serve would. Raises HomeError."""
    home, now_s = find_home(), clock.now_s()
    rows = []
    names = list_installed(home)
    records = _records(home) if names else {}
    for name in names:
        record = records.get(name)
        try:
            rows.append(Installed(name, load_profile(home, name, now_s), None, record))
        except McpProxyError as error:
            rows.append(Installed(name, None, error, record))
    return rows


def _records(home: Home) -> dict[str, Seen]:
    try:
        return read_records(home)
    except HomeError:
        return {}  # each profile's own line says so


def show(name: str) -> Checked:
    """An installed profile. Raises ProfileError, HomeError, as `load_profile`."""
    home = find_home()
    profile = load_profile(home, name, clock.now_s())
    record = read_records(home)[name]
    said = record.activation
    keys = read_keys(home) if said is None else delegated_keys(said, name)
    signers = tuple(keys[keyid] for keyid in record.signed_by if keyid in keys)
    return Checked(profile, check_tools(profile), signers, record)


def remove(name: str) -> None:
    """Removes an installed profile; its version record and its credentials stay.

    Raises:
        ProfileError: P11 it is not installed.
        AuditError: A01, and nothing is changed.
    """
    home = find_home()
    if not re.fullmatch(NAME_PATTERN, name) or name not in list_installed(home):
        raise ProfileError("MCPX-P11", f"No profile {name[:64]!r} is installed here.")
    admin_log.record(home, "profile remove", profile=name)
    remove_profile(home, name)


def _check_file(home: Home, data: bytes) -> Checked:
    arrival, keys = _arrive(home, data)
    tools = check_tools(arrival.profile)
    name = arrival.profile.header.profile
    before = read_records(home).get(name) if home.id else None
    if before is not None:
        check_record(arrival.profile, before, arrival.profile.root)
        if arrival.profile.root != PINNED_KEYS:
            _check_local_copy(arrival.profile, before)
    return Checked(arrival.profile, tools, tuple(keys[kid] for kid in arrival.signed_by), before)


def _arrive(home: Home, data: bytes) -> tuple[Arrival, TrustedKeys]:
    """A file by the pinned keys, or else by those that a repository lists for an installed name."""
    now_s = clock.now_s()
    if not home.id:
        return _by_nobody(data, now_s), {}
    try:
        arrival = judged(home, lambda trust: verify_arrival(data, trust.keys, now_s))
    except ProfileError as error:
        if error.id not in ("MCPX-P03", "MCPX-P04"):
            raise
        return _arrive_delegated(home, data, _named(data, error))
    return arrival, read_keys(home)


def _by_nobody(data: bytes, now_s: float) -> Arrival:
    try:
        return verify_arrival(data, {}, now_s)
    except ProfileError as error:
        raise _named(data, error) from None


def _named(data: bytes, refused: ProfileError) -> ProfileError:
    """The same with the name that the file gives itself in the command; it decides nothing."""
    try:
        payload = parse_envelope(data).payload
        name = parse_payload(payload, sha256_hex(payload), "").header.profile
    except ProfileError:
        return refused
    mend = f"mcp-proxy trust add KEY-LINE --profiles {name}"
    return ProfileError(refused.id, refused.why, mend) if refused.id == "MCPX-P03" else refused


def _arrive_delegated(
    home: Home, data: bytes, refused: ProfileError
) -> tuple[Arrival, TrustedKeys]:
    for name, record in read_records(home).items():
        if record.activation is None:
            continue
        keys = delegated_keys(record.activation, name)
        try:
            arrival = verify_arrival(data, keys, clock.now_s())
        except ProfileError as error:
            if error.id in ("MCPX-P03", "MCPX-P04"):
                continue
            raise
        judged(home, partial(check_activation, name, seen=record))
        return arrival._replace(profile=arrival.profile._replace(root=record.root)), keys
    raise refused


def _check_local_copy(profile: Profile, record: Seen) -> None:
    """A file of a repository's name counts only if it is what was activated from there (S2)."""
    if profile.digest != held_digest(record):
        name = profile.header.profile
        raise ProfileError(
            "MCPX-P14",
            f"Profile {name} comes from its repository, and this file is not the version that was "
            "installed from there.",
            f"mcp-proxy profile install {name}",
        )
