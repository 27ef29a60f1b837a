"""Drafts of a new source's resources and prompts: a listing in, YAML blocks out."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from mcp_proxy.core.reading import APP_SCHEME
from mcp_proxy.core.text import one_sentence
from mcp_proxy.workshop import prompts, resources
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.blocks import Block
from mcp_proxy.workshop.draft import plain, quoted, tool_name
from mcp_proxy.workshop.listing import Listing
from mcp_proxy.workshop.source_keys import PromptSource

_WRITTEN = 10
_COMMENT_CHARS = 70


class _Line(NamedTuple):
    text: str
    comment: str
    is_built: bool


def list_blocks(upstream: str, listing: Listing, sign: str = "") -> str:
    """The `resources` and `prompts` of a listing: up to ten of each, the others as comments.

    Each entry's own comment begins with `sign`, where there is one.
    """
    found = {
        "resources": _resource_lines(upstream, listing),
        "prompts": _prompt_lines(upstream, listing),
    }
    rows = {kind: [_signed(line, sign) for line in lines] for kind, lines in found.items()}
    return "".join(_block(kind, lines) for kind, lines in rows.items() if lines)


def _resource_lines(upstream: str, listing: Listing) -> Iterator[_Line]:
    taken: set[str] = set()
    for uri, raw in (*listing.resources.items(), *listing.templates.items()):
        if uri.startswith(APP_SCHEME):
            continue
        name = tool_name(str(raw.get("name", uri)), taken)
        block = Block(name, (), resources.silent_block(upstream, uri))
        try:
            resources.make_resource(block, listing)
        except Wrong as wrong:
            yield _line(
                name, f"upstream: {plain(upstream)}, uri: {quoted(uri)}", str(wrong), built=False
            )
        else:
            yield _line(
                name, f"upstream: {plain(upstream)}, uri: {quoted(uri)}", _told(raw), built=True
            )


def _prompt_lines(upstream: str, listing: Listing) -> Iterator[_Line]:
    taken: set[str] = set()
    for prompt, raw in listing.prompts.items():
        name = tool_name(prompt, taken)
        row = {"upstream": upstream, "prompt": prompt}
        block = Block(name, (), PromptSource.model_validate(row))
        keys = f"upstream: {plain(upstream)}, prompt: {quoted(prompt)}"
        try:
            prompts.make_prompt(block, listing.prompts)
        except Wrong as wrong:
            yield _line(name, keys, str(wrong), built=False)
        else:
            yield _line(name, keys, _told(raw), built=True)


def _line(name: str, keys: str, told: str, *, built: bool) -> _Line:
    return _Line(f"{plain(name)}: {{{keys}}}", one_sentence(told, _COMMENT_CHARS), built)


def _signed(line: _Line, sign: str) -> _Line:
    """The line with its comment behind it."""
    words = f"{sign or '#'} {line.comment}".rstrip() if sign or line.comment else ""
    return line._replace(text=f"{line.text}  {words}".rstrip())


def _told(raw: dict[str, Any]) -> str:
    text = raw.get("description") or raw.get("title")
    return text if isinstance(text, str) else ""


def _block(kind: str, lines: list[_Line]) -> str:
    written = [line.text for line in lines if line.is_built][:_WRITTEN]
    head = f"{kind}:\n" if written else f"# {kind}:\n"
    rest = [line.text for line in lines if line.text not in written]
    return (
        head
        + "".join(f"  {text}\n" for text in written)
        + "".join(f"  # {text}\n" for text in rest)
    )
