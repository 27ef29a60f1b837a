"""A text that matches a simple pattern: literals, classes and counts, as ids mostly are."""

import re

_PART = re.compile(
    r"(?P<literal>[A-Za-z0-9_ /:@#=~,;!%&'\"<>-]|\\[-._/\\@:+*?])"
    r"|(?P<short>\\[dw])"
    r"|\[(?P<first>[A-Za-z0-9_])[A-Za-z0-9_.:@/-]*\]"
    r"|(?P<dot>\.)"
)
_COUNT = re.compile(r"\{(?P<least>[0-9]{1,3})(?:,[0-9]*)?\}|(?P<some>\+)|(?P<any>[*?])")


def pattern_sample(pattern: str) -> str | None:
    """The shortest such text, or None where the pattern says more than this reader knows."""
    rest = pattern.removeprefix("^").removesuffix("$")
    parts: list[str] = []
    while rest:
        part = _PART.match(rest)
        if part is None:
            return None
        count = _COUNT.match(rest, part.end())
        parts.append(_character(part) * _least(count))
        rest = rest[part.end() if count is None else count.end() :]
    return "".join(parts)


def _character(part: re.Match[str]) -> str:
    if part["literal"]:
        return part["literal"][-1]
    if part["first"]:
        return part["first"]
    return "0" if part["short"] else "x"


def _least(count: re.Match[str] | None) -> int:
    if count is None or count["some"]:
        return 1
    return 0 if count["any"] else int(count["least"])
