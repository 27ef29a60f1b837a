"""Real local servers of both eras behind the stdio edge, well-behaved and otherwise."""

import asyncio
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from mcp_proxy.core.answer import Answer, Failure, McpAnswer, Wishes
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.request import McpRequest
from mcp_proxy.core.secret import Secret
from mcp_proxy.edges.child import Child, Hears
from mcp_proxy.edges.launch import Launch
from mcp_proxy.edges.restarts import Restarts
from mcp_proxy.edges.upstream_mcp import McpUpstream
from mcp_proxy.edges.upstream_stdio import stdio_upstream
from mcp_proxy.errors import ProfileError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sessions and /proc are POSIX's")

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stdio_server.py")
SPEC = UpstreamSpec("stdio", "", None, 10_000, ("progress", "logging"), (), ("python",), ())
CANARY = "canary-3f9c-value"
Value = TypeVar("Value")


def launch_of(era: str = "modern", **changes: Any) -> Launch:
    return Launch(sys.executable, ("python", SCRIPT, era))._replace(**changes)


class Source:
    """What may be started; changes on demand, or is refused."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.refusal: ProfileError | None = None

    async def __call__(self) -> Launch:
        if self.refusal is not None:
            raise self.refusal
        return self.launch


async def call(
    upstream: McpUpstream, name: str, deadline_s: float = 10.0, **arguments: Any
) -> Answer:
    params = {"name": name, "arguments": arguments}
    request = McpRequest("tools/call", params, name, (), False)
    return await upstream.call(request, Wishes({}), lambda _event: None, deadline_s)


async def told(upstream: McpUpstream, name: str, **arguments: Any) -> Any:
    """What an answered tool says."""
    answer = await call(upstream, name, **arguments)
    assert isinstance(answer, McpAnswer), answer
    return json.loads(answer.result["content"][0]["text"])


def run(
    work: Callable[[McpUpstream, Source], Awaitable[Value]], launch: Launch | None = None
) -> Value:
    async def go() -> Value:
        source = Source(launch or launch_of())
        upstream = stdio_upstream(SPEC, source, LIMITS)
        try:
            return await work(upstream, source)
        finally:
            await upstream.close()

    return asyncio.run(go())


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def ends(pid: int, within_s: float = 5.0) -> bool:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if not is_alive(pid):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("era", ["modern", "legacy", "brittle"])
def test_a_local_server_of_either_era_answers(era: str) -> None:
    async def work(upstream: McpUpstream, _source: Source) -> None:
        assert await told(upstream, "echo", a=1, none=None) == {"a": 1, "none": None}
        first, second = await told(upstream, "where"), await told(upstream, "where")
        assert first["pid"] == second["pid"]
        assert [tool["name"] for tool in (await upstream.listing(10.0))["tools"]] == ["where"]

    run(work, launch_of(era))


def test_a_server_that_leaves_the_probe_unanswered_is_legacy() -> None:
    async def go() -> None:
        limits = LIMITS._replace(era_probe_ms=300)
        upstream = stdio_upstream(SPEC, Source(launch_of("mute")), limits)
        try:
            assert await told(upstream, "echo", a=1) == {"a": 1}
        finally:
            await upstream.close()

    asyncio.run(go())


def test_s13_the_child_has_its_own_folder_environment_descriptors_and_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HOME", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR", "SECRET_OF_THE_CLIENT"):
        monkeypatch.setenv(name, "/nowhere")
    launch = launch_of(
        environment=(("SERVER_MODE", "strict"),), variable="TOKEN", secret=Secret(CANARY)
    )

    async def work(upstream: McpUpstream, _source: Source) -> dict[str, Any]:
        with open(SCRIPT, encoding="utf-8") as _inheritable:
            os.set_inheritable(_inheritable.fileno(), True)
            assert not await told(upstream, "echo")
            seen = await told(upstream, "where")
        assert isinstance(seen, dict)
        assert os.path.isdir(seen["cwd"])
        return seen

    seen = run(work, launch)
    own = {"SERVER_MODE": "strict", "TOKEN": "[credential removed]"}
    fixed = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TMPDIR": "/tmp"}
    path, home = seen["env"].pop("PATH"), seen["env"].pop("HOME")
    assert seen["env"] == {**own, **fixed}
    assert path.split(":")[0] == os.path.dirname(sys.executable)
    assert set(path.split(":")[1:]) <= {"/bin", "/usr/bin", "/usr/local/bin", "/usr/sbin", "/sbin"}
    assert home == psutil.Process().environ().get("HOME") or os.path.isdir(home)
    assert (seen["mode"], seen["holds"], seen["leads"]) == ("0o700", [], True)
    assert seen["fds"] == [0, 1, 2]
    assert CANARY not in json.dumps(seen["argv"])
    assert not os.path.exists(seen["cwd"])


def test_s13_the_credential_arrives_and_comes_back_in_no_answer() -> None:
    launch = launch_of(variable="TOKEN", secret=Secret(CANARY))

    async def work(upstream: McpUpstream, _source: Source) -> None:
        pid = (await told(upstream, "where"))["pid"]
        assert psutil.Process(pid).environ()["TOKEN"] == CANARY
        assert CANARY not in " ".join(psutil.Process(pid).cmdline())
        assert await told(upstream, "echo", said=CANARY) == {"said": "[credential removed]"}
        answer = await call(upstream, "exit", code=3, says=f"bad token {CANARY}\n")
        assert isinstance(answer, Failure)
        assert CANARY not in answer.text
        assert "bad token [credential removed]" in answer.text

    run(work, launch)


def test_a_crash_fails_the_call_with_the_code_and_the_end_of_stderr() -> None:
    async def work(upstream: McpUpstream, _source: Source) -> Answer:
        await told(upstream, "echo")
        return await call(upstream, "exit", code=7, says="Traceback\n\x1b[31mKeyError: 'x'\n")

    answer = run(work)
    assert isinstance(answer, Failure)
    assert (answer.id, answer.sent) == ("MCPX-U01", "maybe")
    assert answer.text == "The local server ended with code 7: Traceback KeyError: 'x'."


def test_a_crashed_server_is_started_again_by_a_later_call_and_not_at_once() -> None:
    async def work(upstream: McpUpstream, _source: Source) -> None:
        first = (await told(upstream, "where"))["pid"]
        await call(upstream, "exit", code=1, says="boom")
        early = await call(upstream, "where")
        assert isinstance(early, Failure)
        assert (early.id, early.sent) == ("MCPX-U01", "no")
        assert early.text.startswith("The local server ended with code 1: boom. It can be started")
        await asyncio.sleep(0.6)
        assert (await told(upstream, "where"))["pid"] != first

    run(work)


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_a_server_killed_between_calls_is_started_again_unnoticed(era: str) -> None:
    async def work(upstream: McpUpstream, _source: Source) -> None:
        first = (await told(upstream, "where"))["pid"]
        session = upstream.session
        os.kill(first, signal.SIGKILL)
        await asyncio.sleep(0.7)
        assert (await told(upstream, "where"))["pid"] != first
        assert upstream.session is not session

    run(work, launch_of(era))


def test_every_call_in_flight_fails_at_once_when_the_server_dies() -> None:
    async def work(upstream: McpUpstream, _source: Source) -> None:
        pid = (await told(upstream, "where"))["pid"]
        calls = [asyncio.create_task(call(upstream, "sleep", s=60)) for _ in range(5)]
        await asyncio.sleep(0.2)
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(3):
            answers = await asyncio.gather(*calls)
        for answer in answers:
            assert isinstance(answer, Failure)
            assert (answer.id, answer.sent) == ("MCPX-U01", "maybe")
            assert answer.text == "The local server ended by signal 9."

    run(work)


def test_a_crash_loop_costs_ever_longer_pauses() -> None:
    restarts, now_s, pauses = Restarts(LIMITS), 100.0, []
    for _ in range(9):
        restarts.started(now_s)
        restarts.crashed(now_s)
        pauses.append(restarts.wait_s(now_s))
        now_s += restarts.wait_s(now_s)
        assert restarts.wait_s(now_s) == pytest.approx(0)
    assert pauses == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30, 30])
    restarts.started(now_s)
    restarts.crashed(now_s + 61)
    assert restarts.wait_s(now_s + 61) == pytest.approx(0.5)


def test_a_program_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    program = tmp_path / "server"
    program.write_text("no program")
    program.chmod(0o755)

    async def work(upstream: McpUpstream, _source: Source) -> Answer:
        return await call(upstream, "echo")

    answer = run(work, Launch(str(program), ("server",)))
    assert isinstance(answer, Failure)
    assert (answer.id, answer.sent) == ("MCPX-U01", "no")
    assert answer.text.startswith("The local server cannot be started: exec format error.")


def test_a_flood_of_stderr_neither_blocks_nor_is_kept() -> None:
    async def work(upstream: McpUpstream, _source: Source) -> Answer:
        assert await told(upstream, "shout", lines=5_000) == {"lines": 5_000}
        return await call(upstream, "exit", code=1, says="the last words")

    answer = run(work)
    assert isinstance(answer, Failure)
    assert answer.text.endswith("x the last words.")
    assert len(answer.text) < 400


@pytest.mark.parametrize("gap", [0, 1, 7, 60, 5_000])
def test_s7_no_part_of_the_secret_survives_where_stderr_is_cut(gap: int) -> None:
    secret = "k" + "0123456789" * 12
    hears = Hears(lambda _line: None, lambda _why: None)

    async def go() -> None:
        child = Child(launch_of(variable="T", secret=Secret(secret)), "", hears, LIMITS)
        for _ in range(200):
            child.pipe_data_received(2, secret.encode() + b"." * gap)
            assert "0123" not in child.said()

    asyncio.run(go())


def test_a_hundred_stray_lines_before_an_answer_are_borne_and_more_are_not() -> None:
    async def work(upstream: McpUpstream, _source: Source) -> Answer:
        for _ in range(3):
            assert await told(upstream, "litter", lines=100) == {"lines": 100}
        pid = (await told(upstream, "where"))["pid"]
        answer = await call(upstream, "litter", lines=101)
        assert ends(pid)
        return answer

    answer = run(work)
    assert isinstance(answer, Failure)
    assert (answer.id, answer.sent) == ("MCPX-U05", "maybe")
    assert "is not acceptable JSON" in answer.text


def test_a_line_above_the_bound_ends_the_server() -> None:
    async def work(upstream: McpUpstream, _source: Source) -> Answer:
        pid = (await told(upstream, "where"))["pid"]
        answer = await call(upstream, "huge", bytes=LIMITS.frame_bytes + 1)
        assert ends(pid)
        return answer

    answer = run(work)
    assert isinstance(answer, Failure)
    assert answer.id == "MCPX-U05"
    assert "is larger than" in answer.text


def test_a_server_that_closes_its_stdout_ends() -> None:
    async def work(upstream: McpUpstream, _source: Source) -> Answer:
        await told(upstream, "echo")
        return await call(upstream, "close")

    answer = run(work)
    assert isinstance(answer, Failure)
    assert answer.text.startswith("The local server ended")


def test_answers_to_nobody_are_passed_over() -> None:
    async def work(upstream: McpUpstream, _source: Source) -> None:
        assert await told(upstream, "strange", a=1) == {"a": 1}

    run(work)


def test_a_json_rpc_error_is_told_with_its_code() -> None:
    async def work(upstream: McpUpstream, _source: Source) -> Answer:
        return await call(upstream, "error")

    answer = run(work)
    assert isinstance(answer, Failure)
    assert (answer.id, answer.sent) == ("MCPX-U03", "yes")
    assert answer.error is not None
    assert (answer.error.code, answer.error.message, answer.error.data) == (-32000, "it broke", 7)


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_a_call_given_up_is_cancelled_at_the_server(era: str) -> None:
    async def work(upstream: McpUpstream, _source: Source) -> None:
        where = await told(upstream, "where")
        answer = await call(upstream, "sleep", deadline_s=0.3, s=0.6)
        assert isinstance(answer, Failure)
        assert (answer.id, answer.sent) == ("MCPX-U02", "maybe")
        await told(upstream, "echo")
        path = Path(where["cwd"], "cancelled")
        while not path.exists() or not path.read_text("utf-8"):
            await asyncio.sleep(0.01)
        assert len(path.read_text("utf-8").split()) == 1

    run(work, launch_of(era))


def test_s13_what_the_server_started_ends_with_it() -> None:
    async def work(upstream: McpUpstream, _source: Source) -> tuple[int, int]:
        pid = (await told(upstream, "where"))["pid"]
        return pid, await told(upstream, "spawn")

    for pid in run(work):
        assert ends(pid)


def test_s13_what_a_crashed_server_started_ends_too() -> None:
    async def work(upstream: McpUpstream, _source: Source) -> None:
        grandchild = await told(upstream, "spawn")
        await call(upstream, "exit", code=1)
        assert ends(grandchild)

    run(work)


def test_a_server_that_ignores_its_end_is_killed() -> None:
    async def work(upstream: McpUpstream, _source: Source) -> int:
        await told(upstream, "stubborn")
        return int((await told(upstream, "where"))["pid"])

    began = time.monotonic()
    assert ends(run(work))
    assert 2.5 < time.monotonic() - began < 8


def test_an_end_that_is_cut_short_kills_at_once() -> None:
    async def work(upstream: McpUpstream, _source: Source) -> int:
        await told(upstream, "stubborn")
        pid = int((await told(upstream, "where"))["pid"])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await upstream.close()
        assert ends(pid, 1.0)
        return pid

    run(work)


def test_an_end_that_is_cut_short_before_the_server_s_turn_kills_it_too() -> None:
    async def work(upstream: McpUpstream, _source: Source) -> int:
        await told(upstream, "stubborn")
        where = await told(upstream, "where")
        stuck = asyncio.Event()

        async def listen(*_: object) -> None:
            try:
                await stuck.wait()
            except asyncio.CancelledError:
                await stuck.wait()
                raise

        gateway = upstream._gateway
        setattr(gateway, "listen", listen)  # noqa: B010
        upstream.watch(frozenset(), frozenset(), lambda _change: None)
        await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await upstream.close()
        assert ends(where["pid"], 1.0)
        assert not os.path.exists(where["cwd"])
        stuck.set()
        return 0

    run(work)


def test_s13_a_command_trusted_no_longer_ends_its_server() -> None:
    async def work(upstream: McpUpstream, source: Source) -> Answer:
        pid = (await told(upstream, "where"))["pid"]
        source.refusal = ProfileError("MCPX-P16", "Not trusted.", "mcp-proxy trust command a b")
        answer = await call(upstream, "echo")
        assert not is_alive(pid)
        return answer

    answer = run(work)
    assert isinstance(answer, Failure)
    assert (answer.id, answer.sent) == ("MCPX-P16", "no")
    assert "mcp-proxy trust command a b" in answer.text


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_s6_a_changed_credential_starts_the_server_anew(era: str) -> None:
    launch = launch_of(era, variable="TOKEN", secret=Secret("first-value"))

    async def work(upstream: McpUpstream, source: Source) -> None:
        first = (await told(upstream, "where"))["pid"]
        source.launch = launch._replace(secret=Secret("second-value"))
        second = (await told(upstream, "where"))["pid"]
        assert second != first
        assert psutil.Process(second).environ()["TOKEN"] == "second-value"

    run(work, launch)


def private_copy(tmp_path: Path) -> Path:
    program = tmp_path / "server"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {SCRIPT} modern "$@"\n')
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_s13_a_program_that_others_may_write_is_not_started(tmp_path: Path, mode: int) -> None:
    program = private_copy(tmp_path)

    async def work(upstream: McpUpstream, _source: Source) -> Answer:
        program.chmod(mode)
        return await call(upstream, "echo")

    answer = run(work, Launch(str(program), ("server",)))
    assert isinstance(answer, Failure)
    assert (answer.id, answer.sent) == ("MCPX-H02", "no")


def test_s13_a_program_in_a_folder_that_others_may_write_is_not_started(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    program = private_copy(folder)
    folder.chmod(0o777)

    async def work(upstream: McpUpstream, _source: Source) -> Answer:
        return await call(upstream, "echo")

    answer = run(work, Launch(str(program), ("server",)))
    folder.chmod(stat.S_IRWXU)
    assert isinstance(answer, Failure)
    assert answer.id == "MCPX-H02"


def test_s13_a_program_earlier_on_the_path_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "fake"
    fake.mkdir()
    shutil.copy(private_copy(fake), fake / "python")
    monkeypatch.setenv("PATH", f"{fake}:{os.environ['PATH']}")

    async def work(upstream: McpUpstream, _source: Source) -> dict[str, Any]:
        seen = await told(upstream, "where")
        assert isinstance(seen, dict)
        return seen

    seen = run(work)
    assert seen["executable"] == sys.executable
    assert str(fake) not in seen["env"]["PATH"]


SIDECAR = """
import asyncio, sys
sys.path.insert(0, {tests!r})
from edges.test_upstream_stdio import SPEC, LIMITS, Source, launch_of, told
from mcp_proxy.edges.upstream_stdio import stdio_upstream
async def go():
    upstream = stdio_upstream(SPEC, Source(launch_of()), LIMITS)
    print((await told(upstream, "where"))["pid"], flush=True)
    await asyncio.sleep(600)
asyncio.run(go())
"""


def test_s13_a_server_ends_when_the_sidecar_is_killed() -> None:
    tests = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    script = SIDECAR.format(tests=tests)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as sidecar:
        assert sidecar.stdout is not None
        pid = int(sidecar.stdout.readline())
        assert is_alive(pid)
        sidecar.kill()
    assert ends(pid)
