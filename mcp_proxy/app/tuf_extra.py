"""What needs the extra `tuf`, loaded by the first command that does; one clear error without it."""

from typing import Any

from mcp_proxy.app import warmup
from mcp_proxy.errors import UsageError

REPOSITORY_ADMIN = "mcp_proxy.app.repository_admin"
PUBLISHING = "mcp_proxy.app.publishing"

_EXTRA = ("securesystemslib", "tuf")


def load(name: str) -> Any:
    """The module of that name.

    Raises:
        UsageError: W02 the extra is not installed.
    """
    try:
        return warmup.load(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        why = "Profile repositories need python-tuf, which is the extra `tuf` of this package."
        raise UsageError("MCPX-W02", why) from None
