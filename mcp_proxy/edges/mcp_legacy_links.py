"""A request refused until the person has been to a web page (2025-11-25, URL mode elicitation)."""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from mcp_proxy.core.answer import Question, Reply
from mcp_proxy.core.capabilities import covers
from mcp_proxy.core.limits import Limits
from mcp_proxy.edges.mcp_wire import Ask, GatewayError

URL_ELICITATION_REQUIRED = -32042


class Links(NamedTuple):
    """The pages to open, as questions, and the error that named them."""

    asked: dict[str, Question]
    error: GatewayError


def read_links(error: GatewayError, ask: Ask, limits: Limits) -> Links | None:
    """The pages to open before the request is repeated; None where the error names none.

    Only for a client that opens pages; a list that is not proper is none at all.
    """
    listed = error.data.get("elicitations") if isinstance(error.data, dict) else None
    if error.code != URL_ELICITATION_REQUIRED or not isinstance(listed, list):
        return None
    if not 0 < len(listed) <= limits.questions:
        return None
    asked: dict[str, Question] = {}
    for number, params in enumerate(listed, 1):
        if not isinstance(params, dict) or params.get("mode") != "url":
            return None
        asked[f"link-{number}"] = Question("elicitation/create", params)
    fits = all(covers(ask.wishes.capabilities, question) for question in asked.values())
    return Links(asked, error) if fits else None


def agreed(asked: Mapping[str, Question], replies: Mapping[str, Reply]) -> bool:
    """Whether the person has agreed to open every page."""
    answers = [replies.get(key) for key in asked]
    return all(isinstance(row, dict) and row.get("action") == "accept" for row in answers)


class Completions:
    """Who waits for which elicitation to be complete: `notifications/elicitation/complete`."""

    def __init__(self) -> None:
        """Nobody yet."""
        self._expected: dict[str, asyncio.Event] = {}

    def expect(self, asked: Mapping[str, Question]) -> None:
        """From now on theirs are noticed, until `forget`."""
        for name in _names(asked):
            self._expected[name] = asyncio.Event()

    def forget(self, asked: Mapping[str, Question]) -> None:
        """Nobody waits for theirs any more."""
        for name in _names(asked):
            self._expected.pop(name, None)

    async def wait(self, asked: Mapping[str, Question], wait_s: float) -> None:
        """Until all of them are complete, but not for longer than `wait_s`."""
        events = [self._expected[name] for name in _names(asked) if name in self._expected]
        try:
            async with asyncio.timeout(wait_s):
                for event in events:
                    await event.wait()
        except TimeoutError:
            return

    def notified(self, message: dict[str, Any]) -> None:
        """A notification; any other is not for here."""
        params = message.get("params")
        if message["method"] == "notifications/elicitation/complete" and isinstance(params, dict):
            name = params.get("elicitationId")
            found = self._expected.get(name) if isinstance(name, str) else None
            if found is not None:
                found.set()


def _names(asked: Mapping[str, Question]) -> list[str]:
    named = [question.params.get("elicitationId") for question in asked.values()]
    return [name for name in named if isinstance(name, str)]
