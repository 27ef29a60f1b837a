"""private_key_jwt: each kind of key, the claims, and keys that cannot sign."""

import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_proxy.core.secret import Secret
from mcp_proxy.edges.oauth_assertion import LIFETIME_S, private_key_jwt, read_signing_key
from mcp_proxy.errors import CredentialError

NOW_S = 1_800_000_000.9
ISSUER = "https://login.example.com/tenant"
RSA_KEY = rsa.generate_private_key(65537, 2048)
P256_KEY = ec.generate_private_key(ec.SECP256R1())
KEYS = {
    "RS256": RSA_KEY,
    "ES256": P256_KEY,
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
OTHERS = (
    ec.generate_private_key(ec.SECP256K1()),
    x25519.X25519PrivateKey.generate(),
    rsa.generate_private_key(65537, 1024),
)


def pem(
    key: object,
    form: PrivateFormat = PrivateFormat.PKCS8,
    sealed: KeySerializationEncryption | None = None,
) -> Secret:
    data = key.private_bytes(Encoding.PEM, form, sealed or NoEncryption())
    return Secret(data.decode())


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_key_signs_with_its_own_algorithm_and_its_public_half_proves_it(algorithm: str) -> None:
    key = KEYS[algorithm]
    token = private_key_jwt("my-client", ISSUER, pem(key), NOW_S, "once").reveal()
    claims = jwt.decode(
        token,
        key.public_key(),
        algorithms=[algorithm],
        audience=ISSUER,
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims == {
        "iss": "my-client",
        "sub": "my-client",
        "aud": ISSUER,
        "iat": 1_800_000_000,
        "exp": 1_800_000_000 + LIFETIME_S,
        "jti": "once",
    }


@pytest.mark.parametrize("key", [RSA_KEY, P256_KEY])
def test_the_older_pem_of_openssl_is_read_too(key: object) -> None:
    held = read_signing_key(pem(key, PrivateFormat.TraditionalOpenSSL))
    assert held.key.private_numbers() == key.private_numbers()


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
@settings(max_examples=25)
def test_names_arrive_as_they_are_given(client: str, audience: str) -> None:
    token = private_key_jwt(client, audience, pem(P256_KEY), NOW_S, "j").reveal()
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["iss"], claims["sub"], claims["aud"]) == (client, client, audience)


def test_the_header_says_no_more_than_type_and_algorithm() -> None:
    token = private_key_jwt("c", ISSUER, pem(P256_KEY), NOW_S, "j").reveal()
    assert jwt.get_unverified_header(token) == {"typ": "JWT", "alg": "ES256"}


@pytest.mark.parametrize("key", OTHERS, ids=["secp256k1", "x25519", "rsa-1024"])
def test_a_key_that_servers_do_not_take_is_refused(key: object) -> None:
    with pytest.raises(CredentialError, match="none of RSA from 2048 bits") as caught:
        private_key_jwt("c", ISSUER, pem(key), NOW_S, "j")
    assert caught.value.id == "MCPX-C01"


def test_a_key_under_a_passphrase_is_refused_with_what_to_do() -> None:
    sealed = pem(P256_KEY, sealed=BestAvailableEncryption(b"sesame"))
    with pytest.raises(CredentialError, match="under a passphrase; give it without"):
        private_key_jwt("c", ISSUER, sealed, NOW_S, "j")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "canary-4711",
        "-----BEGIN PRIVATE KEY-----\ncanary-4711\n-----END PRIVATE KEY-----\n",
        "\ud800 canary-4711",
        json.dumps({"kty": "EC", "d": "canary-4711"}),
        "canary-4711" * 10_000,
    ],
)
def test_what_is_no_key_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(CredentialError) as caught:
        private_key_jwt("c", ISSUER, Secret(text), NOW_S, "j")
    assert "canary" not in f"{caught.value!r} {caught.value} {caught.value.next}"
    assert caught.value.__cause__ is None


def test_a_key_shows_nothing_of_itself() -> None:
    assert repr(read_signing_key(pem(P256_KEY))) == "SigningKey(ES256)"
