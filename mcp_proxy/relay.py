"""The road of a call: receive, decide, log "decided", send, admit, log "answered", reply.

Straight down and straight back. No call leaves before its "decided" entry is written; a denied
call never reaches an upstream; what cannot be logged is denied. The few Protocols that the road
needs are stated here and filled by `app`, so this file knows no file, socket or keychain.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from mcp_proxy.core import jsonrpc, policy, results
from mcp_proxy.core.answer import (
    Answer,
    Emit,
    Event,
    Failure,
    HttpAnswer,
    Log,
    McpAnswer,
    Progress,
    Question,
    Reply,
    Sent,
    Wishes,
)
from mcp_proxy.core.audit import Answered, Decided
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.policy import Allow, Ask, Deny
from mcp_proxy.core.profile import Tool, UpstreamSpec
from mcp_proxy.core.request import Outgoing
from mcp_proxy.core.schema import Schema
from mcp_proxy.core.text import clean, clean_value
from mcp_proxy.errors import AuditError


class Ready(NamedTuple):
    """A tool in force, with its compiled schemas and its upstream."""

    tool: Tool
    schema: Schema
    response: Schema | None
    spec: UpstreamSpec
    expires_s: int | None


class Contract(Protocol):
    """The profile in force, re-verified when local state changed (S6)."""

    def ready(self, tool: str, now_s: float) -> Ready | Deny:
        """The tool, or why no call of it may pass now."""


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

    async def ask(self, questions: Mapping[str, Question]) -> dict[str, Reply]:
        """The client's replies by key; one for each question."""


class Result(NamedTuple):
    """A tools/call result in modern form; `error` is the MCPX id of what failed here, if any."""

    value: dict[str, Any]
    error: str | None = None


class RpcError(NamedTuple):
    """A call that is no tool result: the tool does not exist, or we broke."""

    code: int
    text: str


class Road:
    """One profile's calls, each taken down the road and back."""

    def __init__(
        self,
        contract: Contract,
        log: CallLog,
        upstreams: Mapping[str, Upstream],
        now_s: Callable[[], float],
    ) -> None:
        self._contract = contract
        self._log = log
        self._upstreams = upstreams
        self._now_s = now_s
        self._in_flight = 0

    async def call(self, method: str, params: dict[str, Any], caller: Caller) -> Result | RpcError:
        """One request of the client, `_meta` taken off. Raises only CancelledError."""
        self._in_flight += 1
        try:
            if method != "tools/call":
                return RpcError(jsonrpc.METHOD_NOT_FOUND, f"Method not found: {method[:80]}")
            arguments = params.get("arguments")
            return await self._call(params["name"], {} if arguments is None else arguments, caller)
        except Exception as error:  # noqa: BLE001  (the last line of defence: the session must go on)
            where = _place(error)
            with contextlib.suppress(OSError):  # a client may have stopped reading stderr
                sys.stderr.write(
                    f"mcp-proxy: internal {type(error).__name__} at {where} (MCPX-I01)\n"
                )
            self._log.note("internal error")
            return RpcError(jsonrpc.INTERNAL_ERROR, "Internal error (MCPX-I01)")
        finally:
            self._in_flight -= 1

    async def _call(self, tool: str, arguments: Any, caller: Caller) -> Result | RpcError:
        now_s = self._now_s()
        ready = self._contract.ready(tool, now_s)
        decision = ready if isinstance(ready, Deny) else self._decide(ready, arguments, now_s)
        try:
            number = self._log.decided(_entry(ready, decision), arguments)
            if isinstance(decision, Deny) or isinstance(ready, Deny):
                return _denied(decision, tool)
            if _mutates(ready.tool):
                await self._durable(number)
        except AuditError as error:
            return refused(error.id, f"{error.why} So the call was not made.")
        return await self._send(number, ready, decision, caller)

    async def _durable(self, number: int) -> None:
        try:
            await self._log.durable()
        except (asyncio.CancelledError, AuditError):
            self._log.cancelled(number, "no")
            raise

    def _decide(self, ready: Ready, arguments: Any, now_s: float) -> Allow | Deny:
        if self._in_flight > LIMITS.calls_in_flight:
            text = f"At most {LIMITS.calls_in_flight} calls may run at once. Wait for one to end."
            return Deny("MCPX-D04", "calls in flight", text)
        decision = policy.decide(
            ready.tool, ready.schema, ready.spec, arguments, ready.expires_s, now_s
        )
        if isinstance(decision, Ask):
            # Until approvals exist, a call that asks is denied, and says so (formats.md 1).
            return Deny("MCPX-D03", decision.rule, decision.text)
        return decision

    async def _send(self, number: int, ready: Ready, allow: Allow, caller: Caller) -> Result:
        upstream = self._upstreams[ready.tool.upstream]
        began_s = time.monotonic()
        try:
            wishes = Wishes({}, caller.log_level, caller.wants_progress)
            deadline_s = ready.spec.deadline_ms / 1000
            answer = await upstream.call(
                allow.request, wishes, lambda event: caller.tell(clean_event(event)), deadline_s
            )
            admitted = _admit(answer, ready)
        except asyncio.CancelledError:
            self._log.cancelled(number, "maybe")
            raise
        except Exception:
            broken = Answered("error", "maybe", "MCPX-I01", None, 0, _ms_since(began_s))
            self._log.answered(number, broken)
            raise
        try:
            self._log.answered(number, _outcome(answer, admitted, _ms_since(began_s)))
            if _mutates(ready.tool):
                await self._log.durable()  # S20: its outcome too survives power loss
        except AuditError as error:
            return _unlogged(admitted.value, error)
        return admitted.value


