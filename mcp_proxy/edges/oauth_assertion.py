"""A client's own signed word that it is who it says, in place of a secret (RFC 7523, section 3)."""

import os
from typing import NamedTuple

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.secret import Secret
from mcp_proxy.core.token_set import Client
from mcp_proxy.errors import CredentialError

# The server takes it once and at once; the span covers clocks that differ.
LIFETIME_S = 300

_RSA_BITS = 2048
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}

Key = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey


class SigningKey(NamedTuple):
    """A private key, and the one algorithm (RFC 7518, 3.1; RFC 8037) that it signs with."""

    key: Key
    algorithm: str

    def __repr__(self) -> str:
        """Never the key."""
        return f"SigningKey({self.algorithm})"


def prove(client: Client, secret: Secret | None, issuer: str, now_s: float) -> Secret | None:
    """What the client shows: its secret, or a new assertion signed by it (private_key_jwt).

    Raises:
        CredentialError: C01 the key is none that can sign.
    """
    if client.method != "private_key_jwt" or secret is None:
        return secret
    return private_key_jwt(client.id, issuer, secret, now_s, os.urandom(16).hex())


def private_key_jwt(
    client_id: str, audience: str, key_pem: Secret, now_s: float, jti: str
) -> Secret:
    """A new assertion; `audience` is the server's issuer, `jti` a fresh identifier.

    Raises:
        CredentialError: C01 the key is none that can sign, without any of it.
    """
    try:
        signing = read_signing_key(key_pem)
    except ValueError as error:
        raise CredentialError("MCPX-C01", str(error), "mcp-proxy credential rotate NAME") from None
    issued = int(now_s)
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "iat": issued,
        "exp": issued + LIFETIME_S,
        "jti": jti,
    }
    return Secret(jwt.encode(claims, signing.key, signing.algorithm))


def read_signing_key(key_pem: Secret) -> SigningKey:
    """The private key of a PEM text. Raises ValueError: a whole sentence without any of the key."""
    data = key_pem.reveal().encode(errors="replace")
    if len(data) > LIMITS.private_key_bytes:
        raise ValueError(f"The client's private key is above {LIMITS.private_key_bytes} bytes.")
    try:
        key = load_pem_private_key(data, password=None)
    except TypeError:
        raise ValueError(
            "The client's private key is under a passphrase; give it without, the store seals it."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("The client's private key is not a private key in PEM.") from None
    if isinstance(key, RSAPrivateKey) and key.key_size >= _RSA_BITS:
        return SigningKey(key, "RS256")
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return SigningKey(key, _CURVES[key.curve.name])
    if isinstance(key, Ed25519PrivateKey):
        return SigningKey(key, "EdDSA")
    raise ValueError(
        f"The client's private key is none of RSA from {_RSA_BITS} bits, P-256, P-384, P-521 and "
        "Ed25519."
    )
