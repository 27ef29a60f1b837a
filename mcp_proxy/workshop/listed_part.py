"""What resources and prompts have in common: their names, texts and icons in a list."""

from collections.abc import Iterable
from typing import Any, Protocol

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.text import is_visible_line, one_sentence
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.list_entry import check_length, check_visible, compact_bytes
from mcp_proxy.workshop.listed_tool import listed_icons

_NAMED_CHARS = 500


class Texts(Protocol):
    """The texts that a block of the source may give."""

    @property
    def title(self) -> str | None: ...
    @property
    def description(self) -> str | None: ...


def shown_texts(source: Texts, raw: dict[str, Any]) -> dict[str, Any]:
    """`title` and `description` of an entry: the source's, else as listed, else none."""
    row = {}
    for key, own in (("title", source.title), ("description", source.description)):
        listed = raw.get(key)
        text = own or (listed if isinstance(listed, str) else "")
        if text:
            check_length(text, LIMITS.description_bytes, key)
            row[key] = text
    return row


def with_icons(entry: dict[str, Any], raw: dict[str, Any]) -> dict[str, Any]:
    """The entry with its listed icons, checked as a whole.

    Raises:
        Wrong: it is too long, or holds a character that cannot be seen (S25).
    """
    icons = listed_icons(raw.get("icons"))
    whole = {**entry, "icons": icons} if icons else entry
    size = compact_bytes(whole)
    if size > LIMITS.entry_bytes:
        raise Wrong((), f"its entry has {size} bytes, more than {LIMITS.entry_bytes}")
    check_visible(whole)
    return whole


def is_name(value: Any) -> bool:
    """Whether a listed name can stand in a profile: one visible line of bounded length."""
    return (
        isinstance(value, str)
        and bool(value.strip())
        and len(value) <= LIMITS.entry_name_chars
        and is_visible_line(value)
    )


def named(listed: Iterable[str]) -> str:
    """Listed names or URIs for a person: cleaned, on one line, bounded."""
    return one_sentence(", ".join(listed), _NAMED_CHARS)


def free_name(name: str, taken: set[str]) -> str:
    """`name`, or `name_2` and so on where it is taken; now it is."""
    candidate, count = name, 2
    while candidate in taken:
        end = f"_{count}"
        candidate = name[: LIMITS.entry_name_chars - len(end)] + end
        count += 1
    taken.add(candidate)
    return candidate
