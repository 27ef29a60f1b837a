"""A loopback gateway of the legacy era that can do all: streams, questions, resumption."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Self

from edges.fakes_http import FakeAuthorizer, Heard, Loopback, http, json_answer
from edges.fakes_mcp import result

from mcp_proxy.core.answer import Wishes
from mcp_proxy.core.limits import LIMITS, Limits
from mcp_proxy.edges.attempts import Trip
from mcp_proxy.edges.http import Link
from mcp_proxy.edges.mcp_http import HttpWire
from mcp_proxy.edges.mcp_legacy import LegacyEra
from mcp_proxy.edges.mcp_wire import Ask, Halt

ALL = {
    "elicitation": {"form": {}, "url": {}},
    "sampling": {},
    "roots": {"listChanged": True},
}
FEATURES = ("progress", "logging", "elicitation", "sampling", "roots")
RESULT = {"content": [{"type": "text", "text": "done"}]}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

OWN = frozenset({"logging/setLevel", "resources/subscribe", "resources/unsubscribe"})

Handler = Callable[["LegacyServer", Heard, asyncio.StreamWriter], Awaitable[bytes | None]]


def event(
    message: Any, name: str = "", retry_ms: int | None = None, kind: str = "message"
) -> bytes:
    rows = [f"id: {name}\n"] if name else []
    rows += [f"retry: {retry_ms}\n"] if retry_ms is not None else []
    data = message if isinstance(message, str) else json.dumps(message)
    return f"{''.join(rows)}event: {kind}\ndata: {data}\n\n".encode()


def asking(asked_id: Any, method: str = "elicitation/create", **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": asked_id, "method": method, "params": params}


def note(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": f"notifications/{method}", "params": params}


def answer(heard: Heard, value: Any = RESULT) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": heard.json()["id"], "result": value}


async def done(_server: "LegacyServer", heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
    return result(heard, RESULT)


async def refused(_server: "LegacyServer", _heard: Heard, _writer: asyncio.StreamWriter) -> bytes:
    return http(405)


class LegacyServer:
    """`call` answers every request that is not of the session, `stream` each GET."""

    def __init__(self, call: Handler = done, stream: Handler = refused, offers: Any = None) -> None:
        self.call, self.stream = call, stream
        self.offers = {} if offers is None else offers
        self.sessions: list[str] = []
        self.declared: list[Any] = []
        self.posted: list[dict[str, Any]] = []
        self.gets: list[Heard] = []
        self.deleted: list[str] = []
        self._came = asyncio.Condition()

    async def __call__(self, heard: Heard, writer: asyncio.StreamWriter) -> bytes | None:
        session = heard.headers.get("mcp-session-id", "")
        if heard.method == "DELETE":
            self.deleted.append(session)
            return http(200)
        if heard.method == "GET":
            assert heard.headers["accept"] == "text/event-stream"
            self.gets.append(heard)
            return await self.stream(self, heard, writer)
        message = heard.json()
        if message.get("method") == "initialize":
            return self._open(heard)
        if session not in self.sessions:
            return json_answer({"jsonrpc": "2.0", "id": None, "error": {"code": -32001}}, 404)
        async with self._came:
            self.posted.append(message)
            self._came.notify_all()
        if "id" not in message or "method" not in message:
            return http(202)
        if message["method"] in (
            "logging/setLevel",
            "resources/subscribe",
            "resources/unsubscribe",
        ):
            return result(heard, {})
        return await self.call(self, heard, writer)

    def _open(self, heard: Heard) -> bytes:
        self.declared.append(heard.json()["params"]["capabilities"])
        self.sessions.append(f"session-{len(self.sessions) + 1}")
        value = {"protocolVersion": "2025-11-25", "capabilities": self.offers, "serverInfo": {}}
        return result(heard, value, mcp_session_id=self.sessions[-1])

    async def post(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first message that was or will be posted and fits."""
        async with asyncio.timeout(5), self._came:
            while True:
                found = next((message for message in self.posted if fits(message)), None)
                if found is not None:
                    return found
                await self._came.wait()

    async def reply(self, asked_id: Any) -> dict[str, Any]:
        """The client's response to a request of ours."""
        return await self.post(lambda row: "method" not in row and row["id"] == asked_id)

    async def told(self, method: str) -> dict[str, Any]:
        return await self.post(lambda row: row.get("method") == method)

    def count(self, method: str) -> int:
        return sum(row.get("method") == method for row in self.posted)


class Run:
    """A legacy era over one such server; leaves no task behind."""

    def __init__(
        self,
        server: LegacyServer,
        features: tuple[str, ...] = FEATURES,
        limits: Limits = LIMITS,
    ) -> None:
        self.server = server
        self.loopback = Loopback(server)
        self.features, self.limits = features, limits
        self.heard: list[tuple[dict[str, Any], int]] = []

    async def __aenter__(self) -> Self:
        self.tasks = asyncio.all_tasks()
        await self.loopback.__aenter__()
        spec = self.loopback.spec("/mcp", kind="mcp", features=self.features)
        self.wire = HttpWire(Link(spec, FakeAuthorizer(), self.limits))
        self.era = LegacyEra(self.wire, iter(range(1, 1_000_000)))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await self.era.close()
        await self.wire.close()
        await self.loopback.__aexit__()
        await asyncio.sleep(0)
        assert kind is not None or asyncio.all_tasks() == self.tasks

    async def ask(
        self,
        capabilities: Any = ALL,
        level: str | None = None,
        deadline_s: float = 5.0,
        method: str = "tools/call",
    ) -> dict[str, Any] | Halt:
        wishes = Wishes(capabilities, level, progress=True)
        ask = Ask(method, {"name": "t"}, None, (), wishes, self.hear)
        async with asyncio.timeout(deadline_s):
            return await self.era.ask(ask, Trip(deadline_s))

    async def halted(self, capabilities: Any = ALL) -> Halt:
        halt = await self.ask(capabilities)
        assert isinstance(halt, Halt), halt
        return halt

    async def resume(
        self, halt: Halt, replies: Any, deadline_s: float = 5.0
    ) -> dict[str, Any] | Halt:
        async with asyncio.timeout(deadline_s):
            return await halt.resume(replies, self.hear, Trip(deadline_s))

    def hear(self, message: dict[str, Any], request_id: int) -> None:
        self.heard.append((message, request_id))
