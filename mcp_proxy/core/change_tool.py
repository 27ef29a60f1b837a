"""One tool, version against version: what the model reads of it, may give it, gets from it (S5)."""

from collections.abc import Iterator
from typing import Any

from mcp_proxy.core.change import (
    NARROWER,
    SAME,
    WIDER,
    Change,
    Judge,
    Judged,
    changed,
    elsewhere,
    field_changes,
    named,
    old_to_new,
    same_json,
    same_text,
    shown,
)
from mcp_proxy.core.change_arguments import (
    Offered,
    argument_changes,
    difference_words,
    offered_words,
)
from mcp_proxy.core.change_policy import (
    approval_words,
    judge_approval,
    judge_channels,
    judge_outward,
    result_changes,
)
from mcp_proxy.core.change_rules import rule_changes
from mcp_proxy.core.change_text import tells_no_more
from mcp_proxy.core.change_words import request_words
from mcp_proxy.core.rule_words import constraint_words, limit_words

_EFFECTS = ("read", "write", "destructive")
# Hints that a client gets, from the freest effect to the one it warns of most.
_HINTS: tuple[dict[str, bool], ...] = (
    {"readOnlyHint": True},
    {"readOnlyHint": False, "destructiveHint": False},
    {"readOnlyHint": False, "destructiveHint": True},
)


def tool_changes(
    place: str, old: Offered, new: Offered, tools: frozenset[str] = frozenset()
) -> Iterator[Change]:
    """All differences of a tool that both versions have; `tools` are the old version's names."""
    yield from _row_changes(place, old.row, new.row)
    yield from field_changes(place, old.tool, new.tool, TOOL_FIELDS)
    yield from argument_changes(place, old, new)
    yield from rule_changes(place, old.tool, new.tool, tools)
    yield from result_changes(place, old.tool.result, new.tool.result)


def new_tool(place: str, new: Offered) -> Change:
    """A tool that the old version does not have: what the model can now do."""
    tool = new.tool
    words = [
        f"the model can now call it ({tool.effect}): {shown(new.row.get('description'))}",
        request_words(tool.template, tool.upstream),
        *offered_words(new),
        *(f"always sent: {named(name)} = {shown(one)}" for name, one in tool.constants.items()),
        f"asks a person: {approval_words(tool.approval)}",
        *(f"limited to: {limit_words(limit)}" for limit in tool.limits),
        *(f"held to: {constraint_words(rule)}" for rule in tool.constraints),
    ]
    return Change(WIDER, place, "\n".join(words))


def _row_changes(place: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    for key in dict.fromkeys((*old, *new)):
        if key == "inputSchema" and key in old and key in new:
            continue  # told argument by argument
        before, now = old.get(key), new.get(key)
        if (key in old) == (key in new) and same_json(before, now):
            continue
        judge = _ROW_KEYS.get(key, changed(key))
        yield from (Change(kind, place, words) for kind, words in judge(before, now))


def _judge_effect(old: str, new: str) -> Judged:
    is_raised = _EFFECTS.index(new) > _EFFECTS.index(old)
    yield (NARROWER if is_raised else WIDER), f"effect: {old} -> {new}"


def _judge_hints(old: Any, new: Any) -> Judged:
    ranks = [
        [index for index, one in enumerate(_HINTS) if same_json(one, hints)] for hints in (old, new)
    ]
    is_raised = all(ranks) and ranks[1] > ranks[0]
    yield (NARROWER if is_raised else WIDER), f"hints for the client: {old_to_new(old, new)}"


def _judge_output(old: Any, new: Any) -> Judged:
    both = isinstance(old, dict) and isinstance(new, dict)
    kind = NARROWER if both and tells_no_more(old, new) else WIDER
    if not both:
        yield kind, f"what it answers: {old_to_new(old, new)}"
        return
    yield kind, f"what it answers: {difference_words(old, new)}"


def _judge_sent(what: str) -> Judge:
    """Of constants or defaults: name by name, any difference is wider."""

    def judge(old: dict[str, Any], new: dict[str, Any]) -> Judged:
        for name in dict.fromkeys((*old, *new)):
            words = [shown(one[name]) if name in one else "not sent" for one in (old, new)]
            if (name in old) != (name in new) or not same_text(old.get(name), new.get(name)):
                yield WIDER, f"{what} {named(name)}: {words[0]} -> {words[1]}"

    return judge


def _judge_retry(old: str, new: str) -> Judged:
    yield (
        (WIDER if new == "safe" else NARROWER),
        f"repeated after a broken connection: {old} -> {new}",
    )


def _judge_shows(old: Any, new: Any) -> Judged:
    yield SAME, f"remembered of its answers: {shown(list(old))} -> {shown(list(new))}"


_ROW_KEYS: dict[str, Judge] = {
    "annotations": _judge_hints,
    "outputSchema": _judge_output,
}

TOOL_FIELDS: dict[str, Judge] = {
    "name": changed("name"),
    "upstream": changed("upstream"),
    "effect": _judge_effect,
    "enforced": elsewhere,
    "arguments": elsewhere,
    "constants": _judge_sent("always sent:"),
    "defaults": _judge_sent("sent where the model gives nothing:"),
    "template": changed("request"),
    "result": elsewhere,
    "approval": judge_approval,
    "retry": _judge_retry,
    "channels": judge_channels,
    "constraints": elsewhere,
    "limits": elsewhere,
    "shows": _judge_shows,
    "outward": judge_outward,
}
