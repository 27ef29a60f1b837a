"""Calls that need a person, through the installed command: both eras, any client (S17).

refund (destructive; above 100 it asks) and note (write, always asks) of an API that counts what
reaches it.
"""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from app.approval_world import tools
from chromium import chromium, chromium_path
from e2e.client import WAIT_S, RawClient, text_of
from e2e.stage import COMMAND
from homes import install, make_home
from mcp import Client, StdioServerParameters
from mcp_types import ElicitRequestParams, ElicitResult
from playwright.sync_api import expect
from terminal import Person

from mcp_proxy.app.demo_http import LoopbackServer, Reply
from mcp_proxy.edges import approvals
from mcp_proxy.edges.approvals import Request
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.state_db import StateDb

BIG = {"customer": "ada", "amount": 500}
FORMS = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}}


class Place:
    """One home whose profile asks, the API behind it, and a person who reads state.db."""

    def __init__(self, folder: str, api: LoopbackServer) -> None:
        self.api = api
        self.folder = folder
        self.home: Home = make_home(os.path.join(folder, "home"))
        install(self.home, url=api.origin, tools=tools(), requires=("approval", "limits"))
        self.env = {**os.environ, "MCP_PROXY_HOME": os.path.join(folder, "home")}
        self.settle('wait = 30\nshow = "terminal"')
        self.state = StateDb(self.home)

    def settle(self, approval: str, more: str = "") -> None:
        path = os.path.join(self.home.config, "settings.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"[approval]\n{approval}\n{more}")
        os.chmod(path, 0o600)

    def serve(self) -> RawClient:
        return RawClient([COMMAND, "--profile", "billing"], self.env)

    def asked(self) -> Request:
        """The one open request, once there is one."""
        ends_s = time.monotonic() + WAIT_S
        while time.monotonic() < ends_s:
            found = self.state.run_now(approvals.open_requests)
            if found:
                assert len(found) == 1
                return found[0]
            time.sleep(0.02)
        raise AssertionError("nobody was asked")

    def approve(self) -> Request:
        request = self.asked()
        assert self.state.run_now(lambda tx: approvals.approve(tx, request.id, "terminal", "ada"))
        return request

    def deny(self, word: str) -> None:
        request = self.asked()
        assert self.state.run_now(
            lambda tx: approvals.deny(tx, request.id, "terminal", "ada", word)
        )

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [COMMAND, *words],
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def place(tmp_path: os.PathLike[str]) -> Iterator[Place]:
    with LoopbackServer(lambda _request: Reply(200, b'{"done":true}')) as api:
        made = Place(os.fspath(tmp_path), api)
        yield made
        made.state.close()


@contextlib.contextmanager
def client_of(place: Place, *, modern: bool) -> Iterator[RawClient]:
    with place.serve() as client:
        if not modern:
            client.handshake()
        yield client


def start(client: RawClient, arguments: Any, *, modern: bool, tool: str = "refund") -> int:
    params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": 1}}
    return client.start("tools/call", params, modern=modern)


@pytest.mark.parametrize("modern", [False, True])
def test_s17_a_client_without_forms_waits_and_is_let_through(place: Place, modern: bool) -> None:
    with client_of(place, modern=modern) as client:
        call = start(client, BIG, modern=modern)
        place.approve()
        assert client.reply(call)["result"].get("isError") in (None, False)
        told = [row["params"]["message"] for row in client.kept if "method" in row]
        assert "waiting for the person" in told
        assert [request.path for request in place.api.seen] == ["/refund"]
        assert client.end() == 0
    assert place.command("audit", "verify").returncode == 0


@pytest.mark.parametrize("modern", [False, True])
def test_s17_a_denied_model_reads_why(place: Place, modern: bool) -> None:
    with client_of(place, modern=modern) as client:
        call = start(client, BIG, modern=modern)
        place.deny("Ask the customer first.")
        result = client.reply(call)["result"]
        assert result["isError"] is True
        assert "Ask the customer first." in text_of(result)
        assert "MCPX-D12" in text_of(result)
        assert place.api.seen == []
        assert client.end() == 0


@pytest.mark.slow
@pytest.mark.parametrize("modern", [False, True])
def test_s17_after_the_deadline_the_same_call_and_no_other_goes_through(
    place: Place, modern: bool
) -> None:
    place.settle('wait = 1\nshow = "terminal"')
    with client_of(place, modern=modern) as client:
        late = client.call("refund", BIG, modern=modern)
        assert "make exactly the same call again" in text_of(late)
        assert "MCPX-D03" in text_of(late)
        place.approve()
        other = client.call("refund", {**BIG, "amount": 501}, modern=modern)
        assert "MCPX-D03" in text_of(other)
        assert place.api.seen == []
        assert "isError" not in client.call("refund", BIG, modern=modern)
        assert [request.body for request in place.api.seen] == [b'{"customer":"ada","amount":500}']
        assert client.end() == 0


@pytest.mark.slow
def test_s17_two_sidecars_wait_for_one_yes_and_one_call_goes(place: Place) -> None:
    place.settle('wait = 3\nshow = "terminal"')
    with place.serve() as one, place.serve() as other:
        calls = [(client, start(client, BIG, modern=True)) for client in (one, other)]
        place.asked()
        time.sleep(0.5)
        place.approve()
        results = [client.reply(call)["result"] for client, call in calls]
        assert sorted(bool(result.get("isError")) for result in results) == [False, True]
        assert len(place.api.seen) == 1


@pytest.mark.slow
def test_s17_a_yes_whose_process_was_killed_is_not_used_twice(place: Place) -> None:
    """Killed at a random moment about the yes: at most one call went, and the other is asked."""
    place.settle('wait = 3\nshow = "terminal"')
    for number, delay_s in enumerate((0.0, 0.05, 0.15, 0.25, 0.3)):
        arguments = {"customer": "ada", "amount": number}
        sent = len(place.api.seen)
        with place.serve() as client:
            start(client, arguments, modern=True, tool="note")
            place.approve()
            time.sleep(delay_s)
            client.process.send_signal(signal.SIGKILL)
            client.process.wait(WAIT_S)
        with place.serve() as client:
            place.settle('wait = 1\nshow = "terminal"')
            result = client.call("note", arguments)
            if result.get("isError"):
                assert "MCPX-D03" in text_of(result)
                place.deny("")  # what is left over asks nothing of the next round
            assert len(place.api.seen) <= sent + 1


def test_a_pause_during_the_wait_holds_after_the_yes(place: Place) -> None:
    with place.serve() as client:
        call = start(client, BIG, modern=True)
        place.asked()
        assert place.command("pause", "billing").returncode == 0
        place.approve()
        result = client.reply(call)["result"]
        assert "MCPX-D11" in text_of(result)
        assert place.api.seen == []


@pytest.mark.slow
def test_s17_the_command_line_call_waits_like_any_client(place: Place) -> None:
    process = subprocess.Popen(
        [COMMAND, "call", "billing", "note", '{"customer":"ada"}'],
        env=place.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    place.approve()
    out, talk = process.communicate(timeout=WAIT_S)
    assert (process.returncode, out.strip()) == (0, '{"done":true}')
    assert "mcp-proxy approve" in talk


@pytest.mark.slow
def test_s17_a_person_at_a_terminal_approves_a_waiting_call(place: Place) -> None:
    with place.serve() as client:
        call = start(client, BIG, modern=True)
        person = Person("approve", place.asked().code, env=place.env)
        person.sees("/refund")
        person.sees("Answer:")
        person.types("a")
        person.sees("type the amount: 500")
        person.types("500")
        person.sees("Approved")
        assert person.ends() == 0
        assert "isError" not in client.reply(call)["result"]
        assert len(place.api.seen) == 1


def elicited(answer: Callable[[str], ElicitResult], asked: list[str]) -> Callable[..., Any]:
    async def callback(_context: Any, params: ElicitRequestParams) -> ElicitResult:
        asked.append(params.message)
        return answer(params.message)

    return callback


@pytest.mark.parametrize("mode", ["legacy", "auto"])
@pytest.mark.parametrize(
    ("content", "error"),
    [({"decision": "approve"}, None), ({"decision": "deny", "word": "No."}, "MCPX-D12")],
)
def test_s17_the_sdk_client_is_asked_by_its_form(
    place: Place, mode: Any, content: Any, error: str | None
) -> None:
    server = StdioServerParameters(command=COMMAND, args=["--profile", "billing"], env=place.env)
    asked: list[str] = []

    async def play() -> Any:
        answer = elicited(lambda _text: ElicitResult(action="accept", content=content), asked)
        async with Client(server, mode=mode, elicitation_callback=answer) as client:
            return await client.call_tool("note", {"customer": "ada"})

    result = asyncio.run(asyncio.wait_for(play(), WAIT_S))
    assert len(asked) == 1
    assert f"GET {place.api.origin}/note?customer=ada" in asked[0]
    if error is None:
        assert not result.is_error
        assert len(place.api.seen) == 1
    else:
        assert error in result.content[0].text
        assert place.api.seen == []


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_s17_a_quick_decline_is_unknown_and_the_person_can_still_say_yes(
    place: Place, mode: Any
) -> None:
    server = StdioServerParameters(command=COMMAND, args=["--profile", "billing"], env=place.env)
    asked: list[str] = []

    async def play() -> Any:
        answer = elicited(lambda _text: ElicitResult(action="decline"), asked)
        async with Client(server, mode=mode, elicitation_callback=answer) as client:
            call = asyncio.create_task(client.call_tool("note", {"customer": "ada"}))
            while not asked:
                await asyncio.sleep(0.02)
            await asyncio.to_thread(place.approve)
            return await call

    result = asyncio.run(asyncio.wait_for(play(), WAIT_S))
    assert not result.is_error
    assert len(asked) == 1
    assert len(place.api.seen) == 1


def test_s22_the_page_of_a_waiting_call_approves_it(place: Place) -> None:
    """The browser of the settings is given a file; what it leads to is answered like a person."""
    opened = _open_pages(place)
    with place.serve() as client:
        call = start(client, BIG, modern=True)
        url = _led_to(opened)
        page = _get(url)
        assert "500" in page
        form = re.search(r'<form[^>]*>.*?name="form" value="([^"]+)".*?</form>', page, re.DOTALL)
        assert form is not None
        origin = url.rpartition("/")[0]
        body = f"form={form[1]}&typed=500".encode()
        request = urllib.request.Request(url, body, {"Origin": origin})
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            assert "Approved" in answer.read().decode()
        assert "isError" not in client.reply(call)["result"]
        assert len(place.api.seen) == 1
    assert url not in _everything(place)


@pytest.mark.slow
@pytest.mark.skipif(
    chromium_path() is None and os.environ.get("CI") != "true", reason="needs chromium"
)
def test_s17_a_real_browser_denies_and_approves_real_calls(place: Place) -> None:
    with place.serve() as client, chromium() as browser:
        opened = _open_pages(place)
        call = start(client, BIG, modern=True)
        page = browser.new_context(java_script_enabled=False).new_page()
        page.goto(_led_to(opened))
        page.get_by_label("A word to the model").fill("Not before Monday.")
        page.get_by_role("button", name="Deny", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Denied")
        assert "Not before Monday." in text_of(client.reply(call)["result"])
        os.unlink(opened)
        call = start(client, {**BIG, "amount": 600}, modern=True)
        page.goto(_led_to(opened))
        page.get_by_label("To approve, type").fill("600")
        page.get_by_role("button", name="Approve once", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Approved")
        assert "isError" not in client.reply(call)["result"]
        bodies = [request.body for request in place.api.seen]
        assert bodies == [b'{"customer":"ada","amount":600}']


def _open_pages(place: Place) -> str:
    """Pages open at once, in a browser that keeps the file that it is given; where it lies then."""
    opened = os.path.join(place.folder, "opened")
    browser = os.path.join(place.folder, "browser")
    with open(browser, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\ncat "$1" > {opened}.part && mv {opened}.part {opened}\n')
    os.chmod(browser, 0o700)
    place.settle('wait = 30\nshow = "page"', f'[login]\nbrowser = ["{browser}"]\n')
    return opened


def _led_to(opened: str) -> str:
    ends_s = time.monotonic() + WAIT_S
    while not os.path.exists(opened):
        assert time.monotonic() < ends_s, "no page was opened"
        time.sleep(0.02)
    with open(opened, encoding="utf-8") as file:
        found = re.search(r'href="(http://127\.0\.0\.1:[^"]+)"', file.read())
    assert found is not None
    return found[1]


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
        return answer.read().decode()


def _everything(place: Place) -> str:
    """All that stands in the home's files."""
    found = ""
    for folder, _, names in os.walk(os.path.join(place.folder, "home")):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                found += file.read().decode(errors="replace")
    return found


if sys.platform == "win32":
    pytest.skip("terminals and signals of POSIX", allow_module_level=True)
