"""A later import into a source that stands: the publisher's text in, the same with new tools out.

Every byte outside of the block of the hidden is kept, and so is whatever a publisher wrote into
that block. The outcome is read back: but for the new tools, it must say what the source said.
"""

import re
from itertools import pairwise
from typing import NamedTuple

from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.import_text import FIRST, LAST, Hidden, hidden_text, line_digest
from mcp_proxy.workshop.yaml_reader import Positioned, parse_yaml

# Where no record tells which lines are ours, their form does; of one of them it always does.
_FORM = re.compile(r"# [^:#]+: \{upstream: .*, operation: .*, effect: .*\}  # |# CANNOT BE BUILT ")
_MORE = re.compile(r"# and [0-9]+ more: see them with --pick")
_EMPTY_TOOLS = re.compile(r"^tools:[ \t]*\{[ \t]*\}(?=[ \t]*(?:#|\r?$))", re.MULTILINE)


class _Parts(NamedTuple):
    """The source before and after the hidden block; both are the publisher's own."""

    before: str
    after: str


def merge(data: bytes, file: str, tools: list[str], hidden: Hidden, ours: frozenset[str]) -> str:
    """The source's text with `tools` (blocks of two spaces' indent) and the block made of `hidden`.

    `ours` are the `line_digest`s of the hidden lines of the import before; any other line between
    the markers is the publisher's.

    Raises:
        SourceError: MCPX-B01 the source cannot be read, or nothing can be put into its `tools`.
    """
    source = parse_yaml(data, file)
    text = data.decode("utf-8-sig")
    _check_line_ends(text, file)
    end = "\r\n" if "\r\n" in text else "\n"
    indent = _indent(source, text)
    parts = _parts(text, source, ours)
    before, added = parts.before, "".join(_indented(block, indent) for block in tools)
    if tools:
        before = _opened(before, source, file)
    new = (added + hidden_text(hidden, indent)).replace("\n", end)
    if new and before and not before.endswith("\n"):
        before += end
    bom = "\ufeff" if data.startswith(b"\xef\xbb\xbf") else ""
    merged = bom + before + new + parts.after
    _check(source, parse_yaml(merged.encode(), file), file, len(tools))
    return merged


def _check_line_ends(text: str, file: str) -> None:
    """What YAML counts as a line's end is one here too."""
    if re.search("\r(?!\n)|[\x85\u2028\u2029]", text):
        why = f"{file}: a line of it ends with something else than a newline."
        raise SourceError("MCPX-B01", why, f"end each line of {file} with a newline, then repeat")


def _parts(text: str, source: Positioned, ours: frozenset[str]) -> _Parts:
    lines = _lines(text)
    block = _block(lines)
    if block is not None:
        first, last = block
        kept = [line for line in lines[first + 1 : last] if not _is_ours(line, ours)]
        # What was made a key of its own, as resources are, is no tool: it goes behind the hidden.
        keys = [index for index, line in enumerate(kept) if re.match(r"[^\s#]", line)]
        cut = keys[0] if keys else len(kept)
        before, after = [*lines[:first], *kept[:cut]], [*kept[cut:], *lines[last + 1 :]]
        return _Parts("".join(before), "".join(after))
    at = _end_of_tools(source, lines)
    return _Parts("".join(lines[:at]), "".join(lines[at:]))


def _block(lines: list[str]) -> tuple[int, int] | None:
    """The markers of the last whole block; one that was doubled or lost its other is a comment."""
    marks = [
        (index, mark) for index, line in enumerate(lines) if (mark := line.strip()) in (FIRST, LAST)
    ]
    pairs = pairwise(marks)
    whole = [(one[0], other[0]) for one, other in pairs if (one[1], other[1]) == (FIRST, LAST)]
    return whole[-1] if whole else None


def _lines(text: str) -> list[str]:
    """Lines with their ends; `splitlines` would end some where YAML does not."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _is_ours(line: str, ours: frozenset[str]) -> bool:
    stripped = line.strip()
    if _MORE.fullmatch(stripped):
        return True
    return line_digest(stripped) in ours if ours else bool(_FORM.match(stripped))


def _end_of_tools(source: Positioned, lines: list[str]) -> int:
    """The line index behind the last tool; comments before the next key belong to that."""
    keys = [line for path, line in source.lines.items() if len(path) == 1]
    own = source.lines.get(("tools",))
    later = sorted(line for line in keys if own is not None and line > own)
    at = later[0] - 1 if later else len(lines)
    while later and at and re.match(r"#|\s*$", lines[at - 1]):
        at -= 1
    return at


def _opened(before: str, source: Positioned, file: str) -> str:
    """The text up to the hidden, such that a tool may follow."""
    tools = source.value.get("tools") if isinstance(source.value, dict) else None
    if ("tools",) not in source.lines:
        return before + ("" if before.endswith("\n") or not before else "\n") + "tools:\n"
    if not tools:
        return _EMPTY_TOOLS.sub("tools:", before)
    line = _lines(before)[source.lines["tools",] - 1]
    if "{" in line.split("#")[0]:
        why = f"{file}:{source.lines['tools',]}: tools stand in braces, so none can be added."
        raise SourceError("MCPX-B01", why, f"write {file}'s tools as a block, one key a line")
    return before


def _indent(source: Positioned, text: str) -> str:
    """How far the source indents a tool's name."""
    own = [line for path, line in source.lines.items() if len(path) == 2 and path[0] == "tools"]
    if not own:
        return "  "
    found = re.match(r" +", _lines(text)[own[0] - 1])
    return found[0] if found is not None else "  "


def _indented(block: str, indent: str) -> str:
    if indent == "  ":
        return block
    return re.sub(r"^(?:  )+", lambda run: indent * (len(run[0]) // 2), block, flags=re.MULTILINE)


def _check(old: Positioned, new: Positioned, file: str, added: int) -> None:
    before = dict(old.value) if isinstance(old.value, dict) else {}
    after = dict(new.value) if isinstance(new.value, dict) else {}
    was, now = before.pop("tools", None) or {}, after.pop("tools", None) or {}
    kept = {name: now.get(name) for name in was}
    if before != after or kept != was or len(now) != len(was) + added:
        why = f"{file}: the new tools cannot be put in without changing what it says."
        raise SourceError("MCPX-B01", why, f"write {file}'s tools as a block, one key a line")
