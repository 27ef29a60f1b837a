"""`profile verify`, `install`, `list`, `show`, `remove`."""

import re
from typing import NamedTuple

from mcp_proxy.app import admin_log
from mcp_proxy.app.profile_check import ToolSummary, check_tools
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import NAME_PATTERN, Profile
from mcp_proxy.core.seen import Seen
from mcp_proxy.core.trust import check_record, verify_arrival
from mcp_proxy.core.trust_store import TrustedKey
from mcp_proxy.edges import clock
from mcp_proxy.edges.files import read_given
from mcp_proxy.edges.installs import install_profile, list_installed, remove_profile
from mcp_proxy.edges.places import Home, ensure_home, find_home
from mcp_proxy.edges.profile_store import judged, load_profile, read_keys, read_records
from mcp_proxy.errors import McpProxyError, ProfileError


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
    """One line of `profile list`; `problem` is the error that serve would raise, or None."""

    name: str
    profile: Profile | None
    problem: McpProxyError | None


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
    install_profile(home, candidate.data, clock.now_s())
    return home


def list_profiles() -> list[Installed]:
    """Every installed profile, verified as serve would. Raises HomeError."""
    home, now_s = find_home(), clock.now_s()
    rows = []
    for name in list_installed(home):
        try:
            rows.append(Installed(name, load_profile(home, name, now_s), None))
        except McpProxyError as error:
            rows.append(Installed(name, None, error))
    return rows


def show(name: str) -> Checked:
    """An installed profile. Raises ProfileError, HomeError, as `load_profile`."""
    home = find_home()
    profile = load_profile(home, name, clock.now_s())
    record, keys = read_records(home)[name], read_keys(home)
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
    now_s = clock.now_s()
    if home.id:
        arrival = judged(home, lambda trust: verify_arrival(data, trust.keys, now_s))
        keys = read_keys(home)
    else:
        keys = {}
        arrival = verify_arrival(data, keys, now_s)
    tools = check_tools(arrival.profile)
    name = arrival.profile.header.profile
    before = read_records(home).get(name) if home.id else None
    if before is not None:
        check_record(arrival.profile, before)
    return Checked(arrival.profile, tools, tuple(keys[kid] for kid in arrival.signed_by), before)
