"""A secret in memory, and the header it becomes. Its text is in no repr and in no error."""

import base64
import re
from typing import Any

from mcp_proxy.core.secret_forms import aws_text, certificate_text, private_key_text

_BEARER = re.compile(r"[\x21-\x7e]+")
_HEADER = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_FORMS = {"mtls": certificate_text, "sigv4": aws_text}


class Secret:
    """Holds one secret; `reveal` is the only way out, so that a search for it finds each use."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """`text` is taken as it is."""
        self._text = text

    def reveal(self) -> str:
        """The secret itself."""
        return self._text

    def __repr__(self) -> str:
        """Never the secret."""
        return "Secret(...)"

    def __eq__(self, other: object) -> bool:
        """By value."""
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        """By value."""
        return hash(self._text)

    def __reduce__(self) -> Any:
        """A secret is not pickled or copied into anything."""
        raise TypeError("a secret is not serialized")


def check_secret(kind: str, text: str) -> Secret:
    """A secret fit for its kind: bearer token, basic `user:password`, a header's or env's value.

    Of kinds mtls and sigv4 it is JSON on one line (`core.secret_forms`), of kind client a client's
    secret, or its private key in PEM.

    Raises:
        ValueError: a whole sentence without any of the secret.
    """
    if not text:
        raise ValueError("The secret is empty.")
    if kind in _FORMS:
        return Secret(_FORMS[kind](text))
    if kind == "client" and is_private_key(text):
        return Secret(private_key_text(text))
    if any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in text):
        raise ValueError("The secret holds a control character, such as a line break.")
    if kind == "env":
        _check_encodes(text)
    elif kind == "basic":
        if ":" not in text:
            raise ValueError("A basic credential is written user:password.")
    elif kind == "bearer" and not _BEARER.fullmatch(text):
        raise ValueError("A bearer token is visible ASCII without spaces; give the token alone.")
    elif not _HEADER.fullmatch(text):
        what = "A header's value" if kind == "header" else "The secret"
        raise ValueError(f"{what} is ASCII and neither starts nor ends with a space.")
    return Secret(text)


def is_private_key(text: str) -> bool:
    """Whether a client's secret is a key in PEM, with which it signs, and nothing to be sent."""
    return text.lstrip().startswith("-----BEGIN")


def _check_encodes(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("The secret is not UTF-8 text.") from None


def header_value(kind: str, secret: Secret) -> str:
    """The header's whole value: RFC 6750 for bearer, RFC 7617 in UTF-8 for basic."""
    if kind == "bearer":
        return f"Bearer {secret.reveal()}"
    if kind == "basic":
        return "Basic " + base64.b64encode(secret.reveal().encode()).decode("ascii")
    return secret.reveal()
