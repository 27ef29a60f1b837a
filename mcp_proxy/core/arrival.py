"""What came back of one leg: admitted for the client and worded for the log."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from mcp_proxy.core import outcome, questions
from mcp_proxy.core.answer import Answer, Failure, HttpAnswer, Question, Questions
from mcp_proxy.core.audit import Answered
from mcp_proxy.core.instructions import reads_like_instructions
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.outcome import End
from mcp_proxy.core.plan import Going
from mcp_proxy.core.results import FLAGGED, WITHHELD, Admitted
from mcp_proxy.core.wishes import wishes

# Failures of an upstream that say nothing of the call: with several, one wants to know which.
_SILENT = frozenset({"MCPX-U01", "MCPX-U02", "MCPX-U04", "MCPX-U05", "MCPX-U06"})
# The last word or number of a text that was cut: a half is none that a detector knows.
_CUT = re.compile(r"(?:[\d ().+/-]{1,64}|\s?\S{1,320})…")


class Met(NamedTuple):
    """The end of the call; or, where that is None, what the client is asked.

    `flags` are what the log is told beside it.
    """

    end: End | None
    entry: Answered
    asked: Mapping[str, Question] = {}
    flags: tuple[str, ...] = ()


def admit(  # noqa: PLR0913 - what came, of what, for whom
    answer: Answer,
    going: Going,
    leg: int,
    ms: int,
    *,
    capabilities: Mapping[str, Any],
    waits: bool,
) -> Met:
    """One answer by the rules of its method, come after `ms`.

    `capabilities` are the client's, and `waits` as it does (legacy).
    """
    is_tool = going.label.is_tool
    if isinstance(answer, Questions):
        return _admit_questions(answer, going, leg, ms, capabilities)
    if isinstance(answer, Failure):
        if answer.id in _SILENT:
            answer = answer._replace(text=f"{going.upstream}: {answer.text}")
        answer, flags = _judged(_masked(answer, going), going)
        end = outcome.unanswered(answer, is_tool=is_tool, is_modern=not waits)
        return Met(end, _entry(end, answer.sent, answer.status, 0, ms), flags=flags)
    admitted = going.admit(answer)
    end = outcome.ended(admitted, is_tool=is_tool)
    status = answer.status if isinstance(answer, HttpAnswer) else None
    size_bytes = admitted.size_bytes if isinstance(admitted, Admitted) else 0
    entry = _entry(end, "maybe" if going.is_wish else "yes", status, size_bytes, ms)
    return Met(end, entry, flags=admitted.flags)


def _masked(failure: Failure, going: Going) -> Failure:
    """What an upstream says of its failure passes the detectors of the tool too."""
    mask = None if going.ready is None else going.ready.mask
    if mask is None:
        return failure
    told = failure.error
    if told is not None:
        told = told._replace(message=mask.text(told.message), data=mask.found(told.data))
    text = _CUT.sub(" …", failure.text)
    return failure._replace(text=mask.text(text), error=told)


def _judged(failure: Failure, going: Going) -> tuple[Failure, tuple[str, ...]]:
    """The failure, and words for the log where its text reads like instructions to the model."""
    rule = "ignore" if going.ready is None else going.ready.tool.result.instructions
    if rule == "ignore" or not reads_like_instructions(failure.text.encode(), failure.text):
        return failure, ()
    if rule == "withhold":
        text = f"{going.upstream} failed; what it says of that {WITHHELD}"
        failure = failure._replace(text=text, error=None)
    return failure, FLAGGED


def _admit_questions(
    answer: Questions, going: Going, leg: int, ms: int, capabilities: Mapping[str, Any]
) -> Met:
    agreed = wishes(going.spec, capabilities, None, progress=False).capabilities
    asked = questions.admit_questions(answer.asked, going.spec, going.upstream, agreed)
    if isinstance(asked, questions.Refused):
        return _ended_by_question(asked.text, going, ms)
    if leg >= LIMITS.rounds:
        return _ended_by_question(f"It has asked {LIMITS.rounds} times in this call.", going, ms)
    return Met(None, Answered("asked", "yes", None, None, 0, ms), asked)


def _ended_by_question(why: str, going: Going, ms: int) -> Met:
    text = f"{going.upstream} asked for what it may not ask for, so the call was ended. {why}"
    end = outcome.failed("MCPX-D08", text, is_tool=going.label.is_tool)
    return Met(end, _entry(end, "yes", None, 0, ms))


def _entry(end: End, sent: str, status: int | None, size_bytes: int, ms: int) -> Answered:
    is_error = isinstance(end, outcome.RpcError) or end.value.get("isError") is True
    return Answered("error" if is_error else "ok", sent, end.error, status, size_bytes, ms)
