"""S23: files that carry authority, on a real file system."""

import os
import stat
import threading

import pytest

from mcp_proxy.edges import files
from mcp_proxy.edges.files import (
    FileLock,
    ensure_folder,
    read_file,
    read_given,
    remove_file,
    write_file,
    write_given,
)
from mcp_proxy.edges.given_file import write_lines
from mcp_proxy.errors import HomeError, UsageError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX owners and modes")


def refusal(path: str, **more: bool) -> str:
    with pytest.raises(HomeError) as caught:
        read_file(path, 100, **more)
    return caught.value.id


@pytest.fixture
def folder(tmp_path: os.PathLike[str]) -> str:
    return os.fspath(tmp_path)


def test_s23_what_is_written_is_read_back_private(folder: str) -> None:
    path = os.path.join(folder, "a")
    write_file(path, b"one")
    write_file(path, b"two")
    assert read_file(path, 100, secret=True) == b"two"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert os.listdir(folder) == ["a"]


def test_missing_file_is_none(folder: str) -> None:
    assert read_file(os.path.join(folder, "a"), 100) is None
    assert read_file(os.path.join(folder, "b", "a"), 100) is None


def test_s23_symbolic_link_is_refused(folder: str) -> None:
    write_file(os.path.join(folder, "real"), b"x")
    os.symlink("real", os.path.join(folder, "link"))
    assert refusal(os.path.join(folder, "link")) == "MCPX-H02"


def test_s23_named_pipe_is_refused_without_waiting(folder: str) -> None:
    os.mkfifo(os.path.join(folder, "pipe"), 0o600)
    assert refusal(os.path.join(folder, "pipe")) == "MCPX-H02"


def test_s23_folder_in_place_of_a_file_is_refused(folder: str) -> None:
    os.mkdir(os.path.join(folder, "a"), 0o700)
    assert refusal(os.path.join(folder, "a")) == "MCPX-H02"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_s23_file_writable_by_others_is_refused(folder: str, mode: int) -> None:
    path = os.path.join(folder, "a")
    write_file(path, b"x")
    os.chmod(path, mode)
    assert refusal(path) == "MCPX-H02"


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_s23_secret_readable_by_others_is_refused(folder: str, mode: int) -> None:
    path = os.path.join(folder, "a")
    write_file(path, b"x")
    os.chmod(path, mode)
    assert read_file(path, 100) == b"x"
    assert refusal(path, secret=True) == "MCPX-H02"


def test_s23_file_larger_than_its_bound_is_refused(folder: str) -> None:
    path = os.path.join(folder, "a")
    write_file(path, b"x" * 100)
    assert read_file(path, 100) == b"x" * 100
    write_file(path, b"x" * 101)
    assert refusal(path) == "MCPX-H02"


@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_s23_ancestor_writable_by_others_is_refused(folder: str, mode: int) -> None:
    above = os.path.join(folder, "above")
    path = os.path.join(above, "own", "a")
    ensure_folder(os.path.dirname(path))
    write_file(path, b"x")
    os.chmod(above, mode)
    assert refusal(path) == "MCPX-H02"
    with pytest.raises(HomeError):
        write_file(path, b"y")
    with pytest.raises(HomeError):
        remove_file(path)
    with pytest.raises(HomeError):
        ensure_folder(os.path.join(above, "own", "more"))
    with pytest.raises(HomeError), FileLock(os.path.join(above, "own", "lock")):
        pass
    os.chmod(above, mode | stat.S_ISVTX)
    assert read_file(path, 100) == b"x"


def test_s23_ancestor_behind_a_link_is_checked_too(folder: str) -> None:
    open_folder, link = os.path.join(folder, "open"), os.path.join(folder, "link")
    ensure_folder(os.path.join(open_folder, "own"))
    write_file(os.path.join(open_folder, "own", "a"), b"x")
    os.symlink(os.path.join(open_folder, "own"), link)
    assert read_file(os.path.join(link, "a"), 100) == b"x"
    os.chmod(open_folder, 0o777)
    assert refusal(os.path.join(link, "a")) == "MCPX-H02"


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away needs root")
def test_s23_file_and_folder_of_another_user_are_refused_even_to_root(folder: str) -> None:
    theirs = os.path.join(folder, "theirs")
    ensure_folder(theirs)
    path = os.path.join(theirs, "a")
    write_file(path, b"x")
    os.chown(path, 12345, -1)
    assert refusal(path) == "MCPX-H02"
    os.chown(path, 0, -1)
    os.chown(theirs, 12345, -1)
    assert refusal(path) == "MCPX-H02"
    with pytest.raises(HomeError):
        ensure_folder(os.path.join(theirs, "more"))


def test_s23_folders_are_made_private_whatever_the_umask(folder: str) -> None:
    before = os.umask(0)
    try:
        ensure_folder(os.path.join(folder, "a", "b"))
        write_file(os.path.join(folder, "a", "b", "c"), b"x")
    finally:
        os.umask(before)
    for name, mode in (("a", 0o700), ("a/b", 0o700), ("a/b/c", 0o600)):
        assert stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode) == mode


def test_s23_a_failed_replacement_leaves_the_old_file_whole(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.path.join(folder, "a")
    write_file(path, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(HomeError, match="No space left"):
        write_file(path, b"new")
    monkeypatch.undo()
    assert read_file(path, 100) == b"old"
    assert os.listdir(folder) == ["a"]


def test_removing_says_whether_there_was_something(folder: str) -> None:
    path = os.path.join(folder, "a")
    write_file(path, b"x")
    assert remove_file(path)
    assert not remove_file(path)


def test_file_named_by_the_user_may_be_anyones(folder: str) -> None:
    path = os.path.join(folder, "a")
    write_given(path, b"x")
    os.chmod(path, 0o666)
    assert read_given(path, 1) == b"x"
    with pytest.raises(UsageError, match="larger"):
        read_given(path, 0)
    with pytest.raises(UsageError, match="cannot be read"):
        read_given(os.path.join(folder, "none"), 1)
    lost = os.path.join(folder, "none")
    for write in (
        lambda: write_given(f"{lost}/a", b"x"),
        lambda: write_lines(f"{lost}/a", iter("x")),
    ):
        with pytest.raises(
            UsageError, match=f"cannot be written: there is no folder {lost}"
        ) as told:
            write()
        assert "-o" in told.value.next


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
def test_no_file_is_put_in_the_place_of_a_pipe_or_a_device(folder: str) -> None:
    pipe, link = os.path.join(folder, "pipe"), os.path.join(folder, "link")
    os.mkfifo(pipe)
    os.symlink(pipe, link)
    for path in (pipe, link, folder):
        with pytest.raises(UsageError, match="no regular file"):
            write_given(path, b"x")
        with pytest.raises(UsageError, match="no regular file"):
            write_lines(path, iter(["x"]))
    assert sorted(os.listdir(folder)) == ["link", "pipe"]
    assert stat.S_ISFIFO(os.stat(pipe).st_mode)


def test_s23_lock_admits_one_at_a_time(folder: str) -> None:
    path = os.path.join(folder, "lock")
    order: list[str] = []
    waiting = threading.Event()

    def second() -> None:
        waiting.set()
        with FileLock(path):
            order.append("second")

    other = threading.Thread(target=second)
    with FileLock(path):
        other.start()
        assert waiting.wait(10)
        order.append("first")
    other.join(10)
    assert order == ["first", "second"]
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
