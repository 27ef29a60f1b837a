"""One OAuth login as it is kept: the server it was made at, the client we are there, the tokens.

It is the plain text of one entry of the sealed file. Server, client and resource are fixed at login
(S8): a refresh goes to the stored endpoint, and what names another one needs another login.
"""

from typing import Any, NamedTuple

from mcp_proxy.core import strict_json
from mcp_proxy.core.binding import Binding, parse_binding, plain_binding
from mcp_proxy.core.secret import Secret


class Server(NamedTuple):
    """An authorization server's endpoints; "" for one that it has not."""

    issuer: str
    token: str
    revocation: str = ""


class Client(NamedTuple):
    """Who we are at the server.

    `method` is none, client_secret_basic, client_secret_post or private_key_jwt (RFC 7591, 2).
    `secret` is a registration's; None for a public client, and for one whose secret is a credential
    of kind client under the same name.
    """

    id: str
    method: str
    secret: Secret | None = None


class TokenSet(NamedTuple):
    """`binding` (kind oauth) says where the access token may go; times are seconds of the epoch.

    `resource` is the upstream's canonical URL (RFC 8707), "" where none is sent. `asked` are the
    scopes requested, `scopes` those granted. `expires_s` is None where the server gave no lifetime.
    `sent` is the SHA-256 of the refresh token or assertion that is under way, "" for none; it is
    durable before the request leaves. `needs_login` says why in a whole sentence, "" for not.
    `identity` is the identity provider's own login, for the grant id_jag.
    """

    grant: str
    server: Server
    client: Client
    resource: str
    asked: tuple[str, ...]
    scopes: tuple[str, ...]
    access: Secret
    expires_s: float | None
    refresh: Secret | None
    obtained_s: float
    binding: Binding
    sent: str = ""
    needs_login: str = ""
    identity: "IdentityLogin | None" = None


class IdentityLogin(NamedTuple):
    """The login at an identity provider: its ID token, and what renews that."""

    server: Server
    client: Client
    id_token: Secret
    expires_s: float | None
    refresh: Secret | None


def dump_tokens(tokens: TokenSet) -> bytes:
    """Compact JSON; the inverse of `parse_tokens`."""
    return strict_json.dumps({"v": 1, **_plain(tokens)})


def parse_tokens(data: bytes) -> TokenSet:
    """The inverse of `dump_tokens`. Raises ValueError, which never quotes the data."""
    row = strict_json.loads(data)
    if not isinstance(row, dict) or row.pop("v", None) != 1 or row.keys() != set(TokenSet._fields):
        raise ValueError("It is not version 1 of a token set.")
    try:
        return _parse(row)
    except (TypeError, KeyError, AttributeError):
        raise ValueError("A field of the token set is not right.") from None


def about(tokens: TokenSet) -> dict[str, str]:
    """What the seal is bound to beside the entry's name, readable in the file (S8)."""
    return {
        "issuer": tokens.server.issuer,
        "client": tokens.client.id,
        "resource": tokens.resource,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Binding):
        return plain_binding(value)
    if isinstance(value, tuple):
        if hasattr(value, "_fields"):
            return {key: _plain(item) for key, item in zip(value._fields, value, strict=True)}
        return [_plain(item) for item in value]
    return value


def _parse(row: dict[str, Any]) -> TokenSet:
    identity = row["identity"]
    return TokenSet(
        _text(row["grant"]),
        Server(**_texts(row["server"])),
        _client(row["client"]),
        _text(row["resource"]),
        tuple(_text(scope) for scope in row["asked"]),
        tuple(_text(scope) for scope in row["scopes"]),
        Secret(_text(row["access"])),
        _moment(row["expires_s"]),
        _secret(row["refresh"]),
        _moment(row["obtained_s"]) or 0.0,
        parse_binding(row["binding"]),
        _text(row["sent"]),
        _text(row["needs_login"]),
        None if identity is None else _identity(identity),
    )


def _identity(row: dict[str, Any]) -> IdentityLogin:
    return IdentityLogin(
        Server(**_texts(row["server"])),
        _client(row["client"]),
        Secret(_text(row["id_token"])),
        _moment(row["expires_s"]),
        _secret(row["refresh"]),
    )


def _client(row: dict[str, Any]) -> Client:
    return Client(_text(row["id"]), _text(row["method"]), _secret(row["secret"]))


def _secret(value: Any) -> Secret | None:
    return None if value is None else Secret(_text(value))


def _texts(row: dict[str, Any]) -> dict[str, str]:
    return {key: _text(value) for key, value in row.items()}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text expected")
    return value


def _moment(value: Any) -> float | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise TypeError("a time expected")
    return None if value is None else float(value)
