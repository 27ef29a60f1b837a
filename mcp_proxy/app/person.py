"""A person asked for one call: by page, terminal and client side by side, and waited for (S17).

Whoever answers first, in whatever process, changes the request's row in state.db; everybody who
waits sees it there and has the call decided again.
"""

import asyncio
from typing import NamedTuple

from mcp_proxy.app.answers import Answers
from mcp_proxy.app.contract import deny_paused
from mcp_proxy.app.showing import Showing
from mcp_proxy.core import strict_json
from mcp_proxy.core.answer import Question
from mcp_proxy.core.approval_form import KEY, question_of
from mcp_proxy.core.approval_request import (
    Subject,
    View,
    Wanted,
    dump_view,
    parse_view,
    summary_of,
    view_of,
)
from mcp_proxy.core.budget import Used
from mcp_proxy.core.capabilities import covers
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.passage import AGAIN, Again, AskClient
from mcp_proxy.core.plan import Going
from mcp_proxy.core.policy import Deny
from mcp_proxy.core.profile import Profile, Tool
from mcp_proxy.edges import approvals
from mcp_proxy.edges.admin_policy import read_policy
from mcp_proxy.edges.approvals import Request
from mcp_proxy.edges.ledger import Scope, left_for
from mcp_proxy.edges.pauses import read_pauses
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.profile_store import read_generation
from mcp_proxy.edges.settings import read_settings
from mcp_proxy.edges.state_db import StateBusy, StateDb
from mcp_proxy.edges.zones import find_zone
from mcp_proxy.ports import Caller

_LOOK_EVERY_S = 0.2


class _Asked(NamedTuple):
    request: Request
    view: View
    channels: tuple[str, ...]


