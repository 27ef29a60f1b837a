"""Media types of an API description: which are JSON, and what a Content Object offers of them."""

from mcp_proxy.workshop.references import Node


def bare(media_type: str) -> str:
    """`application/json; charset=utf-8` as `application/json`."""
    return media_type.partition(";")[0].strip().lower()


def is_json(media_type: str) -> bool:
    """Whether a body of this type is JSON (RFC 6839, 3.1)."""
    kind = bare(media_type)
    return kind == "application/json" or (kind.endswith("+json") and "/" in kind)


def json_entry(content: Node) -> tuple[str, Node] | None:
    """The JSON type of a Content Object and its Media Type Object: the plain one before others.

    A wildcard range that JSON falls in counts as `application/json`.
    """
    entries = [(bare(kind), node) for kind, node in content.items()]
    wild = [("application/json", node) for kind, node in entries if kind in _RANGES]
    plain = [entry for entry in entries if entry[0] == "application/json"]
    suffixed = [entry for entry in entries if is_json(entry[0])]
    return next(iter([*plain, *suffixed, *wild]), None)


_RANGES = frozenset({"*/*", "application/*"})