class _Admission(NamedTuple):
    value: Result
    size_bytes: int


def refused(error_id: str, text: str) -> Result:
    """A tool result that tells the model why there is none."""
    content = [{"type": "text", "text": f"{text} ({error_id})"}]
    return Result({"content": content, "isError": True}, error_id)


def _denied(decision: Allow | Deny, tool: str) -> Result | RpcError:
    assert isinstance(decision, Deny)  # noqa: S101  (the caller has asked)
    if decision.id == "MCPX-D05":
        return RpcError(jsonrpc.INVALID_PARAMS, f"Unknown tool: {tool[:80]}")
    return refused(decision.id, decision.text)


def _admit(answer: Answer, ready: Ready) -> _Admission:
    if isinstance(answer, Failure):
        return _Admission(refused(answer.id, answer.text), 0)
    if not isinstance(answer, (HttpAnswer, McpAnswer)):
        raise TypeError("an upstream asked what it was not told it may ask")
    admitted = results.admit(answer, ready.tool.result, ready.response)
    if isinstance(admitted, results.Rejected):
        return _Admission(refused(admitted.id, admitted.text), 0)
    return _Admission(Result(admitted.result), admitted.size_bytes)


def _entry(ready: Ready | Deny, decision: Allow | Deny) -> Decided:
    error = decision.id if isinstance(decision, Deny) else None
    word = "deny" if isinstance(decision, Deny) else "allow"
    if isinstance(ready, Deny):
        return Decided(None, None, None, word, decision.rule, error)
    tool = ready.tool
    return Decided(tool.name, tool.upstream, tool.effect, word, decision.rule, error)


def _outcome(answer: Answer, admission: _Admission, ms: int) -> Answered:
    status = answer.status if isinstance(answer, (HttpAnswer, Failure)) else None
    sent = answer.sent if isinstance(answer, Failure) else "yes"
    word = "error" if admission.value.value.get("isError") is True else "ok"
    return Answered(word, sent, admission.value.error, status, admission.size_bytes, ms)


def _unlogged(result: Result, error: AuditError) -> Result:
    """S20: the call was made, so its result is delivered, with a note."""
    note = f"Note: {error.why} Further calls are denied."
    content = [*result.value.get("content", []), {"type": "text", "text": note}]
    return Result({**result.value, "content": content}, error.id)


def _ms_since(began_s: float) -> int:
    return int((time.monotonic() - began_s) * 1000)


def _mutates(tool: Tool) -> bool:
    return tool.effect != "read"


def _place(error: Exception) -> str:
    """File and line of an internal error: never its text, which may hold a value."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}"


def clean_event(event: Event) -> Event:
    """Progress and log messages with their strings cleaned (S14, S25)."""
    if isinstance(event, Progress):
        text = event.message
        return event if text is None else event._replace(message=clean(text))
    logger = None if event.logger is None else clean(event.logger)
    return Log(event.level, logger, clean_value(event.data))
