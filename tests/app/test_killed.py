"""A developer's command killed at each of its instants, and what a start says after that."""

import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from typing import Any

import homes
import pytest
from repository_desk import Desk, open_desk

from mcp_proxy.app import profiles, repositories
from mcp_proxy.app.refreshing import refresh
from mcp_proxy.edges.places import VARIABLE
from mcp_proxy.errors import McpProxyError

FEWER = [homes.tool("find"), homes.tool("refund")]
MOST_INSTANTS = 400
# Every call that changes a disk, or closes what was locked.
CALLS = ("open", "write", "fsync", "replace", "unlink", "mkdir", "close", "rename", "symlink")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
]


@pytest.fixture
def desk(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    folder = os.fspath(tmp_path)
    monkeypatch.setenv(VARIABLE, os.path.join(folder, "home"))
    with open_desk(folder) as made:
        made.publish(1)
        made.trust()
        yield made


def die_at(instant: int) -> None:
    """This process kills itself before that one of its calls."""
    left = [instant]

    def deadly(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **more: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **more)

        return counted

    for name in CALLS:
        setattr(os, name, deadly(getattr(os, name)))


def killed(act: Callable[[], object], instant: int) -> bool:
    """Whether the command was killed at that instant; False where it had ended by then."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            die_at(instant)
            act()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def storm(desk: Desk, act: Callable[[], object], judge: Callable[[], None]) -> int:
    """`act` killed at its first instant, its second and so on, each from the same home."""
    home = os.path.dirname(desk.home.data)
    saved = f"{home}-saved"
    shutil.copytree(home, saved, symlinks=True)
    for instant in range(1, MOST_INSTANTS):
        put_back(saved, home)
        was_killed = killed(act, instant)
        judge()
        if not was_killed:
            return instant
    raise AssertionError(MOST_INSTANTS)


def put_back(saved: str, home: str) -> None:
    """What is in the home as it was; its folders stay, for a home that is copied is refused."""
    for place, folders, files in os.walk(home):
        before = os.path.join(saved, os.path.relpath(place, home))
        for name in folders:
            if not os.path.isdir(os.path.join(before, name)):
                shutil.rmtree(os.path.join(place, name))
        for name in files:
            os.unlink(os.path.join(place, name))
    shutil.copytree(saved, home, symlinks=True, dirs_exist_ok=True)


def served(desk: Desk) -> int | str:
    """The version that a start would serve, or the id of its refusal."""
    try:
        return desk.load().header.version
    except McpProxyError as error:
        return error.id


def test_s3_a_first_install_is_there_or_not(desk: Desk) -> None:
    def judge() -> None:
        assert served(desk) in (1, "MCPX-P11")
        desk.install()
        assert served(desk) == 1

    assert storm(desk, desk.install, judge) > 30


def test_s3_an_activation_is_the_old_one_the_new_one_or_refused(desk: Desk) -> None:
    desk.install()
    desk.publish(2, tools=FEWER)

    def judge() -> None:
        assert served(desk) in (1, 2, "MCPX-P07")
        found = refresh("billing", offline=False)
        assert (found.version, found.problem) == (2, None)
        assert refresh("billing", offline=True).problem is None
        assert served(desk) == 2

    assert storm(desk, lambda: refresh("billing", offline=False), judge) > 30


def test_s3_a_pin_is_the_old_one_the_new_one_or_refused(desk: Desk) -> None:
    desk.publish(2, tools=FEWER)
    desk.install()

    def judge() -> None:
        assert served(desk) in (1, 2, "MCPX-P17")
        assert desk.record.version == 2
        desk.install("billing@1")
        assert served(desk) == 1

    assert storm(desk, lambda: desk.install("billing@1"), judge) > 30


def test_s6_a_withdrawal_counts_or_is_found_again(desk: Desk) -> None:
    desk.install()
    desk.repo.revoke("billing", 1)

    def judge() -> None:
        assert served(desk) in (1, "MCPX-P19")
        refresh("billing", offline=False)
        assert served(desk) == "MCPX-P19"

    assert storm(desk, lambda: refresh("billing", offline=False), judge) > 20


def test_s2_a_move_is_done_or_not(desk: Desk) -> None:
    desk.install()

    def judge() -> None:
        assert served(desk) in (1, "MCPX-P03")
        with contextlib.suppress(McpProxyError):
            repositories.move(repositories.read_move("billing", "keys"), unasked=True)
        assert (served(desk), desk.record.version) == ("MCPX-P03", 1)

    def move() -> None:
        repositories.move(repositories.read_move("billing", "keys"), unasked=True)

    assert storm(desk, move, judge) > 5


def test_s3_what_is_removed_comes_back_in_no_older_version(desk: Desk) -> None:
    desk.publish(2, tools=FEWER)
    desk.install()

    def judge() -> None:
        assert served(desk) in (2, "MCPX-P11")
        assert desk.record.version == 2

    assert storm(desk, lambda: profiles.remove("billing"), judge) > 5
