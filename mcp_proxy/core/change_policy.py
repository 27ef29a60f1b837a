"""What policy and result rules of a tool let through, version against version (S5).

Approval is raised where every call that was asked about still is, whatever its arguments are:
a condition that cannot be judged asks, so a map keeps exactly its conditions, each at least as
easily met. Fields are picked less where each path leads into what was picked before.
"""

from collections.abc import Iterator
from typing import Any

from mcp_proxy.core.approval import kind_of
from mcp_proxy.core.change import (
    NARROWER,
    SAME,
    WIDER,
    Change,
    Judge,
    Judged,
    at_most,
    elsewhere,
    fewer,
    field_changes,
    named,
    same_json,
    shown,
)
from mcp_proxy.core.change_schema import accepts_no_more
from mcp_proxy.core.change_text import words_no_more
from mcp_proxy.core.pick import Mask, below, mask_of, parse_pick, parse_picks
from mcp_proxy.core.profile import ResultRules

_LOWERED = frozenset({"above", "at_least"})
_RAISED = frozenset({"below", "at_most"})
# What the default of every effect holds.
_CERTAIN_CHANNELS = frozenset({"page", "terminal"})


def judge_approval(old: Any, new: Any) -> Judged:
    """Of the approval rule."""
    kind = NARROWER if _asks_as_often(old, new) else WIDER
    yield kind, f"asks a person: {approval_words(old)} -> {approval_words(new)}"


def approval_words(rule: Any) -> str:
    """`never`, `always`, or the conditions: within a map all hold, of the maps any."""
    if isinstance(rule, str):
        return rule
    maps = [
        " and ".join(
            f"{named(where)} {named(operator).replace('_', ' ')} {shown(operand)}"
            for where, tests in conditions.items()
            for operator, operand in (tests.items() if isinstance(tests, dict) else [("", tests)])
        )
        for conditions in rule
    ]
    return f"when {' or '.join(maps)}"


def judge_channels(old: Any, new: Any) -> Judged:
    """Of the channels that may give an approval; none named is the effect's default."""
    kept = set(new) <= (set(old) if old else _CERTAIN_CHANNELS)
    words = [", ".join(channels) or "the default" for channels in (old, new)]
    yield (NARROWER if new and kept else WIDER), f"a person may answer by: {words[0]} -> {words[1]}"


def result_changes(place: str, old: ResultRules, new: ResultRules) -> Iterator[Change]:
    """What the model gets of an answer."""
    validation = (old.validate, old.schema), (new.validate, new.schema)
    if not same_json(*validation):
        kind = NARROWER if _is_stricter(old, new) else WIDER
        words = f"answers are checked: {old.validate} -> {new.validate}"
        if old.validate == new.validate:
            words = f"answers are checked by another schema ({new.validate})"
        yield Change(kind, place, words)
    yield from field_changes(place, old, new, RESULT_FIELDS)


def _judge_pick(old: tuple[str, ...], new: tuple[str, ...]) -> Judged:
    kind = NARROWER if _is_picked_less(old, new) else WIDER
    words = [shown(list(paths)) if paths else "every field" for paths in (old, new)]
    if set(old) == set(new):
        kind = SAME
    yield kind, f"the model gets of an answer: {words[0]} -> {words[1]}"


def judge_outward(old: str, new: str) -> Judged:
    """Of what becomes of a secret in an argument."""
    yield (NARROWER if new == "deny" else WIDER), f"a secret in an argument: {old} -> {new}"


def _judge_types(old: tuple[str, ...], new: tuple[str, ...]) -> Judged:
    if old and not new:
        # A gateway's images and files of any type pass where no type is listed.
        yield WIDER, f"media types of an answer: {shown(list(old))} -> none is listed"
        return
    yield from fewer("media type of an answer")(old, new)


def _judge_text(old: str, new: str) -> Judged:
    yield SAME, f"answers are written as: {old} -> {new}"


