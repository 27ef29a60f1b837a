"""The suite's client, which reaches a scenario's server through a sidecar alone.

usage: driver.py URL      the suite starts it so, with its MCP_CONFORMANCE_ variables

It makes a throw-away home with a profile that allows whatever the server lists, then uses all of it
with the SDK's client on stdio: lists, calls, reads, gets, answers what it is asked. In an auth
scenario it logs in first, and does what a person does whom an error tells to log in again.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from conformance import home, login
from conformance.answers import Answering, required
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

# This server rejects the first request that it sees, which has to be the sidecar's, not the
# build's: what it lists is given here.
_ADD = {"name": "add_numbers", "description": "Adds.", "inputSchema": {"type": "object"}}
UNSEEN = {"request-metadata": {"tools": [_ADD]}}
# How often a person would log in again because of one call.
LOGINS = 3


async def run(command: list[str], env: dict[str, str]) -> int:
    """Runs one of our commands; its words are shown. Returns its exit code."""
    process = await asyncio.create_subprocess_exec(*command, env=env, stdin=subprocess.DEVNULL)
    async with asyncio.timeout(30):
        return await process.wait()


async def use_tools(client: Client, calls: list[dict[str, Any]], env: dict[str, str]) -> None:
    """Calls every listed tool; with the scenario's own arguments where it gives them."""
    given = {call["name"]: call.get("arguments") or {} for call in calls}
    for tool in (await client.list_tools()).tools:
        arguments = given.get(tool.name, required(tool.input_schema))
        result = await client.call_tool(tool.name, arguments)
        print(tool.name, result.model_dump_json(exclude_none=True))
        for _ in range(LOGINS):
            words = login.named_login(text_of(result)) if result.is_error else None
            if words is None or await run(words, env) != 0:
                break
            result = await client.call_tool(tool.name, arguments)
            print(tool.name, result.model_dump_json(exclude_none=True))
        missing = [name for name, value in arguments.items() if value is None]
        if result.is_error and missing:
            # A schema without null refuses it in the sidecar; absent says the same.
            arguments = {name: arguments[name] for name in arguments.keys() - missing}
            result = await client.call_tool(tool.name, arguments)
            print(tool.name, result.model_dump_json(exclude_none=True))


def text_of(result: CallToolResult) -> str:
    """What a result says, block by block."""
    return "\n".join(block.text for block in result.content if block.type == "text")


async def use_everything(env: dict[str, str], calls: list[dict[str, Any]], mode: str) -> None:
    """One session with the sidecar."""
    command, *arguments = home.SERVE
    async with Client(
        StdioServerParameters(command=command, args=arguments, env=env),
        mode=mode,
        **Answering().callbacks(),
        read_timeout_seconds=30,
    ) as client:
        await use_tools(client, calls, env)
        offered = client.server_capabilities
        if offered.resources is not None:
            for resource in (await client.list_resources()).resources:
                print(resource.uri, await client.read_resource(resource.uri))
        if offered.prompts is not None:
            for prompt in (await client.list_prompts()).prompts:
                print(prompt.name, await client.get_prompt(prompt.name))


async def use_login(scenario: str, env: dict[str, str], context: dict[str, Any], mode: str) -> None:
    """Logs in, and uses everything where that was right. Exits with 1 where it was not."""
    code = await run(login.first_login(context), env)
    if (code != 0) != (scenario in login.REFUSED):
        sys.exit(f"login ended with {code}")
    if code == 0:
        await use_everything(env, [], mode)


def main(url: str) -> None:
    """One scenario."""
    scenario = os.environ["MCP_CONFORMANCE_SCENARIO"]
    modern = os.environ["MCP_CONFORMANCE_PROTOCOL_VERSION"] in MODERN_PROTOCOL_VERSIONS
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
    mode = "auto" if modern else "legacy"
    with tempfile.TemporaryDirectory() as folder:
        if scenario.startswith("auth/"):
            upstream = home.mcp_upstream(url) | {"auth": login.auth_of(scenario, context, url)}
            write_listing(folder, upstream, login.LISTING)
            env = home.prepare(folder, upstream, login.wants_of(context, url))
            asyncio.run(use_login(scenario, env, context, mode))
            return
        # Sources name loopback by its number.
        upstream = home.mcp_upstream(url.replace("//localhost:", "//127.0.0.1:"))
        if scenario in UNSEEN:
            write_listing(folder, upstream, UNSEEN[scenario])
        env = home.prepare(folder, upstream)
        asyncio.run(use_everything(env, context.get("toolCalls", []), mode))


def write_listing(folder: str, upstream: dict[str, Any], listing: dict[str, Any]) -> None:
    """What the server lists, where the build cannot see it."""
    with open(os.path.join(folder, upstream["listing"]), "w", encoding="utf-8") as file:
        json.dump(listing, file)


if __name__ == "__main__":
    main(sys.argv[-1])
