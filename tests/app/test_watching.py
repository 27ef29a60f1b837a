"""What the client wants to hear of, carried to the upstreams, and their changes carried back."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from core.session_driver import ALL, NOW_S, TASKS, envelope
from road_world import GATE, World

from mcp_proxy.app.owners import ProfileOwners
from mcp_proxy.app.watching import Hear, Watching
from mcp_proxy.core.answer import Change
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.listeners import Listeners
from mcp_proxy.core.profile import ResultRules
from mcp_proxy.core.session import Listen, Session
from mcp_proxy.core.tasks import Owner

NOTICE = "docs://notice"
STATE = {"taskId": "t1", "status": "working", "ttlMs": None}


class Upstream:
    """What one upstream was asked to watch."""

    def __init__(self) -> None:
        self.wishes: list[tuple[list[str], list[str]]] = []
        self.roots = 0
        self.hear: Hear = lambda _change: None

    def watch(self, uris: frozenset[str], task_ids: frozenset[str], hear: Hear) -> None:
        self.wishes.append((sorted(uris), sorted(task_ids)))
        self.hear = hear

    def roots_changed(self) -> None:
        self.roots += 1


class Watch:
    """One client, one gateway `gate` and another, and the lines that the client got."""

    def __init__(self) -> None:
        self.world = World()
        self.session = Session(ALL)
        self.gate, self.other = Upstream(), Upstream()
        self.reached: set[str] = set()
        self.stale: list[str] = []
        self.sent: list[Any] = []
        owners = ProfileOwners(self.world, self.world.tasks, self.noted, lambda: 1000.0)
        self.owners = owners
        upstreams = {"gate": self.gate, "other": self.other}
        self.watching = Watching(
            Listeners(self.session), upstreams, self.reached, owners, self.stale.append
        )
        self.watching.send = lambda line: self.sent.append(json.loads(line))

    def listen(self, request_id: Any = 7, **wanted: Any) -> None:
        """A modern client listens, and is granted all of it."""
        params = {"notifications": wanted, "_meta": envelope(**TASKS)}
        message = {
            "jsonrpc": "2.0",
            "id": request_id,
            "method": "subscriptions/listen",
            "params": params,
        }
        (outcome,) = self.session.receive(json.dumps(message).encode(), NOW_S)
        assert isinstance(outcome, Listen)
        assert self.session.acknowledge(outcome.asked, outcome.wanted) is not None
        self.watching.sync()

    def cancel(self, request_id: Any = 7) -> None:
        message = {
            "jsonrpc": "2.0",
            "method": "notifications/cancelled",
            "params": {"requestId": request_id},
        }
        self.session.receive(json.dumps(message).encode(), NOW_S)
        self.watching.sync()

    def noted(self, what: str, count: int, tool: str) -> None:
        self.world.trace.append(f"log note {what} {tool} {count}")

    def own_task(self, task_id: str = "t1", upstream: str = "gate") -> None:
        rules = ResultRules("off", None, (), 4096, ())
        self.world.tasks.own(task_id, Owner("look", upstream, GATE, rules, None, {}))

    def told(self) -> list[str]:
        return [message["method"].removeprefix("notifications/") for message in self.sent]

    def legacy(self) -> None:
        """A legacy client says initialize."""
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}}
        message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
        self.session.receive(json.dumps(message).encode(), NOW_S)
        self.watching.sync()

    def called(self, upstream: str = "gate") -> None:
        """A call to an upstream has ended."""
        self.reached.add(upstream)
        self.watching.called()


def drive(play: Callable[[Watch], Awaitable[None]]) -> None:
    async def run() -> None:
        watch = Watch()
        try:
            await play(watch)
        finally:
            watch.watching.close()

    asyncio.run(run())


async def moments(count: int = 1) -> None:
    await asyncio.sleep(count * LIMITS.changes_every_ms / 1000 * 1.5)


def test_lists_alone_open_nothing_before_the_first_call_to_that_upstream() -> None:
    async def play(watch: Watch) -> None:
        watch.listen(toolsListChanged=True)
        assert watch.gate.wishes == watch.other.wishes == []
        watch.called()
        watch.called()
        assert watch.gate.wishes == [([], [])]
        assert watch.other.wishes == []

    drive(play)


def test_a_call_of_a_client_that_wants_nothing_opens_nothing() -> None:
    async def play(watch: Watch) -> None:
        watch.called()
        assert watch.gate.wishes == []

    drive(play)


def test_a_legacy_client_hears_of_lists_once_it_has_called() -> None:
    async def play(watch: Watch) -> None:
        watch.legacy()
        assert watch.gate.wishes == []
        watch.called()
        assert watch.gate.wishes == [([], [])]
        watch.gate.hear(Change("prompts"))
        assert watch.sent == [
            {"jsonrpc": "2.0", "method": "notifications/prompts/list_changed", "params": {}}
        ]

    drive(play)


def test_a_resource_is_watched_at_once_at_its_own_upstream_until_nobody_wants_it() -> None:
    async def play(watch: Watch) -> None:
        watch.listen(7, resourceSubscriptions=[NOTICE])
        watch.listen("8", resourceSubscriptions=[NOTICE, "docs://handbook/1", "docs://other"])
        watch.cancel(7)
        watch.cancel("8")
        assert watch.gate.wishes == [
            ([NOTICE], []),
            (["docs://handbook/1", NOTICE], []),
            ([], []),
        ]
        assert watch.other.wishes == []

    drive(play)


def test_an_update_is_told_under_the_listener_s_own_id() -> None:
    async def play(watch: Watch) -> None:
        watch.listen("7", resourceSubscriptions=[NOTICE])
        watch.gate.hear(Change("updated", NOTICE, {"hostile": 1}))
        (message,) = watch.sent
        meta = {"io.modelcontextprotocol/subscriptionId": "7"}
        assert message["params"] == {"uri": NOTICE, "_meta": meta}

    drive(play)


def test_s14_an_upstream_speaks_of_its_own_resources_alone() -> None:
    async def play(watch: Watch) -> None:
        watch.listen(resourceSubscriptions=[NOTICE], toolsListChanged=True)
        watch.called("other")
        watch.other.hear(Change("updated", NOTICE))
        watch.gate.hear(Change("updated", "docs://other"))
        assert watch.sent == []

    drive(play)


def test_s16_changed_tools_make_the_verdict_stale_whoever_listens() -> None:
    async def play(watch: Watch) -> None:
        watch.listen(resourceSubscriptions=[NOTICE])
        watch.gate.hear(Change("tools"))
        assert (watch.stale, watch.sent) == (["gate"], [])

    drive(play)


def test_s14_a_flood_of_changes_is_told_a_few_times() -> None:
    async def play(watch: Watch) -> None:
        watch.listen(toolsListChanged=True, resourceSubscriptions=[NOTICE])
        for _ in range(10_000):
            watch.gate.hear(Change("tools"))
            watch.gate.hear(Change("updated", NOTICE))
        assert watch.told() == ["tools/list_changed"]
        await moments()
        assert sorted(watch.told()) == ["resources/updated", *["tools/list_changed"] * 2], (
            "the last"
        )
        await moments(3)
        assert len(watch.sent) == 3

    drive(play)


def test_a_task_is_followed_by_its_owner_alone_and_told_by_its_tool_s_rules() -> None:
    async def play(watch: Watch) -> None:
        assert watch.owners.of_task("t1") is None
        watch.own_task()
        assert watch.owners.of_task("t1") == "gate"
        watch.listen(taskIds=["t1"])
        assert watch.gate.wishes == [([], ["t1"])]
        result = {"content": [{"type": "text", "text": "a\u200bb"}]}
        watch.gate.hear(Change("task", params={**STATE, "status": "completed", "result": result}))
        (message,) = watch.sent
        assert message["method"] == "notifications/tasks"
        assert message["params"]["result"]["content"][0]["text"] == "ab"
        assert watch.world.trace == ["log note task ended look 1"]

    drive(play)


def test_s14_a_task_s_state_of_another_upstream_or_of_no_call_is_dropped() -> None:
    async def play(watch: Watch) -> None:
        watch.own_task()
        watch.listen(taskIds=["t1"], resourceSubscriptions=[NOTICE])
        watch.called("other")
        watch.other.hear(Change("task", params=STATE))
        watch.gate.hear(Change("task", params={**STATE, "taskId": "t2"}))
        watch.gate.hear(Change("task", params={**STATE, "status": "nonsense"}))
        watch.gate.hear(Change("task"))
        assert watch.sent == []

    drive(play)


def test_roots_of_the_client_are_told_to_each_upstream() -> None:
    async def play(watch: Watch) -> None:
        watch.watching.roots_changed()
        assert (watch.gate.roots, watch.other.roots) == (1, 1)

    drive(play)


def test_after_the_end_nothing_is_said() -> None:
    async def play(watch: Watch) -> None:
        watch.listen(toolsListChanged=True)
        watch.called()
        watch.gate.hear(Change("tools"))
        watch.gate.hear(Change("tools"))
        watch.watching.close()
        watch.gate.hear(Change("tools"))
        await moments()
        assert len(watch.sent) == 1

    drive(play)


def test_s6_what_an_expired_profile_named_is_not_heard_of_any_more() -> None:
    async def play(watch: Watch) -> None:
        watch.own_task()
        watch.listen(resourceSubscriptions=[NOTICE], taskIds=["t1"])
        watch.world.faults["expires_s"] = 998
        watch.gate.hear(Change("updated", NOTICE))
        watch.gate.hear(Change("task", params=STATE))
        assert watch.told() == []
        assert watch.owners.of_task("t1") is None

    drive(play)
