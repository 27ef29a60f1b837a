"""`trust command`: which local servers this machine may start for which profile (S13).

The command is taken from the installed, verified profile, and its program is looked up once, here;
serve starts what was recorded, or nothing.
"""

import os
from typing import NamedTuple

from mcp_proxy.app import admin_log
from mcp_proxy.app.missing import Missing, missing_credentials
from mcp_proxy.core.command import (
    UPSTREAM_NAME,
    Command,
    Place,
    check_command,
    check_spec,
    command_digest,
    environment,
)
from mcp_proxy.core.package_runner import check_versions, find_runner
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.edges import clock
from mcp_proxy.edges.authorizer import root_text
from mcp_proxy.edges.command_store import put_command, read_commands, remove_command
from mcp_proxy.edges.executables import check_executable, find_executable
from mcp_proxy.edges.places import Home, find_home
from mcp_proxy.edges.profile_store import load_profile, read_records
from mcp_proxy.errors import McpProxyError, ProfileError, UsageError


class Candidate(NamedTuple):
    """What would be trusted; `before` is the record that it replaces. `fetches`: see the warning.

    `environment` are the profile's constants, `variable` gets the credential, "" for none.
    """

    place: Place
    record: Command
    environment: tuple[tuple[str, str], ...]
    variable: str
    before: Command | None
    fetches: bool


class Listed(NamedTuple):
    """One trusted command; `problem` says why serve would not start it, or is None."""

    place: Place
    record: Command
    problem: McpProxyError | None


def prepare(profile: str, upstream: str) -> Candidate:
    """The command of an installed profile's upstream, looked up on this machine.

    Raises:
        ProfileError: P16 it cannot be trusted; P01 to P15 as `load_profile`.
        UsageError: W01 the profile has no such local server, or its program is not here.
        HomeError: H02 another user can change the program, H03.
    """
    home = find_home()
    place = Place(profile, upstream)
    spec = _find_spec(home, place)
    try:
        check_spec(spec)
        check_versions(spec.command)
    except ValueError as error:
        why = f"The command of {place.text} cannot be trusted. {error}"
        raise ProfileError("MCPX-P16", why, "tell the publisher of the profile") from None
    try:
        executable = find_executable(spec.command[0], os.environ.get("PATH", ""))
    except ValueError as error:
        mend = f"install it, then {place.trust_words}"
        raise UsageError("MCPX-W01", str(error), mend) from None
    check_executable(executable)
    root = root_text(read_records(home)[profile].root)
    record = Command(root, executable, spec.command, environment(spec))
    variable = "" if spec.auth is None else spec.auth.name
    fetches = find_runner(spec.command) is not None
    before = read_commands(home).get(place)
    return Candidate(place, record, spec.environment, variable, before, fetches)


def trust(candidate: Candidate, *, unasked: bool) -> list[Missing]:
    """Logs and records it; the credentials that the profile still lacks. `unasked`: nobody agreed.

    Raises:
        AuditError: A01, and nothing is changed.
        HomeError: H01 to H03.
        ProfileError: P01 to P15, it is no longer installed as it was.
    """
    home = find_home()
    record = candidate.record
    profile = load_profile(home, candidate.place.profile, clock.now_s())
    admin_log.record(
        home,
        "trust command",
        profile=candidate.place.profile,
        upstream=candidate.place.upstream,
        executable=record.executable,
        digest=command_digest(record),
        environment=" ".join(word.partition("=")[0] for word in record.environment),
        yes=unasked,
    )
    put_command(home, candidate.place, record)
    return missing_credentials(home, profile)


def untrust(profile: str, upstream: str) -> None:
    """Trusts the command no longer; a running server ends at its next call.

    Raises:
        UsageError: W01 there is no such record.
        AuditError: A01, and nothing is changed.
    """
    home = find_home()
    place = Place(profile, upstream)
    if not home.id or place not in read_commands(home):
        why = f"No command of {place.text[:128]!r} is trusted here."
        raise UsageError("MCPX-W01", why, "mcp-proxy trust list")
    admin_log.record(home, "trust command remove", profile=profile, upstream=upstream)
    remove_command(home, place)


def list_commands() -> list[Listed]:
    """Every record in order, each compared with what is installed. Raises HomeError."""
    home = find_home()
    if not home.id:
        return []
    rows = sorted(read_commands(home).items())
    return [Listed(place, record, _problem(home, place, record)) for place, record in rows]


def _problem(home: Home, place: Place, record: Command) -> McpProxyError | None:
    try:
        spec = _find_spec(home, place)
        check_command(record, spec, root_text(read_records(home)[place.profile].root), place)
        check_executable(record.executable)
    except McpProxyError as error:
        return error
    return None


def _find_spec(home: Home, place: Place) -> UpstreamSpec:
    header = load_profile(home, place.profile, clock.now_s()).header
    spec = header.upstreams.get(place.upstream)
    if spec is None or spec.kind != "stdio" or not UPSTREAM_NAME.fullmatch(place.upstream):
        why = f"The profile {place.profile} has no local server {place.upstream[:64]!r}."
        raise UsageError("MCPX-W01", why, f"mcp-proxy profile show {place.profile}")
    return spec
