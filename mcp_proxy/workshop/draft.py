"""Drafts of tools in, the YAML text of a new source out: some written out, the rest as comments."""

import json
import re
from collections.abc import Callable
from typing import NamedTuple

from mcp_proxy.core.text import hidden_character, one_sentence
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.argument_reference import Wrong

_TOOLS = 10
_NAME_CHARS = 40
_DESCRIPTION_CHARS = 400
_COMMENT_CHARS = 70


class Draft(NamedTuple):
    """A tool that may be written out; `place` tells a reader what it is upstream."""

    name: str
    operation: str
    effect: str
    summary: str
    place: str

    @property
    def description(self) -> str:
        """One visible line; the place, or else the name, where the upstream says nothing of it."""
        told = one_sentence(self.summary, _DESCRIPTION_CHARS) or one_sentence(self.place, 100)
        return told or self.name


class Page(NamedTuple):
    """What a new source is written from; `lines` are the upstream's keys, `tail` ends the text.

    `next` are the commands that its head names, "" for signing it.
    """

    name: str
    title: str
    lines: list[str]
    drafts: list[Draft]
    chosen: list[Draft]
    tail: str = ""
    next: str = ""


class New(NamedTuple):
    """A source's text, how many tools it writes out, and how many stand in comments.

    `waits`: nothing could be listed yet, for somebody has to log in first.
    """

    text: str
    tools: int
    commented: int
    waits: bool = False


def choose_drafts(drafts: list[Draft], build: Callable[[Draft], None]) -> list[Draft]:
    """Up to ten reading drafts that build; where none reads, the first that builds at all.

    Raises:
        SourceError: MCPX-B02, none can be built.
    """
    chosen: list[Draft] = []
    reason = "it has none"
    for draft in sorted(drafts, key=lambda item: item.effect != "read"):
        if len(chosen) == _TOOLS or (chosen and draft.effect != "read"):
            break
        try:
            build(draft)
        except (Wrong, SourceError) as error:
            reason = str(error)
        else:
            chosen.append(draft)
    if not chosen:
        told = one_sentence(reason, _DESCRIPTION_CHARS)
        raise SourceError("MCPX-B02", f"No operation can be made a tool: {told}.")
    return chosen


def write_page(page: Page) -> New:
    """The source as text."""
    rest = [draft for draft in page.drafts if draft not in page.chosen]
    parts = [_head(page), *(_tool(draft, page.name) for draft in page.chosen)]
    if rest:
        parts.append(
            "  # Everything else; take the # away and check the effect: read, write, destructive.\n"
        )
        parts.extend(_comment(draft, page.name) for draft in rest)
    return New("".join([*parts, page.tail]), len(page.chosen), len(rest))


def tool_name(text: str, taken: set[str]) -> str:
    """A name of a-z, 0-9 and _ that is not taken yet, and now is."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    name = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")[:_NAME_CHARS].strip("_") or "tool"
    candidate, count = name, 2
    while candidate in taken:
        candidate = f"{name[: _NAME_CHARS - 4]}_{count}"
        count += 1
    taken.add(candidate)
    return candidate


def quoted(text: str) -> str:
    """A text as a YAML double-quoted scalar; JSON's form is one.

    What cannot be seen is escaped, as YAML has it: U+2028 and its like end a line, so also a
    comment.
    """
    return "".join(map(_escaped, json.dumps(text, ensure_ascii=False)))


def _escaped(char: str) -> str:
    if hidden_character(char) is None:
        return char
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"


def plain(name: str) -> str:
    """A name as a YAML key or value; quoted where YAML would read a number, a day or `-`."""
    is_text = re.fullmatch(r"[a-z][a-z0-9_-]*", name) and name not in {"true", "false", "null"}
    return name if is_text else quoted(name)


def credential_name(name: str) -> str:
    """A profile's name as its credential's, which starts with no -, as a YAML value."""
    return plain(name.lstrip("-") or "api")


def _head(page: Page) -> str:
    upstream = "".join(f"    {line}\n" for line in page.lines)
    return (
        f"# Made by `mcp-proxy profile new {page.name}`. What stands here is all a model may do.\n"
        f"# Next: {page.next or f'mcp-proxy profile sign {page.name}.yaml'}\n"
        f"profile: {plain(page.name)}\n"
        "version: 1  # raise it with every release\n"
        f"title: {quoted(one_sentence(page.title, 100))}\n"
        'instructions: ""  # what the model should know of these tools, at most 2 KB\n'
        f"upstreams:\n  {plain(page.name)}:\n{upstream}tools:{'' if page.chosen else ' {}'}\n"
    )


def _tool(draft: Draft, upstream: str) -> str:
    lines = [
        f"  {plain(draft.name)}:",
        f"    upstream: {plain(upstream)}",
        f"    operation: {quoted(draft.operation)}",
        f"    effect: {draft.effect}",
        f"    description: {quoted(draft.description)}",
    ]
    if draft.effect != "read":
        lines.append("    approval: always  # it changes something")
    return "\n".join(lines) + "\n"


def _comment(draft: Draft, upstream: str) -> str:
    named = f"upstream: {plain(upstream)}, operation: {quoted(draft.operation)}"
    text = one_sentence(f"{draft.place} {draft.summary}", _COMMENT_CHARS)
    return f"  # {plain(draft.name)}: {{{named}, effect: {draft.effect}}}  # {text}\n"
