"""The suite's client, which reaches a scenario's server through a sidecar alone.

usage: driver.py URL      the suite starts it so, with its MCP_CONFORMANCE_ variables

It makes a throw-away home with a profile that allows whatever the server lists, then uses all of it
with the SDK's client on stdio: lists, calls, reads, gets, answers what it is asked.
"""

import asyncio
import json
import os
import sys
import tempfile
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from conformance import home
from conformance.answers import Answering, required
from mcp import Client, StdioServerParameters
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

# This server rejects the first request that it sees, which has to be the sidecar's, not the
# build's: what it lists is given here.
_ADD = {"name": "add_numbers", "description": "Adds.", "inputSchema": {"type": "object"}}
UNSEEN = {"request-metadata": {"tools": [_ADD]}}


async def use_tools(client: Client, calls: list[dict[str, Any]]) -> None:
    """Calls every listed tool; with the scenario's own arguments where it gives them."""
    given = {call["name"]: call.get("arguments") or {} for call in calls}
    for tool in (await client.list_tools()).tools:
        arguments = given.get(tool.name, required(tool.input_schema))
        result = await client.call_tool(tool.name, arguments)
        print(tool.name, result.model_dump_json(exclude_none=True))
        missing = [name for name, value in arguments.items() if value is None]
        if result.is_error and missing:
            # A schema without null refuses it in the sidecar; absent says the same.
            arguments = {name: arguments[name] for name in arguments.keys() - missing}
            result = await client.call_tool(tool.name, arguments)
            print(tool.name, result.model_dump_json(exclude_none=True))


async def use_everything(env: dict[str, str], calls: list[dict[str, Any]], mode: str) -> None:
    """One session with the sidecar."""
    command, *arguments = home.SERVE
    async with Client(
        StdioServerParameters(command=command, args=arguments, env=env),
        mode=mode,
        **Answering().callbacks(),
        read_timeout_seconds=30,
    ) as client:
        await use_tools(client, calls)
        offered = client.server_capabilities
        if offered.resources is not None:
            for resource in (await client.list_resources()).resources:
                print(resource.uri, await client.read_resource(resource.uri))
        if offered.prompts is not None:
            for prompt in (await client.list_prompts()).prompts:
                print(prompt.name, await client.get_prompt(prompt.name))


def main(url: str) -> None:
    """One scenario."""
    scenario = os.environ["MCP_CONFORMANCE_SCENARIO"]
    modern = os.environ["MCP_CONFORMANCE_PROTOCOL_VERSION"] in MODERN_PROTOCOL_VERSIONS
    calls = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}")).get("toolCalls", [])
    with tempfile.TemporaryDirectory() as folder:
        # Sources name loopback by its number.
        upstream = home.mcp_upstream(url.replace("//localhost:", "//127.0.0.1:"))
        if scenario in UNSEEN:
            with open(os.path.join(folder, upstream["listing"]), "w", encoding="utf-8") as file:
                json.dump(UNSEEN[scenario], file)
        env = home.prepare(folder, upstream)
        asyncio.run(use_everything(env, calls, "auto" if modern else "legacy"))


if __name__ == "__main__":
    main(sys.argv[-1])
