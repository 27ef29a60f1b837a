"""The server that the suite's server scenarios expect, written with the SDK: both eras over HTTP.

usage: everything_server.py [--legacy]      prints its URL as its first line, ends with its stdin

With --legacy it knows the handshake era alone, as servers before 2026-07-28 do.

Names and texts are the suite's (each scenario's description in its package states them).
"""

import asyncio
import base64
import json
import logging
import os
import socket
import sys
import threading
from typing import Any

import uvicorn
from mcp.server.mcpserver import Context, MCPServer, RequestStateSecurity
from mcp.server.mcpserver.prompts.base import Message, Prompt, UserMessage
from mcp.shared.exceptions import MCPError
from mcp.types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    Completion,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    EmbeddedResource,
    EmptyResult,
    ImageContent,
    InputRequiredResult,
    ListRootsRequest,
    SamplingMessage,
    SetLevelRequestParams,
    SubscribeRequestParams,
    TextContent,
    TextResourceContents,
    UnsubscribeRequestParams,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from starlette.responses import PlainTextResponse

VERSION_HEADER = b"mcp-protocol-version"
# One red pixel, and a WAVE of two samples.
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8"
    "z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
)
WAVE = base64.b64encode(
    b"RIFF\x26\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0"
    b"\x40\x1f\0\0\x40\x1f\0\0\1\0\x08\0data\2\0\0\0\x80\x80"
).decode()

DEFAULTS = {
    "name": {"type": "string", "default": "John Doe"},
    "age": {"type": "integer", "default": 30},
    "score": {"type": "number", "default": 95.5},
    "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    "verified": {"type": "boolean", "default": True},
}
_TITLED = [{"const": f"value{number}", "title": f"Option {number}"} for number in (1, 2, 3)]
_PLAIN = {"type": "string", "enum": ["option1", "option2", "option3"]}
ENUMS = {
    "untitledSingle": _PLAIN,
    "titledSingle": {"type": "string", "oneOf": _TITLED},
    "legacyEnum": {
        "type": "string",
        "enum": ["opt1", "opt2", "opt3"],
        "enumNames": ["Option One", "Option Two", "Option Three"],
    },
    "untitledMulti": {"type": "array", "items": _PLAIN},
    "titledMulti": {"type": "array", "items": {"anyOf": _TITLED}},
}

server = MCPServer(
    "conformance-everything",
    version="1.0.0",
    request_state_security=RequestStateSecurity(keys=[os.urandom(32)]),
)


def text(value: str) -> TextContent:
    return TextContent(type="text", text=value)


def image() -> ImageContent:
    return ImageContent(type="image", data=PNG, mime_type="image/png")


def resource(uri: str, mime_type: str, value: str) -> EmbeddedResource:
    contents = TextResourceContents(uri=uri, mime_type=mime_type, text=value)
    return EmbeddedResource(type="resource", resource=contents)


def form(message: str, **properties: Any) -> ElicitRequest:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    params = ElicitRequestFormParams(message=message, requested_schema=schema)
    return ElicitRequest(params=params)


def name_form(message: str = "What is your name?") -> ElicitRequest:
    return form(message, name={"type": "string"})


def confirm_form() -> ElicitRequest:
    return form("Please confirm", ok={"type": "boolean"})


def sample(prompt: str, max_tokens: int) -> CreateMessageRequest:
    messages = [SamplingMessage(role="user", content=text(prompt))]
    return CreateMessageRequest(
        params=CreateMessageRequestParams(messages=messages, max_tokens=max_tokens)
    )


def need(state: str | None = None, **requests: Any) -> InputRequiredResult:
    return InputRequiredResult(input_requests=requests, request_state=state)


def answer(context: Context, key: str) -> Any:
    """What the client answered to the question `key`, None where it did not."""
    return (context.input_responses or {}).get(key)


def filled(response: Any, field: str) -> Any:
    """A field of an elicitation's accepted form."""
    return (getattr(response, "content", None) or {}).get(field)


