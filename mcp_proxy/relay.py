"""The road of a call: plan, pass the gate, log "decided", send, admit, log "answered", reply.

Straight down and straight back. No call leaves before its "decided" entry is written; a denied
call never reaches an upstream; what cannot be logged is denied. An upstream that asks before it
answers ends a leg: the client's replies make the next one, decided and logged like the first. What
the road needs of the world stands in `ports` and is filled by `app`, so this file knows no file,
socket or keychain.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from mcp_proxy.core import arrival, jsonrpc, outcome, planning
from mcp_proxy.core.answer import Answer, Event, McpAnswer, Questions, Sent
from mcp_proxy.core.arrival import Met
from mcp_proxy.core.audit import Answered
from mcp_proxy.core.events import clean_event
from mcp_proxy.core.fault import place_of
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.outcome import End, Result, RpcError
from mcp_proxy.core.passage import Again, AskClient, Passed
from mcp_proxy.core.plan import Going, Plan, Refused
from mcp_proxy.core.planning import Planner
from mcp_proxy.core.policy import Deny
from mcp_proxy.core.turn import Turn, drop, is_repeatable
from mcp_proxy.core.wishes import wishes
from mcp_proxy.errors import AuditError
from mcp_proxy.ports import Caller, CallLog, Drift, Gate, Parking, Upstream

Entered = Passed | Deny | Again | AskClient | None


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
        gate: Gate,
        log: CallLog,
        upstreams: Mapping[str, Upstream],
        parking: Parking,
        now_s: Callable[[], float],
    ) -> None:
        self._planner = planner
        self._drift = drift
        self._gate = gate
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
        planned, turn = self._plan(method, params, caller), Turn(trace=caller.trace)
        if "requestState" in params and not caller.waits:
            planned, turn = self._claimed(planned, params, turn)
        while True:
            met = await self._leg(planned, turn, caller)
            if isinstance(met, Turn):
                planned, turn = self._plan(method, params, caller), met
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

    async def _leg(self, planned: Plan, turn: Turn, caller: Caller) -> End | Asking | Turn:
        """One trip there and back, a turn for once more; if not made, what is parked is dropped."""
        entered: Entered = None
        decided: int | End | Asking | Turn | None = None
        try:
            planned = await self._undrifted(planned, caller)
            entered = await self._entered(planned, turn, caller)
            decided = await self._decided(planned, entered, turn)
        finally:
            if not isinstance(decided, int):
                await turn.drop()
                await self._leave(entered, "no")
        if not isinstance(decided, int):
            return decided
        assert isinstance(planned, Going)  # noqa: S101  (nothing else has a number)
        sent: str = "maybe"
        try:
            met, sent = await self._send(decided, planned, _spent(turn, entered), caller)
        finally:
            await self._leave(entered, sent)
        return met

    async def _undrifted(self, planned: Plan, caller: Caller) -> Plan:
        if isinstance(planned, Refused) or planned.ready is None or planned.spec.kind == "rest":
            return planned
        drifted = await self._drift.check(planned.ready, caller.capabilities)
        return planned if drifted is None else planning.refuse(planned, drifted)

    async def _entered(self, planned: Plan, turn: Turn, caller: Caller) -> Entered:
        if isinstance(planned, Refused) or planned.need is None:
            return None
        return await self._gate.enter(planned, turn, caller)

    async def _leave(self, entered: Entered, sent: str) -> None:
        if isinstance(entered, Passed) and entered.ticket:
            await self._gate.leave(entered, sent)

    async def _decided(
        self, planned: Plan, entered: Entered, turn: Turn
    ) -> int | End | Asking | Turn:
        """The decision's number in the log; or, where the request stays here, what it comes to."""
        if isinstance(entered, Again):
            return turn._replace(asked={}, replies={}, request=None)
        if isinstance(entered, Deny):
            planned = planning.refuse(planned, entered)
        is_tool = planned.label.is_tool
        try:
            entry = planning.decided_entry(planned, entered, turn.trace)
            number = self._log.decided(entry, planned.arguments)
            if isinstance(planned, Refused):
                return outcome.denied(planned.deny, is_tool=is_tool)
            if isinstance(entered, AskClient):
                asked = Turn(asked=entered.questions, request=entered.request)
                return Asking(planned, asked._replace(trace=turn.trace), number)
            if planned.mutates:
                await self._durable(number)
        except AuditError as error:
            told = f"The person at this machine can run: {error.next}."
            text = f"{error.why} So the call was not made. {told}"
            return outcome.failed(error.id, text, is_tool=is_tool)
        return await self._last_word(number, entered) or number

    async def _last_word(self, number: int, entered: Entered) -> End | None:
        """S18: the commit right before the first byte; why the call may not leave after all."""
        if not isinstance(entered, Passed) or not entered.ticket:
            return None
        try:
            denied = await self._gate.sending(entered)
        except asyncio.CancelledError:
            self._log.cancelled(number, "no")
            raise
        if denied is None:
            return None
        self._log.cancelled(number, "no")
        return outcome.denied(denied, is_tool=True)

    async def _durable(self, number: int) -> None:
        try:
            await self._log.durable()
        except (asyncio.CancelledError, AuditError):
            self._log.cancelled(number, "no")
            raise

    async def _send(
        self, number: int, going: Going, turn: Turn, caller: Caller
    ) -> tuple[End | Asking | Turn, str]:
        """What came of it, and whether it left."""
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
            asked = Turn(turn.leg + 1, answer.parked, met.asked, passed=turn.passed)
            return Asking(going, asked._replace(trace=turn.trace), number), met.entry.sent
        await drop(answer)
        assert end is not None  # noqa: S101  (only questions have none)
        if is_repeatable(answer, turn):
            return Turn(is_repeat=True, trace=turn.trace), "no"
        return end, met.entry.sent

    async def _answer(self, going: Going, turn: Turn, caller: Caller) -> Answer:
        def emit(event: Event) -> None:
            caller.tell(clean_event(event))

        if going.is_wish:
            return McpAnswer({})
        deadline_s = going.spec.deadline_ms / 1000
        if turn.parked is not None:
            return await turn.parked.resume(turn.replies, emit, deadline_s)
        self.reached.add(going.upstream)
        wants = (caller.log_level, caller.wants_progress, turn.trace)
        wished = wishes(going.spec, caller.capabilities, *wants)
        wished = wished._replace(stopped=lambda: self._stopped(going))
        upstream = self._upstreams[going.upstream]
        return await upstream.call(going.allow.request, wished, emit, deadline_s)

    def _stopped(self, going: Going) -> tuple[str, str] | None:
        denied = self._planner.stopped(going, self._now_s())
        return None if denied is None else (denied.id, denied.text)

    async def _logged(self, number: int, going: Going, met: Met) -> End | None:
        """The call's end, once it is in the log; a question that is not there is not asked."""
        for flag in met.flags:
            self._log.note(flag, tool=going.label.name)
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
        # Our own question comes before the call has left, an upstream's after.
        sent: Sent = "yes" if turn.request is None else "no"
        state = self._parking.park(
            turn, going.label, going.allow.request, lambda: self._log.cancelled(number, sent)
        )
        return outcome.asking(turn.asked, state)

    def _claimed(self, planned: Plan, params: dict[str, Any], first: Turn) -> tuple[Plan, Turn]:
        """S15: any mismatch is a fresh first leg, and a state that is none of ours an error."""
        if isinstance(planned, Refused):
            return planned, first
        found = self._parking.claim(params["requestState"], planned.label, planned.allow.request)
        return planning.continued(planned, first, found, params.get("inputResponses"))

    def _broken(self, error: Exception) -> RpcError:
        text = f"mcp-proxy: internal {type(error).__name__} at {place_of(error)} (MCPX-I01)\n"
        with contextlib.suppress(OSError):  # a client may have stopped reading stderr
            sys.stderr.write(text)
        self._log.note("internal error")
        return RpcError(jsonrpc.INTERNAL_ERROR, "Internal error (MCPX-I01)", None, "MCPX-I01")


def _spent(turn: Turn, entered: Entered) -> Turn:
    """The turn with what it has passed, which later legs of the call need not pay again."""
    return (
        turn._replace(passed=entered._replace(ticket="")) if isinstance(entered, Passed) else turn
    )


def _ms_since(began_s: float) -> int:
    return int((time.monotonic() - began_s) * 1000)
