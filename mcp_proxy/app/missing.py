"""What an installed profile lacks before its first call: credentials, each with its command."""

import os
from typing import NamedTuple

from mcp_proxy.app.keychain_store import credential_store
from mcp_proxy.core.binding import check_use, set_command
from mcp_proxy.core.profile import Profile
from mcp_proxy.core.seen import PINNED_KEYS
from mcp_proxy.edges.authorizer import root_text
from mcp_proxy.edges.credentials import Grounds, describe_use
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.settings import read_settings
from mcp_proxy.errors import CredentialError


class Missing(NamedTuple):
    """Why a call would be denied, in a whole sentence, and the command that mends it."""

    why: str
    next: str


def missing_credentials(home: Home, profile: Profile) -> list[Missing]:
    """One entry for each credential that is not set, or not bound to what the profile needs.

    Raises:
        HomeError: the settings cannot be read.
    """
    store = credential_store(home)
    localhost = read_settings(home).localhost
    grounds = Grounds(profile.header.profile, root_text(PINNED_KEYS))
    found: dict[str, Missing] = {}
    for spec in profile.header.upstreams.values():
        if spec.auth is None or spec.auth.credential in found:
            continue
        try:
            use = describe_use(spec, grounds, localhost)
            references = store.references()
            if use.credential not in references:
                why = f"The credential {use.credential} is not set."
                found[use.credential] = Missing(why, set_command(use))
                continue
            reference = references[use.credential]
            item = store.read_item(use.credential) if reference is None else reference
            check_use(item.binding, use)
        except CredentialError as error:
            found[spec.auth.credential] = Missing(error.why, error.next)
    return list(found.values())


def unset_variables(home: Home, profile: Profile) -> list[str]:
    """The variables that the profile's credentials come from and this environment does not have.

    Raises:
        HomeError: the settings cannot be read.
    """
    references = credential_store(home).references()
    names = [spec.auth.credential for spec in profile.header.upstreams.values() if spec.auth]
    used = [reference for name in names if (reference := references.get(name)) is not None]
    return [item.variable for item in dict.fromkeys(used) if not os.environ.get(item.variable)]
