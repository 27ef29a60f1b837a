"""The value of one keychain item: a secret and its binding in one JSON object, version 1."""

from typing import NamedTuple

from mcp_proxy.core import strict_json
from mcp_proxy.core.binding import CLIENT, SIGNED, Binding, parse_binding, plain_binding
from mcp_proxy.core.secret import Secret, check_secret, is_private_key


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
    return make_item(parse_binding(row), secret if isinstance(secret, str) else "")


def make_item(binding: Binding, text: str) -> Item:
    """A secret that is fit for its binding. Raises ValueError, which never quotes the text."""
    secret = check_secret(binding.kind, text)
    if binding.kind == CLIENT and (binding.method == SIGNED) != is_private_key(text):
        wanted = "a private key in PEM" if binding.method == SIGNED else "a secret, not a key"
        raise ValueError(f"The method {binding.method} needs {wanted}.")
    return Item(binding, secret)
