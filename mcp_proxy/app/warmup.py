"""The one table of imports that wait: what serve needs only for its first call.

A thread loads them after the list was answered and the client has been quiet for a moment, so that
a client that merely probes pays nothing and a first call does not wait. The keychain comes first.
"""

import importlib
import threading
from typing import Any

KEYCHAIN = "mcp_proxy.edges.keychain"
WORLD = "mcp_proxy.app.world"
ADMIN_LOG = "mcp_proxy.app.admin_log"
COMMANDS = "mcp_proxy.cli.main"
SDK_CLIENT = "mcp_proxy.app.sdk_client"


def load(name: str) -> Any:
    """The module of that name; waits where the thread is loading it."""
    return importlib.import_module(name)


def start() -> None:
    """Load what calls need, in a thread that keeps nothing from ending."""
    threading.Thread(target=_load_all, name="warm-up", daemon=True).start()


def _load_all() -> None:
    for name in (KEYCHAIN, WORLD):
        load(name)
