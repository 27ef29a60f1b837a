"""The road's surroundings as one fake world: every effect is a line of one trace, in order.

Contract, drift, log, parking's clock and upstreams in one. Tools: read, write, destroy, ask of the
REST upstream `api`; look (read), change and sign (write) of the MCP upstream `gate`, which answers
from the script that it was given. `ask` and `sign` need a person.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Self

from core.tool_samples import MCP, REST, mcp_tool, rest_tool, rule

from mcp_proxy.core.answer import (
    Answer,
    Emit,
    Event,
    Failure,
    HttpAnswer,
    McpAnswer,
    Progress,
    Question,
    Questions,
    Reply,
    Sent,
    Wishes,
)
from mcp_proxy.core.audit import Answered, Decided
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.outcome import End, RpcError
from mcp_proxy.core.passage import Again, AskClient, Passed
from mcp_proxy.core.plan import UNKNOWN_TOOL, Going, Holdings, Label, ReadyPrompt, ReadyResource
from mcp_proxy.core.planning import Planner
from mcp_proxy.core.policy import Deny
from mcp_proxy.core.profile import FEATURES, Prompt, Resource, ResultRules
from mcp_proxy.core.reading import find_resource
from mcp_proxy.core.ready import Ready
from mcp_proxy.core.request import McpRequest, Outgoing, RestRequest
from mcp_proxy.core.schema import compile_schema
from mcp_proxy.core.task_register import TaskRegister
from mcp_proxy.core.trace_context import Trace, begin
from mcp_proxy.core.turn import Turn
from mcp_proxy.edges.parking import Parking
from mcp_proxy.errors import AuditError
from mcp_proxy.ports import Caller
from mcp_proxy.relay import Road

SCHEMA = {"type": "object", "properties": {"q": {"type": "integer", "maximum": 9}}}
GOOD = HttpAnswer(200, "application/json", b'{"total":5}')
SAID = McpAnswer({"content": [{"type": "text", "text": "done"}]})
GATE = MCP._replace(features=FEATURES, links=("https://pay.example.com",))
FORM = {
    "mode": "form",
    "message": "Which one?",
    "requestedSchema": {"type": "object", "properties": {"n": {"type": "string"}}},
}
NAME = Question("elicitation/create", FORM)
ACCEPTED = {"action": "accept", "content": {"n": "a"}}
CAPABLE = {
    "elicitation": {"form": {}, "url": {}},
    "sampling": {},
    "roots": {},
    "extensions": {"io.modelcontextprotocol/tasks": {}},
}
HANDBOOK = Resource(
    "handbook", "gate", "docs://handbook/{page}", True, True, {"name": "handbook"}, 4096, None
)
NOTICE = Resource("notice", "gate", "docs://notice", False, True, {"name": "notice"}, 4096, None)
SUMMARY = Prompt(
    "summary", "gate", "sum_up", {"name": "summary", "arguments": [{"name": "of"}]}, 4096
)
EFFECTS = {"read": "read", "write": "write", "destroy": "destructive", "ask": "read"}
GATE_EFFECTS = {"look": "read", "change": "write", "sign": "write"}

SPAN = begin({}, bytes(range(24)))

Step = Answer | Exception


class Client:
    """Fills the road's `Caller`: `replies` are what it answers when asked, in turn."""

    def __init__(self, world: "World", *replies: Any, modern: bool = False, **other: Any) -> None:
        self._world = world
        self._replies = list(replies)
        self.capabilities: Mapping[str, Any] = other.get("capabilities", CAPABLE)
        self.log_level: str | None = None
        self.wants_progress = True
        self.waits = not modern
        self.trace: Trace = other.get("trace", SPAN)
        self.asked: list[Mapping[str, Question]] = []
        self.told: list[Event] = []

    def tell(self, event: Event) -> None:
        self.told.append(event)

    def awaits_person(self, *, is_waiting: bool) -> None:
        self._world.trace.append(f"waits {is_waiting}")

    async def ask(self, questions: Mapping[str, Question]) -> dict[str, Any]:
        self.asked.append(questions)
        self._world.trace.append("client asked " + " ".join(questions))
        reply = self._replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        if reply is None:
            await self._world.wait()
        if callable(reply):
            reply = reply()
        return dict.fromkeys(questions, reply)


