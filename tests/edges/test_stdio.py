"""The client's pipes: what becomes a line, and that nothing but frames reaches stdout."""

import os
import subprocess
import sys
import threading
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.stdio import Lines, complain, write_frame

CLAIM = "import os, sys\nfrom mcp_proxy.edges.stdio import *\nwire = claim_stdio()\n"


def run(script: str, stdin: bytes = b"", shell: str = "") -> "subprocess.CompletedProcess[bytes]":
    """A child that has claimed its descriptors; `shell` redirects them before it starts."""
    command = [sys.executable, "-c", CLAIM + script]
    if shell:
        command = ["sh", "-c", f'exec "$0" "$@" {shell}', *command]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False)


def test_a_stray_print_goes_to_stderr_and_frames_alone_to_stdout() -> None:
    done = run(
        """
print("stray", flush=True)
os.write(1, b"raw\\n")
os.system("echo child")
write_frame(wire.writes, b"frame\\n")
"""
    )
    assert (done.stdout, done.stderr) == (b"frame\n", b"stray\nraw\nchild\n")


def test_nothing_else_in_the_process_reads_what_the_client_writes() -> None:
    done = run(
        """
assert sys.stdin.read() == ""
assert os.read(wire.reads, 100) == b"line\\n"
write_frame(wire.writes, b"ok\\n")
""",
        b"line\n",
    )
    assert (done.stdout, done.stderr) == (b"ok\n", b"")


def test_what_the_process_starts_inherits_neither_pipe() -> None:
    done = run(
        """
import subprocess
there = [fd for fd in (wire.reads, wire.writes) if os.get_inheritable(fd)]
write_frame(wire.writes, repr(there).encode())
"""
    )
    assert done.stdout == b"[]"


@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_a_pipe_that_the_client_left_closed_is_an_error(closed: str) -> None:
    script = CLAIM.replace("wire =", "try:\n    wire =") + "except OSError:\n    os._exit(7)\n"
    command = ["sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, script]
    assert subprocess.run(command, timeout=60, check=False).returncode == 7


def test_a_closed_stderr_is_replaced_and_takes_nobodys_place() -> None:
    done = run(
        """
assert 2 not in wire
complain("nobody hears this")
print("nor this", flush=True)
write_frame(wire.writes, b"frame\\n")
""",
        shell="2>&-",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"frame\n", b"")


def test_a_stderr_that_nobody_reads_costs_the_line_alone() -> None:
    script = CLAIM + 'complain("lost")\ncomplain("lost")\nwrite_frame(wire.writes, b"frame\\n")\n'
    reads, writes = os.pipe()
    os.close(reads)
    try:
        done = subprocess.run(
            [sys.executable, "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=writes,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writes)
    assert (done.returncode, done.stdout) == (0, b"frame\n")


def test_pipes_that_were_left_non_blocking_are_made_to_block() -> None:
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    script = CLAIM + "write_frame(wire.writes, b'x' * 300_000)\n"
    child = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.DEVNULL, stdout=writes
    )
    os.close(writes)
    with os.fdopen(reads, "rb") as file:
        assert len(file.read()) == 300_000
    assert child.wait(60) == 0


def test_complaints_go_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    complain("something is wrong")
    assert capfd.readouterr() == ("", "mcp-proxy: something is wrong\n")


def test_a_frame_larger_than_the_pipe_is_written_whole() -> None:
    reads, writes = os.pipe()
    frame = bytes(range(256)) * 4096
    got: list[bytes] = []

    def read_all() -> None:
        with os.fdopen(reads, "rb") as file:
            got.append(file.read())

    reader = threading.Thread(target=read_all)
    reader.start()
    write_frame(writes, frame)
    os.close(writes)
    reader.join(60)
    assert got == [frame]


def test_a_client_that_is_gone_is_an_error() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with pytest.raises(BrokenPipeError):
        write_frame(writes, b"frame\n")
    os.close(writes)


@given(st.lists(st.binary().map(lambda data: data.replace(b"\n", b""))), st.data())
def test_lines_come_out_whole_however_the_bytes_arrive(
    sent: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(line + b"\n" for line in sent)
    lines, got, at = Lines(), [], 0
    while at < len(stream):
        size = data.draw(st.integers(1, len(stream) - at))
        got += lines.feed(stream[at : at + size])
        at += size
    assert got == sent


def test_a_line_without_its_end_is_not_yet_a_line() -> None:
    lines = Lines()
    assert lines.feed(b"abc") == []
    assert lines.feed(b"") == []
    assert lines.feed(b"def\nghi") == [b"abcdef"]
    assert lines.feed(b"\n\n") == [b"ghi", b""]


def test_s25_the_bound_of_a_line_is_exact() -> None:
    lines = Lines()
    assert lines.feed(b"x" * LIMITS.frame_bytes + b"\n") == [b"x" * LIMITS.frame_bytes]
    assert lines.feed(b"x" * (LIMITS.frame_bytes + 1) + b"\nnext\n") == [None, b"next"]


def test_s25_a_line_above_the_bound_is_skipped_without_being_held() -> None:
    chunk = b"x" * (1 << 20)
    lines = Lines()
    tracemalloc.start()
    try:
        for _ in range(64):
            assert lines.feed(chunk) == []
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < LIMITS.frame_bytes + (4 << 20)
    assert lines.feed(b"\nnext\n") == [None, b"next"]


def test_s25_a_line_of_single_bytes_is_bounded_too() -> None:
    lines = Lines()
    for _ in range(LIMITS.frame_bytes // (1 << 16) + 1):
        lines.feed(b"x" * (1 << 16))
    assert lines.feed(b"x") == []
    assert lines.feed(b"\n") == [None]
