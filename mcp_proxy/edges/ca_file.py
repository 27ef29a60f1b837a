"""A file of extra CAs: the company's, beside those of the system (S9, S23)."""

import os
import re

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.files import read_file
from mcp_proxy.edges.folders import POSIX
from mcp_proxy.errors import HomeError

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")
_MEND = "mcp-proxy network set --ca-file FILE"


def read_ca_file(path: str) -> str:
    """The certificates in it as PEM; the file belongs to this user or the administrator.

    Raises:
        HomeError: H02 not safe to use, H03 not there, or without a certificate.
    """
    data = read_file(path, LIMITS.small_file_bytes, owner=_owner(path))
    if data is None:
        raise HomeError("MCPX-H03", f"The CA file {path} is not there.", _MEND)
    blocks = _BLOCK.findall(data)
    if not blocks:
        why = f"The CA file {path} holds no certificate in PEM (BEGIN CERTIFICATE)."
        raise HomeError("MCPX-H03", why, _MEND)
    return b"\n".join(blocks).decode("ascii")


def _owner(path: str) -> int | None:
    """The administrator's number for a file of theirs: companies install it for everybody."""
    try:
        return 0 if POSIX and os.lstat(path).st_uid == 0 else None
    except OSError:
        return None
