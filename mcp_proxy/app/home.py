"""`home init`: a home of its own for MCP_PROXY_HOME."""

import os

from mcp_proxy.app import admin_log
from mcp_proxy.edges.places import Home, init_home


def init(folder: str) -> Home:
    """Makes a home in `folder` (relative to the working folder) and logs that in its own log.

    Raises:
        HomeError: H01 the folder holds something else, H02, H03.
        AuditError: A01.
    """
    home = init_home(os.path.abspath(folder))
    admin_log.record(home, "home init", id=home.id)
    return home
