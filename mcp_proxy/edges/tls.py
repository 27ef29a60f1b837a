"""TLS as httpx2 makes it with `trust_env` off: this system's CAs, and no word of the environment.

Its own function would import the whole stock transport. A test compares the two.
"""

import importlib
import os
import re
import ssl
import sys

from mcp_proxy.core.authorization import Certificate

if sys.platform in ("win32", "darwin"):
    import truststore

# Where systems keep their CAs if OpenSSL was compiled to look elsewhere.
_CA_FILES = (
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/cert.pem",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
)
_HASHED_CA = re.compile(r"[0-9a-fA-F]{8}\.\d")


# Loads cryptography's key formats, 3 MiB that only a client certificate is worth.
_CLIENT_CERTIFICATE = "mcp_proxy.edges.client_certificate"


def client_context(extra_ca: str = "", certificate: Certificate | None = None) -> ssl.SSLContext:
    """Verifies certificate and host name. Reads files for some 20 ms.

    `extra_ca` is PEM that is trusted beside the system's CAs; `certificate` is shown to whoever
    asks for one.

    Raises:
        OSError: the system's CAs cannot be read, or `extra_ca` is not right (ssl.SSLError).
        CredentialError: C04, the certificate or its key.
    """
    context = _system_context()
    context.set_alpn_protocols(["http/1.1"])
    if extra_ca:
        context.load_verify_locations(cadata=extra_ca)
    if certificate is not None:
        importlib.import_module(_CLIENT_CERTIFICATE).show_certificate(context, certificate)
    return context


def _system_context() -> ssl.SSLContext:
    if sys.platform in ("win32", "darwin"):
        context: ssl.SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        file, folder = _ca_places()
        if file or folder:
            context.load_verify_locations(file, folder)
    return context


def _ca_places() -> tuple[str | None, str | None]:
    """The compiled-in file and folder: the defaults of OpenSSL would heed SSL_CERT_FILE (S9)."""
    paths = ssl.get_default_verify_paths()
    file = paths.openssl_cafile if os.path.isfile(paths.openssl_cafile) else None
    folder = paths.openssl_capath if os.path.isdir(paths.openssl_capath) else None
    if folder and not file and not any(map(_HASHED_CA.fullmatch, os.listdir(folder))):
        folder = None
    if not file and not folder:
        file = next(filter(os.path.isfile, _CA_FILES), None)
    return file, folder
