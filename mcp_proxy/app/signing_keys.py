"""The publisher's signing keys: in keychain or vault as `signing:NAME`, or base64 in a variable."""

import binascii
import os
import re
from collections.abc import Iterable
from typing import NamedTuple

from mcp_proxy.app import admin_log
from mcp_proxy.app.keychain_store import home_keychain, store_name, system_keychain
from mcp_proxy.core.signing import public_key
from mcp_proxy.core.trust_store import format_key_line, key_id
from mcp_proxy.edges.places import Home, ensure_home
from mcp_proxy.errors import CredentialError, UsageError

# Keys that are made by the first command that needs them; any other name may be mistyped.
OWN_NAMES = ("default", "repository-root", "repository-targets", "repository-online")

_KEY_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_SEED_BYTES = 32
# An item whose absence is fine: whether the place answers at all is what is asked.
_PROBED = "signing:grants"


class SigningKey(NamedTuple):
    """32 secret bytes, the key's name, and whether it was made now.

    `is_old` says that the keychain has it and the vault, which stands in for that, lacks it.
    """

    seed: bytes
    name: str
    made: bool
    is_old: bool = False

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key in hex, as `trust list` shows it."""
        return key_id(public_key(self.seed))

    @property
    def line(self) -> str:
        """The key line, for `trust add` and `repository delegate`."""
        return format_key_line(public_key(self.seed), self.name)

    def __repr__(self) -> str:
        return f"SigningKey({self.fingerprint!r}, {self.name!r})"


def find_key(key: str, *, make: bool) -> SigningKey:
    """The key called `key`: a name in the keychain or vault, or `env:VAR`.

    `make` says that a key which is lacking is made there, and logged. One that a vault lacks and
    the keychain has is copied into the vault.

    Raises:
        CredentialError: C01 there is no such key, C02 the keychain does not answer.
        UsageError: W01 the key's name is none.
        AuditError: A01, and no key is made.
    """
    if key.startswith("env:"):
        return _from_variable(key.removeprefix("env:"))
    if not _KEY_NAME.fullmatch(key):
        raise UsageError("MCPX-W01", "A key's name is 1 to 64 characters of A-Z, a-z, 0-9, . _ -")
    found = _from_keychain(key)
    if found is not None:
        if found.is_old:
            _keep(found, "signing key copied")
        return found
    if not make:
        raise _lacking(key)
    return _make(key)


def check_keys_place() -> None:
    """Raises CredentialError C02, C09 where keychain or vault, which hold keys, do not answer."""
    home = ensure_home()
    try:
        home_keychain(home).get(_PROBED)
    except CredentialError as error:
        if error.id != "MCPX-C02" or store_name(home) == "vault":
            raise
        raise CredentialError(error.id, error.why, "mcp-proxy vault init") from None


def find_or_make_key(key: str, *, new: bool) -> SigningKey:
    """As `find_key`; a key that is lacking is made where `new` asks for it, or under a name of
    `OWN_NAMES`.
    """
    return find_key(key, make=new or key in OWN_NAMES)


def held_keys(names: Iterable[str]) -> list[SigningKey]:
    """Those of the named keys that lie in this machine's keychain; none where it has no keychain.

    Raises:
        CredentialError: C01 an item of the keychain is no key.
    """
    found = []
    for name in dict.fromkeys(names):
        try:
            key = _from_keychain(name) if _KEY_NAME.fullmatch(name) else None
        except CredentialError as error:
            if error.id != "MCPX-C02":
                raise
            return []
        if key is not None:
            found.append(key)
    return found


def _from_variable(variable: str) -> SigningKey:
    if not _VARIABLE.fullmatch(variable):
        raise UsageError("MCPX-W01", "After env: stands the name of a variable.")
    mend = f"export {variable}=$(openssl rand -base64 32)"
    text = os.environ.get(variable, "")
    return SigningKey(_parse_seed(text, f"The variable {variable}", mend), variable, False)


def _from_keychain(name: str) -> SigningKey | None:
    home = ensure_home()
    where = store_name(home)
    held, is_old = home_keychain(home).get(f"signing:{name}"), False
    if held is None and where == "vault":
        held, where, is_old = _before_the_vault(home, name), "keychain", True
    if held is None:
        return None
    mend = "mcp-proxy profile sign SOURCE.yaml --key ANOTHER-NAME"
    seed = _parse_seed(held, f"The {where}'s signing key {name}", mend)
    return SigningKey(seed, name, made=False, is_old=is_old)


def _before_the_vault(home: Home, name: str) -> str | None:
    """Where it would be in the keychain; a machine with a vault may well have none."""
    try:
        return system_keychain(home).get(f"signing:{name}")
    except CredentialError:
        return None


def _lacking(name: str) -> CredentialError:
    held = ", ".join(key.name for key in held_keys(OWN_NAMES))
    others = f" It has {held}." if held else ""
    mend = f"mcp-proxy repository key {name} --new   (makes it)"
    where = store_name(ensure_home())
    return CredentialError("MCPX-C01", f"The {where} has no signing key {name}.{others}", mend)


def _make(name: str) -> SigningKey:
    key = SigningKey(os.urandom(_SEED_BYTES), name, made=True)
    _keep(key, "signing key made")
    return key


def _keep(key: SigningKey, what: str) -> None:
    home = ensure_home()
    admin_log.record(home, what, key=key.fingerprint, name=key.name)
    text = binascii.b2a_base64(key.seed, newline=False).decode()
    home_keychain(home).set(f"signing:{key.name}", text)


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
