"""`profile sign`: the payload's envelope, with a key from the keychain or from `env:VAR`."""

import os
from typing import NamedTuple

from mcp_proxy.app.building import build_file
from mcp_proxy.app.profile_check import check_tools
from mcp_proxy.app.signing_keys import find_key
from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import Profile
from mcp_proxy.core.profile_lines import parse_payload
from mcp_proxy.core.signing import sign_payload
from mcp_proxy.edges.files import read_given, write_given
from mcp_proxy.errors import CredentialError

_SOURCES = (".yaml", ".yml")


class Signed(NamedTuple):
    """A signed file, what it holds, the line for `trust add`; `warnings` are the build's.

    `copied_key`: the key was taken from the keychain into the vault.
    """

    path: str
    profile: Profile
    key_line: str
    new_key: bool
    warnings: tuple[str, ...]
    copied_key: bool


def sign(source: str, out: str | None, key: str) -> Signed:
    """Signs a payload, built first where `source` is YAML; writes STEM.dsse.json beside it.

    `key` is a name in the keychain, made at need, or `env:VAR` holding base64 of 32 random bytes.

    Raises:
        SourceError: the source cannot be built.
        ProfileError: P09, P10 the payload is not one.
        CredentialError: C01 the variable holds no key, C02 the keychain does not answer.
        UsageError: W01 a file cannot be read or written, or the key's name is none.
    """
    warnings: tuple[str, ...] = ()
    payload_path = source
    if source.endswith(_SOURCES):
        built = build_file(source, None)
        payload_path, warnings = built.path, built.warnings
    payload = read_given(payload_path, LIMITS.envelope_bytes)
    profile = parse_payload(payload, sha256_hex(payload), "")
    check_tools(profile)
    try:
        signer = find_key(key, make=True)
    except CredentialError as error:
        raise _elsewhere(error, source) from None
    path = f"{_stem(source)}.dsse.json" if out is None else out
    write_given(path, sign_payload(payload, signer.seed))
    return Signed(path, profile, signer.line, signer.made, warnings, signer.is_old)


def _stem(source: str) -> str:
    return os.path.splitext(source)[0].removesuffix(".payload")


def _elsewhere(error: CredentialError, source: str) -> CredentialError:
    """Without a keychain the key comes from a variable."""
    if error.id != "MCPX-C02":
        return error
    mend = f"mcp-proxy profile sign {source} --key env:VAR, or mcp-proxy doctor"
    return CredentialError(error.id, error.why, mend)
