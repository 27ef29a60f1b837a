"""One login read, or renewed under its OS lock, in a thread of its own: everything here blocks.

A refresh token is spent by its use, so "sent" is on disk before it leaves, and the result before
the lock is free. Who finds a mark without a result does not send that token again (S8).
"""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, NoReturn, TypeVar
from urllib.parse import urlsplit

from mcp_proxy.core.authorization import Authorization, Login
from mcp_proxy.core.binding_use import ClientUse
from mcp_proxy.core.login_state import (
    check_login,
    end_s,
    login_needed,
    renewal_s,
)
from mcp_proxy.core.oauth_answer import Refused
from mcp_proxy.core.profile import OAuth, UpstreamSpec
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.token_set import TokenSet
from mcp_proxy.edges.credential_use import Grounds, describe_use
from mcp_proxy.edges.credentials import CredentialStore
from mcp_proxy.edges.network import Network
from mcp_proxy.edges.oauth_grants import Step, access_step, identity_step
from mcp_proxy.edges.oauth_http import OAuthHttp, Unanswered
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.profile_store import bump_generation
from mcp_proxy.edges.room import give_back
from mcp_proxy.edges.settings import read_settings
from mcp_proxy.edges.token_store import TokenStore
from mcp_proxy.errors import CredentialError

Value = TypeVar("Value")

# Answers of a server that may take the same token later.
_PASSING = frozenset({429, 500, 502, 503, 504})


class Held(NamedTuple):
    """A login as it was read, what it adds to a request, and its times (seconds of the epoch)."""

    tokens: TokenSet
    authorization: Authorization
    renewal_s: float
    end_s: float


class Stopped(CredentialError):
    """No renewal begins any more, for the process ends."""


