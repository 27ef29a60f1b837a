"""The road of a call: plan, log "decided", send, admit, log "answered", reply.

Straight down and straight back. No call leaves before its "decided" entry is written; a denied
call never reaches an upstream; what cannot be logged is denied. An upstream that asks before it
answers ends a leg: the client's replies make the next one, decided and logged like the first. The
few Protocols that the road needs are stated here and filled by `app`, so this file knows no file,
socket or keychain.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from mcp_proxy.core import arrival, jsonrpc, outcome, planning
from mcp_proxy.core.answer import Answer, Emit, Event, McpAnswer, Question, Questions, Sent, Wishes
from mcp_proxy.core.arrival import Met
from mcp_proxy.core.audit import Answered, Decided
from mcp_proxy.core.events import clean_event
from mcp_proxy.core.fault import place_of
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.outcome import End, Result, RpcError
from mcp_proxy.core.plan import Going, Label, Plan, Ready, Refused
from mcp_proxy.core.planning import Planner
from mcp_proxy.core.policy import Deny
from mcp_proxy.core.request import Outgoing
from mcp_proxy.core.turn import FIRST, REPEAT, Turn, drop, is_repeatable
from mcp_proxy.core.wishes import wishes
from mcp_proxy.errors import AuditError


class Drift(Protocol):
    """Whether a gateway still declares a tool as it did for the profile (S16)."""

    async def check(self, ready: Ready, capabilities: Mapping[str, Any]) -> Deny | None:
        """Why a client with these may not call the tool; None where it may."""


class CallLog(Protocol):
    """The audit log as the road needs it; its methods raise AuditError."""

    def decided(self, entry: Decided, arguments: Any) -> int:
        """Write a decision; returns the entry's number."""

    async def durable(self) -> None:
        """Bring what is written to the disk."""

    def answered(self, call: int, entry: Answered) -> None:
        """Write how an allowed call ended."""

    def cancelled(self, call: int, sent: Sent) -> None:
        """Write that an allowed call was taken back, or never made; never raises."""

    def note(self, what: str) -> None:
        """Write, now or with the next entry, that something else happened; never raises."""


class Upstream(Protocol):
    """Where requests go; every failure is a value."""

    async def call(
        self, request: Outgoing, wishes: Wishes, emit: Emit, deadline_s: float
    ) -> Answer:
        """Send and wait, within the deadline; cancelling the task cancels the call."""


class Caller(Protocol):
    """The client of one request.

    `waits`: it can be asked while its request runs (legacy); otherwise the answer asks, and the
    client comes again (modern).
    """

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """As the client declared them."""

    @property
    def log_level(self) -> str | None:
        """The least level that it wants log messages of; None for none."""

    @property
    def wants_progress(self) -> bool:
        """Whether it gave a progress token."""

    @property
    def waits(self) -> bool:
        """Whether `ask` may be used."""

    def tell(self, event: Event) -> None:
        """Hand over progress or a log message, cleaned."""

    async def ask(self, questions: Mapping[str, Question]) -> dict[str, Any]:
        """The client's replies by key, raw; one for each question."""


class Parking(Protocol):
    """Where calls wait for a modern client to come again with its replies (S15)."""

    def park(self, turn: Turn, label: Label, request: Outgoing, dropped: Callable[[], None]) -> str:
        """The sealed state that the client brings back; `dropped` is called if it never does."""

    def claim(self, state: Any, label: Label, request: Outgoing) -> Turn | Deny | None:
        """The turn parked for this very request, once; None for any mismatch; Deny if not ours."""


class Asking(NamedTuple):
    """A leg that ended in questions, and the turn that their replies make. `number`: its log's."""

    going: Going
    turn: Turn
    number: int


