"""The gate of a profile that asks a person or counts: a yes and the reservations, taken at once.

Fills the road's `Gate`. All that is shared with other processes stands in state.db, so that one yes
is one dispatch whoever waits for it (S17), and no limit is exceeded (S18). Loaded only where a
profile requires approval or limits.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime, tzinfo
from functools import partial
from typing import NamedTuple

from mcp_proxy.app.answers import Answers
from mcp_proxy.app.grants_key import GrantsKey
from mcp_proxy.app.person import Person, channels_of
from mcp_proxy.core.approval_request import Subject, digest_of
from mcp_proxy.core.grant import Grant, matching
from mcp_proxy.core.ledger_time import Step
from mcp_proxy.core.passage import Again, AskClient, Need, Passed
from mcp_proxy.core.plan import Going
from mcp_proxy.core.policy import Deny
from mcp_proxy.core.profile import Profile
from mcp_proxy.core.rule_words import limit_words
from mcp_proxy.core.turn import Turn
from mcp_proxy.edges import approvals, ledger
from mcp_proxy.edges.authorizer import root_text
from mcp_proxy.edges.call_log import CallLog
from mcp_proxy.edges.grants import give_grant_back, grant_holds, read_grants, take_grant
from mcp_proxy.edges.ledger import Scope, Short
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.state_db import StateDb, Transaction
from mcp_proxy.edges.zones import find_zone
from mcp_proxy.errors import AuditError, McpProxyError
from mcp_proxy.ports import Caller

# The ticket of a call that nothing is reserved for, so that its approval can be given back.
_NOTHING = "nothing reserved"


class _Taken(NamedTuple):
    """What one transaction gave; `found` is None where a person has to say yes first."""

    found: Passed | Deny | None
    step: Step
    grant: Grant | None = None


class Passing:
    """One profile's gate in one process."""

    def __init__(
        self, home: Home, profile: Profile, state: StateDb, log: CallLog, zone: tzinfo | None
    ) -> None:
        """`zone` is the profile's, None where this machine does not know it."""
        name = profile.header.profile
        self._home = home
        self._subject = Subject(name, profile.digest, root_text(profile.root))
        self._state = state
        self._log = log
        self._zone = zone
        self._answers = Answers(state, log)
        # Those that let a call of this process pass, by their ids; as few as people give.
        self._used: dict[str, Grant] = {}
        self._grants_key = GrantsKey(home)
        # What expired while nobody served is not kept until the next call is asked for.
        self._is_swept = False
        self._person = Person(home, profile, self._subject, state, self._answers)

    async def enter(
        self, going: Going, turn: Turn, caller: Caller
    ) -> Passed | Deny | Again | AskClient:
        """Take what the call needs, or wait for the person who can give it."""
        need, digest = going.need, digest_of(going, self._subject)
        if need is None or going.ready is None:
            return Deny("MCPX-D16", "gate", "The call needs nothing of the gate it came to.")
        if turn.passed is not None:
            return _later_leg(turn.passed, digest, need)
        try:
            if turn.request is not None:
                await self._answers.by_client(turn.request, turn.replies)
            found = await self._taken(going, need, digest)
            if found is not None:
                return found
            is_first, tool = turn.request is None, going.ready.tool
            return await self._person.ask(going, tool, digest, caller, is_first=is_first)
        except AuditError as error:
            told = f"The person at this machine can run: {error.next}."
            return Deny(error.id, "audit", f"{error.why} So the call was not made. {told}")
        except McpProxyError as error:
            return _unusable(error)

    async def sending(self, passed: Passed) -> Deny | None:
        """Whether reservation and approval still hold, right before the first byte."""
        try:
            may = await self._state.run(lambda tx: self._may_leave(tx, passed))
        except McpProxyError as error:
            return _unusable(error)
        text = "The call was not made: it came too late for what it had been given. Make it again."
        return None if may else Deny("MCPX-D16", "reservation lapsed", text)

    async def leave(self, passed: Passed, sent: str) -> None:
        """Settle what was reserved; where nothing left, give back all of it and the approval."""
        # A reservation that cannot be settled lapses, or stays taken if it was sent.
        with contextlib.suppress(McpProxyError):
            await self._state.run(lambda tx: _settle(tx, passed, sent))

    async def close(self) -> None:
        """No page any more, and no connection."""
        await self._person.close()
        self._state.close()

    async def _taken(self, going: Going, need: Need, digest: str) -> Passed | Deny | None:
        grants = await self._grants(going) if need.rule is not None else ()
        work = partial(self._take, going=going, need=need, digest=digest, grants=grants)
        taken = await self._whole(work)
        if taken.step != "none":
            self._log.note(f"clock set {taken.step}")
        if taken.grant is not None:
            self._used[taken.grant.id] = taken.grant
            self._log.note("approved by grant", tool=taken.grant.tool)
        return taken.found

    async def _whole(self, work: Callable[[Transaction], _Taken]) -> _Taken:
        """What the transaction took; a call that is cancelled meanwhile gives it back."""
        running = asyncio.ensure_future(self._state.run(work))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            # Whoever cancels once more ends the waiting, not the giving back.
            await asyncio.shield(asyncio.ensure_future(self._undone(running)))
            raise

    async def _undone(self, running: "asyncio.Future[_Taken]") -> None:
        with contextlib.suppress(McpProxyError):
            taken = await running
            if isinstance(taken.found, Passed):
                await self.leave(taken.found, "no")

    def _take(
        self, tx: Transaction, going: Going, need: Need, digest: str, grants: tuple[Grant, ...]
    ) -> _Taken:
        """All that the call needs, in this one transaction, or nothing."""
        if not self._is_swept:
            approvals.sweep(tx)
            self._is_swept = True
        if tx.step == "back" and going.mutates:
            return _Taken(_BACK, tx.step)
        ticket = self._reserve(tx, going, need)
        if isinstance(ticket, Deny):
            return _Taken(ticket, tx.step)
        passed = Passed(ticket or _NOTHING, None, digest)
        if need.rule is None:
            return _Taken(passed, tx.step)
        said = approvals.spend(tx, digest)
        if isinstance(said, str):
            return _Taken(passed._replace(approval=said), tx.step)
        grant = self._granted(tx, going, grants) if said is None else None
        if grant is not None:
            return _Taken(passed._replace(approval=grant.id), tx.step, grant)
        ledger.settle(tx, ticket, "no")
        return _Taken(None if said is None else _denied(said, need), tx.step)

    async def _grants(self, going: Going) -> tuple[Grant, ...]:
        """Those of this home, where a terminal, at which they are given, may approve the call."""
        assert going.ready is not None  # noqa: S101  (the gate has looked)
        if "terminal" not in channels_of(going.ready.tool):
            return ()
        kept = read_grants(self._home)
        grants = tuple(grant for grant in kept.grants if grant.tool == going.label.name)
        if not grants or await self._grants_key.is_own(kept.key):
            return grants
        self._log.note("grants not signed by this machine's key", tool=going.label.name)
        return ()

    def _granted(self, tx: Transaction, going: Going, grants: tuple[Grant, ...]) -> Grant | None:
        tool, arguments = going.label.name or "", going.allow.arguments
        found = matching(grants, self._subject, tool, arguments, tx.now_s)
        return next((grant for grant in found if take_grant(tx, grant)), None)

    def _reserve(self, tx: Transaction, going: Going, need: Need) -> str | Deny:
        if not need.reservations:
            return ""
        if self._zone is None:
            text = "The profile's time zone is not known on this machine, so nothing can be counted"
            return Deny("MCPX-D16", "time zone", f"{text}. The call was not made.")
        scope = Scope(self._subject.profile, self._subject.root, going.label.name or "")
        found = ledger.reserve(tx, scope, need.reservations, self._zone)
        return _short(found, self._zone) if isinstance(found, Short) else found

    def _may_leave(self, tx: Transaction, passed: Passed) -> bool:
        if passed.approval is not None and not approvals.holds(tx, passed.approval):
            return False
        grant = self._used.get(passed.approval or "")
        if grant is not None and not grant_holds(tx, grant):
            return False
        if passed.ticket == _NOTHING or self._zone is None:
            return passed.ticket == _NOTHING
        return ledger.sending(tx, passed.ticket, self._zone)


