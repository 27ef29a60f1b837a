"""What needs the extra `tuf`, loaded by the first command that does; one clear error without it."""

from typing import Any

from mcp_proxy.app import warmup
from mcp_proxy.errors import ProfileError

REPOSITORY_ADMIN = "mcp_proxy.app.repository_admin"
REPOSITORY_SIGNING = "mcp_proxy.app.repository_signing"
PUBLISHING = "mcp_proxy.app.publishing"
PROFILE_REPOSITORY = "mcp_proxy.edges.profile_repository"
REPOSITORY_PROOF = "mcp_proxy.edges.repository_proof"

_EXTRA = ("securesystemslib", "tuf")


def load(name: str) -> Any:
    """The module of that name.

    Raises:
        ProfileError: P30 the extra is not installed.
    """
    try:
        return warmup.load(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        why = "Profile repositories need python-tuf, which is the extra `tuf` of this package."
        raise ProfileError("MCPX-P30", why) from None
