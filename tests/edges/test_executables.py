"""The program of a local server: where it is looked for, and what makes it unfit to start."""

import os
from pathlib import Path

import pytest

from mcp_proxy.edges.executables import check_executable, find_executable
from mcp_proxy.errors import HomeError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="owners and modes are POSIX's")


def make(path: Path) -> Path:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_first_program_of_that_name_is_found_and_its_link_is_kept(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir()
    second.mkdir()
    (first / "server").write_text("not executable")
    (second / "server").symlink_to(make(tmp_path / "real"))
    make(second / "later")
    search = f"{tmp_path}/none::{first}:{second}"
    assert find_executable("server", search) == str(second / "server")
    assert find_executable(str(tmp_path / "x" / ".." / "real"), "") == str(tmp_path / "real")
    with pytest.raises(ValueError, match="is on the PATH"):
        find_executable("real", search)


@pytest.mark.parametrize("name", ["./server", "bin/server", "../server", "a/b"])
def test_s13_a_relative_path_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="depends on a folder"):
        find_executable(name, "/usr/bin")


def test_a_fit_program_passes(tmp_path: Path) -> None:
    check_executable(str(make(tmp_path / "server")))
    check_executable("/bin/sh")


def test_s13_what_is_no_program_of_ours_is_refused(tmp_path: Path) -> None:
    folder, pipe, plain = tmp_path / "folder", tmp_path / "pipe", tmp_path / "plain"
    folder.mkdir()
    os.mkfifo(pipe)
    plain.write_text("data")
    plain.chmod(0o600)
    expected = {folder: "regular file", pipe: "regular file", tmp_path / "none": "cannot be"}
    if os.geteuid():
        expected[plain] = "may not be executed"
    else:
        foreign = make(tmp_path / "foreign")
        os.chown(foreign, 12_345, -1)
        expected[foreign] = "belongs to another user"
    for path, named in expected.items():
        with pytest.raises(HomeError, match=named):
            check_executable(str(path))


@pytest.mark.parametrize("path", ["server", "./server", "bin/server", ""])
def test_s13_a_record_edited_to_a_relative_path_starts_nothing(path: str) -> None:
    with pytest.raises(HomeError, match="depends on a folder"):
        check_executable(path)


@pytest.mark.parametrize("name", ["a\u202eb", "a\nb", "a\udcffb"])
def test_s25_a_program_whose_name_cannot_be_seen_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(HomeError, match="nobody sees"):
        check_executable(str(tmp_path / name))


def test_s13_a_sticky_folder_where_others_put_an_interpreter_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    path = make(shared / "server")
    shared.chmod(0o1777)
    with pytest.raises(HomeError, match="other users may put programs there"):
        check_executable(str(path))


def test_s13_a_link_into_a_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    make(shared / "server")
    link = tmp_path / "server"
    link.symlink_to(shared / "server")
    check_executable(str(link))
    shared.chmod(0o777)
    with pytest.raises(HomeError, match="other users may write it"):
        check_executable(str(link))
