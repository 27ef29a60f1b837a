"""`profile publish`: signed files into a repository, and its timestamp renewed in time."""

from collections.abc import Sequence
from typing import NamedTuple

from mcp_proxy.app.profile_check import check_tools
from mcp_proxy.app.repository_work import change_repository
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.trust import Arrival
from mcp_proxy.edges import clock
from mcp_proxy.edges.files import read_given
from mcp_proxy.edges.repository_change import Change
from mcp_proxy.edges.repository_profiles import add_version, check_envelope
from mcp_proxy.edges.repository_renewal import Renewed, renew
from mcp_proxy.errors import ProfileError


class Published(NamedTuple):
    """One file's profile and version; `fresh` is False where it was the current one already."""

    name: str
    version: int
    fresh: bool


def publish(files: Sequence[str], folder: str, keys: Sequence[str]) -> list[Published]:
    """Makes each signed file the current version of its profile, all of them in one step.

    Raises:
        ProfileError: P01 to P10, the first that applies; nothing is published then.
        CredentialError: T02 a role lacks signatures. HomeError: T01. AuditError: A01.
        UsageError: W01 a file cannot be read.
    """
    given = [_read(path) for path in files]

    def edit(change: Change) -> list[Published]:
        arrivals = [_check(change, data) for data in given]
        return [_add(change, arrival) for arrival in arrivals]

    return change_repository(folder, "profile publish", keys, edit, files=len(files))


def renew_timestamp(folder: str, keys: Sequence[str], days: int | None) -> Renewed:
    """A new timestamp, and every role that ends soon and whose keys are at hand.

    `days` is for how long the timestamp holds; by default as long as root says.

    Raises:
        CredentialError: T02 the online key is not at hand. HomeError: T01. AuditError: A01.
    """
    return change_repository(
        folder,
        "profile publish --renew",
        keys,
        lambda change: renew(change, days, clock.now_s()),
    )


def _read(path: str) -> bytes:
    if path.endswith((".yaml", ".yml")):
        why = f"{path} is a profile's source, which nobody has signed."
        raise ProfileError("MCPX-P01", why, f"mcp-proxy profile sign {path}")
    return read_given(path, LIMITS.envelope_bytes)


def _check(change: Change, data: bytes) -> Arrival:
    arrival = check_envelope(change, data, clock.now_s())
    check_tools(arrival.profile)
    return arrival


def _add(change: Change, arrival: Arrival) -> Published:
    header = arrival.profile.header
    return Published(header.profile, header.version, add_version(change, arrival))
