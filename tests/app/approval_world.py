"""A home whose profile asks a person and counts, and processes that serve it, in one test.

Tools: refund (destructive; above 100 it asks, and at most 1,000 a day are refunded), note (write,
always asks), odd (read, always asks the client alone). Each `Process` has its own gate, state.db
connection and log, as a process of its own would; the upstream of all counts what reaches it.
"""

import asyncio
import glob
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from homes import install, make_home, tool
from road_world import text_of

from mcp_proxy.app.passing import Passing
from mcp_proxy.core.answer import Answer, Emit, Event, Failure, HttpAnswer, Question, Told, Wishes
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.outcome import End, RpcError
from mcp_proxy.core.plan import Holdings, Label, ReadyPrompt, ReadyResource
from mcp_proxy.core.planning import Planner
from mcp_proxy.core.policy import Deny
from mcp_proxy.core.profile import AuditRules, Limit, Tool
from mcp_proxy.core.profile_lines import parse_tool
from mcp_proxy.core.ready import Ready, ready_tool
from mcp_proxy.core.request import Outgoing
from mcp_proxy.core.task_register import TaskRegister
from mcp_proxy.core.trace_context import begin
from mcp_proxy.edges import approvals, clock
from mcp_proxy.edges.approvals import Request
from mcp_proxy.edges.audit_files import Subject
from mcp_proxy.edges.call_log import CallLog
from mcp_proxy.edges.parking import Parking
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.profile_store import load_profile
from mcp_proxy.edges.state_db import StateDb
from mcp_proxy.edges.zones import find_zone
from mcp_proxy.relay import Road

GOOD = HttpAnswer(200, "application/json", b'{"done":true}')
REFUSED = Failure("MCPX-U01", "The upstream cannot be reached.", "no")
LOST = Failure("MCPX-U02", "The deadline passed.", "maybe")
FORMS = {"elicitation": {}}


def tools() -> list[Tool]:
    """See the module."""
    limit = Limit("sum/amount/day", "amount", "day", 1_000, "")
    return [
        tool("refund", approval=[{"amount": {"above": 100}}], limits=(limit,)),
        tool("note", effect="write", approval="always"),
        tool("odd", approval="always", channels=("client",)),
    ]


class World:
    """The home, its contract and its upstream, which answers `answer`."""

    def __init__(self, folder: str) -> None:
        self.home: Home = make_home(folder)
        install(self.home, tools=tools(), requires=("approval", "limits"))
        self.profile = load_profile(self.home, "billing", clock.now_s())
        self.sent: list[Outgoing] = []
        self.answer: Answer = GOOD
        self.refusal: Deny | None = None

    def ready(self, name: str, _now_s: float) -> Ready | Deny:
        if self.refusal is not None:
            return self.refusal
        found = parse_tool(self.profile.tool_lines[name], name)
        return ready_tool(found, self.profile.header.upstreams["api"], None)

    def stopped(self, _tool: str | None, _now_s: float) -> Deny | None:
        return None

    def label(self, name: str) -> Label:
        found = parse_tool(self.profile.tool_lines[name], name)
        return Label(found.name, found.upstream, found.effect, is_tool=True)

    def resource(self, _uri: str, _now_s: float) -> ReadyResource | Deny:
        return Deny("MCPX-D05", "resources", "Unknown resource")

    def prompt(self, _name: str, _now_s: float) -> ReadyPrompt | Deny:
        return Deny("MCPX-D05", "prompts", "Unknown prompt")

    def holdings(self, _now_s: float) -> Holdings | Deny:
        return Holdings((), (), {}, None)

    async def check(self, _ready: Ready, _capabilities: Mapping[str, Any]) -> Deny | None:
        return None

    async def call(self, request: Outgoing, _wishes: Wishes, _emit: Emit, _s: float) -> Answer:
        self.sent.append(request)
        return self.answer

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """The entries of all logs that tell of approvals and decisions, the ledger's last."""
        found = []
        logs = glob.glob(os.path.join(self.home.state, "audit", "*", "*.jsonl"))
        for path in (*sorted(logs), *glob.glob(os.path.join(self.home.state, "ledger.jsonl"))):
            if path.endswith(".clear.jsonl"):
                continue
            with open(path, encoding="utf-8") as file:
                rows = [json.loads(line) for line in file]
            found += [(row.get("what", row["kind"]), row) for row in rows]
        return found


