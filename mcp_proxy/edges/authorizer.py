"""Authorizes the requests of one served profile: asks the store once, then answers from memory.

The store blocks and may hang on a keychain prompt, so it is asked in a daemon thread that cannot
keep the process from ending. What OAuth needs is loaded by the first upstream that names it.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Protocol

from mcp_proxy.core.authorization import Authorization
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.edges import clock
from mcp_proxy.edges.credential_use import Grounds
from mcp_proxy.edges.credentials import CredentialStore
from mcp_proxy.edges.launch import Launch
from mcp_proxy.edges.placement import place
from mcp_proxy.edges.shared_work import shared
from mcp_proxy.edges.uses import Uses
from mcp_proxy.errors import CredentialError, McpProxyError


class Keeper(Protocol):
    """Keeps the OAuth logins of one profile: `edges.token_keeper`."""

    async def authorization(self, spec: UpstreamSpec) -> Authorization:
        """The access token in force. Raises CredentialError."""

    async def renewed(self, spec: UpstreamSpec, used: Authorization) -> Authorization | None:
        """Another one after a 401, None where there is none. Raises CredentialError."""

    def forget(self) -> None:
        """Read the logins again at the next request."""

    async def close(self) -> None:
        """Wait for a renewal that is under way, for a bounded time; begin no other."""


class ProfileAuthorizer:
    """The one holder of secrets in a serving process; cached until `forget`, failures never."""

    def __init__(
        self,
        profile: str,
        root: tuple[str, ...],
        store: CredentialStore,
        uses: Uses,
        open_keeper: Callable[[Grounds], Keeper],
    ) -> None:
        """`profile` and `root` are those of the verified profile and its version record.

        `open_keeper` is called by the first upstream of kind oauth.
        """
        self._store = store
        self._uses = uses
        self._open_keeper = open_keeper
        self._keeper: Keeper | None = None
        self._grounds = Grounds(profile, root_text(root))
        self._held: dict[UpstreamSpec, asyncio.Future[Authorization]] = {}
        self._read_again: set[UpstreamSpec] = set()
        self._launches: dict[str, asyncio.Future[Launch]] = {}

    async def authorization(self, spec: UpstreamSpec) -> Authorization | None:
        """What goes with a request to `spec`; None where it names no credential.

        Raises:
            CredentialError: C01 missing, C02 no answer, C03 and C04 bound elsewhere, C05 no login.
        """
        if spec.auth is None:
            return None
        if spec.auth.kind == "oauth":
            found = await self._logins().authorization(spec)
        else:
            self._drop_expired(spec)
            # Shielded: a cancelled call must not take the answer away from those that wait too.
            found = await asyncio.shield(shared(self._held, spec, lambda: self._resolve(spec)))
        self._note(spec)
        return found

    async def renewed(self, spec: UpstreamSpec, used: Authorization) -> Authorization | None:
        """Read once more after a 401 to each secret; None where what was `used` still stands.

        Raises:
            CredentialError: as `authorization`.
        """
        if spec.auth is not None and spec.auth.kind == "oauth":
            return await self._logins().renewed(spec, used)
        held = self._held.get(spec)
        if held is not None and held.done() and not held.exception() and held.result() == used:
            if spec in self._read_again:
                return None
            self._read_again.add(spec)
            del self._held[spec]
        other = await self.authorization(spec)
        if other == used:
            return None
        # A reference may give one that ends again, such as a token of an hour.
        self._read_again.discard(spec)
        return other

    async def launch(self, upstream: str, spec: UpstreamSpec) -> Launch:
        """What a stdio upstream may be started with now, its secret included.

        Raises:
            ProfileError: P16 its command is not trusted here.
            CredentialError: C01 missing, C02 no answer, C03 and C04 bound elsewhere.
        """
        launch = await asyncio.shield(
            shared(
                self._launches,
                upstream,
                lambda: self._store.resolve_launch(spec, upstream, self._grounds),
            )
        )
        self._note(spec)
        return launch

    def forget(self) -> None:
        """Drop what is cached; the next request reads settings and keychain again (S6)."""
        self._held.clear()
        self._read_again.clear()
        self._launches.clear()
        if self._keeper is not None:
            self._keeper.forget()

    async def close(self) -> None:
        """Wait for a login's renewal that is under way; nothing is renewed from then on."""
        if self._keeper is not None:
            await self._keeper.close()

    def _logins(self) -> Keeper:
        if self._keeper is None:
            self._keeper = self._open_keeper(self._grounds)
        return self._keeper

    def _note(self, spec: UpstreamSpec) -> None:
        if spec.auth is not None and self._uses.is_due(name := spec.auth.credential):
            threading.Thread(target=self._uses.record, args=(name,), daemon=True).start()

    def _drop_expired(self, spec: UpstreamSpec) -> None:
        held = self._held.get(spec)
        if held is not None and held.done() and not held.exception():
            expires_s = held.result().expires_s
            if expires_s is not None and expires_s <= clock.now_s():
                del self._held[spec]

    def _resolve(self, spec: UpstreamSpec) -> Authorization:
        try:
            return place(self._store.resolve(spec, self._grounds), spec)
        except CredentialError:
            raise
        except McpProxyError as error:
            raise CredentialError("MCPX-C01", error.why, error.next) from None


def root_text(root: tuple[str, ...]) -> str:
    """A version record's trust root as one word of a binding, `keys` for pinned keys."""
    return " ".join(root)
