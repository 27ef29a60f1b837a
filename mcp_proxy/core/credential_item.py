"""The value of one keychain item: a secret and its binding in one JSON object, version 1."""

from typing import NamedTuple

from mcp_proxy.core import strict_json
from mcp_proxy.core.binding import Binding, parse_binding, plain_binding
from mcp_proxy.core.secret import Secret, check_secret


class Item(NamedTuple):
    """A secret with what it may be used for."""

    binding: Binding
    secret: Secret


def dump_item(item: Item) -> str:
    """`{"v":1,"kind","header","origins","path","profiles","secret"}` as compact JSON."""
    row = {"v": 1, **plain_binding(item.binding), "secret": item.secret.reveal()}
    return strict_json.dumps(row).decode()


def parse_item(text: str) -> Item:
    """The inverse of `dump_item`. Raises ValueError, which never quotes the text."""
    row = strict_json.loads(text.encode(errors="surrogatepass"))
    if not isinstance(row, dict) or row.pop("v", None) != 1 or "secret" not in row:
        raise ValueError("It is not version 1 of a credential.")
    secret = row.pop("secret")
    binding = parse_binding(row)
    return Item(binding, check_secret(binding.kind, secret if isinstance(secret, str) else ""))
