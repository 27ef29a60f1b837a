"""@modelcontextprotocol/server-everything, used whole: directly, or through a sidecar.

`use_all` gives {label: what came of it} for each entry of USES; a value holds the result or the
error, the progress, and what the client was asked meanwhile. Both sides' values are compared.
"""

import base64
import contextlib
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from conformance import home, node
from conformance.answers import Answering
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError
from mcp_types import PromptReference, ResourceTemplateReference

SERVER = ("@modelcontextprotocol", "server-everything", "dist", "index.js")
LINK = "https://example.com"
DOCUMENTS = ("architecture", "extension", "features", "how-it-works", "instructions", "startup")
DOCUMENT = "demo://resource/static/document/{}.md"
TEMPLATES = (
    "demo://resource/dynamic/text/{resourceId}",
    "demo://resource/dynamic/blob/{resourceId}",
)


class Use(NamedTuple):
    """One request; `params` are keyword arguments of the SDK client's method."""

    method: str
    params: dict[str, Any]


def call(name: str, /, **arguments: Any) -> Use:
    return Use("call_tool", {"name": name, "arguments": arguments})


def complete(kind: Any, argument: tuple[str, str], **context: str) -> Use:
    name, value = argument
    params = {"ref": kind, "argument": {"name": name, "value": value}}
    return Use("complete", {**params, "context_arguments": context or None})


def prompt(name: str, /, **arguments: str) -> Use:
    return Use("get_prompt", {"name": name, "arguments": arguments or None})


_TEAM = PromptReference(type="ref/prompt", name="completable-prompt")
_TEMPLATE = ResourceTemplateReference(type="ref/resource", uri=TEMPLATES[0])

# By label; the part before a slash is the tool, resource, prompt or argument that is used.
USES = {
    "echo": call("echo", message="Grüße, 世界 \N{SNOWMAN}"),
    "get-annotated-message/error": call("get-annotated-message", messageType="error"),
    "get-annotated-message/image": call(
        "get-annotated-message", messageType="debug", includeImage=True
    ),
    "get-env": call("get-env"),
    "get-resource-links": call("get-resource-links", count=4),
    "get-resource-reference/text": call("get-resource-reference", resourceId=3),
    "get-resource-reference/blob": call(
        "get-resource-reference", resourceType="Blob", resourceId=3
    ),
    "get-resource-reference/refused": call("get-resource-reference", resourceId=-3),
    "get-roots-list": call("get-roots-list"),
    "get-structured-content": call("get-structured-content", location="Chicago"),
    "get-sum": call("get-sum", a=2, b=2.5),
    "get-tiny-image": call("get-tiny-image"),
    "gzip-file-as-resource": call(
        "gzip-file-as-resource", name="a.gz", data="data:text/plain,abc", outputType="resource"
    ),
    "gzip-file-as-resource/link": call(
        "gzip-file-as-resource", name="b.gz", data="data:text/plain,abc"
    ),
    "toggle-simulated-logging": call("toggle-simulated-logging"),
    "toggle-simulated-logging/off": call("toggle-simulated-logging"),
    "toggle-subscriber-updates": call("toggle-subscriber-updates"),
    "toggle-subscriber-updates/off": call("toggle-subscriber-updates"),
    "trigger-long-running-operation": call("trigger-long-running-operation", duration=0.2, steps=2),
    "trigger-elicitation-request": call("trigger-elicitation-request"),
    "trigger-url-elicitation": call(
        "trigger-url-elicitation", url=f"{LINK}/agree", elicitationId="an-id"
    ),
    "trigger-sampling-request": call("trigger-sampling-request", prompt="Say a word."),
    "simulate-research-query": call("simulate-research-query", topic="bridges"),
    **{
        DOCUMENT.format(name): Use("read_resource", {"uri": DOCUMENT.format(name)})
        for name in (*DOCUMENTS, "structure")
    },
    **{
        uri: Use("read_resource", {"uri": uri})
        for uri in (template.format(resourceId=7) for template in TEMPLATES)
    },
    "simple-prompt": prompt("simple-prompt"),
    "args-prompt": prompt("args-prompt", city="Bonn"),
    "args-prompt/two": prompt("args-prompt", city="Bonn", state="NRW"),
    "completable-prompt": prompt("completable-prompt", department="Sales", name="Eve"),
    "resource-prompt": prompt("resource-prompt", resourceType="Text", resourceId="2"),
    "completion/prompt": complete(_TEAM, ("department", "S")),
    "completion/context": complete(_TEAM, ("name", ""), department="Sales"),
    "completion/resource": complete(_TEMPLATE, ("resourceId", "12")),
}


async def use_all(server: Any, mode: str) -> dict[str, Any]:
    """Everything once, over one connection; also "listed", the names that are offered."""
    answering = Answering()
    async with Client(
        server, mode=mode, **answering.callbacks(), read_timeout_seconds=20, cache=None
    ) as client:
        found: dict[str, Any] = {"listed": await _listed(client)}
        for label, use in USES.items():
            answering.asked.clear()
            progress: list[tuple[float, float | None]] = []
            value = await _value(client, use, progress)
            # The server asks for roots by a timer of its own, in the midst of whatever runs then.
            asked = [question for question in answering.asked if question[0] != "roots/list"]
            found[label] = plain({"value": value, "asked": asked, "progress": progress})
    return found


async def _listed(client: Client) -> dict[str, list[str]]:
    tools, resources = await client.list_tools(), await client.list_resources()
    templates, prompts = await client.list_resource_templates(), await client.list_prompts()
    return {
        "tools": sorted(item.name for item in tools.tools),
        "resources": sorted(str(item.uri) for item in resources.resources),
        "templates": sorted(item.uri_template for item in templates.resource_templates),
        "prompts": sorted(item.name for item in prompts.prompts),
    }


async def _value(client: Client, use: Use, progress: list[tuple[float, float | None]]) -> Any:
    async def heard(done: float, total: float | None, _message: str | None) -> None:
        progress.append((done, total))

    more = {"progress_callback": heard} if use.method == "call_tool" else {}
    try:
        result = await getattr(client, use.method)(**use.params, **more)
    except MCPError as error:
        return {"error": error.error.code, "message": error.error.message}
    return result.model_dump(mode="json", by_alias=True, exclude_unset=True)


def plain(value: Any) -> Any:
    """A value without what is never twice the same in the server itself: clock and session id."""
    if isinstance(value, dict):
        return {
            key: _plain_blob(item) if key == "blob" else plain(item) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, str):
        timeless = re.sub(r"\d{1,2}:\d\d:\d\d [AP]M", "TIME", value)
        return re.sub(r"session [0-9a-f]{8}-[0-9a-f-]{27}", "session SESSION", timeless)
    return value


def _plain_blob(blob: str) -> Any:
    data = base64.b64decode(blob)
    return plain(data.decode()) if data.startswith(b"Resource ") else blob


@contextlib.contextmanager
def http_server(transport: str) -> Iterator[str]:
    """The server over `streamableHttp`, or over `sse` (HTTP+SSE of 2024-11-05); yields its URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [node.node_binary(), node.package_path(*SERVER), transport],
        env={**node.node_env(), "PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}/{'sse' if transport == 'sse' else 'mcp'}"
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def local_server() -> StdioServerParameters:
    """The server as a process on stdio."""
    arguments = [node.package_path(*SERVER), "stdio"]
    return StdioServerParameters(command=node.node_binary(), args=arguments)


def sidecar(env: dict[str, str]) -> StdioServerParameters:
    """A sidecar that serves what `env` names."""
    command, *arguments = home.SERVE
    return StdioServerParameters(command=command, args=arguments, env=env)
