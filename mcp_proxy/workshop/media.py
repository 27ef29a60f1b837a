"""Media types of an API description: which are JSON, and which of several is taken."""

from mcp_proxy.workshop.references import Node


def bare(media_type: str) -> str:
    """`application/json; charset=utf-8` as `application/json`."""
    return media_type.partition(";")[0].strip().lower()


def is_json(media_type: str) -> bool:
    """Whether a body of this type is JSON (RFC 6839, 3.1)."""
    kind = bare(media_type)
    return kind == "application/json" or (kind.endswith("+json") and "/" in kind)


def json_entry(kinds: list[tuple[str, Node | None]]) -> tuple[str, Node | None] | None:
    """The JSON type among bare media types and its schema: the plain one before others.

    A wildcard range that JSON falls in counts as `application/json`.
    """
    plain = [entry for entry in kinds if entry[0] == "application/json"]
    suffixed = [entry for entry in kinds if is_json(entry[0])]
    wild = [("application/json", schema) for kind, schema in kinds if kind in _RANGES]
    return next(iter([*plain, *suffixed, *wild]), None)


FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_RANGES = frozenset({"*/*", "application/*"})
