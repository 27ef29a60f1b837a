"""What a process of a storm runs: it renews one login, over and over or once."""

import asyncio
import time
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Barrier, Event

from edges.fakes_keychain import MemoryKeychain
from edges.kept_login import GROUNDS, KEY

from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.edges.credentials import CredentialStore
from mcp_proxy.edges.network import Network
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.token_keeper import TokenKeeper
from mcp_proxy.edges.token_renewal import Renewals
from mcp_proxy.edges.token_store import TokenStore
from mcp_proxy.edges.vault import Vault


def open_keeper(home: Home, ahead_s: "Synchronized[float]") -> TokenKeeper:
    """As a serving process has it; the clock is that of all processes of the storm."""

    def now_s() -> float:
        return time.time() + ahead_s.value

    store = TokenStore(home, Vault(home, lambda: KEY))
    credentials = CredentialStore(home, lambda _home_id: MemoryKeychain())
    return TokenKeeper(Renewals(home, store, credentials, GROUNDS, Network(), now_s), now_s)


def renew_once(home: Home, spec: UpstreamSpec, ahead_s: "Synchronized[float]", go: Barrier) -> None:
    """One call, when all are there."""
    go.wait()
    asyncio.run(open_keeper(home, ahead_s).authorization(spec))


def expire_and_renew(
    home: Home, spec: UpstreamSpec, ahead_s: "Synchronized[float]", over: Event
) -> None:
    """Calls, each followed by the end of whatever token it had."""

    async def work() -> None:
        keeper = open_keeper(home, ahead_s)
        while not over.is_set():
            await keeper.authorization(spec)
            with ahead_s.get_lock():
                ahead_s.value += 3_601
        await keeper.close()

    asyncio.run(work())
