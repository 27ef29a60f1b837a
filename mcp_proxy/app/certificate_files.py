"""A client's certificate and its key from files, and whether the two belong together."""

import os
import ssl

from mcp_proxy.core import strict_json
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.secret import Secret
from mcp_proxy.edges.client_certificate import show_certificate
from mcp_proxy.edges.files import read_file
from mcp_proxy.edges.placement import certificate_of
from mcp_proxy.errors import CredentialError, UsageError

_MEND = "mcp-proxy credential set --help"


def read_pair(certificate: str, key: str) -> tuple[str, str]:
    """The text of both files, which may be one; the key's must be readable by its owner alone.

    Raises:
        UsageError: W01 a file is not there or holds no text.
        HomeError: H02 a file is not safe to use, H03 it cannot be read.
    """
    return _read(certificate, secret=certificate == key), _read(key, secret=True)


def pair_text(certificate: str, key: str, passphrase: str) -> str:
    """The three as the secret of kind mtls; `passphrase` is "" for a key that wants none."""
    row = {"certificate": certificate, "key": key}
    return strict_json.dumps({**row, "passphrase": passphrase} if passphrase else row).decode()


def is_locked(key: str) -> bool:
    """Whether a key in PEM wants a passphrase."""
    return "ENCRYPTED" in key


def check_pair(secret: Secret) -> None:
    """Whether TLS takes a secret of kind mtls. Raises UsageError W01, which quotes nothing."""
    try:
        show_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate_of(secret))
    except CredentialError as error:
        raise UsageError("MCPX-W01", error.why, _MEND) from None


def _read(path: str, *, secret: bool) -> str:
    data = read_file(os.path.abspath(path), LIMITS.certificate_chars, secret=secret)
    if data is None:
        raise UsageError("MCPX-W01", f"There is no file {path}.", _MEND)
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        why = f"{path} is not PEM; openssl pkcs12 -in FILE writes a .p12 file as such."
        raise UsageError("MCPX-W01", why, _MEND) from None
