"""`profile sign`: the payload's envelope, with a key from the keychain or from `env:VAR`."""

import binascii
import os
import re
from typing import NamedTuple

from mcp_proxy.app import admin_log
from mcp_proxy.app.building import build_file
from mcp_proxy.app.profile_check import check_tools
from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import Profile
from mcp_proxy.core.profile_lines import parse_payload
from mcp_proxy.core.signing import public_key, sign_payload
from mcp_proxy.core.trust_store import format_key_line, key_id
from mcp_proxy.edges.files import read_given, write_given
from mcp_proxy.edges.keychain import open_keychain
from mcp_proxy.edges.places import ensure_home
from mcp_proxy.errors import CredentialError, UsageError

_SOURCES = (".yaml", ".yml")
_KEY_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_SEED_BYTES = 32


class Signed(NamedTuple):
    """A signed file, what it holds, the line for `trust add`; `warnings` are the build's."""

    path: str
    profile: Profile
    key_line: str
    new_key: bool
    warnings: tuple[str, ...]


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
        seed, name, new_key = _seed(key)
    except CredentialError as error:
        raise _elsewhere(error, source) from None
    path = f"{_stem(source)}.dsse.json" if out is None else out
    write_given(path, sign_payload(payload, seed))
    key_line = format_key_line(public_key(seed), name)
    return Signed(path, profile, key_line, new_key, warnings)


def _stem(source: str) -> str:
    return os.path.splitext(source)[0].removesuffix(".payload")


def _seed(key: str) -> tuple[bytes, str, bool]:
    """The 32 secret bytes, the key's name, and whether it was made now."""
    if key.startswith("env:"):
        variable = key.removeprefix("env:")
        if not _VARIABLE.fullmatch(variable):
            raise UsageError("MCPX-W01", "After env: stands the name of a variable.")
        mend = f"export {variable}=$(openssl rand -base64 32)"
        seed = _parse_seed(os.environ.get(variable, ""), f"The variable {variable}", mend)
        return seed, variable, False
    if not _KEY_NAME.fullmatch(key):
        raise UsageError("MCPX-W01", "A key's name is 1 to 64 characters of A-Z, a-z, 0-9, . _ -")
    return _keychain_seed(key)


def _keychain_seed(name: str) -> tuple[bytes, str, bool]:
    home = ensure_home()
    keychain = open_keychain(home.id)
    held = keychain.get(f"signing:{name}")
    if held is not None:
        mend = "mcp-proxy profile sign SOURCE.yaml --key ANOTHER-NAME"
        return _parse_seed(held, f"The keychain's signing key {name}", mend), name, False
    seed = os.urandom(_SEED_BYTES)
    admin_log.record(home, "signing key made", key=key_id(public_key(seed)), name=name)
    keychain.set(f"signing:{name}", binascii.b2a_base64(seed, newline=False).decode())
    return seed, name, True


def _elsewhere(error: CredentialError, source: str) -> CredentialError:
    """Without a keychain the key comes from a variable."""
    if error.id != "MCPX-C02":
        return error
    mend = f"mcp-proxy profile sign {source} --key env:VAR, or mcp-proxy doctor"
    return CredentialError(error.id, error.why, mend)


def _parse_seed(text: str, what: str, mend: str) -> bytes:
    try:
        seed = binascii.a2b_base64(text.strip(), strict_mode=True)
    except ValueError:
        seed = b""
    if len(seed) != _SEED_BYTES:
        raise CredentialError(
            "MCPX-C01",
            f"{what} does not hold a signing key: base64 of {_SEED_BYTES} random bytes.",
            mend,
        )
    return seed
