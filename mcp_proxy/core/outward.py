"""What must not leave in an argument: a secret that tells itself by its prefix.

A model that was talked into it, or is merely helpful, carries secrets from where it read them to
where they do not belong.
"""

from typing import Any

from mcp_proxy.core.secret_patterns import SHORTEST_CHARS, known_secrets
from mcp_proxy.core.text import clean


def secret_in(arguments: Any) -> str | None:
    """The JSON pointer of the first string or key that holds a known secret, None for none."""
    waiting: list[tuple[str, Any]] = [("", arguments)]
    while waiting:
        where, value = waiting.pop()
        if isinstance(value, str):
            if _holds_secret(value):
                return where
        elif isinstance(value, dict):
            if any(map(_holds_secret, value)):
                return where
            waiting.extend((f"{where}/{_escaped(key)}", item) for key, item in value.items())
        elif isinstance(value, list):
            waiting.extend((f"{where}/{index}", item) for index, item in enumerate(value))
    return None


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _holds_secret(text: str) -> bool:
    if len(text) < SHORTEST_CHARS:
        return False
    # An invisible character in its midst hides a secret from this, and not from who wants it.
    return bool(known_secrets(text) or (not text.isascii() and known_secrets(clean(text))))
