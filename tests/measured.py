"""What a command takes, measured by a small process that starts it.

A child's peak begins at that of the process it was split from: measured from a test run, which
grows large, it would be the run's own.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

_LAUNCHER = """
import json, os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
divisor = 1 << 10 if sys.platform == "darwin" else 1
cost = [usage.ru_utime + usage.ru_stime, usage.ru_maxrss // divisor]
print(json.dumps([os.waitstatus_to_exitcode(status), *cost]))
"""


class Cost(NamedTuple):
    """What one finished command took: seconds of processor time, KiB of resident memory."""

    code: int
    processor_s: float
    memory_kib: int
    told: str


def measure(words: list[str], folder: Path) -> Cost:
    """Runs the command in `folder`; `told` is its stderr."""
    done = subprocess.run(
        [sys.executable, "-c", _LAUNCHER, *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return Cost(*json.loads(done.stdout), done.stderr)
