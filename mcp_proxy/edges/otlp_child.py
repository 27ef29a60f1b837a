"""The process that sends the log to a collector while a profile is served: one for a whole home.

Never in the serving process: the SDK would cost it memory, and its work the calls' time. It ends
by itself when its standard input does, that is at our end, however we end.
"""

import contextlib
import importlib.util
import os
import subprocess
import sys
import time

from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.files import FileLock, Held
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import McpProxyError

# -P: nothing is imported from the folder that a client happened to start us in.
_COMMAND = (
    *(sys.executable, "-I" if sys.flags.isolated else "-P", "-m", "mcp_proxy"),
    *("audit", "export", "--format", "otlp", "--follow"),
)
_NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)


def lock_path(home: Home) -> str:
    """Who holds it exports this home's log."""
    return os.path.join(home.state, "otlp.lock")


class OtlpChild:
    """Started where no other process of the home has one; blocks for a few milliseconds."""

    def __init__(self, home: Home) -> None:
        """Starts nothing."""
        self._home = home
        self._is_installed = _is_installed()
        self._child: subprocess.Popen[bytes] | None = None
        self._not_before_s = 0.0

    def ensure(self) -> None:
        """Start it unless one runs; at most once a minute, whatever keeps it from running."""
        is_early = time.monotonic() < self._not_before_s
        if self._is_running() or is_early or not self._is_installed or not self._is_free():
            return
        self._not_before_s = time.monotonic() + LIMITS.otlp_restart_ms / 1000
        with contextlib.suppress(OSError):  # without it the log is complete all the same
            self._child = _start(self._home)

    def _is_running(self) -> bool:
        if self._child is not None and self._child.poll() is not None:
            self._child.communicate()  # lets go of its input
            self._child = None
        return self._child is not None

    def _is_free(self) -> bool:
        try:
            with FileLock(lock_path(self._home), wait=False):
                return True
        except (Held, McpProxyError):
            return False


def _is_installed() -> bool:
    """Whether the extra `otel` is there; `mcp-proxy doctor` tells where it is not."""
    try:
        return importlib.util.find_spec("opentelemetry.exporter.otlp.proto.common") is not None
    except ModuleNotFoundError:
        return False


def _start(home: Home) -> subprocess.Popen[bytes]:
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        _COMMAND,
        stdin=subprocess.PIPE,
        stdout=quiet,
        stderr=quiet,
        cwd=home.state,
        # Its credential may be in a variable; what the SDK would take from any is left out.
        env={key: value for key, value in os.environ.items() if not key.startswith("OTEL_")},
        start_new_session=True,
        creationflags=_NO_WINDOW,
    )