class Road:
    """One profile's calls, each taken down the road and back."""

    def __init__(  # noqa: PLR0913, PLR0917 - the Protocols above, one each
        self,
        planner: Planner,
        drift: Drift,
        log: CallLog,
        upstreams: Mapping[str, Upstream],
        parking: Parking,
        now_s: Callable[[], float],
    ) -> None:
        self._planner = planner
        self._drift = drift
        self._log = log
        self._upstreams = upstreams
        self._parking = parking
        self._now_s = now_s
        self._in_flight = 0
        self.reached: set[str] = set()

    async def call(self, method: str, params: dict[str, Any], caller: Caller) -> End:
        """One request of the client, `_meta` taken off. Raises only CancelledError."""
        self._in_flight += 1
        try:
            return await self._call(method, params, caller)
        except Exception as error:  # noqa: BLE001  (the last line of defence: the session must go on)
            return self._broken(error)
        finally:
            self._in_flight -= 1

    async def _call(self, method: str, params: dict[str, Any], caller: Caller) -> End:
        planned, turn = self._plan(method, params, caller), FIRST
        if "requestState" in params and not caller.waits:
            planned, turn = self._claimed(planned, params)
        while True:
            met = await self._leg(planned, turn, caller)
            if met is None:
                planned, turn = self._plan(method, params, caller), REPEAT
            elif not isinstance(met, Asking):
                return met
            elif not caller.waits:
                return self._park(met)
            else:
                planned, turn = await self._asked(method, params, met, caller)

    def _plan(self, method: str, params: dict[str, Any], caller: Caller) -> Plan:
        made = self._planner.plan(method, params, caller.capabilities, self._now_s())
        if self._in_flight > LIMITS.calls_in_flight and isinstance(made, Going):
            text = f"At most {LIMITS.calls_in_flight} calls may run at once. Wait for one to end."
            return planning.refuse(made, Deny("MCPX-D04", "calls in flight", text))
        return made

    async def _leg(self, planned: Plan, turn: Turn, caller: Caller) -> End | Asking | None:
        """One trip there and back, None for once more; if not made, what is parked is dropped."""
        decided: int | End | None = None
        try:
            decided = await self._decided(planned, caller)
        finally:
            if not isinstance(decided, int):
                await turn.drop()
        if not isinstance(decided, int):
            return decided
        assert isinstance(planned, Going)  # noqa: S101  (nothing else has a number)
        return await self._send(decided, planned, turn, caller)

    async def _decided(self, planned: Plan, caller: Caller) -> int | End:
        """The decision's number in the log; or, where the request stays here, its end."""
        if isinstance(planned, Going) and planned.ready is not None:
            drifted = await self._drift.check(planned.ready, caller.capabilities)
            planned = planned if drifted is None else planning.refuse(planned, drifted)
        is_tool = planned.label.is_tool
        try:
            number = self._log.decided(planning.decided_entry(planned), planned.arguments)
            if isinstance(planned, Refused):
                return outcome.denied(planned.deny, is_tool=is_tool)
            if planned.mutates:
                await self._durable(number)
        except AuditError as error:
            text = f"{error.why} So the call was not made."
            return outcome.failed(error.id, text, is_tool=is_tool)
        return number

    async def _durable(self, number: int) -> None:
        try:
            await self._log.durable()
        except (asyncio.CancelledError, AuditError):
            self._log.cancelled(number, "no")
            raise

    async def _send(
        self, number: int, going: Going, turn: Turn, caller: Caller
    ) -> End | Asking | None:
        began_s = time.monotonic()
        answer: Answer | None = None
        try:
            answer = await self._answer(going, turn, caller)
            ms, can = _ms_since(began_s), caller.capabilities
            met = arrival.admit(answer, going, turn.leg, ms, capabilities=can, waits=caller.waits)
        except asyncio.CancelledError:
            self._log.cancelled(number, "maybe")
            raise
        except Exception:
            await drop(answer)
            broken = Answered("error", "maybe", "MCPX-I01", None, 0, _ms_since(began_s))
            self._log.answered(number, broken)
            raise
        try:
            end = await self._logged(number, going, met)
        except BaseException:
            await drop(answer)
            raise
        if isinstance(answer, Questions) and end is None:
            return Asking(going, Turn(turn.leg + 1, answer.parked, met.asked), number)
        await drop(answer)
        assert end is not None  # noqa: S101  (only questions have none)
        return None if is_repeatable(answer, turn) else end

    async def _answer(self, going: Going, turn: Turn, caller: Caller) -> Answer:
        def emit(event: Event) -> None:
            caller.tell(clean_event(event))

        if going.is_wish:
            return McpAnswer({})
        deadline_s = going.spec.deadline_ms / 1000
        if turn.parked is not None:
            return await turn.parked.resume(turn.replies, emit, deadline_s)
        self.reached.add(going.upstream)
        wants = (caller.log_level, caller.wants_progress)
        wished = wishes(going.spec, caller.capabilities, *wants)
        upstream = self._upstreams[going.upstream]
        return await upstream.call(going.allow.request, wished, emit, deadline_s)

    async def _logged(self, number: int, going: Going, met: Met) -> End | None:
        """The call's end, once it is in the log; a question that is not there is not asked."""
        try:
            self._log.answered(number, met.entry)
            if going.mutates:
                await self._log.durable()  # S20: its outcome too survives power loss
        except AuditError as error:
            if met.end is None:
                text = f"{error.why} So the call was not finished."
                return outcome.failed(error.id, text, is_tool=going.label.is_tool)
            return outcome.unlogged(met.end, error.why, error.id)
        return met.end

    async def _asked(
        self, method: str, params: dict[str, Any], asking: Asking, caller: Caller
    ) -> tuple[Plan, Turn]:
        """A client that waits is asked now; then everything is decided again."""
        try:
            replies = await caller.ask(asking.turn.asked)
        except BaseException:
            self._log.cancelled(asking.number, "yes")
            await asking.turn.drop()
            raise
        return planning.answered(self._plan(method, params, caller), asking.turn, replies)

    def _park(self, asking: Asking) -> Result:
        """A client that comes again is told with what; until then the call waits."""
        going, turn, number = asking
        state = self._parking.park(
            turn, going.label, going.allow.request, lambda: self._log.cancelled(number, "yes")
        )
        return outcome.asking(turn.asked, state)

    def _claimed(self, planned: Plan, params: dict[str, Any]) -> tuple[Plan, Turn]:
        """S15: any mismatch is a fresh first leg, and a state that is none of ours an error."""
        if isinstance(planned, Refused):
            return planned, FIRST
        found = self._parking.claim(params["requestState"], planned.label, planned.allow.request)
        return planning.continued(planned, found, params.get("inputResponses"))

    def _broken(self, error: Exception) -> RpcError:
        text = f"mcp-proxy: internal {type(error).__name__} at {place_of(error)} (MCPX-I01)\n"
        with contextlib.suppress(OSError):  # a client may have stopped reading stderr
            sys.stderr.write(text)
        self._log.note("internal error")
        return RpcError(jsonrpc.INTERNAL_ERROR, "Internal error (MCPX-I01)", None, "MCPX-I01")


def _ms_since(began_s: float) -> int:
    return int((time.monotonic() - began_s) * 1000)
