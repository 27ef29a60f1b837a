"""Lint rules L101 to L105: what a tool says of itself."""

import re
from collections.abc import Iterator

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.workshop.lint_subject import Hit, Subject
from mcp_proxy.workshop.source_keys import ToolSource
from mcp_proxy.workshop.yaml_reader import Path

_LONG_CHARS = 400
_READ_CHARS = 16_384
_REVIEW = re.compile(r"(?:^|\s)# REVIEW\b")

_COPIED = {
    "speaks of an endpoint": re.compile(
        r"(?i)\bthis (?:api )?(?:endpoint|route|api call|rest call|rest api)\b"
    ),
    "names a method and a path": re.compile(r"\b(?:GET|POST|PUT|PATCH|DELETE|HEAD) +/\S"),
    "speaks of HTTP": re.compile(
        r"\bHTTP\b(?!S?://)|(?i:\bstatus code\b|\b(?:returns?|get|with) (?:an? )?[1-5]\d\d\b"
        r"|\b(?:query|path|header|body|url) (?:parameter|param|string)s?\b"
        r"|\brequest (?:body|payload|header)\b)"
    ),
    "holds a Markdown link": re.compile(r"\]\((?:https?:|/|#|\.)[^)\s]*\)"),
    "holds Markdown": re.compile(r"(?m)```|^#{1,6} \S|^\|.*\|\s*$|\*\*[^*\n]+\*\*"),
    "holds HTML": re.compile(
        r"(?i)</?(?:a|p|br|b|i|ul|ol|li|code|strong|em|div|span|table|tr|td|pre|h[1-6])"
        r"(?:\s[^<>]*)?/?>"
    ),
}


def find(subject: Subject) -> Iterator[Hit]:
    """What is wrong with descriptions."""
    yield from _lengths(subject)
    for name, row in subject.contents.rows.items():
        text = row.get("description")
        place: Path = ("tools", name, "description")
        if not isinstance(text, str) or not text.strip():
            yield Hit("L101", place, f"{name} has no description")
            continue
        reasons = [
            reason for reason, pattern in _COPIED.items() if pattern.search(text[:_READ_CHARS])
        ]
        if _is_the_documents(subject, name):
            reasons.insert(0, "is the API document's own text")
        if reasons:
            yield Hit("L105", place, f"{name}: the description {', '.join(reasons)}")
    yield from _unreviewed(subject)


def _lengths(subject: Subject) -> Iterator[Hit]:
    said: list[tuple[Path, str, str]] = [
        (("instructions",), "the profile", subject.contents.header.instructions)
    ]
    said += [
        (("tools", name, "description"), name, str(row.get("description") or ""))
        for name, row in subject.contents.rows.items()
    ]
    for place, name, text in said:
        size = len(text.encode(errors="replace"))
        if size > LIMITS.description_bytes:
            yield Hit("L102", place, f"{name}: {size} bytes where clients cut after 2,048")
        elif len(text) > _LONG_CHARS and place != ("instructions",):
            yield Hit("L103", place, f"{name}: the description has {len(text)} characters")


def _is_the_documents(subject: Subject, name: str) -> bool:
    """A gateway's descriptions were written for models, an API document's were not."""
    if subject.source is None:
        return False
    block = subject.source.profile.tools.get(name)
    is_silent = isinstance(block, ToolSource) and block.description is None
    upstream = subject.contents.tools[name].upstream
    return is_silent and subject.contents.header.upstreams[upstream].kind == "rest"


def unreviewed_lines(text: str) -> Iterator[int]:
    """The numbers, from 1, of a source's lines that say REVIEW.

    A comment at a line's end, or alone; not one that is part of a line commented out.
    """
    for number, line in enumerate(text.splitlines(), 1):
        is_comment = line.lstrip().startswith("#")
        if _REVIEW.search(line) and (not is_comment or line.lstrip().startswith("# REVIEW")):
            yield number


def _unreviewed(subject: Subject) -> Iterator[Hit]:
    for number in unreviewed_lines(subject.text):
        place = _path_at(subject, number)
        where = ".".join(map(str, place))
        yield Hit("L104", place, f"{where or 'the profile'} has not been reviewed")


def _path_at(subject: Subject, number: int) -> Path:
    """The last key at or before a line: what a comment there speaks of."""
    lines = {} if subject.source is None else subject.source.text.lines
    reached = [(line, -len(path), path) for path, line in lines.items() if line <= number]
    return max(reached, key=lambda row: row[:2])[2] if reached else ()