class Waiting:
    """Fills `Parked` for a step of the script that asks."""

    def __init__(self, world: "World", name: str) -> None:
        self._world = world
        self._name = name

    async def resume(self, replies: Mapping[str, Reply], emit: Emit, deadline_s: float) -> Answer:
        self._world.replies.append(dict(replies))
        self._world.deadlines.append(deadline_s)
        self._world.trace.append(f"resumed {self._name}")
        emit(Progress(2, None, None))
        return await self._world.step()

    async def drop(self) -> None:
        self._world.trace.append(f"dropped {self._name}")


class World:
    """See the module. `faults`: full_at (the log's method that fails, or its nth call as
    `answered 2`), expires_s, waits (for cancel: gate, sending, durable, upstream), ready, drift,
    max_bytes, gate (what it says, in turn), lapsed (why the last word is no), stopped (why nothing
    may leave after all).
    """

    def __init__(self, *answers: Step, **faults: Any) -> None:
        self.trace: list[str] = []
        self.entries: list[Decided | Answered] = []
        self.arguments: list[Any] = []
        self.deadlines: list[float] = []
        self.requests: list[Outgoing] = []
        self.wishes: list[Wishes] = []
        self.spans: list[tuple[str | None, str | None]] = []
        self.sent_spans: list[Trace | None] = []
        self.replies: list[dict[str, Reply]] = []
        self.reached = asyncio.Event()
        self.now_s = 1000.0
        self.faults = faults
        self.tasks = TaskRegister(LIMITS.owned_tasks)
        self._answers: Sequence[Step] = list(answers or (GOOD,))
        self._times: dict[str, int] = {}

    def ready(self, tool: str, now_s: float) -> Ready | Deny:
        assert now_s == self.now_s
        broken = self.faults.get("ready")
        if isinstance(broken, Exception):
            raise broken
        if broken is not None:
            return broken
        if tool not in EFFECTS and tool not in GATE_EFFECTS:
            return Deny("MCPX-D05", "tools of the profile", f"Unknown tool: {tool[:80]}")
        expires_s = self.faults.get("expires_s")
        common: dict[str, Any] = {
            "enforced": SCHEMA,
            "name": tool,
            "approval": "always" if tool in ("ask", "sign") else "never",
            "result": ResultRules("off", None, (), self.faults.get("max_bytes", 1 << 20), ()),
        }
        if tool in EFFECTS:
            common |= {"path": f"/{tool}", "method": "GET", "effect": EFFECTS[tool]}
            made, spec = rest_tool({"q": rule("query", "q")}, **common), REST
        else:
            common |= {"effect": GATE_EFFECTS[tool], "upstream": "gate"}
            made, spec = mcp_tool({"q": rule("argument", "/q")}, **common), GATE
        return Ready(made, compile_schema(SCHEMA), None, spec, expires_s)

    def stopped(self, tool: str | None, now_s: float) -> Deny | None:
        assert now_s == self.now_s
        self.trace.append(f"stopped? {tool}")
        found: Deny | None = self.faults.get("stopped")
        return found

    def label(self, tool: str) -> Label:
        if tool in EFFECTS:
            return Label(tool, "api", EFFECTS[tool], is_tool=True)
        if tool in GATE_EFFECTS:
            return Label(tool, "gate", GATE_EFFECTS[tool], is_tool=True)
        return UNKNOWN_TOOL

    def resource(self, uri: str, now_s: float) -> ReadyResource | Deny:
        held = self.holdings(now_s)
        found = find_resource(held.resources, uri) if isinstance(held, Holdings) else None
        if found is None:
            return Deny("MCPX-D05", "resources of the profile", "Unknown resource")
        return ReadyResource(found, GATE, self.faults.get("expires_s"))

    def prompt(self, name: str, now_s: float) -> ReadyPrompt | Deny:
        assert now_s == self.now_s
        if name != SUMMARY.name:
            return Deny("MCPX-D05", "prompts of the profile", "Unknown prompt")
        return ReadyPrompt(SUMMARY, GATE, self.faults.get("expires_s"))

    def holdings(self, now_s: float) -> Holdings | Deny:
        assert now_s == self.now_s
        specs = {"gate": GATE}
        return Holdings((SUMMARY,), (HANDBOOK, NOTICE), specs, self.faults.get("expires_s"))

    async def check(self, ready: Ready, _capabilities: Mapping[str, Any]) -> Deny | None:
        self.trace.append(f"drift {ready.tool.name}")
        return self.faults.get("drift")

    def decided(self, entry: Decided, arguments: Any) -> int:
        self._may("decided")
        self.spans.append((entry.trace, entry.parent))
        self.entries.append(entry._replace(trace=None, parent=None))
        self.arguments.append(arguments)
        self.trace.append(" ".join(filter(None, ("log decided", entry.decision, entry.error))))
        return len(self.entries)

    async def enter(
        self, going: Going, turn: Turn, caller: Caller
    ) -> Passed | Deny | Again | AskClient:
        """What `gate` of the faults says, in turn; passed once if it says nothing."""
        if turn.passed is not None:
            return turn.passed
        said = self.faults.get("gate") or [Passed("ticket", "yes", "digest")]
        at = self._times["gate"] = self._times.get("gate", 0) + 1
        self.trace.append(f"gate {turn.request or ''}".strip())
        if self.faults.get("waits") == "gate":
            await self.wait()
        met: Passed | Deny | Again | AskClient = said[min(at, len(said)) - 1]
        return met

    async def sending(self, passed: Passed) -> Deny | None:
        if self.faults.get("waits") == "sending":
            await self.wait()
        self.trace.append(f"gate sending {passed.ticket}")
        lapsed: Deny | None = self.faults.get("lapsed")
        return lapsed

    async def leave(self, passed: Passed, sent: str) -> None:
        self.trace.append(f"gate left {sent}")

    async def durable(self) -> None:
        if self.faults.get("waits") == "durable":
            await self.wait()
        self._may("durable")
        self.trace.append("log durable")

    def answered(self, call: int, entry: Answered) -> None:
        self._may("answered")
        assert isinstance(self.entries[call - 1], Decided)
        self.entries.append(entry)
        self.trace.append(" ".join(filter(None, ("log answered", entry.outcome, entry.error))))

    def cancelled(self, call: int, sent: Sent) -> None:
        assert isinstance(self.entries[call - 1], Decided)
        self.trace.append(f"log cancelled {sent}")

    def note(self, what: str, count: int = 1, tool: str | None = None) -> None:
        self.trace.append(f"log note {what}")

    async def call(
        self, request: Outgoing, wishes: Wishes, emit: Emit, deadline_s: float
    ) -> Answer:
        self.trace.append("upstream " + _name(request))
        self.requests.append(request)
        self.wishes.append(wishes._replace(trace=None, stopped=None))
        if "stopped" in self.faults and wishes.stopped is not None:
            why = wishes.stopped()
            if why is not None:
                return Failure(*why, "no")
        self.sent_spans.append(wishes.trace)
        self.deadlines.append(deadline_s)
        emit(Progress(1, None, None))
        if self.faults.get("waits") == "upstream":
            await self.wait()
        return await self.step()

    async def step(self) -> Answer:
        """The next answer of the script; the last one again and again."""
        at = self._times["step"] = self._times.get("step", 0) + 1
        answer = self._answers[min(at, len(self._answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def wait(self) -> None:
        self.reached.set()
        await asyncio.Event().wait()

    def asks(self, name: str = "call", **asked: Question) -> Questions:
        """A step that asks; its call is called `name` in the trace."""
        return Questions(asked or {"k": NAME}, Waiting(self, name))

    def then(self, *answers: Step) -> Self:
        """What the upstream answers, in turn."""
        self._answers = list(answers)
        return self

    def parking(self, digest: str = "d" * 64) -> Parking:
        return Parking(digest, lambda: self.now_s, LIMITS)

    def road(self, parking: Parking | None = None) -> Road:
        upstreams = {"api": self, "gate": self}
        kept = self.parking() if parking is None else parking
        planner = Planner(self, self.tasks)
        return Road(planner, self, self, self, upstreams, kept, lambda: self.now_s)

    def told(self, answer: End) -> Self:
        if isinstance(answer, RpcError):
            self.trace.append(f"error {answer.code}")
        elif answer.value.get("resultType") == "input_required":
            self.trace.append("reply asks")
        else:
            self.trace.append(" ".join(filter(None, ("reply", answer.error))))
        return self

    def _may(self, method: str) -> None:
        count = self._times[method] = self._times.get(method, 0) + 1
        if self.faults.get("full_at") in (method, f"{method} {count}"):
            raise AuditError("MCPX-A01", "The audit log cannot be written: no space.")


def run(work: Callable[[], Awaitable[Any]]) -> Any:
    """The work in a loop of its own."""

    async def main() -> Any:
        return await work()

    return asyncio.run(main())


def text_of(answer: End) -> str:
    """The text of a tool's result."""
    assert not isinstance(answer, RpcError)
    return "\n".join(block["text"] for block in answer.value["content"])


def _name(request: Outgoing) -> str:
    if isinstance(request, RestRequest):
        return request.url.rpartition("/")[2].partition("?")[0]
    assert isinstance(request, McpRequest)
    return " ".join(filter(None, (request.method, request.name)))
