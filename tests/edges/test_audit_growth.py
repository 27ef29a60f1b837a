"""Reading while others write: each whole line once, no torn one, whatever becomes of the file."""

import os
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_proxy.edges import clock
from mcp_proxy.edges.audit_growth import Growing, Segments
from mcp_proxy.errors import HomeError

TICK_S = 0.05  # of a file system's clock
ULID = "01JZZZZZZZZZZZZZZZZZZZZZZ{}"


def put(path: str, data: bytes, mode: str = "ab") -> None:
    with open(path, mode, opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(data)


@pytest.fixture
def path(tmp_path: os.PathLike[str]) -> str:
    return os.path.join(os.fspath(tmp_path), "file.jsonl")


def test_lines_come_once_and_a_torn_one_waits_for_its_end(path: str) -> None:
    growing = Growing(path)
    assert growing.lines() == []
    put(path, b"one\ntwo\nthr")
    assert growing.lines() == [b"one", b"two"]
    assert growing.lines() == []
    put(path, b"ee\n")
    assert (growing.lines(), growing.number) == ([b"three"], 3)


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=9), max_size=12), st.data())
def test_however_the_bytes_arrive_the_lines_are_those_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], data: st.DataObject
) -> None:
    path = os.path.join(tmp_path_factory.mktemp("grown"), "file")
    growing, found = Growing(path), []
    for part in parts:
        put(path, part + data.draw(st.sampled_from([b"", b"\n"])))
        found += growing.lines()
    put(path, b"\n")
    found += growing.all()
    with open(path, "rb") as file:
        assert found == file.read().split(b"\n")[:-1]


def test_a_torn_tail_that_was_cut_off_leaves_no_trace(path: str) -> None:
    growing = Growing(path)
    put(path, b"one\ntorn")
    assert growing.lines() == [b"one"]
    os.truncate(path, len(b"one\n"))
    put(path, b"two\n")
    assert growing.lines() == [b"two"]


def test_another_file_of_the_name_is_read_from_its_start(path: str) -> None:
    growing = Growing(path)
    put(path, b"one\ntwo\n")
    assert growing.lines() == [b"one", b"two"]
    os.rename(path, path + ".old")
    put(path, b"uno\n")
    assert (growing.lines(), growing.number) == ([b"uno"], 1)


def test_a_large_file_comes_in_pieces(path: str) -> None:
    put(path, b"".join(b"%099d\n" % number for number in range(20_000)))
    growing = Growing(path)
    first = growing.lines()
    assert 0 < len(first) < 20_000
    assert [int(line) for line in [*first, *growing.all()]] == list(range(20_000))


def test_s23_a_file_that_others_may_read_or_a_link_is_refused(path: str) -> None:
    put(path, b"one\n")
    os.chmod(path, 0o644)
    with pytest.raises(HomeError):
        Growing(path).lines()
    os.chmod(path, 0o600)
    os.symlink(path, path + ".link")
    with pytest.raises(HomeError):
        Growing(path + ".link").lines()


def test_segments_of_all_days_are_named_and_nothing_else(tmp_path: os.PathLike[str]) -> None:
    state = os.fspath(tmp_path)
    segments = Segments(state)
    assert segments.names() == []
    for day in ("2026-11-23", "2026-11-22", "running", "2026-13"):
        os.makedirs(os.path.join(state, "audit", day))
    names = [ULID.format(number) for number in (2, 1)]
    for name in (*names, names[0] + ".clear", names[0] + ".jsonl.room"):
        put(os.path.join(state, "audit", "2026-11-23", name + ".jsonl"), b"")
    assert segments.names() == [f"2026-11-23/{name}" for name in reversed(names)]
    put(os.path.join(state, "audit", "2026-11-22", names[0] + ".jsonl"), b"")
    assert segments.names()[0] == f"2026-11-22/{names[0]}"
    assert segments.path(f"2026-11-22/{names[0]}").endswith(f"2026-11-22/{names[0]}.jsonl")


def test_a_folder_that_has_settled_is_not_read_again_until_it_changes(
    tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = os.fspath(tmp_path)
    folder = os.path.join(state, "audit", "2026-11-22")
    os.makedirs(folder)
    put(os.path.join(folder, ULID.format(1) + ".jsonl"), b"")
    monkeypatch.setattr(clock, "now_ns", lambda: time.time_ns() + 60 * 10**9)
    segments, read = Segments(state), []
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda name: (read.append(name), listdir(name))[1])
    assert len(segments.names()) == len(segments.names()) == 1
    assert read.count(folder) == 1
    time.sleep(TICK_S)
    put(os.path.join(folder, ULID.format(2) + ".jsonl"), b"")
    assert len(segments.names()) == 2


def test_s21_no_date_that_a_folder_was_given_hides_a_new_segment(
    tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = os.fspath(tmp_path)
    folder = os.path.join(state, "audit", "2026-11-22")
    os.makedirs(folder)
    monkeypatch.setattr(clock, "now_ns", lambda: time.time_ns() + 60 * 10**9)
    segments = Segments(state)
    for count in range(1, 4):
        time.sleep(TICK_S)
        put(os.path.join(folder, ULID.format(count) + ".jsonl"), b"")
        os.utime(folder, (1_700_000_000, 1_700_000_000))
        assert len(segments.names()) == count
