"""Many processes, many expiries, and processes that are killed: one refresh, no second use."""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from app.test_killed import MOST_INSTANTS, killed
from authorization_server import AuthorizationServer
from edges import renewing_process
from edges.kept_login import NAME, KeptLogin

from mcp_proxy.edges.places import init_home
from mcp_proxy.errors import CredentialError

PROCESSES = 8
EXPIRIES = 1_000
WAIT_S = 30

pytestmark = [
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and kill"),
]
spawning = multiprocessing.get_context("spawn")


@pytest.fixture
def login(tmp_path: Path) -> Iterator[KeptLogin]:
    with AuthorizationServer() as server:
        yield KeptLogin(init_home(str(tmp_path / "home")), server)


def start(work: Callable[..., None], *args: Any) -> BaseProcess:
    process = spawning.Process(target=work, args=args, daemon=True)
    process.start()
    return process


def until(true: Callable[[], object], within_s: float = WAIT_S) -> None:
    end_s = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def kill(process: BaseProcess) -> None:
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join(WAIT_S)
    assert process.exitcode == -signal.SIGKILL


def renewed(login: KeptLogin) -> str:
    """The access token of a process that starts now, or the id of its refusal."""
    renewals = login.renewals()
    try:
        held = renewals.read(login.spec)
        return renewals.renew(login.spec, held, is_refused=False).tokens.access.reveal()
    except CredentialError as error:
        return error.id


@contextlib.contextmanager
def one_process(login: KeptLogin) -> Iterator[BaseProcess]:
    """It begins now, and holds nothing yet."""
    ahead_s, go = spawning.Value("d", login.clock.ahead_s), spawning.Barrier(2)
    process = start(renewing_process.renew_once, login.home, login.spec, ahead_s, go)
    go.wait(WAIT_S)
    yield process
    process.kill()
    process.join(WAIT_S)


def test_s8_six_processes_that_start_after_the_end_make_one_refresh(login: KeptLogin) -> None:
    login.end()
    ahead_s, go = spawning.Value("d", login.clock.ahead_s), spawning.Barrier(7)
    started = [
        start(renewing_process.renew_once, login.home, login.spec, ahead_s, go) for _ in range(6)
    ]
    go.wait(WAIT_S)
    for process in started:
        process.join(WAIT_S)
    assert [process.exitcode for process in started] == [0] * 6
    assert (login.refreshes, login.server.ledger.alarms) == (1, 0)
    assert login.server.heard("/authorize") == []


def test_s8_a_thousand_expiries_under_eight_processes_raise_no_alarm(login: KeptLogin) -> None:
    ahead_s, over = spawning.Value("d", 0.0), spawning.Event()
    started = [
        start(renewing_process.expire_and_renew, login.home, login.spec, ahead_s, over)
        for _ in range(PROCESSES)
    ]
    until(lambda: login.refreshes >= EXPIRIES, 300)
    over.set()
    for process in started:
        process.join(WAIT_S)
    assert [process.exitcode for process in started] == [0] * PROCESSES
    assert login.server.ledger.alarms == 0
    assert (login.tokens.sent, login.tokens.needs_login) == ("", "")
    assert login.server.heard("/authorize") == []


def test_s8_killed_before_the_request_nothing_is_lost(login: KeptLogin) -> None:
    login.end()
    with login.store.lock(NAME), one_process(login) as process:
        time.sleep(0.5)  # it comes to the lock, and waits
        kill(process)
    assert login.server.ledger.valid(renewed(login)) is not None
    assert (login.refreshes, login.server.ledger.alarms) == (1, 0)


def test_s8_killed_between_the_rotation_and_our_write_a_login_is_required_once(
    login: KeptLogin,
) -> None:
    held = login.server.faults.hold_after = threading.Event()
    login.end()
    with one_process(login) as process:
        until(login.server.decided.is_set)
        kill(process)
    held.set()
    asked = len(login.server.seen)
    assert [renewed(login) for _ in range(3)] == ["MCPX-C05"] * 3
    assert (len(login.server.seen), login.server.ledger.alarms) == (asked, 0)
    login.log_in()
    assert login.server.ledger.valid(login.tokens.access.reveal()) is not None


def test_s8_killed_after_our_write_nothing_is_lost(login: KeptLogin) -> None:
    login.end()
    with one_process(login):
        until(lambda: login.server.ledger.valid(login.tokens.access.reveal()))
    assert renewed(login) == login.tokens.access.reveal()
    assert login.refreshes == 1


def test_s8_killed_at_any_instant_no_token_is_sent_twice(login: KeptLogin) -> None:
    lost = 0
    for instant in range(1, MOST_INSTANTS):
        login.log_in()
        login.end()
        before = login.refreshes
        was_killed = killed(lambda: renewed(login), instant)
        marked, granted = bool(login.tokens.sent), login.refreshes - before
        found = renewed(login)
        assert login.server.ledger.alarms == 0
        if marked:
            assert found == "MCPX-C05"
            lost += 1
        else:
            assert login.server.ledger.valid(found) is not None
            assert login.refreshes - before == 1
        if not was_killed:
            assert (granted, marked) == (1, False)
            break
    # A few calls lie between the mark and the result; all the others cost nothing.
    assert 0 < lost < instant / 2
    assert instant > 30
