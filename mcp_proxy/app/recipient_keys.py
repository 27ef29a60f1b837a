"""An organisation's private key: in keychain or vault as `recipient:NAME`, or base64 in a variable.

It opens what the logs of its profiles have for nobody else, so its place is a machine of the
organisation's, not one whose log it verifies.
"""

import binascii
import os
import re
from typing import NamedTuple

from mcp_proxy.app import admin_log
from mcp_proxy.app.keychain_store import home_keychain, kept_key, store_name, system_keychain
from mcp_proxy.core.recipient import KEY_BYTES, Recipient, recipient_of
from mcp_proxy.edges.places import Home, ensure_home
from mcp_proxy.errors import CredentialError, UsageError

_KEY_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_INSTEAD = "env:VAR in the place of the name, with the key in that variable"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)


class RecipientKey(NamedTuple):
    """32 private bytes, the public half with its name, and whether the key was made now."""

    private: bytes
    recipient: Recipient
    made: bool

    def __repr__(self) -> str:
        return f"RecipientKey({self.recipient.line!r})"


def find_recipient_key(key: str, *, make: bool = False) -> RecipientKey:
    """The key called `key`: a name in the keychain or vault, or `env:VAR`.

    `make` says that a key which is lacking there is made, and logged.

    Raises:
        CredentialError: C01 there is no such key, C02, C09 keychain or vault do not answer.
        UsageError: W01 the key's name is none.
        AuditError: A01, A02, and no key is made.
    """
    if key.startswith("env:"):
        return _from_variable(key.removeprefix("env:"), make)
    if not _KEY_NAME.fullmatch(key):
        raise UsageError("MCPX-W01", "A key's name is 1 to 64 characters of A-Z, a-z, 0-9, . _ -")
    home = ensure_home()
    held = _held(home, key)
    if held is not None:
        where = f"The {store_name(home)}'s item recipient:{key}"
        mend = "mcp-proxy audit recipient ANOTHER-NAME --new"
        return RecipientKey(*_parsed(held, key, where, mend), made=False)
    if make:
        return _make(home, key)
    why = f"The {store_name(home)} has no recipient's key {key}."
    raise CredentialError("MCPX-C01", why, f"mcp-proxy audit recipient {key} --new   (makes it)")


def _held(home: Home, name: str) -> str | None:
    with kept_key(_INSTEAD):
        held = home_keychain(home).get(f"recipient:{name}")
    if held is not None or store_name(home) != "vault":
        return held
    try:
        # It may have been made before there was a vault; a machine with one may have no keychain.
        return system_keychain(home).get(f"recipient:{name}")
    except CredentialError:
        return None


def _from_variable(variable: str, make: bool) -> RecipientKey:
    if not _VARIABLE.fullmatch(variable):
        raise UsageError("MCPX-W01", "After env: stands the name of a variable.")
    mend = f"export {variable}=$(openssl rand -base64 {KEY_BYTES})"
    if not make:  # a new key would fit nothing that there is
        mend = f"export {variable}=KEY   (the private one, made for the profile)"
    text = os.environ.get(variable, "")
    return RecipientKey(*_parsed(text, variable, f"The variable {variable}", mend), made=False)


def _make(home: Home, name: str) -> RecipientKey:
    private = os.urandom(KEY_BYTES)
    recipient = recipient_of(private, name)
    admin_log.record(home, "recipient key made", key=recipient.id, name=name)
    text = binascii.b2a_base64(private, newline=False).decode()
    with kept_key(_INSTEAD):
        home_keychain(home).set(f"recipient:{name}", text)
    return RecipientKey(private, recipient, made=True)


def _parsed(text: str, name: str, what: str, mend: str) -> tuple[bytes, Recipient]:
    try:
        private = binascii.a2b_base64(text.strip(), strict_mode=True)
    except ValueError:
        private = b""
    if len(private) != KEY_BYTES:
        why = f"{what} does not hold a recipient's key: base64 of {KEY_BYTES} random bytes."
        raise CredentialError("MCPX-C01", why, mend)
    return private, recipient_of(private, name)
