"""The [credentials] of the local settings: where each one is, and what a reference may do."""

import re
from typing import Any, NamedTuple

from mcp_proxy.core.binding import CREDENTIAL_NAME, Binding, parse_binding, plain_binding

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Reference(NamedTuple):
    """A secret in an environment variable of the serving process, with its binding."""

    variable: str
    binding: Binding


def parse_reference(text: str) -> str:
    """`env:VAR` as the variable's name. Raises ValueError with a sentence."""
    kind, _, variable = text.partition(":")
    if kind != "env" or not _VARIABLE.fullmatch(variable):
        raise ValueError("A reference is written env:VAR, with the name of a variable.")
    return variable


def plain_credential(reference: Reference | None) -> dict[str, Any]:
    """The inverse of `parse_credential`."""
    if reference is None:
        return {"store": "keychain"}
    return {"from": f"env:{reference.variable}", **plain_binding(reference.binding)}


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
        return Reference(parse_reference(str(row["from"])), parse_binding(rest))
    except ValueError as error:
        raise ValueError(f"[credentials.{name}] is not right. {error}") from None
