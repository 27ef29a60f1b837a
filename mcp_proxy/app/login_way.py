"""How one login goes: what was asked for on the command line, and what machine and server allow."""

from typing import NamedTuple

from mcp_proxy.app.login_code import Say
from mcp_proxy.app.login_place import LoginPlace
from mcp_proxy.core.binding import is_client_id
from mcp_proxy.core.oauth_metadata import Metadata
from mcp_proxy.core.oauth_scopes import Scopes, is_scope
from mcp_proxy.core.oauth_url import parse_place
from mcp_proxy.edges.browser import opener_of, this_machine
from mcp_proxy.errors import UsageError


class LoginWish(NamedTuple):
    """What `login` was asked for. `id_token_from` is a reference such as env:VAR."""

    profile: str
    upstream: str | None = None
    scopes: Scopes = ()
    client_id: str | None = None
    device: bool = False
    no_browser: bool = False
    id_token_from: str | None = None


class Way(NamedTuple):
    """`device`: on another device; else by a browser, which `opener` starts or the person does."""

    device: bool
    opener: tuple[str, ...] | None


def check_wish(wish: LoginWish, place: LoginPlace) -> None:
    """Whether the options fit the profile's grant.

    Raises:
        UsageError: W01 they do not, or a scope or a client's id cannot be one.
    """
    grant, why = place.auth.grant, None
    if wish.device and grant != "authorization_code":
        why = f"--device is for logins by a person, and the profile's grant is {grant}."
    elif wish.id_token_from is not None and grant != "id_jag":
        why = f"--id-token-from is for the grant id_jag, and the profile's is {grant}."
    elif not all(is_scope(scope) for scope in wish.scopes):
        why = "A scope is made of visible ASCII, without quotes and backslashes."
    elif wish.client_id is not None and not is_client_id(wish.client_id):
        why = "A client's id is made of visible ASCII, without blanks at its ends."
    if why is not None:
        raise UsageError("MCPX-W01", why, "mcp-proxy login --help")


def choose_way(
    wish: LoginWish, browser: tuple[str, ...], server: Metadata, say: Say, *, may_device: bool
) -> Way:
    """The way a person logs in at `server`; `browser` is the local settings' argv, or empty."""
    if wish.device or (may_device and not server.authorization):
        return Way(True, None)
    if wish.no_browser:
        return Way(False, None)
    opener = browser or opener_of(this_machine())
    if opener is None and may_device and server.device_authorization:
        say("There is no display here, so you log in on another device.")
        return Way(True, None)
    if opener is None:
        say("There is no display here to open a browser on.")
    return Way(False, opener)


def known_hosts(place: LoginPlace) -> frozenset[str]:
    """The hosts that the verified profile names itself, whose addresses may be private."""
    auth = place.auth
    identity = auth.identity.issuer if auth.identity else ""
    urls = (place.spec.url, auth.issuer, identity, *(url for _, url in auth.endpoints))
    return frozenset(host for host in map(_host, urls) if host)


def _host(url: str) -> str:
    """Its host, "" for what is no URL, which is refused where it is used."""
    try:
        return parse_place(url, localhost=True).origin.host
    except ValueError:
        return ""