# Content of every kind.


@server.tool(structured_output=False)
def test_simple_text() -> str:
    """Answers one text block."""
    return "This is a simple text response for testing."


@server.tool(structured_output=False)
def test_image_content() -> list[ImageContent]:
    """Answers one image."""
    return [image()]


@server.tool(structured_output=False)
def test_audio_content() -> list[AudioContent]:
    """Answers one sound."""
    return [AudioContent(type="audio", data=WAVE, mime_type="audio/wav")]


@server.tool(structured_output=False)
def test_embedded_resource() -> list[EmbeddedResource]:
    """Answers one embedded resource."""
    return [resource("test://embedded-resource", "text/plain", "This is an embedded resource.")]


@server.tool(structured_output=False)
def test_multiple_content_types() -> list[Any]:
    """Answers text, an image and a resource."""
    held = resource("test://mixed-content-resource", "application/json", '{"test":"data"}')
    return [text("Multiple content types test:"), image(), held]


@server.tool(structured_output=False)
def test_error_handling() -> str:
    """Fails, and tells so in its result."""
    raise RuntimeError("This tool intentionally returns an error for testing")


# Notifications while a call runs.


@server.tool(structured_output=False)
async def test_tool_with_logging(context: Context) -> str:
    """Logs three times at level info."""
    for message in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await context.info(message)
        await asyncio.sleep(0.05)
    return "Logged three times."


@server.tool(structured_output=False)
async def test_logging_tool(context: Context) -> str:
    """Logs at every level; a request without a level must hear nothing of it."""
    for level in ("debug", "info", "warning", "error"):
        await context.log(level, f"a message at {level}")
    return "Logged at four levels."


@server.tool(structured_output=False)
async def test_tool_with_progress(context: Context) -> str:
    """Reports progress at 0, 50 and 100."""
    for done in (0, 50, 100):
        await context.report_progress(done, 100, f"Completed step {done} of 100")
        await asyncio.sleep(0.05)
    return "Progress reported."


# Questions in the midst of a call: requests to a client of the handshake era, results that require
# input for a modern one.


@server.tool(structured_output=False)
async def test_sampling(prompt: str, context: Context) -> Any:
    """Asks the client's model."""
    asked = sample(prompt, 100)
    if context.protocol_version in MODERN_PROTOCOL_VERSIONS:
        result = answer(context, "sample")
        if result is None:
            return need(sample=asked)
    else:
        result = await context.session.create_message(
            messages=asked.params.messages,
            max_tokens=asked.params.max_tokens,
            related_request_id=context.request_id,
        )
    return f"LLM response: {getattr(result.content, 'text', '')}"


async def elicit(context: Context, message: str, properties: dict[str, Any]) -> Any:
    schema = {"type": "object", "properties": properties}
    if context.protocol_version in MODERN_PROTOCOL_VERSIONS:
        result = answer(context, "form")
        if result is None:
            params = ElicitRequestFormParams(message=message, requested_schema=schema)
            return need(form=ElicitRequest(params=params))
    else:
        result = await context.session.elicit_form(message, schema, context.request_id)
    content = json.dumps(result.content or {})
    return f"Elicitation completed: action={result.action}, content={content}"


@server.tool(structured_output=False)
async def test_elicitation(message: str, context: Context) -> Any:
    """Asks the person."""
    asked = {"response": {"type": "string", "description": "User's response"}}
    return await elicit(context, message, asked)


@server.tool(structured_output=False)
async def test_elicitation_sep1034_defaults(context: Context) -> Any:
    """Asks with a default for each primitive type."""
    return await elicit(context, "Please fill in the form.", DEFAULTS)


@server.tool(structured_output=False)
async def test_elicitation_sep1330_enums(context: Context) -> Any:
    """Asks with every variant of an enumeration."""
    return await elicit(context, "Please choose.", ENUMS)


# What the modern era alone has.