class Process:
    """One sidecar of the world."""

    def __init__(self, world: World) -> None:
        self.world = world
        subject = Subject("billing", 1, world.profile.digest)
        self.log = CallLog(world.home, subject, AuditRules((), "deny"), dict)
        self.state = StateDb(world.home)
        zone = find_zone("UTC")
        self.gate = Passing(world.home, world.profile, self.state, self.log, zone)
        parking = Parking(world.profile.digest, clock.now_s, LIMITS)
        planner = Planner(world, TaskRegister(8))
        upstreams = {"api": world}
        self.road = Road(planner, world, self.gate, self.log, upstreams, parking, clock.now_s)

    async def call(self, name: str, caller: "Client", **arguments: Any) -> End:
        params = {"name": name, "arguments": {"customer": "ada", **arguments}, **caller.brings}
        return await self.road.call("tools/call", params, caller)

    async def asked(self, count: int = 1) -> tuple[Request, ...]:
        """The open requests, once there are so many."""
        async with asyncio.timeout(10):
            while len(found := await self.state.look(approvals.open_requests)) < count:
                await asyncio.sleep(0.01)
        return found

    async def say(self, request: Request, *, yes: bool, **more: Any) -> bool:
        """A person's answer in a terminal."""
        if yes:
            return await self.state.run(
                lambda tx: approvals.approve(tx, request.id, "terminal", "ada", **more)
            )
        word = more.get("word", "")
        return await self.state.run(
            lambda tx: approvals.deny(tx, request.id, "terminal", "ada", word)
        )

    async def end(self) -> None:
        await self.gate.close()
        self.log.close("done")


class Client:
    """Fills the road's `Caller`; `replies` are what it answers in turn, None for never."""

    def __init__(self, *replies: Any, modern: bool = False, can: Mapping[str, Any] = {}) -> None:
        self.capabilities = can
        self.log_level: str | None = None
        self.wants_progress = True
        self.waits = not modern
        self.trace = begin({}, bytes(range(24)))
        self.brings: dict[str, Any] = {}
        self.asked: list[Mapping[str, Question]] = []
        self.waited: list[bool] = []
        self._replies = list(replies)

    def tell(self, event: Event) -> None:
        """Nobody reads it."""

    def awaits_person(self, *, is_waiting: bool) -> None:
        self.waited.append(is_waiting)

    async def ask(self, questions: Mapping[str, Question]) -> dict[str, Any]:
        self.asked.append(questions)
        reply = self._replies.pop(0)
        if reply is None:
            await asyncio.Event().wait()
        return dict.fromkeys(questions, reply)


def accepts(**content: Any) -> dict[str, Any]:
    """A client's reply with the form filled in."""
    return {"action": "accept", "content": content}


DECLINED: dict[str, Any] = {"action": "decline"}
BROKEN = Told(-32603, "The client cannot show forms")


def read(end: End) -> tuple[str | None, str]:
    """The error's id and the text that the model reads."""
    assert not isinstance(end, RpcError), end
    return end.error, text_of(end)


async def until(is_so: Callable[[], bool]) -> None:
    """Waits until it is so, within a bound."""
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.01)


def play(work: Callable[[], Awaitable[None]]) -> None:
    """The scene in a loop of its own, within a bound."""

    async def bounded() -> None:
        async with asyncio.timeout(40):
            await work()

    asyncio.run(bounded())
