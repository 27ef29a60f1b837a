"""What an installed profile lacks before its first call, each with the command that mends it."""

import os
from typing import NamedTuple

from mcp_proxy.app.keychain_store import credential_store, token_store
from mcp_proxy.core.binding_use import (
    ClientUse,
    check_client_use,
    check_command_use,
    check_use,
    set_client_words,
    set_command,
    set_command_words,
)
from mcp_proxy.core.command import Place
from mcp_proxy.core.login_state import check_login, end_s, is_renewable
from mcp_proxy.core.profile import OAuth, Profile, UpstreamSpec
from mcp_proxy.edges import clock
from mcp_proxy.edges.authorizer import root_text
from mcp_proxy.edges.credential_use import (
    Grounds,
    describe_command_use,
    describe_use,
    trusted_command,
)
from mcp_proxy.edges.credentials import CredentialStore
from mcp_proxy.edges.executables import check_executable
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.settings import Settings, read_settings
from mcp_proxy.edges.token_store import TokenStore
from mcp_proxy.errors import CredentialError, McpProxyError


class Missing(NamedTuple):
    """Why a call would be denied, in a whole sentence, and the command that mends it.

    `id` is the error's, "" where there simply is nothing.
    """

    why: str
    next: str
    id: str = ""


def missing_commands(home: Home, profile: Profile) -> list[Missing]:
    """One entry for each local server that may not, or cannot, be started.

    Raises:
        HomeError: the settings cannot be read.
    """
    settings = read_settings(home)
    root = root_text(profile.root)
    found = []
    for upstream, spec in profile.header.upstreams.items():
        if spec.kind != "stdio":
            continue
        place = Place(profile.header.profile, upstream)
        try:
            check_executable(trusted_command(settings, spec, place, root).executable)
        except McpProxyError as error:
            found.append(Missing(error.why, error.next))
    return found


class Stores(NamedTuple):
    """What an installed profile's credentials are looked up in, and on whose behalf."""

    settings: Settings
    credentials: CredentialStore
    logins: TokenStore
    grounds: Grounds


def open_stores(home: Home, profile: Profile) -> Stores:
    """Those of this home; asks no keychain yet. Raises HomeError, the settings cannot be read."""
    grounds = Grounds(profile.header.profile, root_text(profile.root))
    return Stores(read_settings(home), credential_store(home), token_store(home), grounds)


def missing_credentials(home: Home, profile: Profile) -> list[Missing]:
    """One entry for each credential that is not set, or not bound to what the profile needs.

    That of a local server is asked about once its command is trusted, which it is bound to.

    Raises:
        HomeError: the settings cannot be read.
    """
    stores = open_stores(home, profile)
    found: dict[str, Missing] = {}
    for upstream, spec in profile.header.upstreams.items():
        if spec.auth is None or spec.auth.credential in found:
            continue
        lacking = lacking_credential(stores, upstream, spec)
        if lacking is not None:
            found[spec.auth.credential] = lacking
    return list(found.values())


def lacking_credential(stores: Stores, upstream: str, spec: UpstreamSpec) -> Missing | None:
    """Why the upstream's calls would be denied for its credential, or None. Raises HomeError."""
    try:
        if spec.kind == "stdio":
            return _of_command(stores, spec, upstream)
        if isinstance(spec.auth, OAuth):
            return _of_login(stores, spec, spec.auth)
        return _of_origin(stores, spec)
    except CredentialError as error:
        return Missing(error.why, error.next, error.id)


def _of_origin(stores: Stores, spec: UpstreamSpec) -> Missing | None:
    use = describe_use(spec, stores.grounds, stores.settings.localhost)
    binding = stores.credentials.binding(use.credential)
    if binding is None:
        return _unset(use.credential, set_command(use))
    check_use(binding, use)
    return None


def _of_login(stores: Stores, spec: UpstreamSpec, auth: OAuth) -> Missing | None:
    use = describe_use(spec, stores.grounds, stores.settings.localhost)
    tokens = stores.logins.read(auth.credential)
    if tokens is None:
        return Missing(f"The login {auth.credential} is not made.", set_command(use))
    check_login(tokens, auth, use)
    if not is_renewable(tokens) and end_s(tokens) <= clock.now_s():
        return Missing(f"The login {auth.credential} has ended.", set_command(use))
    if tokens.client.method == "none" or tokens.client.secret is not None:
        return None
    issuer, us = tokens.server.issuer, tokens.client
    client = ClientUse(auth.credential, *stores.grounds, issuer, us.id, method=us.method)
    binding = stores.credentials.binding(auth.credential)
    if binding is None:
        why = f"The secret of the client {client.client} is not set."
        return Missing(why, set_client_words(client))
    check_client_use(binding, client)
    return None


def _of_command(stores: Stores, spec: UpstreamSpec, upstream: str) -> Missing | None:
    place = Place(stores.grounds.profile, upstream)
    try:
        record = trusted_command(stores.settings, spec, place, stores.grounds.root)
    except McpProxyError:
        return None  # said by `missing_commands`
    use = describe_command_use(spec, record, place, stores.grounds)
    binding = stores.credentials.binding(use.credential)
    if binding is None:
        return _unset(use.credential, set_command_words(use.credential, place))
    check_command_use(binding, use)
    return None


def _unset(credential: str, mend: str) -> Missing:
    return Missing(f"The credential {credential} is not set.", mend)


def unset_variables(home: Home, profile: Profile) -> list[str]:
    """The variables that the profile's credentials come from and this environment does not have.

    Raises:
        HomeError: the settings cannot be read.
    """
    references = credential_store(home).references()
    names = [spec.auth.credential for spec in profile.header.upstreams.values() if spec.auth]
    used = [reference for name in names if (reference := references.get(name)) is not None]
    variables = dict.fromkeys(item.variable for item in used if not item.argv)
    return [variable for variable in variables if not os.environ.get(variable)]
