"""A client's certificate into TLS, its key never in plaintext on a disk.

OpenSSL's function takes files only. What is in the file is encrypted under a passphrase that
exists in memory for that moment, and the file is gone before the first byte is sent.
"""

import os
import re
import secrets
import ssl
import tempfile

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from mcp_proxy.core.authorization import Certificate
from mcp_proxy.errors import CredentialError

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")
_MEND = "mcp-proxy credential set NAME --kind mtls --certificate FILE --key FILE --origin URL"


def show_certificate(context: ssl.SSLContext, certificate: Certificate) -> None:
    """Let the context present it. Raises CredentialError C04, which quotes nothing of it."""
    passphrase = secrets.token_hex(32)
    blocks = _BLOCK.findall(certificate.chain)
    if not blocks:
        raise CredentialError("MCPX-C04", "The client certificate holds no PEM block.", _MEND)
    pem = "\n".join(blocks).encode() + b"\n" + _sealed_key(certificate, passphrase)
    descriptor, path = tempfile.mkstemp(prefix="mcp-proxy-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
        context.load_cert_chain(path, password=passphrase)
    except ssl.SSLError:
        why = "The client certificate and its private key do not belong together."
        raise CredentialError("MCPX-C04", why, _MEND) from None
    finally:
        os.unlink(path)


def end_s(certificate: Certificate) -> float | None:
    """When its own certificate ends, in seconds of the epoch; None where that cannot be read."""
    try:
        found = x509.load_pem_x509_certificate(certificate.chain.encode())
    except ValueError:
        return None
    return found.not_valid_after_utc.timestamp()


def _sealed_key(certificate: Certificate, passphrase: str) -> bytes:
    own = certificate.passphrase
    password = None if own is None else own.reveal().encode()
    try:
        key = load_pem_private_key(certificate.key.reveal().encode(), password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Not chained: its words may quote the key.
        why = "The client certificate's private key cannot be read; its passphrase may be wrong."
        raise CredentialError("MCPX-C04", why, _MEND) from None
    sealing = BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealing)
