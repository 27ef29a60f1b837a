"""What an installed profile lacks before its first call, each with the command that mends it."""

import os
from typing import NamedTuple

from mcp_proxy.app.keychain_store import credential_store
from mcp_proxy.core.binding import Binding
from mcp_proxy.core.binding_use import check_command_use, check_use, set_command, set_command_words
from mcp_proxy.core.command import Place
from mcp_proxy.core.profile import Profile, UpstreamSpec
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
from mcp_proxy.errors import CredentialError, McpProxyError


class Missing(NamedTuple):
    """Why a call would be denied, in a whole sentence, and the command that mends it."""

    why: str
    next: str


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


def missing_credentials(home: Home, profile: Profile) -> list[Missing]:
    """One entry for each credential that is not set, or not bound to what the profile needs.

    That of a local server is asked about once its command is trusted, which it is bound to.

    Raises:
        HomeError: the settings cannot be read.
    """
    store = credential_store(home)
    settings = read_settings(home)
    grounds = Grounds(profile.header.profile, root_text(profile.root))
    found: dict[str, Missing] = {}
    for upstream, spec in profile.header.upstreams.items():
        if spec.auth is None or spec.auth.credential in found:
            continue
        try:
            if spec.kind == "stdio":
                lacking = _of_command(store, settings, spec, upstream, grounds)
            else:
                lacking = _of_origin(store, settings, spec, grounds)
        except CredentialError as error:
            lacking = Missing(error.why, error.next)
        if lacking is not None:
            found[spec.auth.credential] = lacking
    return list(found.values())


def _of_origin(
    store: CredentialStore, settings: Settings, spec: UpstreamSpec, grounds: Grounds
) -> Missing | None:
    use = describe_use(spec, grounds, settings.localhost)
    if use.credential not in settings.credentials:
        return _unset(use.credential, set_command(use))
    check_use(_binding(store, settings, use.credential), use)
    return None


def _of_command(
    store: CredentialStore,
    settings: Settings,
    spec: UpstreamSpec,
    upstream: str,
    grounds: Grounds,
) -> Missing | None:
    place = Place(grounds.profile, upstream)
    try:
        record = trusted_command(settings, spec, place, grounds.root)
    except McpProxyError:
        return None  # said by `missing_commands`
    use = describe_command_use(spec, record, place, grounds)
    if use.credential not in settings.credentials:
        return _unset(use.credential, set_command_words(use.credential, place))
    check_command_use(_binding(store, settings, use.credential), use)
    return None


def _unset(credential: str, mend: str) -> Missing:
    return Missing(f"The credential {credential} is not set.", mend)


def _binding(store: CredentialStore, settings: Settings, name: str) -> Binding:
    reference = settings.credentials[name]
    return (store.read_item(name) if reference is None else reference).binding


def unset_variables(home: Home, profile: Profile) -> list[str]:
    """The variables that the profile's credentials come from and this environment does not have.

    Raises:
        HomeError: the settings cannot be read.
    """
    references = credential_store(home).references()
    names = [spec.auth.credential for spec in profile.header.upstreams.values() if spec.auth]
    used = [reference for name in names if (reference := references.get(name)) is not None]
    return [item.variable for item in dict.fromkeys(used) if not os.environ.get(item.variable)]
