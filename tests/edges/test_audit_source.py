"""A file of the log read as long as it was when it was opened; what is no file of it is refused."""

import os
from pathlib import Path

import pytest

from mcp_proxy.edges import audit_source
from mcp_proxy.edges.audit_source import Source
from mcp_proxy.errors import HomeError


def read(path: Path, own: bool = True) -> tuple[list[bytes], bytes]:
    with Source(os.fspath(path), own=own) as source:
        return list(source.lines()), source.tail


def kept(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1 << 18])
def test_lines_come_whole_however_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(audit_source, "_CHUNK_BYTES", chunk)
    path = kept(tmp_path / "a", b"one\n\nthree\nfo")
    assert read(path) == ([b"one", b"", b"three"], b"fo")
    assert read(kept(path, b"")) == ([], b"")
    assert read(kept(path, b"one\n")) == ([b"one"], b"")


def test_what_is_appended_meanwhile_is_not_read(tmp_path: Path) -> None:
    path = kept(tmp_path / "a", b"one\ntw")
    with Source(os.fspath(path), own=True) as source:
        path.write_bytes(b"one\ntwo\nthree\n")
        assert (source.size, list(source.lines()), source.tail) == (6, [b"one"], b"tw")


@pytest.mark.parametrize("own", [True, False])
def test_no_file_has_no_size(tmp_path: Path, own: bool) -> None:
    for path in (tmp_path / "none", kept(tmp_path / "a", b"") / "below"):
        with Source(os.fspath(path), own=own) as source:
            assert source.size is None
            assert list(source.lines()) == []


def test_a_line_that_can_be_no_entry_ends_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_source, "_LINE_BYTES", 8)
    monkeypatch.setattr(audit_source, "_CHUNK_BYTES", 4)
    with pytest.raises(HomeError, match="has a line above 8 bytes"):
        read(kept(tmp_path / "a", b"x" * 100))


@pytest.mark.skipif(os.name == "nt", reason="POSIX owners and modes")
def test_s23_a_file_of_ours_is_checked_and_a_copy_may_be_anybodys(tmp_path: Path) -> None:
    path = kept(tmp_path / "a", b"one\n")
    path.chmod(0o644)
    with pytest.raises(HomeError, match="other users may read it"):
        read(path)
    assert read(path, own=False) == ([b"one"], b"")


@pytest.mark.skipif(os.name == "nt", reason="POSIX links and pipes")
@pytest.mark.parametrize("own", [True, False])
def test_s23_neither_links_nor_pipes_are_followed(tmp_path: Path, own: bool) -> None:
    kept(tmp_path / "a", b"one\n")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("link", "pipe", "."):
        with pytest.raises(HomeError):
            read(tmp_path / name, own=own)
