"""The one table of imports that wait: what serve needs only for its first call.

A thread loads them after the list was answered and the client has been quiet for a moment, so that
a client that merely probes pays nothing and a first call does not wait. The keychain's library
is loaded only where a credential of the profile lies in it, OAuth only where the profile names it.
"""

import importlib
import threading
from typing import Any

from mcp_proxy.core.profile import Profile
from mcp_proxy.edges.places import Home

KEYCHAIN = "mcp_proxy.edges.keychain"
VAULT_KEY = "mcp_proxy.edges.vault_key"
VAULT_WORDS = "mcp_proxy.app.vault_passphrase"
WORLD = "mcp_proxy.app.world"
LOGINS = "mcp_proxy.app.logins"
SOURCE_LOGINS = "mcp_proxy.app.login_source"
LOCAL_SERVERS = "mcp_proxy.edges.upstream_stdio"
DRIFT_START = "mcp_proxy.app.drift_start"
ADMIN_LOG = "mcp_proxy.app.admin_log"
REDACTION = "mcp_proxy.core.redact"
COMMANDS = "mcp_proxy.cli.main"
GATE = "mcp_proxy.app.passing"
STATE_DB = "mcp_proxy.edges.state_db"
ZONES = "mcp_proxy.edges.zones"
SDK_CLIENT = "mcp_proxy.app.sdk_client"


def load(name: str) -> Any:
    """The module of that name; waits where the thread is loading it."""
    return importlib.import_module(name)


def start(home: Home, profile: Profile) -> None:
    """Load what calls need, in a thread that keeps nothing from ending."""
    threading.Thread(target=_load_all, args=(home, profile), name="warm-up", daemon=True).start()


def _load_all(home: Home, profile: Profile) -> None:
    load(WORLD).prepare(home, profile)
