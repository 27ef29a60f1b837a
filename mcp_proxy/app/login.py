"""`mcp-proxy login`: discovers, asks the person, and keeps what the server grants (S8).

Server, client, resource and binding are fixed here; serve posts to the stored endpoints alone.
"""

import asyncio
import signal
import sys
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import NamedTuple

from mcp_proxy.app import admin_log
from mcp_proxy.app.keychain_store import credential_store, token_store
from mcp_proxy.app.login_client import find_given, id_token_of
from mcp_proxy.app.login_code import Callback, Say, by_browser, open_callback
from mcp_proxy.app.login_device import by_device
from mcp_proxy.app.login_machine import (
    by_client,
    by_identity,
    identity_asking,
    identity_granted,
    identity_login,
    identity_server,
)
from mcp_proxy.app.login_place import (
    LoginPlace,
    bind,
    find_place,
    is_same,
    is_source,
    login_command,
)
from mcp_proxy.app.login_tokens import Asking, ungranted
from mcp_proxy.app.login_way import LoginWish, Way, check_wish, choose_way, known_hosts
from mcp_proxy.app.network import network_of
from mcp_proxy.core.binding_use import ClientUse, set_client_words
from mcp_proxy.core.oauth_answer import Refused
from mcp_proxy.core.oauth_metadata import Metadata
from mcp_proxy.core.oauth_scopes import OFFLINE, Scopes, union
from mcp_proxy.core.token_set import Client, TokenSet
from mcp_proxy.edges import clock
from mcp_proxy.edges.files import Held
from mcp_proxy.edges.oauth_discovery import Found, discover
from mcp_proxy.edges.oauth_grants import granted_to
from mcp_proxy.edges.oauth_http import OAuthHttp
from mcp_proxy.edges.oauth_registration import Wish as ClientWish
from mcp_proxy.edges.oauth_registration import find_client
from mcp_proxy.edges.places import Home, ensure_home, find_home
from mcp_proxy.edges.profile_store import bump_generation
from mcp_proxy.edges.settings import Settings, read_settings
from mcp_proxy.edges.token_store import TokenStore
from mcp_proxy.errors import CATALOG, CredentialError, McpProxyError, UsageError

_UNNAMED = CATALOG["MCPX-C05"].next


class Done(NamedTuple):
    """A login of `profile` that is kept; `refused` are scopes asked for and not granted."""

    profile: str
    credential: str
    tokens: TokenSet
    refused: tuple[str, ...]


class _Login(NamedTuple):
    """One that is under way; `kept` is the one that it replaces."""

    home: Home
    wish: LoginWish
    place: LoginPlace
    settings: Settings
    store: TokenStore
    kept: TokenSet | None
    http: OAuthHttp
    say: Say


def login(wish: LoginWish, say: Say) -> Done:
    """Logs in and keeps it; `say` is told what the person has to do, a line at a time.

    Raises:
        UsageError: W01 the wish does not fit, or another login of this credential is under way.
        CredentialError: C01 to C04 what it needs is lacking or another's; C07, C08 the server.
        ProfileError, SourceError, HomeError, AuditError: A01, and nothing was changed.
    """
    # A publisher's first command on a machine may be this one.
    home = ensure_home() if is_source(wish.profile) else find_home()
    place = find_place(home, wish.profile, wish.upstream)
    check_wish(wish, place)
    settings, store, name = read_settings(home), token_store(home), place.auth.credential
    network = network_of(home)
    try:
        # Not the credential's own lock: its refresh goes on while a person looks for a password.
        with store.lock(f"{name}.login", wait=False):
            store.open()
            kept = _kept(store, name)
            http = OAuthHttp(network, known_hosts(place), localhost=settings.localhost)
            tokens = _run(_Login(home, wish, place, settings, store, kept, http, say))
    except Held:
        why = f"Another login for {name} is under way."
        raise UsageError("MCPX-W01", why, "end that one, or wait five minutes") from None
    return Done(place.grounds.profile, name, tokens, _refused(tokens))


def _refused(tokens: TokenSet) -> Scopes:
    # That one is granted by the refresh token itself, and many servers do not list it.
    granted = {*tokens.scopes, *((OFFLINE,) if tokens.refresh else ())}
    return tuple(scope for scope in tokens.asked if scope not in granted)


def _kept(store: TokenStore, name: str) -> TokenSet | None:
    try:
        return store.read(name)
    except CredentialError as error:
        if error.next.startswith("mcp-proxy login"):
            return None
        raise


def _run(login: _Login) -> TokenSet:
    try:
        return asyncio.run(_until_ended(login))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _until_ended(login: _Login) -> TokenSet:
    """A signal to end is heeded in order, so that no file stays behind."""
    task = asyncio.current_task()
    if sys.platform != "win32" and task is not None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
        loop.add_signal_handler(signal.SIGHUP, task.cancel)
    try:
        return await _log_in(login)
    except McpProxyError as error:
        # What is below knows the server and not the profile.
        error.next = error.next.replace(_UNNAMED, login_command(login.place))
        if login.place.source and error.next == CATALOG["MCPX-C07"].next:
            mend = f"correct the login's keys in {login.place.source}, such as `issuer`"
            error.next = f"{mend}, then: {login_command(login.place)}"
        raise
    finally:
        await login.http.close()


