"""An upstream's own secret, taken out of whatever it says: it may echo what it was sent."""

import base64
import binascii
import json
from urllib.parse import quote

REMOVED = "[credential removed]"

# Shorter parts are fillers ("x", an empty password), not secrets; replacing them would eat text.
_PART_CHARS = 4
# A password below this beside a longer user name: the user name is the key (as Stripe has it).
_PASSWORD_CHARS = 8


class OwnSecret:
    """Removes one authorization value, and each secret part of it, from bytes and text."""

    def __init__(self, authorization: str) -> None:
        """`authorization` is the header's whole value; "" where the upstream takes none."""
        found = {form for part in secret_parts(authorization) for form in _forms(part)}
        self._texts = sorted(found, key=len, reverse=True)
        self._bytes = [text.encode() for text in self._texts]

    def remove(self, data: bytes) -> bytes:
        """`data` with every known form of the secret replaced."""
        for form in self._bytes:
            if form in data:
                data = data.replace(form, REMOVED.encode())
        return data

    def remove_text(self, text: str) -> str:
        """`text` with every known form of the secret replaced."""
        for form in self._texts:
            text = text.replace(form, REMOVED)
        return text


def secret_parts(authorization: str) -> set[str]:
    """The value itself, what follows its scheme, and for Basic (RFC 7617) what that holds."""
    scheme, _, rest = authorization.partition(" ")
    parts = {authorization, rest.strip()}
    if scheme.lower() == "basic":
        parts |= _basic_parts(rest.strip())
    return {part for part in parts if len(part) >= _PART_CHARS}


def _basic_parts(encoded: str) -> set[str]:
    try:
        pair = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return set()
    user, _, password = pair.partition(":")
    if len(password) < _PASSWORD_CHARS <= len(user):
        return {pair, user, password}
    return {pair, password}


def _forms(part: str) -> set[str]:
    """As it stands, as JSON writes it (also with the escaped slash of PHP), and as URLs do."""
    strings = {json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1]}
    slashes = {text.replace("/", "\\/") for text in strings}
    return {part, quote(part, safe=""), quote(part)} | strings | slashes
