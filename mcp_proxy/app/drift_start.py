"""What had drifted when a gateway was listed last is not shown at the next start (S16).

A module of its own, so that only a start with such a verdict loads it.
"""

from mcp_proxy.core.listeners import Listeners
from mcp_proxy.core.profile import Profile
from mcp_proxy.core.session import Session
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.verdicts import read_drifted


def hide_drifted(home: Home, profile: Profile, session: Session) -> None:
    """Takes the tools that have drifted off the session's list; never raises."""
    drifted = read_drifted(home, profile.header.profile, profile.digest)
    Listeners(session).hide(frozenset().union(*drifted.values()))