class Renewals:
    """The logins of one profile on disk."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a renewal touches, each once
        self,
        home: Home,
        store: TokenStore,
        credentials: CredentialStore,
        grounds: Grounds,
        network: Network,
        now_s: Callable[[], float],
    ) -> None:
        """`now_s` gives seconds of the epoch."""
        self._home = home
        self._store = store
        self._credentials = credentials
        self._grounds = grounds
        self._network = network
        self._now_s = now_s
        self._is_stopped = False
        self.under_way: set[UpstreamSpec] = set()

    def stop(self) -> None:
        """Begin none from now on; those in `under_way` go on."""
        self._is_stopped = True

    def forget(self) -> None:
        """Read the network's settings again at the next renewal (S6)."""
        self._network.forget()

    def read(self, spec: UpstreamSpec) -> Held:
        """The login that an upstream names, as it is on disk.

        Raises:
            CredentialError: C02, C03, C05 a login is required, C09.
            HomeError: the settings or the sealed file cannot be read.
        """
        auth = _oauth(spec)
        settings = read_settings(self._home)
        use = describe_use(spec, self._grounds, settings.localhost)
        tokens = self._store.read(auth.credential)
        if tokens is None:
            raise login_needed(f"Nobody has logged in for {auth.credential} here.", use.profile)
        check_login(tokens, auth, use)
        login = Login(self._grounds.profile, tokens.scopes)
        header = ("Authorization", f"Bearer {tokens.access.reveal()}")
        authorization = Authorization((header,), login=login)
        return Held(tokens, authorization, renewal_s(tokens), end_s(tokens))

    def renew(self, spec: UpstreamSpec, old: Held, *, is_refused: bool) -> Held:
        """Another access token than `old`'s: from disk if there is one by now, else a new one.

        `is_refused` says that the upstream refused the old one, whatever its time.

        Raises:
            CredentialError: as `read`; C08 the server gave none, and the login stands.
            HomeError: as `read`.
        """
        with self._store.lock(_oauth(spec).credential):
            self.under_way.add(spec)
            try:
                if self._is_stopped:
                    raise Stopped("MCPX-C08", "The process ends.")
                held = self.read(spec)
                if not self._is_due(held, old, is_refused=is_refused):
                    return held
                self._renew(spec, held.tokens)
                return self.read(spec)
            finally:
                self.under_way.discard(spec)

    def _is_due(self, held: Held, old: Held, *, is_refused: bool) -> bool:
        now_s = self._now_s()
        if held.tokens.access != old.tokens.access:
            return now_s >= held.end_s
        return is_refused or now_s >= held.renewal_s

    def _renew(self, spec: UpstreamSpec, tokens: TokenSet) -> None:
        auth = _oauth(spec)
        if tokens.sent:
            why = f"A renewal of {auth.credential} was sent, and nobody knows what came of it."
            self._end(auth, tokens, why)
        first = identity_step(tokens, self._now_s())
        if first is not None:
            tokens = self._take(auth, tokens, first)
            self._store.write(auth.credential, tokens)
        last = self._access_step(auth, tokens)
        self._store.write(auth.credential, self._take(auth, tokens, last))

    def _access_step(self, auth: OAuth, tokens: TokenSet) -> Step:
        secret = self._client_secret(auth, tokens)
        try:
            return access_step(tokens, secret, self._now_s())
        except CredentialError as error:
            if error.id != "MCPX-C05":
                raise
            raise login_needed(error.why, self._grounds.profile) from None

    def _take(self, auth: OAuth, tokens: TokenSet, step: Step) -> TokenSet:
        """What the step gave. A mark stays where nobody can know what became of the token."""
        mark = _Mark(self._store, auth.credential, tokens, step.spends)
        try:
            return _run(self._asked(tokens, step, mark))
        except Refused as refused:
            if refused.is_invalid_grant:
                why = f"{tokens.server.issuer} no longer takes the login of {auth.credential}."
                self._end(auth, tokens, why)
            if refused.status // 100 == 2 and mark.is_set:
                self._lose(auth, tokens)
            mark.clear()
            raise self._postponed(refused, is_passing=refused.status in _PASSING) from None
        except Unanswered as lost:
            if mark.is_set:
                self._lose(auth, tokens)
            raise self._postponed(lost, is_passing=True) from None
        except CredentialError as error:
            if mark.is_set or error.id == "MCPX-C05":
                self._end(auth, tokens, error.why)
            raise

    async def _asked(self, tokens: TokenSet, step: Step, mark: "_Mark") -> TokenSet:
        localhost = read_settings(self._home).localhost
        http = OAuthHttp(self._network, _hosts(tokens), localhost=localhost, leaving=mark.set)
        try:
            return await step.take(http)
        finally:
            mark.free_room()
            await http.close()

    def _client_secret(self, auth: OAuth, tokens: TokenSet) -> Secret | None:
        if tokens.client.method == "none" or tokens.client.secret is not None:
            return None
        grounds = self._grounds
        client = tokens.client
        use = ClientUse(
            auth.credential, *grounds, tokens.server.issuer, client.id, method=client.method
        )
        return self._credentials.resolve_client(use).secret

    def _lose(self, auth: OAuth, tokens: TokenSet) -> NoReturn:
        why = f"A renewal of {auth.credential} was sent, and no usable answer came."
        self._end(auth, tokens, why)

    def _end(self, auth: OAuth, tokens: TokenSet, why: str) -> NoReturn:
        """The login has ended, for every process that shares it."""
        self._store.write(auth.credential, tokens._replace(needs_login=why))
        bump_generation(self._home)
        raise login_needed(why, self._grounds.profile)

    def _postponed(self, error: CredentialError, *, is_passing: bool) -> CredentialError:
        why = f"The login could not be renewed. {error.why}"
        next_ = (
            "try again in a minute" if is_passing else f"mcp-proxy login {self._grounds.profile}"
        )
        return CredentialError("MCPX-C08", why, next_)


class _Mark:
    """Says on disk that a token is under way, from the moment before it leaves."""

    def __init__(
        self, store: TokenStore, name: str, tokens: TokenSet, spends: Secret | None
    ) -> None:
        self._store = store
        self._name = name
        self._tokens = tokens
        self._spends = spends
        self._room = -1
        self.is_set = False

    def set(self) -> None:
        """The token leaves now, if one is spent, once there is room for what comes of it."""
        if self._spends is not None:
            self._room = self._store.reserve()
            sent = hashlib.sha256(self._spends.reveal().encode(errors="surrogatepass")).hexdigest()
            self._store.write(self._name, self._tokens._replace(sent=sent))
            self.is_set = True

    def free_room(self) -> None:
        """It is over: what is written next takes the room."""
        give_back(self._room)
        self._room = -1

    def clear(self) -> None:
        """It was refused, so it was not spent."""
        if self.is_set:
            self._store.write(self._name, self._tokens)


def _run(work: Coroutine[Any, Any, Value]) -> Value:
    """In a loop of this thread's own."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        # Not asyncio.run: it ends by waiting for its threads, and one may hang in a name's lookup.
        loop.close()


def _hosts(tokens: TokenSet) -> frozenset[str]:
    """Those that the person logged in at, wherever they are."""
    servers = [tokens.server]
    if tokens.identity is not None:
        servers.append(tokens.identity.server)
    return frozenset(urlsplit(server.token).hostname or "" for server in servers)


def _oauth(spec: UpstreamSpec) -> OAuth:
    if not isinstance(spec.auth, OAuth):
        raise TypeError("an upstream of kind oauth")
    return spec.auth
