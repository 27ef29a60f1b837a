"""A command of this very program, run in a process of its own: what it prints, and how it ended.

What a serving process needs seldom, and would hold for good once imported, runs there.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import NamedTuple

# -P: nothing is imported from the folder that a client happened to start us in.
_SELF = (sys.executable, "-I" if sys.flags.isolated else "-P", "-m", "mcp_proxy")
_NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
_OUTPUT_BYTES = 64 << 10

# The places, and what an interpreter needs: a credential in a variable of ours goes to nobody.
_PASSED = frozenset(
    {
        *("MCP_PROXY_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "HOME", "PATH"),
        *("LANG", "LC_ALL", "LC_CTYPE", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH"),
        *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "USERPROFILE", "APPDATA", "LOCALAPPDATA"),
        *("PROGRAMDATA", "TEMP", "TMP", "TMPDIR"),
    }
)


class Ended(NamedTuple):
    """The exit code, -1 where it did not end in time or could not be started; its stdout."""

    code: int
    output: bytes


def start_own(
    arguments: tuple[str, ...], deadline_s: float, ended: Callable[[Ended], None]
) -> None:
    """Start it in the background; `ended` is called once, from a thread that keeps nobody."""

    def run() -> None:
        ended(_run([*_SELF, *arguments], deadline_s))

    threading.Thread(target=run, name="own command", daemon=True).start()


def _run(command: list[str], deadline_s: float) -> Ended:
    quiet, environment = subprocess.DEVNULL, os.environ.items()
    try:
        done = subprocess.run(
            command,
            stdin=quiet,
            stdout=subprocess.PIPE,
            stderr=quiet,
            env={name: value for name, value in environment if name.upper() in _PASSED},
            timeout=deadline_s,
            creationflags=_NO_WINDOW,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return Ended(-1, b"")
    return Ended(done.returncode, done.stdout[:_OUTPUT_BYTES])
