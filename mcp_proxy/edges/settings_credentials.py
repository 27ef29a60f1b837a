"""The [credentials] of the local settings: where each one is, and what a reference may do."""

import json
import os
import re
from typing import Any, NamedTuple

from mcp_proxy.core import strict_json
from mcp_proxy.core.binding import CREDENTIAL_NAME, Binding, parse_binding, plain_binding
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.text import hidden_character

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WRITTEN = 'A reference is written env:VAR or cmd:["PROGRAM","WORD"], words that no shell reads.'


class Source(NamedTuple):
    """Where a secret is taken from: an environment variable, or a command's output."""

    variable: str
    argv: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As it is written in the settings and in --from."""
        if self.argv:
            return "cmd:" + json.dumps(self.argv, ensure_ascii=False, separators=(",", ":"))
        return f"env:{self.variable}"


class Reference(NamedTuple):
    """A secret in a variable of the serving process, or else a command's, with its binding."""

    variable: str
    binding: Binding
    argv: tuple[str, ...] = ()

    @property
    def source(self) -> Source:
        """Where the secret is."""
        return Source(self.variable, self.argv)


def make_reference(source: Source, binding: Binding) -> Reference:
    """The two together."""
    return Reference(source.variable, binding, source.argv)


def parse_source(text: str) -> Source:
    """`env:VAR` or `cmd:[JSON texts]`. Raises ValueError with a sentence."""
    kind, _, rest = text.partition(":")
    if kind == "env" and _VARIABLE.fullmatch(rest):
        return Source(rest)
    if kind != "cmd":
        raise ValueError(_WRITTEN)
    try:
        argv = strict_json.loads(rest.encode(errors="surrogatepass"))
    except ValueError:
        raise ValueError(_WRITTEN) from None
    if not isinstance(argv, list) or not 1 <= len(argv) <= LIMITS.command_words:
        raise ValueError(_WRITTEN)
    if not all(isinstance(word, str) and _is_word(word) for word in argv) or not argv[0]:
        raise ValueError(_WRITTEN)
    return Source("", tuple(argv))


def parse_fixed(text: str) -> Source:
    """As `parse_source`, of the settings: a command's program is a whole path there."""
    source = parse_source(text)
    if source.argv and not os.path.isabs(source.argv[0]):
        raise ValueError("A command of the settings begins with the whole path of its program.")
    return source


def _is_word(word: str) -> bool:
    return len(word) <= LIMITS.command_chars and hidden_character(word) is None


def plain_credential(reference: Reference | None) -> dict[str, Any]:
    """The inverse of `parse_credential`."""
    if reference is None:
        return {"store": "keychain"}
    return {"from": reference.source.text, **plain_binding(reference.binding)}


def parse_credential(name: str, row: Any) -> Reference | None:
    """None stands for a keychain item. Raises ValueError with a sentence."""
    if not CREDENTIAL_NAME.fullmatch(name) or not isinstance(row, dict):
        raise ValueError(f"[credentials.{name}] is not a credential.")
    if row.get("store") == "keychain":
        extra = sorted(row.keys() - {"store"})
        if extra:
            raise ValueError(f"[credentials.{name}] {extra[0]} is not known beside `store`.")
        return None
    if "from" not in row:
        raise ValueError(f'[credentials.{name}] needs `store = "keychain"` or `from = "env:VAR"`.')
    return _parse_bound(name, row)


def _parse_bound(name: str, row: dict[str, Any]) -> Reference:
    extra = sorted(row.keys() - {"from", "variable", *Binding._fields})
    if extra:
        raise ValueError(f"[credentials.{name}] {extra[0]} is not known.")
    rest = {key: value for key, value in row.items() if key != "from"}
    try:
        return make_reference(parse_fixed(str(row["from"])), parse_binding(rest))
    except ValueError as error:
        raise ValueError(f"[credentials.{name}] is not right. {error}") from None
