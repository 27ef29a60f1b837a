"""What a credential adds to one request."""

from collections.abc import Callable
from typing import NamedTuple

from mcp_proxy.core.secret import Secret

Headers = tuple[tuple[str, str], ...]
# Method, URL as it is sent, headers and body of the request: the headers that sign it.
Signer = Callable[[str, str, Headers, bytes], Headers]


class Certificate(NamedTuple):
    """A client's certificate for TLS: its chain and private key in PEM."""

    chain: str
    key: Secret
    passphrase: Secret | None = None


class Login(NamedTuple):
    """The login that an access token came of: the profile's, and the scopes granted."""

    profile: str
    scopes: tuple[str, ...]


class Authorization(NamedTuple):
    """Headers as they are, a parameter for the query's end, or what signs the finished request.

    `secrets` are the texts that an answer must not hold; a header's value counts by itself.
    `certificate` is shown to the upstream by the connection that the request goes over. `login`
    says where an access token came from. After `expires_s` (of the epoch) the certificate, or the
    keys that sign, are of no more use and are read again.
    """

    headers: Headers = ()
    query: tuple[str, str] | None = None
    sign: Signer | None = None
    secrets: tuple[str, ...] = ()
    certificate: Certificate | None = None
    login: Login | None = None
    expires_s: float | None = None

    def __repr__(self) -> str:
        """Never a secret."""
        return "Authorization(...)"