def _ranked(what: str, *order: Any) -> Judge:
    """The judge of a choice, the freest first."""

    def judge(old: Any, new: Any) -> Judged:
        is_closer = order.index(new) > order.index(old)
        yield (NARROWER if is_closer else WIDER), f"{what}: {shown(old)} -> {shown(new)}"

    return judge


def _capped(what: str, unit: str, none: str) -> Judge:
    """The judge of an upper bound of which 0 is none."""

    def judge(old: int, new: int) -> Judged:
        is_lower = new != 0 and (old == 0 or new < old)
        words = [f"{bound:,} {unit}" if bound else none for bound in (old, new)]
        yield (NARROWER if is_lower else WIDER), f"{what}: {words[0]} -> {words[1]}"

    return judge


def _more(what: str) -> Judge:
    """The judge of a set of names that take away: one more is narrower."""
    less = fewer(what)
    return lambda old, new: [
        (SAME if kind == SAME else {WIDER: NARROWER, NARROWER: WIDER}[kind], words)
        for kind, words in less(old, new)
    ]


RESULT_FIELDS: dict[str, Judge] = {
    "validate": elsewhere,
    "schema": elsewhere,
    "pick": _judge_pick,
    "max_bytes": at_most("an answer has at most", "bytes"),
    "types": _judge_types,
    "redact": _more("masked in an answer"),
    "redact_fields": _more("masked field of an answer"),
    "max_items": _capped("a list of an answer has at most", "items", "no bound"),
    "text": _judge_text,
    "html": _ranked("HTML of an answer", "keep", "text"),
    "mark": _ranked("an answer is marked as data", False, True),
    "instructions": _ranked("instructions in an answer", "ignore", "flag", "withhold"),
    "binary_bytes": _capped("an image or file has at most", "bytes", "the answer's bound"),
}


def _asks_as_often(old: Any, new: Any) -> bool:
    if old == "never" or new == "always":
        return True
    if not (isinstance(old, list) and isinstance(new, list)):
        return False
    return all(any(_is_met_as_easily(one, other) for other in new) for one in old)


def _is_met_as_easily(old: dict[str, Any], new: dict[str, Any]) -> bool:
    return old.keys() == new.keys() and all(
        _hold_as_easily(tests, new[where]) for where, tests in old.items()
    )


def _hold_as_easily(old: Any, new: Any) -> bool:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return same_json(old, new)
    return old.keys() == new.keys() and all(
        same_json(operand, new[operator]) or _is_relaxed(operator, operand, new[operator])
        for operator, operand in old.items()
    )


def _is_relaxed(operator: str, old: Any, new: Any) -> bool:
    """Whether the test holds wherever it held, and can be judged nowhere else."""
    if operator in _LOWERED | _RAISED:
        if not kind_of(old) == kind_of(new) == "number":
            return False
        return bool(new <= old if operator in _LOWERED else new >= old)
    if operator in ("in", "not_in") and isinstance(old, list) and isinstance(new, list):
        few, many = (old, new) if operator == "in" else (new, old)
        kinds = [{kind_of(value) for value in values} for values in (old, new)]
        return kinds[0] == kinds[1] and all(
            any(same_json(one, other) for other in many) for one in few
        )
    return False


def _is_stricter(old: ResultRules, new: ResultRules) -> bool:
    # `strip` keeps what its schema knows: one that accepts less may still know more.
    if not old.validate == new.validate == "strict" or old.schema is None or new.schema is None:
        return False
    return accepts_no_more(old.schema, new.schema) and words_no_more(old.schema, new.schema)


def _is_picked_less(old: tuple[str, ...], new: tuple[str, ...]) -> bool:
    if not old or not new:
        return not old
    try:
        mask = mask_of(parse_picks(old))
        return all(_covers(mask, parse_pick(path)) for path in new)
    except ValueError:
        return False


def _covers(mask: Mask, path: tuple[str, ...]) -> bool:
    for key in path:
        deeper = below(mask, key)
        if deeper is None:
            return False
        if not deeper:
            return True
        mask = deeper
    return False
