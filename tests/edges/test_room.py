"""Room that is held back on a disk, behind a file that nobody finds."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from mcp_proxy.edges.room import give_back, reserve

BYTES = 1 << 16

pytestmark = pytest.mark.skipif(
    not hasattr(os, "posix_fallocate"), reason="the system reserves no room"
)


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="the system makes no nameless files")
def test_s20_a_process_that_is_killed_at_any_moment_leaves_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "unlink", lambda _path: pytest.fail("there was a name"))
    room = reserve(str(tmp_path / "room"), BYTES)
    assert os.fstat(room).st_blocks * 512 >= BYTES
    assert os.listdir(tmp_path) == []
    give_back(room)


def test_a_disk_without_nameless_files_lends_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = os.open

    def refuse(path: str, flags: int, *mode: Any) -> int:
        if os.path.isdir(path):
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        return made(path, flags, *mode)

    monkeypatch.setattr(os, "open", refuse)
    room = reserve(str(tmp_path / "room"), BYTES)
    assert os.fstat(room).st_blocks * 512 >= BYTES
    assert os.listdir(tmp_path) == []
    give_back(room)
