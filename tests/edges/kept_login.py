"""A login at the tests' authorization server, kept in a real sealed file of a throw-away home."""

import time

from authorization_ledger import Family
from authorization_server import AuthorizationServer
from edges.fakes_keychain import MemoryKeychain

from mcp_proxy.core.binding import Binding
from mcp_proxy.core.origin import parse_url
from mcp_proxy.core.profile import OAuth, UpstreamSpec
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.token_set import Client, Server, TokenSet
from mcp_proxy.edges.credential_use import Grounds
from mcp_proxy.edges.credentials import CredentialStore
from mcp_proxy.edges.network import Network
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.token_keeper import TokenKeeper
from mcp_proxy.edges.token_renewal import Renewals
from mcp_proxy.edges.token_store import TokenStore
from mcp_proxy.edges.vault import Vault

NAME = "guarded"
KEY = bytes(32)
GROUNDS = Grounds(NAME, "keys")
AUTH = OAuth("oauth", NAME, "authorization_code", "", "app", "", (), ())


class Clock:
    """Seconds of the epoch, and what a test adds to them."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now_s(self) -> float:
        """Now, as the product is told."""
        return time.time() + self.ahead_s


class KeptLogin:
    """One home with one login; every keeper that it opens stands for a process."""

    def __init__(self, home: Home, server: AuthorizationServer) -> None:
        self.home, self.server, self.clock = home, server, Clock()
        self.keychain = MemoryKeychain()
        self.store = TokenStore(home, Vault(home, lambda: KEY))
        self.credentials = CredentialStore(home, lambda _home_id: self.keychain)
        self.spec = UpstreamSpec("rest", server.rest, AUTH, 5_000, ())
        self.log_in()

    def log_in(
        self, grant: str = "authorization_code", scopes: tuple[str, ...] = ("read",)
    ) -> None:
        """What `login` would store."""
        ledger, server = self.server.ledger, self.server
        family = f"family-{len(ledger.families)}"
        ledger.families[family] = Family("app", scopes, server.rest)
        row = ledger.answer(family)
        now_s, (origin, path) = self.clock.now_s(), parse_url(server.rest)
        refresh = row.get("refresh_token")
        self.put(
            TokenSet(
                grant,
                Server(server.issuer, f"{server.issuer}/token"),
                Client("app", "none"),
                server.rest,
                scopes,
                scopes,
                Secret(row["access_token"]),
                now_s + ledger.knobs.access_s,
                None if refresh is None else Secret(refresh),
                now_s,
                Binding("oauth", "Authorization", (origin,), path, ((NAME, "keys"),)),
            )
        )

    @property
    def tokens(self) -> TokenSet:
        """As they are on disk."""
        found = self.store.read(NAME)
        assert found is not None
        return found

    def put(self, tokens: TokenSet) -> None:
        """Replace them."""
        self.store.write(NAME, tokens)

    def renewals(self, network: Network | None = None) -> Renewals:
        """Of a process."""
        return Renewals(
            self.home,
            self.store,
            self.credentials,
            GROUNDS,
            network or Network(),
            self.clock.now_s,
        )

    def keeper(self, renewals: Renewals | None = None) -> TokenKeeper:
        """Of a process."""
        return TokenKeeper(renewals or self.renewals(), self.clock.now_s)

    def end(self) -> None:
        """The access token is at its end, here and at the server."""
        self.clock.ahead_s += self.server.knobs.access_s + 1
        self.server.ledger.expire()

    @property
    def refreshes(self) -> int:
        """How many the server granted."""
        return self.server.ledger.counts["refresh_token"]
