"""What the road needs of the world: Protocols that `app` fills with edges."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from mcp_proxy.core.answer import Answer, Emit, Event, Question, Sent, Wishes
from mcp_proxy.core.audit import Answered, Decided
from mcp_proxy.core.passage import Again, AskClient, Passed
from mcp_proxy.core.plan import Going, Label
from mcp_proxy.core.policy import Deny
from mcp_proxy.core.ready import Ready
from mcp_proxy.core.request import Outgoing
from mcp_proxy.core.trace_context import Trace
from mcp_proxy.core.turn import Turn


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

    def note(self, what: str, count: int = 1, tool: str | None = None) -> None:
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

    @property
    def trace(self) -> Trace:
        """The request's span."""

    def tell(self, event: Event) -> None:
        """Hand over progress or a log message, cleaned."""

    def awaits_person(self, *, is_waiting: bool) -> None:
        """Say what the call waits for, from now on and in each sign of life."""

    async def ask(self, questions: Mapping[str, Question]) -> dict[str, Any]:
        """The client's replies by key, raw; one for each question."""


class Parking(Protocol):
    """Where calls wait for a modern client to come again with its replies (S15)."""

    def park(self, turn: Turn, label: Label, request: Outgoing, dropped: Callable[[], None]) -> str:
        """The sealed state that the client brings back; `dropped` is called if it never does."""

    def claim(self, state: Any, label: Label, request: Outgoing) -> Turn | Deny | None:
        """The turn parked for this very request, once; None for any mismatch; Deny if not ours."""


class Gate(Protocol):
    """A person's yes, and the counters that processes share (S17, S18)."""

    async def enter(
        self, going: Going, turn: Turn, caller: Caller
    ) -> Passed | Deny | Again | AskClient:
        """Wait for what the call needs, and take it: an approval and its reservations at once."""

    async def sending(self, passed: Passed) -> Deny | None:
        """The last word before the first byte; why it may not leave after all."""

    async def leave(self, passed: Passed, sent: str) -> None:
        """How it went; what was taken is given back where nothing left. Never raises."""
