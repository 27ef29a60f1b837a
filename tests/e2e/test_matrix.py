"""Every feature, from clients of both eras to upstreams of both eras, over HTTP and stdio."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from e2e import matrix_server as full
from e2e.client import RawClient, text_of
from e2e.matrix_stage import http_server, install, local_command, make_stage
from e2e.stage import Stage

META = "io.modelcontextprotocol/"
ERAS = ("modern", "legacy")
CARRIERS = ("http", "stdio")
CAPABILITIES = {
    "elicitation": {"form": {}, "url": {}},
    "sampling": {},
    "roots": {"listChanged": True},
    "extensions": {full.TASKS: {}, full.UI: {"mimeTypes": ["text/html;profile=mcp-app"]}},
}
REPLIES = {
    "ask_form": {"action": "accept", "content": {"color": "blue"}},
    "ask_url": {"action": "accept"},
    "ask_sample": {
        "role": "assistant",
        "content": {"type": "text", "text": "hello"},
        "model": "m",
        "stopReason": "endTurn",
    },
    "ask_roots": {"roots": [{"uri": "file:///home/me/project", "name": "project"}]},
}
SOURCE = """
profile: {name}
version: 1
title: Matrix
expires: 2099-01-01
upstreams:
  all:
    kind: {kind}
    {where}
    listing: matrix.tools.json
    features: [progress, logging, completion, elicitation, sampling, roots, tasks, apps]
    links: ["https://login.example.com"]
    deadline: 5s
