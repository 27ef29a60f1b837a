"""The text of an imported source: its head, tools written out, and the block of all the others.

What is hidden stands between two marker lines, each tool one comment that becomes a tool when its #
is taken away. That block is made anew by every import; the rest is the publisher's.
"""

import json
import re
from typing import Any, NamedTuple

from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.text import one_sentence
from mcp_proxy.workshop.draft import plain, quoted
from mcp_proxy.workshop.import_subject import REVIEW_SIGN, Candidate
from mcp_proxy.workshop.import_words import draft_description, plain_words
from mcp_proxy.workshop.source_keys import ToolSource

FIRST = "# >>> hidden: all that may be shown too; made anew by each `mcp-proxy profile import`"
LAST = "# <<< hidden"
_READ_BYTES = "256KiB"
_TOLD_CHARS = 70
# A source has at most 1 MiB; so much of it may be what is hidden.
_HIDDEN_BYTES = 600_000


class Written(NamedTuple):
    """A tool to be written out, as the block that a source will hold."""

    candidate: Candidate
    description: str
    arguments: dict[str, dict[str, Any]]

    def block(self, upstream: str) -> ToolSource:
        """The same as checked keys."""
        row: dict[str, Any] = {
            "upstream": upstream,
            "operation": self.candidate.selector,
            "effect": self.candidate.effect,
            "description": self.description,
        }
        if self.candidate.reason:
            row["effect_reason"] = self.candidate.reason
        if self.arguments:
            row["arguments"] = self.arguments
        return ToolSource.model_validate(row)


class Head(NamedTuple):
    """What an imported source begins with; `upstream` are the keys of its only upstream."""

    name: str
    title: str
    upstream: list[str]
    expires: str


class Hidden(NamedTuple):
    """Lines of comments: for each hidden tool, and for what is there beside tools."""

    tools: list[str]
    others: list[str]


def write_tool(candidate: Candidate, arguments: dict[str, dict[str, Any]]) -> Written:
    """The tool with a drafted description."""
    told = draft_description(candidate.summary, candidate.text, candidate.place)
    return Written(candidate, told or candidate.name, arguments)


def source_text(head: Head, tools: list[Written], hidden: Hidden) -> str:
    """A whole new source."""
    upstream = "".join(f"    {line}\n" for line in head.upstream)
    return (
        f"# Drafted by `mcp-proxy profile import {head.name}`. What stands here is all a model may"
        " do.\n"
        f"# Read what says REVIEW, take that word away, then: mcp-proxy profile lint"
        f" {head.name}.yaml\n"
        f"profile: {plain(head.name)}\n"
        "version: 1  # raise it with every release\n"
        f"title: {quoted(one_sentence(head.title, 100))}\n"
        'instructions: ""  # what the model should know of these tools, at most 2 KB\n'
        f"expires: {head.expires}  # through that day; sign a newer version before\n"
        "# grace: 3d  # from a repository: how long it serves on where that cannot be reached\n"
        f"upstreams:\n  {plain(head.name)}:\n{upstream}"
        "tools:\n" + "".join(tool_text(one, head.name) for one in tools) + hidden_text(hidden)
    )


def tool_text(tool: Written, upstream: str, indent: str = "  ") -> str:
    """The tool's block, its name indented by `indent` and its keys by twice that."""
    one = tool.candidate
    review = f"{REVIEW_SIGN} drafted from the {'document' if one.method else 'listing'}"
    keys = [
        f"upstream: {plain(upstream)}",
        f"operation: {quoted(one.selector)}",
        f"effect: {one.effect}",
    ]
    if one.reason:
        keys.append(f"effect_reason: {quoted(one.reason)}  {review}")
    keys.append(f"description: {quoted(tool.description)}  {review}")
    if one.form:
        keys.append(
            f"# Its body is a form ({one.form}) and is left out: only JSON bodies are sent."
        )
    if tool.arguments:
        keys.append("arguments:")
        keys += [f"{indent}{_key(name)}: {_flow(row)}" for name, row in tool.arguments.items()]
    if one.effect == "read":
        keys.append(f"result: {{max_bytes: {_READ_BYTES}}}")
    else:
        keys.append("approval: always  # it changes something")
    return f"{indent}{plain(one.name)}:\n" + "".join(f"{indent * 2}{line}\n" for line in keys)


def hidden_line(candidate: Candidate, upstream: str, refused: str = "") -> str:
    """The comment that a hidden tool is; `refused` says why none can be built of it.

    Without its first # it is a tool that says REVIEW: nobody has read yet what a model would get.
    """
    text = f"{candidate.place}: {plain_words(candidate.summary or candidate.text)}"
    told = one_sentence(text, _TOLD_CHARS)
    if refused:
        return f"# CANNOT BE BUILT {plain(candidate.name)}: {one_sentence(refused, 200)} ({told})"
    keys = [
        f"upstream: {plain(upstream)}",
        f"operation: {quoted(candidate.selector)}",
        f"effect: {candidate.effect}",
    ]
    if candidate.reason:
        keys.append(f"effect_reason: {quoted(candidate.reason)}")
    if candidate.effect != "read":
        keys.append("approval: always")
    words = [*candidate.marks, *(["deprecated"] if candidate.deprecated else [])]
    words += ["its form body is left out"] if candidate.form else []
    marks = f"[{', '.join(words)}] " if words else ""
    return f"# {plain(candidate.name)}: {{{', '.join(keys)}}}  {REVIEW_SIGN} {marks}{told}"


def hidden_text(hidden: Hidden, indent: str = "  ") -> str:
    """The block of the hidden, markers included; "" where there is none.

    Each line is a tool's or a whole key's own text once its `# ` is taken away.
    """
    lines = [*(f"{indent}{line}\n" for line in hidden.tools), *map("{}\n".format, hidden.others)]
    if not lines:
        return ""
    kept: list[str] = []
    size = 0
    for line in lines:
        size += len(line.encode())
        if size > _HIDDEN_BYTES:
            kept.append(f"{indent}# and {len(lines) - len(kept)} more: see them with --pick\n")
            break
        kept.append(line)
    return "".join((f"{indent}{FIRST}\n", *kept, f"{indent}{LAST}\n"))


def line_digest(line: str) -> str:
    """What tells a hidden line from a line that the publisher wrote."""
    return sha256_hex(line.strip().encode())[:16]


def line_digests(hidden: Hidden) -> frozenset[str]:
    """What a record keeps of the hidden lines.

    Also of each without its REVIEW: whoever takes that away everywhere at once still has ours.
    """
    lines = (*hidden.tools, *hidden.others)
    bare = (line.partition(f"  {REVIEW_SIGN}")[0] for line in lines)
    return frozenset(map(line_digest, (*lines, *bare)))


def _key(name: str) -> str:
    return plain(name) if re.fullmatch(r"[a-z][a-z0-9_-]*", name) else quoted(name)


def _flow(row: dict[str, Any]) -> str:
    """A small map of texts and numbers in YAML's flow style."""
    cells = (
        f"{key}: {quoted(value) if isinstance(value, str) else json.dumps(value)}"
        for key, value in row.items()
    )
    return f"{{{', '.join(cells)}}}"
