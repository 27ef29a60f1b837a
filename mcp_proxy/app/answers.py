"""A person's answers, by page or client: each is in the audit log before it takes effect (S17)."""

import asyncio
from collections import deque
from collections.abc import Mapping
from functools import partial
from typing import Any

from mcp_proxy.core.approval_form import answered
from mcp_proxy.core.approval_html import Shown
from mcp_proxy.core.approval_request import parse_view
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges import approvals
from mcp_proxy.edges.account import account_name
from mcp_proxy.edges.admin_policy import read_policy
from mcp_proxy.edges.approval_page import Told, Verdict
from mcp_proxy.edges.approvals import Request
from mcp_proxy.edges.call_log import CallLog
from mcp_proxy.edges.state_db import StateDb, Transaction

_NOT_OPEN = Told("Nothing was recorded", "The call was answered before, or is too old by now.")
_NOT_ALLOWED = Told("Nothing was recorded", "This page may not approve such a call any more.")
_MISTYPED = Told("Nothing was recorded", "What was typed is not what the call would do.")
_APPROVED = Told("Approved", "The call goes on, or goes through when it is made again.")
_DENIED = Told("Denied", "The call is not made, and the model is told so.")

_ONCE_MINUTES = 10


class Answers:
    """Records what was answered in one process. Every method raises McpProxyError."""

    def __init__(self, state: StateDb, log: CallLog) -> None:
        self._state = state
        self._log = log
        self._given = asyncio.Event()
        self._unknown: deque[str] = deque(maxlen=2 * LIMITS.approvals_open)

    def is_declined(self, request: str) -> bool:
        """Whether the client of this process was asked for it, and gave no answer."""
        return request in self._unknown

    async def is_open(self, request: str) -> bool:
        """Whether nobody has answered yet, here or in any other process."""
        return await self._find(request) is not None

    async def pause(self, seconds: float) -> None:
        """So long, or until an answer was given in this process."""
        given = self._given
        try:
            async with asyncio.timeout(seconds):
                await given.wait()
        except TimeoutError:
            return

    async def note(self, what: str, request: Request, by: str = "", **facts: int) -> None:
        """Write an event of an approval into the log, to the disk."""
        told = {"approval": request.id, "tool": request.tool}
        told |= {"by": by, "who": account_name()} if by else {}
        await self._log.event(what, **told, **facts)

    async def by_client(self, request: str, replies: Mapping[str, Any]) -> None:
        """What a client brought that was asked; only a clear answer is one."""
        found = await self._find(request)
        if found is None:
            return
        said = answered(parse_view(found.view), replies)
        if said is None or (said.yes and not _may(found, "client")):
            self._unknown.append(request)
            await self.note("approval unknown", found, "client")
        else:
            verdict = Verdict(said.yes, 1, _ONCE_MINUTES, said.word, "")
            await self._record(found, "client", verdict)

    async def by_page(self, request: str, verdict: Verdict) -> Told:
        """What was answered on the approval page, and what the person is told of it."""
        found = await self._find(request)
        if found is None:
            return _NOT_OPEN
        if verdict.yes and not _may(found, "page"):
            return _NOT_ALLOWED
        if verdict.yes and parse_view(found.view).confirm_value not in ("", verdict.typed):
            return _MISTYPED
        if not await self._record(found, "page", verdict):
            return _NOT_OPEN
        return _APPROVED if verdict.yes else _DENIED

    async def shown(self, request: str) -> Shown | None:
        """An open request as the page shows it, None for any other."""

        def look(tx: Transaction) -> Shown | None:
            found = approvals.find(tx, request)
            if found is None or found.state != "asked":
                return None
            before = approvals.before(tx, found.profile, found.tool)
            return Shown(parse_view(found.view), found.code, found.expires_s, before)

        return await self._state.look(look)

    async def _find(self, request: str) -> Request | None:
        found = await self._state.look(lambda tx: approvals.find(tx, request))
        return found if found is not None and found.state == "asked" else None

    async def _record(self, request: Request, by: str, verdict: Verdict) -> bool:
        """Log the answer, then let it take effect; False where another one came first."""
        work = partial(_approve if verdict.yes else _deny, request.id, by, account_name(), verdict)
        if verdict.yes:
            facts = {"count": verdict.times, "minutes": verdict.minutes}
            await self.note("approval given", request, by, **facts)
        else:
            await self.note("approval denied", request, by)
        done = await self._state.run(work)
        if not done:
            await self.note("approval answer void", request, by)
        self._given.set()
        self._given = asyncio.Event()
        return done


def _may(request: Request, by: str) -> bool:
    """Whether that channel may approve it, by the administrator's word of now."""
    return by in request.channels and by in read_policy().channels


def _approve(request: str, by: str, who: str, verdict: Verdict, tx: Transaction) -> bool:
    return approvals.approve(tx, request, by, who, verdict.times, verdict.minutes)


def _deny(request: str, by: str, who: str, verdict: Verdict, tx: Transaction) -> bool:
    return approvals.deny(tx, request, by, who, verdict.word)