def open_gate(home: Home, profile: Profile, log: CallLog) -> Passing:
    """The gate of a verified profile; opens nothing."""
    return Passing(home, profile, StateDb(home), log, find_zone(profile.header.timezone))


def _later_leg(passed: Passed, digest: str, need: Need) -> Passed | Deny:
    """What a leg before has passed holds for this one, if it is of the very same call."""
    if passed.digest == digest:
        return passed
    text = "The call was not finished: it is not the one any more that was let through."
    return Deny("MCPX-D03", need.rule or "limits", text)


def _settle(tx: Transaction, passed: Passed, sent: str) -> None:
    if passed.ticket != _NOTHING:
        ledger.settle(tx, passed.ticket, sent)
    if sent == "no" and passed.approval is not None:
        approvals.give_back(tx, passed.approval)
        give_grant_back(tx, passed.approval)


def _denied(found: approvals.Denied, need: Need) -> Deny:
    said = f' The person says: "{found.word}"' if found.word else ""
    text = "The call was not made: a person has denied it. Do not make it again as it is."
    return Deny("MCPX-D12", need.rule or "approval", text + said, found.id)


def _short(short: Short, zone: tzinfo) -> Deny:
    until = datetime.fromtimestamp(short.ends_s, zone).strftime("%Y-%m-%d %H:%M:%S %Z")
    left = f"{short.left:,} left" if short.left else "nothing left"
    text = f"The call was not made. The profile allows {limit_words(short.limit)}: {left} until"
    return Deny("MCPX-D13", f"limit.{short.limit.rule}", f"{text} {until}.")


def _unusable(error: McpProxyError) -> Deny:
    text = f"The call was not made. {error.why} The person at this machine can run: {error.next}."
    return Deny("MCPX-D16", "state", text)


_BACK = Deny(
    "MCPX-D16",
    "clock set back",
    "The call was not made: this machine's clock was set back. The person at this machine can "
    "set it right, or run: mcp-proxy doctor --fix.",
)
