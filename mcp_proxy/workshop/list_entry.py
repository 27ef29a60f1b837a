"""One tool as the model sees it: name, texts and schemas in; its entry of the tools array out."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from mcp_proxy.core import strict_json
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.text import hidden_character
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.model_schema import model_facing

# Hints by effect (MCP 2026-07-28, ToolAnnotations). Set from the profile alone: an upstream's own
# annotations are claims of the side that is being guarded against.
_ANNOTATIONS = {
    "read": {"readOnlyHint": True},
    "write": {"readOnlyHint": False, "destructiveHint": False},
    "destructive": {"readOnlyHint": False, "destructiveHint": True},
}


class Shown(NamedTuple):
    """What the model reads of a tool beside its schemas; `title` "" where there is none.

    `description` is None where it may be missing.
    `ui` is for the client: the tool's app (MCP Apps), None where there is none.
    """

    name: str
    title: str
    description: str | None
    icons: list[dict[str, Any]]
    ui: dict[str, Any] | None = None


def list_entry(
    shown: Shown, effect: str, enforced: dict[str, Any], output: dict[str, Any] | None
) -> dict[str, Any]:
    """The tool's entry in tools/list.

    Raises:
        Wrong: no description, a text or schema too long, or a character that cannot be seen (S25).
    """
    if shown.description is not None and not shown.description.strip():
        raise Wrong((), "description: is missing; say what the tool does and what it needs")
    check_length(shown.description or "", LIMITS.description_bytes, "description")
    check_length(shown.title, LIMITS.description_bytes, "title")
    entry: dict[str, Any] = {"name": shown.name}
    if shown.title:
        entry["title"] = shown.title
    if shown.description is not None:
        entry["description"] = shown.description
    entry["inputSchema"] = model_facing(enforced)
    if output is not None:
        entry["outputSchema"] = output
    entry["annotations"] = _ANNOTATIONS[effect]
    if shown.icons:
        entry["icons"] = shown.icons
    if shown.ui is not None:
        entry["_meta"] = {"ui": shown.ui}
    _check_size(entry)
    _check_strict(entry)
    check_visible(entry)
    return entry


def schema_bytes(entry: dict[str, Any], key: str = "inputSchema") -> int:
    """The size of an entry's schema as compact JSON."""
    return compact_bytes(entry.get(key))


def compact_bytes(value: Any) -> int:
    """The size of a value as compact JSON."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def check_length(text: str, max_bytes: int, key: str) -> None:
    """Raises Wrong for a text of more than `max_bytes` bytes of UTF-8."""
    size = len(text.encode())
    if size > max_bytes:
        raise Wrong((key,), f"has {size} bytes; write at most {max_bytes}")


def check_visible(value: Any) -> None:
    """Raises Wrong where a text or a key holds a control or invisible character (S25)."""
    for path, text in _texts(value, ()):
        found = hidden_character(text)
        if found is not None:
            where = ".".join(path) or "the text"
            raise Wrong((), f"{where}: holds the hidden character {found}; take it out")


def _check_size(entry: dict[str, Any]) -> None:
    bound = LIMITS.model_schema_bytes
    size = schema_bytes(entry)
    if size > bound:
        text = f"the model's schema has {size} bytes, more than {bound}; name fewer arguments"
        raise Wrong(("arguments",), text)
    for key in ("icons", "_meta"):
        if schema_bytes(entry, key) > LIMITS.entry_bytes:
            raise Wrong((), f"its listed {key} has more than {LIMITS.entry_bytes} bytes")
    size = schema_bytes(entry, "outputSchema")
    if size > bound:
        text = f"the answer's schema has {size} bytes, more than {bound}; pick fewer fields"
        raise Wrong(("result", "pick"), text)


def _check_strict(entry: dict[str, Any]) -> None:
    """The list is read back by whoever compares two versions: no number or depth may stop that."""
    try:
        strict_json.loads(strict_json.dumps([entry]))
    except strict_json.Refused as error:
        raise Wrong((), f"its entry in the model's list cannot be read back: {error}") from None


def _texts(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, path)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield path, key
            yield from _texts(item, (*path, key))
