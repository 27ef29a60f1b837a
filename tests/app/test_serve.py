"""The serving process itself, launched as a client launches it: reasons told, notes kept, codes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from e2e.client import RawClient
from homes import distrust, install, make_home

from mcp_proxy.app.audit_log import Filter, read_entries
from mcp_proxy.app.audit_means import verify_home
from mcp_proxy.app.demo_http import LoopbackServer, Reply, Request
from mcp_proxy.edges.places import VARIABLE, Home

COMMAND = [sys.executable, "-m", "mcp_proxy", "--profile", "billing"]
WAIT_S = 20.0


class Stage(NamedTuple):
    """A home with billing installed against a loopback API."""

    home: Home
    api: LoopbackServer

    def serve(self) -> RawClient:
        return RawClient(COMMAND, os.environ)


@pytest.fixture
def stage(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    folder = os.path.join(os.fspath(tmp_path), "home")
    monkeypatch.setenv(VARIABLE, folder)

    def answer(_request: Request) -> Reply:
        return Reply(200, b'{"total":5}')

    with LoopbackServer(answer) as api:
        home = make_home(folder)
        install(home, url=api.origin)
        yield Stage(home, api)


def notes() -> list[tuple[str, object]]:
    return [(entry["what"], entry["count"]) for entry in read_entries(Filter(kind="note"))]


def test_a_session_of_both_eras_is_one_good_segment(stage: Stage) -> None:
    with stage.serve() as client:
        assert client.request("server/discover")["result"]["supportedVersions"]
        client.handshake()
        assert client.call("find", {"customer": "cus_1"})["structuredContent"] == {"total": 5}
        assert "structuredContent" in client.call("find", {"customer": "abc"}, modern=False)
        assert client.end() == 0
    found = verify_home()
    assert (found.good, found.segments, found.open_segments) == (True, 1, 0)


def test_a_process_that_is_only_probed_leaves_no_log(stage: Stage) -> None:
    with stage.serve() as client:
        client.request("server/discover")
        client.request("tools/list")
        assert client.end() == 0
    assert verify_home().segments == 0


def test_a_client_that_only_listens_opens_no_connection_and_leaves_no_log(stage: Stage) -> None:
    wanted = {"notifications": {"toolsListChanged": True}}
    with stage.serve() as client:
        listen = client.start("subscriptions/listen", wanted)
        assert client.read()["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == listen
        client.send(
            {
                "jsonrpc": "2.0",
                "method": "notifications/cancelled",
                "params": {"requestId": listen},
            }
        )
        client.request("tools/list")
        assert client.end() == 0
    assert verify_home().segments == 0
    assert stage.api.seen == []


def test_what_a_client_without_a_call_sent_amiss_is_logged(stage: Stage) -> None:
    with stage.serve() as client:
        client.send_bytes(b"{\n")
        client.send_bytes(b"x" * (9 << 20) + b"\n")
        assert client.request("nonsense")["error"]["code"] == -32601
        assert client.end() == 0
    assert notes() == [("malformed", 1), ("invalid", 1), ("unknown method", 1)]


def test_what_was_amiss_before_the_first_call_is_logged_with_it(stage: Stage) -> None:
    with stage.serve() as client:
        client.send_bytes(b"{\n")
        client.call("find", {"customer": "cus_1"})
        client.send_bytes(b"{\n")
        client.request("tools/list")
        assert client.end() == 0
    assert notes() == [("malformed", 1), ("malformed", 1)]
    assert verify_home().segments == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_as_stdin_without_a_stderr_is_served(stage: Stage) -> None:
    ours, theirs = os.openpty()
    shell = ["sh", "-c", 'exec "$@" 2>&-', "sh", *COMMAND]
    process = subprocess.Popen(shell, env=os.environ, stdin=theirs, stdout=subprocess.PIPE)
    os.close(theirs)
    try:
        assert process.stdout is not None
        os.write(ours, b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
        assert b'"result":{}' in process.stdout.readline()
        os.write(ours, b"\x04")
        assert process.wait(WAIT_S) == 0
    finally:
        process.kill()
        process.wait(WAIT_S)
        process.stdout.close()
        os.close(ours)


def test_a_flood_before_the_first_call_is_one_count(stage: Stage) -> None:
    with stage.serve() as client:
        client.send_bytes(b"{\n" * 1000)
        client.call("find", {"customer": "cus_1"})
        assert client.end() == 0
    assert notes() == [("malformed", 1000)]


# A resolver that never answers, in a thread that nothing can end.
_DEAF_RESOLVER = """
import socket, sys, threading
socket.getaddrinfo = lambda *_, **__: threading.Event().wait()
from mcp_proxy.__main__ import main
sys.argv = ["mcp-proxy", "--profile", "billing"]
main()
"""


def test_a_name_lookup_that_hangs_does_not_hold_up_the_end(stage: Stage) -> None:
    install(stage.home, version=2, url="https://api.example.com")
    with RawClient([sys.executable, "-c", _DEAF_RESOLVER], os.environ) as client:
        client.handshake()
        call = {"name": "find", "arguments": {"customer": "cus_1"}}
        client.start("tools/call", call, modern=False)
        while not read_entries(Filter(kind="decided")):
            client.request("ping", modern=False)
        assert client.end() == 0
    assert [entry["sent"] for entry in read_entries(Filter(kind="cancelled"))] == ["maybe"]
    assert client.stderr == b""


def test_s20_notes_that_cannot_be_logged_make_the_end_a_5(stage: Stage) -> None:
    os.chmod(stage.home.state, 0o722)
    with stage.serve() as client:
        client.send_bytes(b"{\n")
        client.request("tools/list")
        assert client.end() == 5
    assert b"MCPX-A01" in client.stderr
    assert b"Traceback" not in client.stderr


def test_s20_a_session_whose_calls_could_not_be_logged_ends_with_5(stage: Stage) -> None:
    os.chmod(stage.home.state, 0o722)
    with stage.serve() as client:
        assert client.call("find", {"customer": "cus_1"})["isError"] is True
        assert client.end() == 5
    assert stage.api.seen == []


def test_s20_a_call_that_cannot_be_logged_is_denied_and_the_session_goes_on(stage: Stage) -> None:
    os.chmod(stage.home.state, 0o722)
    with stage.serve() as client:
        result = client.call("find", {"customer": "cus_1"})
        assert result["isError"] is True
        assert "MCPX-A01" in result["content"][0]["text"]
        os.chmod(stage.home.state, 0o700)
        assert "isError" not in client.call("find", {"customer": "cus_1"})
        assert client.end() == 0
    assert len(stage.api.seen) == 1


def test_s4_a_refused_profile_tells_its_reason_until_the_client_ends(stage: Stage) -> None:
    distrust(stage.home)
    with stage.serve() as client:
        for _ in range(2):
            error = client.request("tools/list")["error"]
            assert (error["code"], error["data"]["id"]) == (1003, "MCPX-P03")
        assert client.request("initialize", {}, modern=False)["error"]["code"] == 1003
        assert client.request("ping", modern=False)["result"] == {}
        assert client.end() == 3
    assert client.stderr.count(b"\n") == 1
    assert b"MCPX-P03" in client.stderr
    (refused,) = read_entries(Filter(kind="refused"))
    assert (refused["profile"], refused["error"]) == ("billing", "MCPX-P03")


def test_s20_a_refusal_that_cannot_be_logged_still_tells_its_reason_and_exits_5(
    stage: Stage,
) -> None:
    distrust(stage.home)
    os.chmod(stage.home.state, 0o722)
    with stage.serve() as client:
        assert client.request("tools/list")["error"]["data"]["id"] == "MCPX-P03"
        assert client.end() == 5


def test_a_refusal_reaches_a_client_that_does_not_read_stderr(stage: Stage) -> None:
    distrust(stage.home)
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        COMMAND,
        input=b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n',
        stdout=subprocess.PIPE,
        stderr=writes,
        timeout=WAIT_S,
        check=False,
    )
    os.close(writes)
    assert b'"code":1003' in done.stdout
    assert done.returncode == 3


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_session_with_a_closed_log(stage: Stage, how: signal.Signals) -> None:
    with stage.serve() as client:
        client.call("find", {"customer": "cus_1"})
        client.process.send_signal(how)
        assert client.process.wait(WAIT_S) == 0
    assert verify_home().open_segments == 0
    assert read_entries(Filter(kind="close"))[0]["reason"] in ("terminated", "interrupted")


def test_s6_trust_taken_away_denies_the_next_call_of_a_running_process(stage: Stage) -> None:
    with stage.serve() as client:
        assert "isError" not in client.call("find", {"customer": "cus_1"})
        distrust(stage.home)
        denied = client.call("find", {"customer": "cus_1"})
        assert "MCPX-P03" in denied["content"][0]["text"]
        assert client.request("tools/list")["result"]["ttlMs"] == 0
        assert client.end() == 0
    assert len(stage.api.seen) == 1