class Person:
    """Asks for the calls of one profile in one process."""

    def __init__(
        self, home: Home, profile: Profile, subject: Subject, state: StateDb, answers: Answers
    ) -> None:
        self._home = home
        self._profile = profile
        self._subject = subject
        self._state = state
        self._answers = answers
        self._zone = find_zone(profile.header.timezone)
        self._showing = Showing(answers)
        self._asking: set[str] = set()

    async def ask(
        self, going: Going, tool: Tool, digest: str, caller: Caller, *, is_first: bool
    ) -> Deny | Again | AskClient:
        """Ask, and wait for an answer of anybody's; `is_first`: the client was not asked yet.

        Raises McpProxyError.
        """
        asked = await self._asked(going, tool, digest)
        if isinstance(asked, Deny):
            return asked
        question = _question(asked, caller) if is_first and self._may_ask(asked) else None
        if question is not None and not caller.waits:
            return AskClient(asked.request.id, {KEY: question})
        if question is None and asked.channels == ("client",):
            return _waits(asked) if _question(asked, caller) else _unshown(asked)
        return await self._wait(asked, question, caller)

    def _may_ask(self, asked: _Asked) -> bool:
        """A client that has the form open, or gave no answer to it, is not asked once more."""
        if asked.request.id in self._asking:
            return False
        return asked.channels == ("client",) or not self._answers.is_declined(asked.request.id)

    async def close(self) -> None:
        """Nothing is shown any more."""
        await self._showing.close()

    async def _asked(self, going: Going, tool: Tool, digest: str) -> _Asked | Deny:
        """The open request for the call, made at need."""
        channels = channels_of(tool)
        if not channels:
            return _deny("It needs an approval that this machine's administrator lets nobody give.")
        title, used = _title(self._profile, tool.name), await self._used(going, tool)
        view = view_of(going, tool, self._subject, title, used)
        text = dump_view(view)
        if len(text) > LIMITS.approval_view_bytes:
            return _deny("It needs a person's approval and is too large for a person to check.")
        names = (tool.name, tool.effect, text, summary_of(view), channels)
        wanted = Wanted(digest, self._subject, *names)
        found = await self._state.run(lambda tx: approvals.ask(tx, wanted))
        if found is None:
            return _deny(f"{LIMITS.approvals_open} calls wait for a person already.")
        if found.is_new:
            await self._answers.note("approval asked", found.request)
            if "page" in channels:
                self._showing.show(found.request, read_settings(self._home))
        # What is asked for is what the first of such calls was shown as.
        shown = view if found.is_new else parse_view(found.request.view)
        return _Asked(found.request, shown, channels)

    async def _used(self, going: Going, tool: Tool) -> tuple[Used, ...]:
        """What other calls have taken of the limits that this one counts in."""
        taken, zone = going.need.reservations if going.need else (), self._zone
        if not taken or zone is None:
            return ()
        scope = Scope(self._subject.profile, self._subject.root, tool.name)
        return await self._state.look(lambda tx: left_for(tx, scope, taken, zone))

    async def _wait(self, asked: _Asked, question: Question | None, caller: Caller) -> Deny | Again:
        wait_s = read_settings(self._home).approval.wait
        work = [] if question is None else [self._ask_client(asked, question, caller)]
        if asked.channels != ("client",):
            work.append(self._until_answered(asked))
        tasks = [asyncio.create_task(item) for item in work]
        caller.awaits_person(is_waiting=True)
        try:
            async with asyncio.timeout(wait_s):
                found = await self._first(set(tasks), asked.view.tool)
                if isinstance(found, Deny):
                    return found._replace(approval=asked.request.id)
                if found is not None:
                    return found
        except TimeoutError:
            pass
        finally:
            caller.awaits_person(is_waiting=False)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return _waits(asked)

    async def _first(self, tasks: set[asyncio.Task[bool]], tool: str) -> Deny | Again | None:
        """Who answers first; or a pause, which ends the wait of a call at once (S6)."""
        seen: tuple[int, ...] | None = None
        while tasks:
            done, tasks = await asyncio.wait(
                tasks, timeout=_LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED
            )
            if any(task.result() for task in done):
                return AGAIN
            generation = read_generation(self._home)
            if generation != seen:
                paused = read_pauses(self._home).of(self._subject.profile, tool)
                if paused is not None:
                    return deny_paused(paused)
                seen = generation
        return None

    async def _until_answered(self, asked: _Asked) -> bool:
        while await self._is_open(asked.request.id):
            await self._answers.pause(_LOOK_EVERY_S)
        return True

    async def _is_open(self, request: str) -> bool:
        """A database that others hold for now says nothing: the person is waited for longer."""
        try:
            return await self._answers.is_open(request)
        except StateBusy:
            return True

    async def _ask_client(self, asked: _Asked, question: Question, caller: Caller) -> bool:
        """Whether its person has answered; if not, the others are still waited for."""
        self._asking.add(asked.request.id)
        try:
            replies = await caller.ask({KEY: question})
        finally:
            self._asking.discard(asked.request.id)
        await self._answers.by_client(asked.request.id, replies)
        caller.awaits_person(is_waiting=True)
        return not await self._is_open(asked.request.id)


def _question(asked: _Asked, caller: Caller) -> Question | None:
    """The form, where the client may give the approval and can show it."""
    question = question_of(asked.view) if "client" in asked.channels else None
    can = question is not None and covers(dict(caller.capabilities), question)
    return question if can else None


def channels_of(tool: Tool) -> tuple[str, ...]:
    """Who may give the approval: as the profile says, less what the administrator takes away."""
    usual = ("page", "terminal") if tool.effect == "destructive" else ("page", "terminal", "client")
    allowed = read_policy().channels
    return tuple(item for item in tool.channels or usual if item in allowed)


def _title(profile: Profile, tool: str) -> str:
    rows = strict_json.loads(profile.tools_json)
    title = next((row.get("title") for row in rows if row.get("name") == tool), "")
    return title if isinstance(title, str) else ""


def _waits(asked: _Asked) -> Deny:
    """What the model reads at the end of the wait; no code and no address (S1)."""
    how = " The person can answer with `mcp-proxy approve` in a terminal."
    denied = _deny(
        "It waits for a person's approval on this computer. Wait for the person, then make exactly "
        "the same call again; it is not asked for twice."
        + (how if "terminal" in asked.channels else "")
    )
    return denied._replace(approval=asked.request.id)


def _unshown(asked: _Asked) -> Deny:
    denied = _deny(
        "It needs a person's approval, which the profile lets this client alone ask for, and this "
        "client shows no forms. Do not wait for it."
    )
    return denied._replace(approval=asked.request.id)


def _deny(words: str) -> Deny:
    return Deny("MCPX-D03", "approval", f"The call was not made. {words}")
