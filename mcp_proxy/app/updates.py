"""`profile update`: a repository asked anew, and the version that waits for a person (S5)."""

from typing import NamedTuple

from mcp_proxy.app.named_install import Offer, repository_offer
from mcp_proxy.app.refreshing import is_of_repository
from mcp_proxy.app.renewing import find_repository, installed_record, open_repository, renew
from mcp_proxy.core.listing import Listing, held_version
from mcp_proxy.core.seen import PINNED_KEYS, Pin, wait_for_publisher
from mcp_proxy.edges import clock
from mcp_proxy.edges.installs import list_installed
from mcp_proxy.edges.places import Home, find_home
from mcp_proxy.edges.profile_store import load_profile, read_records
from mcp_proxy.errors import McpProxyError, ProfileError, UsageError


class Update(NamedTuple):
    """What an update came to. `version` is installed now, 0 for none; `current` is the publisher's.

    `activated` says that it was put in place just now, for nothing in it is wider; `offer` is the
    version that a person has to agree to; `problem` why what is installed may not be served.
    """

    profile: str
    version: int = 0
    current: int = 0
    activated: bool = False
    pin: Pin | None = None
    offer: Offer | None = None
    problem: McpProxyError | None = None


def update(name: str) -> Update:
    """Asks the profile's repository, and activates what is not wider.

    An error is a part of the outcome.
    """
    try:
        return _update(find_home(), name)
    except McpProxyError as error:
        return Update(name, problem=error)


def update_all() -> list[Update]:
    """The same for every installed profile that a repository answers for. Raises HomeError."""
    home = find_home()
    records = read_records(home) if home.id else {}
    names = (name for name in list_installed(home) if is_of_repository(records.get(name)))
    return [update(name) for name in names]


def _update(home: Home, name: str) -> Update:
    record = installed_record(home, name)
    if record.root == PINNED_KEYS:
        why = f"Profile {name} is of pinned keys: its newer versions come as files."
        raise UsageError("MCPX-W01", why, "mcp-proxy profile install FILE")
    repository = find_repository(home, name, record.root[1])
    with open_repository(home, repository, wait=True) as client:
        renewed = renew(home, client, name, installed_record(home, name))
    record = installed_record(home, name)
    version = held_version(record)
    current = 0 if renewed.listing.current is None else renewed.listing.current.version
    found = Update(name, version, current, renewed.activated > 0, record.pin)
    if renewed.newer is not None:
        offer = repository_offer(
            home, repository.id, renewed.newer, renewed.listing, record, pin=None
        )
        return found._replace(offer=offer)
    return found._replace(problem=_problem(home, name, version, renewed.listing))


def _problem(home: Home, name: str, version: int, listing: Listing) -> McpProxyError | None:
    """Why what is installed may not be served; where an older version may be, how to go back."""
    try:
        load_profile(home, name, clock.now_s())
    except ProfileError as error:
        current = listing.current
        if current is not None and current.version < version:
            mend = f"mcp-proxy profile install {name}@{current.version}"
        elif current is not None:
            mend = f"mcp-proxy profile install {name}"
        else:
            mend = wait_for_publisher(name)
        return ProfileError(error.id, error.why, mend)
    except McpProxyError as error:
        return error
    return None
