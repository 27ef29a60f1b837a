"""`mcp-proxy status`: what is paused, what each credential is good for now, and what mends it."""

import os
from typing import NamedTuple

from mcp_proxy.app.missing import Missing, Stores, lacking_credential, open_stores
from mcp_proxy.app.pausing import list_paused, paused_words
from mcp_proxy.core.login_state import end_s
from mcp_proxy.core.profile import OAuth, Profile, UpstreamSpec
from mcp_proxy.core.token_set import TokenSet
from mcp_proxy.edges import clock
from mcp_proxy.edges.installs import list_installed
from mcp_proxy.edges.places import Home, find_home
from mcp_proxy.edges.profile_store import load_profile
from mcp_proxy.errors import CredentialError, McpProxyError

READY, RENEWS, LOGIN, MISSING = "ready", "refreshes at next call", "login required", "missing"
UNSET, UNTRIED = "not set here", "not tried (cmd:)"
UNUSABLE = "profile not usable"
PAUSED = "paused"
# What keeps a credential that is there, or may be, from its use.
_KEPT = {
    "MCPX-C02": "keychain locked",
    "MCPX-C03": "not allowed",
    "MCPX-C04": "bound elsewhere",
    "MCPX-C05": LOGIN,
    "MCPX-C09": "vault locked",
}


class Row(NamedTuple):
    """One upstream's credential, or one pause; "" and () for what its kind has not.

    A pause has the state PAUSED, * for every profile, and in `tool` its tool or * for every one.
    `why` and `next` are set where something is lacking or paused. `expires_s` is
    the access token's end, in seconds of the epoch, None where nobody said.
    """

    profile: str
    upstream: str
    credential: str
    kind: str
    state: str
    why: str = ""
    next: str = ""
    issuer: str = ""
    scopes: tuple[str, ...] = ()
    expires_s: float | None = None
    tool: str = ""


def read_status(profile_name: str | None) -> list[Row]:
    """A row for each pause and each upstream with a credential, of one profile or of all.

    Raises:
        ProfileError: the profile that was named is not installed or not trusted.
        HomeError: the settings or the sealed file are not safe or not readable.
    """
    home = find_home()
    if profile_name is not None:
        rows = _rows(home, load_profile(home, profile_name, clock.now_s()))
    else:
        rows = [row for name in list_installed(home) for row in _rows_of(home, name)]
    return [*_paused(home, profile_name), *rows]


def _paused(home: Home, profile_name: str | None) -> list[Row]:
    return [
        Row(
            *(paused.profile or "*", "", "", "", PAUSED),
            tool=paused.tool or "*",
            why=paused_words(paused),
            next=f"mcp-proxy resume {paused.words}",
        )
        for paused in list_paused(home)
        if None in (profile_name, paused.profile) or paused.profile == profile_name
    ]


def _rows_of(home: Home, name: str) -> list[Row]:
    try:
        profile = load_profile(home, name, clock.now_s())
    except McpProxyError as error:
        return [Row(name, "", "", "", UNUSABLE, error.why, error.next)]
    return _rows(home, profile)


def _rows(home: Home, profile: Profile) -> list[Row]:
    stores = open_stores(home, profile)
    return [
        _row(stores, upstream, spec, spec.auth.credential, spec.auth.kind)
        for upstream, spec in profile.header.upstreams.items()
        if spec.auth is not None
    ]


def _row(stores: Stores, upstream: str, spec: UpstreamSpec, credential: str, kind: str) -> Row:
    lacking = lacking_credential(stores, upstream, spec)
    row = Row(stores.grounds.profile, upstream, credential, kind, READY)
    if not isinstance(spec.auth, OAuth):
        if lacking is not None:
            return _with(row, _KEPT.get(lacking.id, MISSING), lacking)
        return _by_reference(row, stores)
    tokens = _read(stores, credential)
    if tokens is None:
        return row if lacking is None else _with(row, _KEPT.get(lacking.id, MISSING), lacking)
    row = row._replace(
        issuer=tokens.server.issuer, scopes=tokens.scopes, expires_s=tokens.expires_s
    )
    if lacking is not None:
        return _with(row, _KEPT.get(lacking.id, LOGIN), lacking)
    return row._replace(state=RENEWS) if end_s(tokens) <= clock.now_s() else row


def _by_reference(row: Row, stores: Stores) -> Row:
    """A command is not run for this: it may ask a person, or cost something."""
    reference = stores.settings.credentials.get(row.credential)
    if reference is None:
        return row
    if reference.argv:
        return row._replace(state=UNTRIED)
    if os.environ.get(reference.variable):
        return row
    why = f"It comes from the variable {reference.variable}, which is not set here."
    mend = f"export {reference.variable}=SECRET, here and for the client that starts mcp-proxy"
    return row._replace(state=UNSET, why=why, next=mend)


def _with(row: Row, state: str, lacking: Missing) -> Row:
    return row._replace(state=state, why=lacking.why, next=lacking.next)


def _read(stores: Stores, credential: str) -> TokenSet | None:
    try:
        return stores.logins.read(credential)
    except CredentialError:
        return None  # said by what is lacking
