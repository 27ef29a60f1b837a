"""What verifying a million entries costs: below 15 s and 200 MiB on two idle processors.

The bounds here leave room for a busy machine: the time is that of the processors, and the memory
what all of its processes have together, each one's shared pages counted in part (Pss).
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from audit_logs import ALLOWED, HOME, OK, Log, Segment, put

from mcp_proxy.core import audit
from mcp_proxy.core.audit import compact

SEGMENTS, CALLS, EVERY = 30, 16_666, 32
KEY = bytes(16)
VALUE = {"customer": "cus_1"}


def quick_calls(segment: Segment, calls: int) -> None:
    """So many calls, as `Segment.call` writes them but for the time; made faster."""
    clear = {name: audit.keyed(KEY, value) for name, value in VALUE.items()}
    told = {**ALLOWED._asdict(), "args": audit.keyed(KEY, VALUE), "clear": clear}
    now = audit.timestamp(segment.log.tick())
    decided = b',"time":"%b","kind":"decided",%b' % (now.encode(), compact(told)[1:-1])
    answered = b',"time":"%b","kind":"answered","call":' % now.encode()
    ended = b"," + compact(OK._asdict())[1:-1]
    row = b',"key":"%b","clear":%b}\n' % (KEY.hex().encode(), compact(VALUE))
    prev = segment.prev.encode()
    for _ in range(calls):
        seq = len(segment.lines)
        for body in (b"%d%b" % (seq, decided), b"%d%b%d%b" % (seq + 1, answered, seq, ended)):
            whole = b'{"seq":%b,"prev":"%b"' % (body, prev)
            prev = sha256(whole).hexdigest().encode()
            segment.lines.append(b'%b,"hash":"%b"}\n' % (whole, prev))
        segment.rows.append(b'{"seq":%d%b' % (seq, row))
    segment.prev = prev.decode()


def write_million(folder: Path) -> str:
    """The log on disk; who signs it."""
    log = Log()
    for _ in range(SEGMENTS):
        segment = log.begin()
        for start in range(0, CALLS, EVERY):
            quick_calls(segment, min(EVERY, CALLS - start))
            segment.checkpoint()
        segment.close()
        for kind, lines in (("", segment.lines), (".clear", segment.rows)):
            put(os.fspath(folder / "audit" / f"{segment.name}{kind}.jsonl"), b"".join(lines))
            lines.clear()
    put(os.fspath(folder / "ledger.jsonl"), log.ledger_bytes)
    assert log.signer is not None
    return log.signer.verifier.line


def pids_below(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text(encoding="ascii").split():
            yield from pids_below(int(child))


def memory_mib(pid: int) -> float:
    total = 0
    for one in pids_below(pid):
        try:
            text = Path(f"/proc/{one}/smaps_rollup").read_text(encoding="ascii")
        except OSError:
            continue
        total += int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1])
    return total / 1024


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_million_entries_are_verified_in_bounded_time_and_memory(tmp_path: Path) -> None:
    key = write_million(tmp_path)
    words = ("audit", "verify", "--folder", os.fspath(tmp_path), "--key", key)
    began, peak = time.monotonic(), 0.0
    before = os.times()
    with subprocess.Popen(
        [sys.executable, "-m", "mcp_proxy", *words], stdout=subprocess.PIPE, text=True
    ) as child:
        while child.poll() is None:
            peak = max(peak, memory_mib(child.pid))
            time.sleep(0.2)
        assert child.stdout is not None
        told = child.stdout.read()
    after = os.times()
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    print(f"{time.monotonic() - began:.1f} s, {used:.1f} s of processors, {peak:.0f} MiB")
    assert told.startswith(f"OK: {SEGMENTS * (2 * CALLS + 2)} entries in {SEGMENTS} segments")
    assert "signed" in told
    assert HOME not in told
    assert used < 75, "the aim is 30 s of processors, 15 s on two"
    assert peak < 200
