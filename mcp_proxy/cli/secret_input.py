"""How a command gets a secret: typed without echo, from stdin, or from files; never in argv."""

import argparse
import getpass
import sys

from mcp_proxy.app.certificate_files import is_locked, pair_text, read_pair
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.errors import UsageError

_TYPED = {
    "basic": "user:password",
    "sigv4": "ID:SECRET or ID:SECRET:SESSION",
    "passphrase": "passphrase of the key",
}


def add_files(parser: argparse.ArgumentParser) -> None:
    """Registers the files of a certificate."""
    parser.add_argument("--certificate", metavar="FILE", help="PEM, for the kind mtls")
    parser.add_argument("--key", metavar="FILE", help="its private key in PEM, for the kind mtls")


def given_secret(options: argparse.Namespace, kind: str) -> str | None:
    """The secret of a command with `name`, `source` and files; None where a reference gives it.

    Raises:
        UsageError: W01 as `read_secret`, or the options do not go together.
        HomeError: H02, H03 a file is not safe to use, or cannot be read.
    """
    files = options.certificate, options.key
    if files == (None, None):
        return None if options.source else read_secret(options.name, kind)
    if kind != "mtls" or options.source or None in files:
        why = "--certificate and --key go together, for the kind mtls and without --from."
        raise UsageError("MCPX-W01", why, f"mcp-proxy credential {options.action} --help")
    certificate, key = read_pair(*files)
    passphrase = read_secret(options.name, "passphrase") if is_locked(key) else ""
    return pair_text(certificate, key, passphrase)


def read_secret(name: str, kind: str) -> str:
    """The secret of the credential `name`. Raises UsageError W01 none, too large, or no text."""
    if sys.stdin.isatty():
        if kind == "mtls":
            why = "A certificate is not typed in: it and its key are files."
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
    found = text.removesuffix("\n").removesuffix("\r")
    if not found:
        mend = "pipe the secret in, or repeat with --from env:VARIABLE"
        raise UsageError("MCPX-W01", "The secret on stdin is empty.", mend)
    return found