@server.tool(structured_output=False)
def test_streaming_elicitation(context: Context) -> Any:
    """Asks once; nothing but its result may be on the stream."""
    if filled(answer(context, "user_name"), "name"):
        return "Asked and answered."
    return need(user_name=name_form())


@server.tool(structured_output=False)
def test_missing_capability(context: Context) -> str:
    """Works for clients with sampling alone."""
    declared = context.client_capabilities
    if declared is None or declared.sampling is None:
        raise MCPError(
            code=MISSING_REQUIRED_CLIENT_CAPABILITY,
            message="This tool requires sampling.",
            data={"requiredCapabilities": {"sampling": {}}},
        )
    return "The client can sample."


@server.tool(structured_output=False)
def test_input_required_result_elicitation(context: Context) -> Any:
    """Asks for a name, then greets."""
    name = filled(answer(context, "user_name"), "name")
    return f"Hello, {name}!" if name else need(user_name=name_form())


@server.tool(structured_output=False)
def test_input_required_result_sampling(context: Context) -> Any:
    """Asks the client's model for a capital."""
    content = getattr(answer(context, "capital_question"), "content", None)
    if content is not None:
        return f"The model said: {getattr(content, 'text', '')}"
    return need(capital_question=sample("What is the capital of France?", 100))


@server.tool(structured_output=False)
def test_input_required_result_list_roots(context: Context) -> Any:
    """Asks for the client's roots."""
    roots = getattr(answer(context, "client_roots"), "roots", None)
    if roots is not None:
        return f"Roots: {', '.join(str(root.uri) for root in roots)}"
    return need(client_roots=ListRootsRequest())


@server.tool(structured_output=False)
def test_input_required_result_request_state(context: Context) -> Any:
    """Asks, and wants its state back."""
    if answer(context, "confirm") and context.request_state == "a state of mine":
        return "state-ok"
    return need("a state of mine", confirm=confirm_form())


@server.tool(structured_output=False)
def test_input_required_result_tampered_state(context: Context) -> Any:
    """Asks, and wants its state back unchanged."""
    if context.request_state is None:
        return need("untouched", confirm=confirm_form())
    return f"state: {context.request_state}"


@server.tool(structured_output=False)
def test_input_required_result_multiple_inputs(context: Context) -> Any:
    """Asks three questions of three kinds at once."""
    keys = ("user_name", "greeting", "client_roots")
    if all(answer(context, key) for key in keys):
        return "All three were answered."
    asked = (name_form(), sample("Generate a greeting", 50), ListRootsRequest())
    return need("three at once", **dict(zip(keys, asked, strict=True)))


@server.tool(structured_output=False)
def test_input_required_result_multi_round(context: Context) -> Any:
    """Asks for a name, then for a color; the state carries the name."""
    state = json.loads(context.request_state or "{}")
    if color := state and filled(answer(context, "step2"), "color"):
        return f"{state['name']} likes {color}."
    if name := filled(answer(context, "step1"), "name"):
        color_form = form("Step 2: What is your favorite color?", color={"type": "string"})
        return need(json.dumps({"name": name}), step2=color_form)
    return need("{}", step1=name_form("Step 1: What is your name?"))


@server.tool(structured_output=False)
def test_input_required_result_capabilities(context: Context) -> Any:
    """Asks what the client can answer, nothing else."""
    declared = context.client_capabilities
    asked: dict[str, Any] = {}
    if declared is not None and declared.sampling is not None:
        asked["sample"] = sample("Say hello", 50)
    if declared is not None and declared.elicitation is not None:
        asked["ask"] = name_form()
    return need("what you can", **asked)


# Changes of the lists.


def _passing() -> str:
    """Comes and goes."""
    return "passing"


@server.tool(structured_output=False)
async def test_trigger_tool_change(context: Context) -> str:
    """Changes the list of tools and tells the subscribers."""
    server.add_tool(_passing, name="test_passing_tool")
    server.remove_tool("test_passing_tool")
    await context.notify_tools_changed()
    return "The tools changed."


