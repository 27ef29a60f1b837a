"""What a login brings along: a client that the server knows already, and an ID token."""

from typing import NamedTuple

from mcp_proxy.app.login_place import LoginPlace
from mcp_proxy.core.binding import CLIENT
from mcp_proxy.core.binding_use import ClientUse
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.token_set import Client
from mcp_proxy.edges.credentials import CredentialStore
from mcp_proxy.edges.reference_command import fix_source, read_source
from mcp_proxy.edges.settings_credentials import parse_source
from mcp_proxy.errors import UsageError


class Given(NamedTuple):
    """A client known beforehand, None for none, and its secret or private key."""

    client: Client | None
    secret: Secret | None


def find_given(
    store: CredentialStore, place: LoginPlace, client_id: str | None, issuer: str
) -> Given:
    """The client of the command line, or of the credential of kind client; blocks.

    Raises:
        CredentialError: C01, C02, C03; C04 the credential is for another issuer, client or use.
        UsageError: W01 the profile names another client.
    """
    name, pinned = place.auth.credential, place.auth.client_id
    if client_id and pinned not in ("", client_id):
        why = f"The profile {place.grounds.profile} names the client {pinned}, no other."
        raise UsageError("MCPX-W01", why, "repeat the command without --client-id")
    binding = store.binding(name)
    wanted = client_id or pinned
    if binding is None:
        return Given(Client(wanted, "none") if wanted else None, None)
    wanted = wanted or (binding.client if binding.kind == CLIENT else "")
    item = store.resolve_client(ClientUse(name, *place.grounds, issuer, wanted))
    return Given(Client(item.binding.client, item.binding.method), item.secret)


def id_token_of(reference: str) -> Secret:
    """The ID token that a reference such as env:VAR gives; blocks.

    Raises:
        UsageError: W01 that is no reference.
        CredentialError: C01 it gives nothing.
    """
    try:
        source = fix_source(parse_source(reference))
    except ValueError as error:
        raise UsageError("MCPX-W01", str(error), "mcp-proxy login --help") from None
    return Secret(read_source(source, "The ID token"))
