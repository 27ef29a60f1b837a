"""Advice about a profile that builds: a source or a payload in, findings out.

What makes a profile wrong is refused by the build; what makes it bad is found here.
"""

import re
from typing import NamedTuple

from mcp_proxy.core.contents import Contents
from mcp_proxy.core.text import one_sentence
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop import (
    lint_arguments,
    lint_confusable,
    lint_descriptions,
    lint_hostile,
    lint_policy,
    lint_profile,
    lint_schemas,
    lint_secrets,
)
from mcp_proxy.workshop.lint_rules import LEVELS, RULES
from mcp_proxy.workshop.lint_subject import Hit, Subject
from mcp_proxy.workshop.source import Source
from mcp_proxy.workshop.yaml_reader import Path, Problem, SourceProblems

_TOLD_CHARS = 400
_REFUSAL_CHARS = 2_000
_FINDERS = (
    lint_descriptions.find,
    lint_confusable.find,
    lint_arguments.find,
    lint_policy.find,
    lint_hostile.find,
    lint_schemas.find,
    lint_profile.find,
    lint_secrets.find,
)


class Finding(NamedTuple):
    """One rule that holds at one place. `line` and `column` count from 1; 0 without a source."""

    rule: str
    level: str
    place: Path
    line: int
    column: int
    text: str
    fix: str


def lint(contents: Contents, source: Source | None, text: str, now_s: int) -> tuple[Finding, ...]:
    """Every finding, by line, then by rule; those of a payload in its own order.

    `text` is the whole text of `source`, "" where there is none; `now_s` is epoch seconds, UTC.
    """
    subject = Subject(contents, source, text, now_s)
    lines = text.splitlines()
    found = [_finding(hit, source, lines) for find in _FINDERS for hit in find(subject)]
    return tuple(sorted(found, key=lambda one: (one.line, one.rule)))


def not_built(error: SourceError) -> tuple[Finding, ...]:
    """What keeps a source from being built, as findings of rule L001, by line."""
    rule = RULES["L001"]
    problems: tuple[Problem, ...] = (Problem(1, error.why),)
    if isinstance(error, SourceProblems):
        problems = error.problems
    return tuple(
        Finding("L001", rule.level, (), line, 1, one_sentence(text, _REFUSAL_CHARS), rule.fix)
        for line, text in problems
    )


def at_least(findings: tuple[Finding, ...], level: str) -> tuple[Finding, ...]:
    """The findings of this level and the graver ones."""
    return tuple(one for one in findings if LEVELS.index(one.level) <= LEVELS.index(level))


def _finding(hit: Hit, source: Source | None, lines: list[str]) -> Finding:
    rule = RULES[hit.rule]
    line, column = (0, 0) if source is None else _position(source, hit.place, lines)
    # S25: it may quote a listing, a document or a payload of others.
    text = one_sentence(hit.text, _TOLD_CHARS)
    return Finding(hit.rule, rule.level, hit.place, line, column, text, rule.fix)


def _position(source: Source, place: Path, lines: list[str]) -> tuple[int, int]:
    """Where the source speaks of a place; an entry that `"*"` stands for is found there."""
    known = source.text.lines
    if place[:2] not in known and (*place[:1], "*") in known:
        place = (*place[:1], "*")
    held = next((place[:size] for size in range(len(place), 0, -1) if place[:size] in known), ())
    line = known.get(held, 1)
    row = lines[line - 1] if line <= len(lines) else ""
    key = re.search(rf"(?<![\w-])[\"']?{re.escape(str(held[-1]))}[\"']?\s*:", row) if held else None
    return line, (key.start() if key else len(row) - len(row.lstrip())) + 1
