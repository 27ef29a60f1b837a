"""How a command gets a secret: typed at the terminal without echo, or from stdin; never in argv."""

import getpass
import sys

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.errors import UsageError

_TYPED = {
    "basic": "user:password",
    "sigv4": "ID:SECRET or ID:SECRET:SESSION",
    "passphrase": "passphrase of the key",
}


def read_secret(name: str, kind: str) -> str:
    """The secret of the credential `name`. Raises UsageError W01 none, too large, or no text."""
    if sys.stdin.isatty():
        if kind == "mtls":
            why = "A certificate is not typed in: it and its key are files of credential set."
            mend = "repeat with --certificate FILE --key FILE, or with both as PEM on stdin"
            raise UsageError("MCPX-W01", why, mend)
        what = _TYPED.get(kind, "secret")
        try:
            return getpass.getpass(f"{what} for {name} (not shown): ")
        except EOFError:
            raise UsageError(
                "MCPX-W01", "No secret was given.", "repeat the command and type it"
            ) from None
    data = sys.stdin.buffer.read(LIMITS.small_file_bytes + 1)
    if len(data) > LIMITS.small_file_bytes:
        raise UsageError("MCPX-W01", "The secret on stdin is larger than 1 MiB.")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise UsageError("MCPX-W01", "The secret on stdin is not UTF-8 text.") from None
    return text.removesuffix("\n").removesuffix("\r")