@server.tool(structured_output=False)
async def test_trigger_prompt_change(context: Context) -> str:
    """Changes the list of prompts and tells the subscribers."""
    server.add_prompt(Prompt.from_function(_passing, name="test_passing_prompt"))
    server.remove_prompt("test_passing_prompt")
    await context.notify_prompts_changed()
    return "The prompts changed."


# Resources, prompts, completion.


@server.resource("test://static-text", mime_type="text/plain")
def static_text() -> str:
    """A text."""
    return "This is the content of the static text resource."


@server.resource("test://static-binary", mime_type="image/png")
def static_binary() -> bytes:
    """An image."""
    return base64.b64decode(PNG)


@server.resource("test://watched-resource", mime_type="text/plain")
def watched() -> str:
    """A text that may be subscribed to."""
    return "Watched resource content"


@server.resource("test://template/{id}/data", mime_type="application/json")
def templated(id: str) -> str:  # noqa: A002
    """One of many."""
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


@server.prompt()
def test_simple_prompt() -> list[Message]:
    """Takes no argument."""
    return [UserMessage(text("This is a simple prompt for testing."))]


@server.prompt()
def test_prompt_with_arguments(arg1: str, arg2: str) -> list[Message]:
    """Takes two arguments."""
    return [UserMessage(text(f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"))]


@server.prompt()
def test_prompt_with_embedded_resource(resourceUri: str) -> list[Message]:  # noqa: N803
    """Embeds a resource."""
    held = resource(resourceUri, "text/plain", "Embedded resource content for testing.")
    return [UserMessage(held), UserMessage(text("Please process the embedded resource above."))]


@server.prompt()
def test_prompt_with_image() -> list[Message]:
    """Holds an image."""
    return [UserMessage(image()), UserMessage(text("Please analyze the image above."))]


@server.prompt()
def test_input_required_result_prompt(context: Context) -> Any:
    """Asks before it answers."""
    if given := filled(answer(context, "user_context"), "context"):
        return [UserMessage(text(f"Use the following context: {given}"))]
    asked = form("What context should the prompt use?", context={"type": "string"})
    return need(user_context=asked)


@server.completion()
async def complete(_ref: Any, argument: Any, _context: Any) -> Completion:
    words = ("paris", "park", "party")
    found = [word for word in words if word.startswith(argument.value)]
    return Completion(values=found, total=len(found), has_more=False)


# What the SDK's high-level server leaves to its own: levels and subscriptions are taken, not kept.


async def _accept(_context: Any, _params: Any) -> EmptyResult:
    return EmptyResult()


for _method, _params in (
    ("logging/setLevel", SetLevelRequestParams),
    ("resources/subscribe", SubscribeRequestParams),
    ("resources/unsubscribe", UnsubscribeRequestParams),
):
    server._lowlevel_server.add_request_handler(_method, _params, _accept)


def legacy_alone(app: Any) -> Any:
    """The app as a server that has never heard of the modern era."""

    async def handle(scope: Any, receive: Any, send: Any) -> None:
        versions = [value for name, value in scope.get("headers", ()) if name == VERSION_HEADER]
        if any(version.decode() in MODERN_PROTOCOL_VERSIONS for version in versions):
            answer = PlainTextResponse("Bad Request: Unsupported protocol version", 400)
            await answer(scope, receive, send)
        else:
            await app(scope, receive, send)

    return handle


def main(*, legacy: bool) -> None:
    """Serve until stdin ends."""
    logging.basicConfig(level=logging.WARNING)
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
    app: Any = server.streamable_http_app(streamable_http_path="/mcp")
    app = legacy_alone(app) if legacy else app
    running = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))

    def end_with_stdin() -> None:
        while os.read(0, 4096):
            pass
        running.should_exit = True

    threading.Thread(target=end_with_stdin, daemon=True).start()
    print(url, flush=True)
    running.run(sockets=[listening])


if __name__ == "__main__":
    main(legacy="--legacy" in sys.argv[1:])
