"""Lines of a file that grows while it is read."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.edges.audit_lines import Lines
from mcp_proxy.errors import HomeError


def made(folder: Path, data: bytes) -> Path:
    path = folder / "log.jsonl"
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def test_a_line_without_its_end_waits_for_it(tmp_path: Path) -> None:
    path = made(tmp_path, b"one\ntwo\nthr")
    lines = Lines(str(path))
    assert list(lines.read()) == [b"one", b"two"]
    assert (lines.torn_bytes, lines.number) == (3, 2)
    with path.open("ab") as file:
        file.write(b"ee\nfour\n")
    assert list(lines.read()) == [b"three", b"four"]
    assert (lines.torn_bytes, lines.number) == (0, 4)
    lines.close()
    assert list(lines.read()) == []


def test_a_torn_line_that_is_cut_off_and_written_over_is_read_as_it_is_then(tmp_path: Path) -> None:
    path = made(tmp_path, b"one\ntorn")
    lines = Lines(str(path))
    assert list(lines.read()) == [b"one"]
    os.truncate(path, 4)
    assert list(lines.read()) == []
    with path.open("ab") as file:
        file.write(b"cut\nnext\n")
    assert list(lines.read()) == [b"cut", b"next"]
    assert not lines.is_replaced()
    path.rename(tmp_path / "aside")
    assert not lines.is_replaced(), "nothing stands there yet"
    made(tmp_path, b"new\n")
    assert lines.is_replaced()
    lines.close()


def test_who_stops_in_the_middle_loses_no_line(tmp_path: Path) -> None:
    lines = Lines(str(made(tmp_path, b"one\ntwo\nthree\n")))
    assert next(lines.read()) == b"one"
    assert next(lines.read()) == b"two"
    assert list(lines.read()) == [b"three"]
    lines.close()


@given(st.binary(max_size=200), st.integers(1, 9))
def test_lines_are_those_of_the_bytes_however_they_were_written(data: bytes, size: int) -> None:
    path = f"/tmp/mcp-proxy-lines-{os.getpid()}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    lines, found = Lines(path), []
    try:
        for at in range(0, len(data), size):
            os.write(descriptor, data[at : at + size])
            found += list(lines.read())
    finally:
        os.close(descriptor)
        os.unlink(path)
        lines.close()
    assert [*found, data[len(data) - lines.torn_bytes :]] == data.split(b"\n")


def test_a_line_beyond_all_bounds_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made(tmp_path, b"")
    os.truncate(path, (32 << 20) + (1 << 20))
    lines = Lines(str(path))
    with pytest.raises(HomeError, match="has a line above"):
        list(lines.read())
    lines.close()


def test_s23_a_file_that_others_may_read_or_a_link_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path, b"one\n")
    path.chmod(0o644)
    with pytest.raises(HomeError):
        Lines(str(path))
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(HomeError):
        Lines(str(tmp_path / "link"))


def test_a_file_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    lines = Lines(str(tmp_path / "nothing"))
    assert not lines.is_there
    assert list(lines.read()) == []
    lines.close()