async def _log_in(login: _Login) -> TokenSet:
    auth = login.place.auth
    found = await _find(login)
    _record(login, "login", found)
    try:
        if auth.grant == "id_jag":
            return await _log_in_by_identity(login, found)
        if auth.grant == "client_credentials":
            return _keep(login, await by_client(await _asking(login, found, None)))
        way = _way(login, found.metadata, may_device=True)
        async with _page(login, needed=not way.device) as callback:
            asking = await _asking(login, found, callback)
            if callback is None:
                granted = await by_device(asking, login.say)
            else:
                granted = await by_browser(asking, callback, way.opener, login.say)
            made = granted_to(ungranted(asking, auth.grant), granted, clock.now_s())
            return _keep(login, made)
    except McpProxyError as error:
        _record(login, "login failed", found, error=error.id)
        if isinstance(error, Refused) and error.error == "invalid_client":
            error.next = _set_client(login, found.metadata.issuer)
        raise


def _set_client(login: _Login, issuer: str) -> str:
    """The command that says anew who we are at the server, which knows no such client."""
    auth, given = login.place.auth, login.wish.client_id
    if auth.grant == "id_jag":
        return "check the client's id and secret at both servers, then log in again"
    us = ClientUse(auth.credential, *login.place.grounds, issuer, given or auth.client_id)
    return set_client_words(us)


async def _log_in_by_identity(login: _Login, found: Found) -> TokenSet:
    identity = login.place.auth.identity
    if identity is None:
        raise CredentialError("MCPX-C07", "The profile names no identity provider.")
    given = login.wish.id_token_from
    server = await identity_server(identity, login.http, by_person=given is None)
    ours = await _asking(login, found, None)
    async with _page(login, needed=given is None) as callback:
        if callback is None:
            person = identity_login(identity, server, id_token_of(given or ""), None)
        else:
            opener = _way(login, server, may_device=False).opener
            asking = identity_asking(identity, server, login.http)
            granted = await by_browser(asking, callback, opener, login.say)
            person = identity_granted(identity, server, granted)
        return _keep(login, await by_identity(ours, person))


async def _find(login: _Login) -> Found:
    """Server, resource and all scopes to ask for: a login anew loses none that was asked for."""
    place, kept = login.place, login.kept
    found = await discover(place.spec, place.auth, login.http)
    scopes = union(found.scopes, login.wish.scopes)
    if kept is not None and is_same(place, kept, found.metadata.issuer, found.resource):
        scopes = union(kept.asked, scopes)
    return found._replace(scopes=scopes)


def _way(login: _Login, server: Metadata, *, may_device: bool) -> Way:
    browser = login.settings.login.browser
    return choose_way(login.wish, browser, server, login.say, may_device=may_device)


def _page(login: _Login, *, needed: bool) -> AbstractAsyncContextManager[Callback | None]:
    return open_callback(login.settings.login.port) if needed else nullcontext()


async def _asking(login: _Login, found: Found, callback: Callback | None) -> Asking:
    """Who we are at the server, and what is asked for."""
    place, server = login.place, found.metadata
    store = credential_store(login.home)
    given = find_given(store, place, login.wish.client_id, server.issuer)
    address = "" if callback is None else callback.address
    wish = ClientWish(address, found.scopes, given.client or _given_before(login, found))
    client = await find_client(place.auth, server, wish, login.http)
    secret = client.secret or given.secret
    return Asking(server, client, secret, found.scopes, found.resource, login.http)


def _given_before(login: _Login, found: Found) -> Client | None:
    """A server that registers nobody knows the kept login's client because it was given once."""
    kept = login.kept
    if kept is None or found.metadata.registration or kept.client.method != "none":
        return None
    same = is_same(login.place, kept, found.metadata.issuer, found.resource)
    return kept.client if same else None


def _keep(login: _Login, made: TokenSet) -> TokenSet:
    """Writes it, under the lock that refreshes take, and tells running processes."""
    name, store = login.place.auth.credential, login.store
    with store.lock(name):
        binding = bind(login.place, _kept(store, name), made, localhost=login.settings.localhost)
        tokens = made._replace(binding=binding)
        store.write(name, tokens)
    bump_generation(login.home)
    return tokens


def _record(login: _Login, command: str, found: Found, **facts: str) -> None:
    admin_log.record(
        login.home,
        command,
        profile=login.place.grounds.profile,
        upstream=login.place.upstream,
        credential=login.place.auth.credential,
        grant=login.place.auth.grant,
        issuer=found.metadata.issuer,
        resource=found.resource,
        scopes=" ".join(found.scopes),
        **facts,
    )