tools: {{"*": {{upstream: all}}}}
resources: {{"*": {{upstream: all}}}}
prompts: {{"*": {{upstream: all}}}}
"""


class Upstreams(NamedTuple):
    """One home with a profile for each kind of upstream."""

    stage: Stage
    urls: dict[str, str]


@pytest.fixture(scope="module")
def upstreams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstreams]:
    stage = make_stage(str(tmp_path_factory.mktemp("matrix")))
    with http_server("modern") as modern, http_server("legacy") as legacy:
        urls = {"modern": modern, "legacy": legacy}
        for era in ERAS:
            http = SOURCE.format(name=f"mx-{era}-http", kind="mcp", where=f"url: {urls[era]}")
            install(stage, f"mx-{era}-http", http)
            where = f"command: {json.dumps(local_command(era))}"
            local = SOURCE.format(name=f"mx-{era}-stdio", kind="stdio", where=where)
            install(stage, f"mx-{era}-stdio", local, "all")
        yield Upstreams(stage, urls)


class Play:
    """One client of one era in front of one upstream."""

    def __init__(self, client: RawClient, era: str) -> None:
        self.client = client
        self.is_modern = era == "modern"
        self.asked: list[Any] = []
        if not self.is_modern:
            info = {"name": "raw", "version": "1"}
            params = {"protocolVersion": "2025-11-25", "capabilities": CAPABILITIES}
            client.request("initialize", {**params, "clientInfo": info}, modern=False)
            client.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def start(self, method: str, params: Any = None, **meta: Any) -> int:
        rows = {**meta, META + "clientCapabilities": CAPABILITIES} if self.is_modern else meta
        filled = {**(params or {}), **({"_meta": rows} if rows else {})}
        return self.client.start(method, filled, modern=self.is_modern)

    def ask(self, method: str, params: Any = None, **meta: Any) -> Any:
        """The reply to a request, whole."""
        return self.client.reply(self.start(method, params, **meta))

    def get(self, method: str, params: Any = None, **meta: Any) -> Any:
        """Its result."""
        reply = self.ask(method, params, **meta)
        assert "result" in reply, reply
        return reply["result"]

    def call(self, tool: str, arguments: Any = None, **meta: Any) -> Any:
        params = {"name": tool, "arguments": arguments or {}}
        return self.get("tools/call", params, **meta)

    def answer(self, tool: str, reply: Any) -> Any:
        """The result of a tool that asks one question, which is replied to with `reply`."""
        params = {"name": tool, "arguments": {}}
        if not self.is_modern:
            request_id = self.start("tools/call", params)
            question = self.client.read()
            self.asked.append(question)
            self.client.send({"jsonrpc": "2.0", "id": question["id"], "result": reply})
            return self.client.reply(request_id)["result"]
        first = self.get("tools/call", params)
        assert first["resultType"] == "input_required", first
        ((key, question),) = first["inputRequests"].items()
        self.asked.append(question)
        state = {"requestState": first["requestState"]} if "requestState" in first else {}
        return self.get("tools/call", {**params, "inputResponses": {key: reply}, **state})

    def report(self) -> Any:
        """What the upstream has seen."""
        return self.call("report")["structuredContent"]


@pytest.fixture(scope="module", params=ERAS, ids=lambda era: f"{era}-client")
def client_era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(
    scope="module",
    params=[(era, carrier) for era in ERAS for carrier in CARRIERS],
    ids="-".join,
)
def upstream(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param


@pytest.fixture(scope="module")
def play(upstreams: Upstreams, upstream: tuple[str, str], client_era: str) -> Iterator[Play]:
    with upstreams.stage.serve(profile="mx-" + "-".join(upstream)) as client:
        yield Play(client, client_era)
        assert client.end() == 0


def test_lists_are_the_profile_s(play: Play) -> None:
    tools = play.get("tools/list")["tools"]
    assert {tool["name"] for tool in tools} == {tool["name"] for tool in full.TOOLS}
    (card,) = (tool for tool in tools if tool["name"] == "card")
    assert card["_meta"] == {"ui": {"resourceUri": "ui://card"}}
    resources = play.get("resources/list")
    assert [row["uri"] for row in resources["resources"]] == ["note://1", "note://bytes"]
    templates = play.get("resources/templates/list")
    assert [row["uriTemplate"] for row in templates["resourceTemplates"]] == ["page://{id}"]
    prompts = play.get("prompts/list")
    assert [row["name"] for row in prompts["prompts"]] == ["greet"]
    for page in (resources, templates, prompts):
        assert page.get("cacheScope", "private") == "private"
        assert ("ttlMs" in page) == play.is_modern


@pytest.mark.parametrize(
    "value", [None, 5, 2**60, 1.5, "é\n", [], {}, {"a": [None, {"b": None}]}, False]
)
def test_a_result_survives_whole(play: Play, value: Any) -> None:
    result = play.call("echo", {"value": value})
    assert result["structuredContent"] == {"value": value}
    (block,) = result["content"]
    assert block == {"type": "text", "text": json.dumps(value), "unknown": {"deep": None}}
    assert result["_meta"]["com.example/kept"] == [1, None]
    assert "future" in result
    assert result["future"] is None


def test_unknown_content_and_nulls_survive(play: Play) -> None:
    assert text_of(play.call("card")) == "a card"
    result = play.call("strange")
    assert result["content"] == [{"type": "hologram", "data": None, "more": [1, None]}]
    assert result["structuredContent"] == {"null": None}


def test_resources_are_read(play: Play) -> None:
    (row,) = play.get("resources/read", {"uri": "note://1"})["contents"]
    assert row == {
        "uri": "note://1",
        "mimeType": "text/plain",
        "text": "text of note://1",
        "extra": None,
    }
    (row,) = play.get("resources/read", {"uri": "note://bytes"})["contents"]
    assert base64.b64decode(row["blob"]) == b"\0\1\2\xff"
    (row,) = play.get("resources/read", {"uri": "page://seven"})["contents"]
    assert row["text"] == "text of page://seven"
    (row,) = play.get("resources/read", {"uri": "ui://card"})["contents"]
    assert row["text"] == full.CARD


@pytest.mark.parametrize("uri", ["note://2", "page://a/b", "ui://other", "file:///etc/passwd", ""])
def test_a_resource_that_the_profile_does_not_name_is_not_there(play: Play, uri: str) -> None:
    code = -32602 if play.is_modern else -32002
    assert play.ask("resources/read", {"uri": uri})["error"]["code"] == code


def test_prompts_and_completion(play: Play) -> None:
    result = play.get("prompts/get", {"name": "greet", "arguments": {"who": "Zoë"}})
    block = {"type": "text", "text": "Hello Zoë", "extra": None}
    assert result["messages"] == [{"role": "user", "content": block}]
    assert play.ask("prompts/get", {"name": "greet"})["error"]["code"] == -32602
    assert play.ask("prompts/get", {"name": "other"})["error"]["code"] == -32602
    for ref in (
        {"type": "ref/prompt", "name": "greet"},
        {"type": "ref/resource", "uri": "page://{id}"},
    ):
        argument = {"name": "who" if "name" in ref else "id", "value": "ab"}
        found = play.get("completion/complete", {"ref": ref, "argument": argument})
        assert found["completion"]["values"] == [f"ab-{ref['type']}"]


def test_progress_and_log_messages(play: Play) -> None:
    level = {META + "logLevel": "info"} if play.is_modern else {}
    if not play.is_modern:
        play.get("logging/setLevel", {"level": "info"})
    play.client.kept.clear()
    result = play.call("slow", progressToken="p", **level)
    assert text_of(result) == "slow but done"
    told = [row["params"] for row in play.client.kept if row["method"] == "notifications/progress"]
    assert [row["progress"] for row in told] == [1, 2, 3]
    assert {row["progressToken"] for row in told} == {"p"}
    logs = [row["params"] for row in play.client.kept if row["method"] == "notifications/message"]
    assert [row["level"] for row in logs] == ["info", "error"]
    play.client.kept.clear()
    play.call("slow")
    assert not [row for row in play.client.kept if row["method"] == "notifications/progress"]


def test_a_cancelled_call_is_cancelled_upstream(play: Play) -> None:
    before = play.report()["cancelled"]
    request_id = play.start("tools/call", {"name": "wait", "arguments": {}})
    time.sleep(0.3)
    params = {"requestId": request_id}
    play.client.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})
    for _ in range(50):
        if play.report()["cancelled"] == before + 1:
            break
        time.sleep(0.1)
    else:
        pytest.fail("the upstream was not told")
    assert not any(row.get("id") == request_id for row in play.client.kept)


@pytest.mark.parametrize("tool", full.QUESTIONS)
def test_an_upstream_s_question_reaches_the_client_and_its_reply_the_upstream(
    play: Play, tool: str
) -> None:
    method, sent = full.QUESTIONS[tool]
    result = play.answer(tool, REPLIES[tool])
    question = play.asked[-1]
    assert question["method"] == method
    asked = question.get("params", {})
    if method == "elicitation/create":
        assert asked["message"] == "all: " + sent["message"]
    assert {k: v for k, v in asked.items() if k != "message"} == {
        k: v for k, v in sent.items() if k != "message"
    }
    assert json.loads(text_of(result)) == REPLIES[tool]


def test_what_a_client_did_not_declare_is_not_declared_upstream(
    upstreams: Upstreams, upstream: tuple[str, str], client_era: str
) -> None:
    with upstreams.stage.serve(profile="mx-" + "-".join(upstream)) as client:
        if client_era == "legacy":
            client.handshake()
        seen = client.call("report", {}, modern=client_era == "modern")["structuredContent"]
        assert seen["capabilities"] == {}


def test_changes_reach_who_listens(play: Play) -> None:
    if play.is_modern:
        wanted = {
            "toolsListChanged": True,
            "promptsListChanged": True,
            "resourceSubscriptions": ["note://1", "note://none"],
        }
        listening = play.start("subscriptions/listen", {"notifications": wanted})
        ack = play.client.read()
        assert ack["method"] == "notifications/subscriptions/acknowledged"
        assert ack["params"]["_meta"] == {META + "subscriptionId": listening}
        granted = {**wanted, "resourceSubscriptions": ["note://1"]}
        assert ack["params"]["notifications"] == granted
    else:
        play.get("resources/subscribe", {"uri": "note://1"})
    expected = {"notifications/tools/list_changed", "notifications/resources/updated"}
    found: set[str] = set()
    for _ in range(30):
        play.client.kept.clear()
        play.call("change")
        time.sleep(0.1)
        play.call("echo", {"value": 1})
        rows = [row for row in play.client.kept if "id" not in row]
        found |= {row["method"] for row in rows}
        for row in rows if play.is_modern else ():
            assert row["params"]["_meta"][META + "subscriptionId"] == listening
        if expected <= found:
            break
    assert expected <= found
    if not play.is_modern:
        play.get("resources/unsubscribe", {"uri": "note://1"})


def test_tasks_are_owned_by_the_call_that_made_them(
    play: Play, upstreams: Upstreams, upstream: tuple[str, str]
) -> None:
    made = play.call("task")
    if not play.is_modern or upstream[0] != "modern":
        assert text_of(made) == "done without a task"
        return
    assert made["resultType"] == "task"
    assert made["ttlMs"] is None
    task = {"taskId": made["taskId"]}
    assert play.get("tasks/get", task)["status"] == "working"
    done = play.get("tasks/get", task)
    assert text_of(done["result"]) == "the task is done"
    play.get("tasks/update", {**task, "inputResponses": {"k": {"action": "decline"}}})
    play.get("tasks/cancel", task)
    assert play.ask("tasks/get", {"taskId": "task-none"})["error"]["code"] == -32602
    with upstreams.stage.serve(profile="mx-" + "-".join(upstream)) as other:
        foreign = Play(other, "modern").ask("tasks/get", task)
        assert foreign["error"]["code"] == -32602


def test_a_client_s_changed_roots_are_told(
    play: Play, upstream: tuple[str, str], client_era: str
) -> None:
    before = play.report()["roots_changed"]
    play.client.send({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"})
    if client_era == "modern" or upstream[0] == "modern":
        time.sleep(0.3)  # it is of the handshake era, on both sides
        assert play.report()["roots_changed"] == before
        return
    for _ in range(50):
        if play.report()["roots_changed"] == before + 1:
            return
        time.sleep(0.1)
    pytest.fail("the upstream was not told")


def test_everything_that_left_is_in_the_log(upstreams: Upstreams) -> None:
    rows = upstreams.stage.log()
    labels = {row["tool"] for row in rows if row["kind"] == "decided"}
    assert {"echo", "ask_form", "card"} <= labels
    assert any(str(label).startswith("resource:") for label in labels)
    assert any(str(label).startswith("prompt:") for label in labels)
    decided = sum(row["kind"] == "decided" and row["decision"] == "allow" for row in rows)
    ended = sum(row["kind"] in ("answered", "cancelled") for row in rows)
    assert decided == ended
    upstreams.stage.run("audit", "verify")
