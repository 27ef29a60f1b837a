"""Certificates made for a test, and a system that trusts them."""

import datetime as dt
import ipaddress
import ssl
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Certificate:
    """A self-signed certificate for one name, on disk."""

    def __init__(self, folder: Any, name: x509.GeneralName) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
        now = dt.datetime.now(dt.UTC)
        self.pem = str(folder / "cert.pem")
        self.key = str(folder / "key.pem")
        made = (
            x509.CertificateBuilder(subject, subject, key.public_key(), 1)
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([name]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        (folder / "key.pem").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem, self.key)
        return context


LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


def trust(monkeypatch: pytest.MonkeyPatch, pem: str) -> None:
    """Make `pem` the system's compiled-in CA file, which no variable names."""
    paths = ssl.get_default_verify_paths()
    changed = paths._replace(openssl_cafile=pem, openssl_capath="/nonexistent")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: changed)
