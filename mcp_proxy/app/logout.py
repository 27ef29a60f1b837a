"""`mcp-proxy logout`: the tokens are revoked at their server (RFC 7009), then deleted here."""

import asyncio
from typing import NamedTuple

from mcp_proxy.app import admin_log
from mcp_proxy.app.keychain_store import credential_store, token_store
from mcp_proxy.app.login_place import LoginPlace, find_place, login_command
from mcp_proxy.app.network import network_of
from mcp_proxy.core.binding_use import ClientUse
from mcp_proxy.core.oauth_answer import Refused, refused_words
from mcp_proxy.core.oauth_request import authenticate, revocation_form
from mcp_proxy.core.oauth_url import parse_place
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.token_set import Client, Server, TokenSet
from mcp_proxy.edges import clock
from mcp_proxy.edges.oauth_assertion import prove
from mcp_proxy.edges.oauth_http import OAuthHttp, Unanswered
from mcp_proxy.edges.places import Home, find_home
from mcp_proxy.edges.profile_store import bump_generation
from mcp_proxy.edges.settings import read_settings
from mcp_proxy.errors import CredentialError, UpstreamError

# RFC 7009, 2.2.1: a server need not revoke access tokens, which end soon by themselves.
_NOT_REVOKED = "unsupported_token_type"


class Ended(NamedTuple):
    """A login that is deleted. `revoked`: its server was told and agreed.

    `has_endpoint` is False where the server has no way to be told. `others` are the other profiles
    whose login it was. `was_there` is False where nobody was logged in, and nothing was done.
    """

    credential: str
    issuer: str
    revoked: bool
    has_endpoint: bool
    others: tuple[str, ...]
    was_there: bool = True


class _Batch(NamedTuple):
    """Tokens of one server, with the client that they were given to."""

    server: Server
    client: Client
    secret: Secret | None
    tokens: tuple[tuple[Secret, str], ...]


def logout(profile_name: str, upstream: str | None, *, local: bool) -> Ended:
    """Ends a login. With `local` the server is not asked, and its tokens stay good until they end.

    Raises:
        UsageError: W01 the profile has no such login.
        UpstreamError: U01 the server is out of reach or out of order, and nothing was deleted.
        CredentialError: C08 the server refused, and nothing was deleted; C01, C02, C09.
        ProfileError, SourceError, HomeError, AuditError: A01, and nothing was changed.
    """
    home = find_home()
    place = find_place(home, profile_name, upstream)
    name, store = place.auth.credential, token_store(home)
    with store.lock(name):
        about = store.names().get(name)
        if about is None:
            return Ended(name, "", False, True, (), was_there=False)
        # What cannot be read any more can still be deleted.
        tokens = None if local else store.read(name)
        issuer = about.get("issuer", "")
        admin_log.record(
            home,
            "logout",
            profile=place.grounds.profile,
            credential=name,
            issuer=issuer,
            local=local,
        )
        batches = [] if tokens is None else _batches(home, place, tokens)
        if batches:
            _revoke(home, batches, f"{login_command(place, 'logout')} --local")
        store.remove(name)
    bump_generation(home)
    pairs = () if tokens is None else tokens.binding.profiles
    others = tuple(profile for profile, _ in pairs if profile != place.grounds.profile)
    revoked = tokens is not None and any(batch.server == tokens.server for batch in batches)
    return Ended(name, issuer, revoked, local or revoked, others)


def _batches(home: Home, place: LoginPlace, tokens: TokenSet) -> list[_Batch]:
    """What can be revoked; the refresh token first, which most servers take the others with."""
    batches = []
    if tokens.server.revocation:
        refresh = () if tokens.refresh is None else ((tokens.refresh, "refresh_token"),)
        rows = (*refresh, (tokens.access, "access_token"))
        secret = _client_secret(home, place, tokens)
        batches.append(_Batch(tokens.server, tokens.client, secret, rows))
    person = tokens.identity
    if person is not None and person.refresh is not None and person.server.revocation:
        rows = ((person.refresh, "refresh_token"),)
        batches.append(_Batch(person.server, person.client, person.client.secret, rows))
    return batches


def _client_secret(home: Home, place: LoginPlace, tokens: TokenSet) -> Secret | None:
    if tokens.client.method == "none" or tokens.client.secret is not None:
        return tokens.client.secret
    name, client = place.auth.credential, tokens.client
    use = ClientUse(name, *place.grounds, tokens.server.issuer, client.id, method=client.method)
    return credential_store(home).resolve_client(use).secret


def _revoke(home: Home, batches: list[_Batch], mend: str) -> None:
    try:
        asyncio.run(_revoke_all(home, batches))
    except Unanswered as error:
        why = f"{error.why} Nothing was deleted."
        raise UpstreamError("MCPX-U01", why, f"try again, or {mend}") from None
    except Refused as error:
        why = f"{error.why} Nothing was deleted."
        raise CredentialError(error.id, why, mend) from None


async def _revoke_all(home: Home, batches: list[_Batch]) -> None:
    # Fixed at login, so their addresses may be private.
    urls = [batch.server.revocation for batch in batches]
    known = frozenset(parse_place(url, localhost=True).origin.host for url in urls)
    http = OAuthHttp(network_of(home), known, localhost=read_settings(home).localhost)
    try:
        for batch in batches:
            for token, hint in batch.tokens:
                await _revoke_one(batch, token, hint, http)
    finally:
        await http.close()


async def _revoke_one(batch: _Batch, token: Secret, hint: str, http: OAuthHttp) -> None:
    proof = prove(batch.client, batch.secret, batch.server.issuer, clock.now_s())
    rows, headers = authenticate(batch.client, proof, revocation_form(token, hint))
    answer = await http.post(batch.server.revocation, rows, headers)
    if answer.status == 200:
        return
    if answer.status >= 500 or answer.status == 429:
        why = f"{batch.server.issuer} answered {answer.status} and revoked nothing."
        raise Unanswered(why, "maybe", is_away=True)
    error, description = refused_words(answer.doc)
    if error != _NOT_REVOKED:
        raise Refused(answer.status, error, description)
