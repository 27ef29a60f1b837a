"""An upstream's own secret, taken out of whatever it says: it may echo what it was sent."""

import base64
import binascii
import html
import re

REMOVED = "[credential removed]"

# Shorter parts are fillers ("x", an empty password), not secrets; replacing them would eat text.
_PART_CHARS = 4
# A password below this beside a longer user name: the user name is the key (as Stripe has it).
_PASSWORD_CHARS = 8
# Encoders leave letters and digits alone.
_PLAIN = re.compile("[A-Za-z0-9]+")
# A piece of base64 below this is found by chance.
_BASE64_CHARS = 8


class OwnSecret:
    """Removes authorization values, and each secret part of them, from bytes and text."""

    def __init__(self, *values: str) -> None:
        """Each a header's or parameter's whole value; none where the upstream takes none."""
        parts = {part for value in values for part in secret_parts(value)}
        self._parts = sorted(parts, key=len, reverse=True)
        encoded = {piece for part in self._parts for piece in _base64_pieces(part.encode())}
        forms = [*self._parts, *sorted(encoded, key=len, reverse=True)]
        self._forms = [form.encode() for form in forms]
        # What an escaped echo still holds, so that a search for it spares the pattern's.
        self._marks = [max(_PLAIN.findall(part), key=len, default="") for part in self._parts]

    def remove(self, data: bytes) -> bytes:
        """`data` with every known form of the secret replaced."""
        for form in self._forms:
            if form in data:
                data = data.replace(form, REMOVED.encode())
        for part, mark in zip(self._parts, self._marks, strict=True):
            if mark.encode() in data:
                data = re.sub(_escaped(part).encode(), REMOVED.encode(), data)
        return data

    def remove_text(self, text: str) -> str:
        """`text` with every known form of the secret replaced."""
        return self.remove(text.encode(errors="surrogatepass")).decode(errors="surrogatepass")


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


def _escaped(part: str) -> str:
    """A pattern for the part as JSON, URLs and HTML may write it."""
    return "".join(char if _PLAIN.fullmatch(char) else _spellings(char) for char in part)


def _spellings(char: str) -> str:
    units = char.encode("utf-16-be").hex()
    escaped = "".join(rf"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
    percent = "".join(f"%{code:02x}" for code in char.encode())
    forms = [
        escaped,
        percent,
        f"&#{ord(char)};",
        f"&#x0*{ord(char):x};",
        re.escape(html.escape(char)),
    ]
    # A backslash before it: the short escapes of JSON.
    return rf"(?:\\?{re.escape(char)}|(?i:{'|'.join(forms)}))"


def _base64_pieces(part: bytes) -> set[str]:
    """What of the part's base64 is the same wherever in a longer text it stands (RFC 4648)."""
    pieces = set()
    for before, first in ((0, 0), (1, 2), (2, 3)):
        text = base64.b64encode(bytes(before) + part).decode()
        piece = text[first : (before + len(part)) * 8 // 6]
        pieces |= {piece, piece.replace("+", "-").replace("/", "_")}
    return {piece for piece in pieces if len(piece) >= _BASE64_CHARS}
