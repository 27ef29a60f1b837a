"""Unattended work through the installed command: granted at a terminal, counted, revoked (S17)."""

import json
import os
from collections.abc import Iterator

import pytest
from app.approval_world import tools
from e2e.client import RawClient
from e2e.stage import COMMAND, KEPT, run_batch
from homes import install, make_home
from terminal import Person

from mcp_proxy.app.demo_http import LoopbackServer, Reply, Request

SMALL = '{"amount": {"at_most": 150}}'


class Desk:
    """A home with a vault, a profile whose calls need a person, and the API behind it."""

    def __init__(self, folder: str, api: LoopbackServer) -> None:
        self.home = make_home(os.path.join(folder, "home"))
        install(self.home, url=api.origin, tools=tools(), requires=("approval", "limits"))
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        words = {"WORDS": "a passphrase of this test alone", "TERM": "dumb"}
        self.env = {**kept, **words, "MCP_PROXY_HOME": os.path.join(folder, "home")}
        run_batch(self.env, ("vault", "init", "--from", "env:WORDS"))
        with open(os.path.join(self.home.config, "settings.toml"), "a", encoding="utf-8") as file:
            file.write('\n[approval]\nwait = 1\nshow = "terminal"\n')

    def serve(self) -> RawClient:
        return RawClient([COMMAND, "--profile", "billing"], self.env)

    def person(self, *words: str) -> Person:
        return Person(*words, env=self.env)


@pytest.fixture
def sent() -> list[Request]:
    return []


@pytest.fixture
def desk(tmp_path: os.PathLike[str], sent: list[Request]) -> Iterator[Desk]:
    def handle(request: Request) -> Reply:
        sent.append(request)
        return Reply(200, b'{"done":true}')

    with LoopbackServer(handle) as api:
        yield Desk(os.fspath(tmp_path), api)


def text(client: RawClient, amount: int) -> str:
    """What the model reads of a refund."""
    result = client.call("refund", {"customer": "ada", "amount": amount})
    return json.dumps(result["content"]) if result.get("isError") else "ok"


@pytest.mark.slow
def test_s17_granted_calls_pass_unasked_until_the_grant_is_used_up_or_taken_back(
    desk: Desk, sent: list[Request]
) -> None:
    add = ("grant", "add", "billing", "refund", "--count", "2", "--for", "8h", "--when", SMALL)
    with desk.serve() as client:
        assert "waits for a person" in text(client, 120)
        person = desk.person(*add)
        person.sees("type the tool's name: ")
        person.types("refund")
        assert person.ends() == 0
        assert text(client, 120) == "ok"
        assert "waits for a person" in text(client, 160), "the condition does not hold"
        assert text(client, 130) == "ok"
        assert "waits for a person" in text(client, 130), "it is used up"
        person = desk.person(*add)
        person.sees("type the tool's name: ")
        person.types("refund")
        assert person.ends() == 0
        listing = desk.person("grant", "list")
        listing.sees("2 of 2")
        shown = listing.sees("0 of 2")
        assert listing.ends() == 0
        fresh = next(line.split()[0] for line in shown.splitlines() if "0 of 2" in line)
        assert desk.person("grant", "revoke", fresh).ends() == 0
        assert "waits for a person" in text(client, 110)
    assert len(sent) == 2


@pytest.mark.slow
def test_s17_a_call_that_waited_is_approved_at_the_terminal_and_made_again(
    desk: Desk, sent: list[Request]
) -> None:
    with desk.serve() as client:
        assert "mcp-proxy approve" in text(client, 500)
        person = desk.person("approve")
        person.sees("refund: ")
        person.sees("Number or code: ")
        person.types("1")
        person.sees('{"customer":"ada","amount":500}')
        person.sees("Answer: ")
        person.types("a")
        person.sees("type the amount: 500")
        person.sees("> ")
        person.types("500")
        person.sees("Approved")
        assert person.ends() == 0
        assert text(client, 500) == "ok"
        assert "waits for a person" in text(client, 500), "once is once"
    assert len(sent) == 1
