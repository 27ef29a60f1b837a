"""The protocol SDK's own client at the other end of our stdio: what `demo` and `doctor` talk with.

The SDK costs most of a second to import, so this module is loaded only where it is used. What a
real client would see is what is told here; nothing of the serving code takes part.
"""

import asyncio
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.shared.exceptions import MCPError

_STDERR_CHARS = 2_000


class Asked(NamedTuple):
    """One tools/call."""

    tool: str
    arguments: dict[str, Any]


class Told(NamedTuple):
    """Its answer: a result, or a JSON-RPC error as text; `progress` counts what came meanwhile."""

    is_error: bool
    text: str
    structured: Any
    progress: int


class Talk(NamedTuple):
    """One launch: the version agreed on, spawn to list, the tools, the answers in order.

    `problem` is why there was no list; what the server wrote to stderr is in `stderr`.
    """

    version: str
    list_ms: int
    tools: tuple[str, ...]
    told: tuple[Told, ...]
    problem: str | None
    stderr: str


def talk(
    command: Sequence[str],
    env: Mapping[str, str],
    era: Literal["modern", "legacy"],
    asked: Sequence[Asked] = (),
    deadline_s: float = 60.0,
) -> Talk:
    """Launches `command`, lists its tools, makes the calls, and ends it.

    `env` is added to the few variables that clients pass on. Nothing is raised for a server that
    fails: that is a `problem`.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as stderr:
        server = StdioServerParameters(command=command[0], args=[*command[1:]], env=dict(env))
        mode = "auto" if era == "modern" else "legacy"
        try:
            seen = asyncio.run(_within(deadline_s, _talk(server, stderr, mode, asked)))
        except (MCPError, OSError, TimeoutError, ExceptionGroup) as error:
            seen = Talk("", 0, (), (), _describe(error), "")
        stderr.seek(0)
        return seen._replace(stderr=stderr.read(_STDERR_CHARS))


async def _within(deadline_s: float, action: Any) -> Talk:
    async with asyncio.timeout(deadline_s):
        talk: Talk = await action
        return talk


async def _talk(
    server: StdioServerParameters, stderr: Any, mode: str, asked: Sequence[Asked]
) -> Talk:
    began = time.perf_counter()
    async with Client(stdio_client(server, errlog=stderr), mode=mode) as client:
        tools = tuple(tool.name for tool in (await client.list_tools()).tools)
        list_ms = round((time.perf_counter() - began) * 1000)
        told = [await _ask(client, item) for item in asked]
        return Talk(client.protocol_version, list_ms, tools, tuple(told), None, "")


async def _ask(client: Client, asked: Asked) -> Told:
    count = 0

    async def step(progress: float, total: float | None, message: str | None) -> None:
        nonlocal count
        count += 1

    try:
        result = await client.call_tool(asked.tool, asked.arguments, progress_callback=step)
    except MCPError as error:
        return Told(True, error.message, None, count)
    texts = [block.text for block in result.content if block.type == "text"]
    return Told(bool(result.is_error), "\n".join(texts), result.structured_content, count)


def _describe(error: BaseException) -> str:
    """The innermost error's own words."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    return error.message if isinstance(error, MCPError) else str(error) or type(error).__name__
