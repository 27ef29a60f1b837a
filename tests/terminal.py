"""A person at a controlling terminal of their own: a child process in a pseudo-terminal."""

import os
import select
import sys
import time
from collections.abc import Mapping

WAIT_S = 20.0


class Person:
    """Runs the command at a new terminal, reads what it shows, and types."""

    def __init__(
        self, *words: str, env: Mapping[str, str] | None = None, program: list[str] | None = None
    ) -> None:
        """`words` follow mcp-proxy; `program` stands for another command."""
        import pty  # noqa: PLC0415 - not on every system

        self._pid, self._master = pty.fork()
        if self._pid == 0:
            argv = program or [sys.executable, "-m", "mcp_proxy", *words]
            os.execve(argv[0], argv, dict(os.environ if env is None else env))
        self.shown = ""
        self._read_chars = 0

    def sees(self, text: str) -> str:
        """Waits until `text` stands on the screen, after what was waited for before."""
        ends_s = time.monotonic() + WAIT_S
        while text not in self.shown[self._read_chars :]:
            assert self._read(ends_s - time.monotonic()), f"no {text!r} in {self.shown!r}"
        self._read_chars = self.shown.index(text, self._read_chars) + len(text)
        return self.shown

    def types(self, text: str) -> None:
        """Types a line."""
        self.presses(text + "\n")

    def presses(self, keys: str) -> None:
        """Presses keys."""
        os.write(self._master, keys.encode())

    def ends(self) -> int:
        """Waits for the command's end; its exit code."""
        ends_s = time.monotonic() + WAIT_S
        while self._read(ends_s - time.monotonic()):
            pass
        code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        os.close(self._master)
        return code

    def _read(self, timeout_s: float) -> bool:
        """Whether something came; False at the end."""
        ready, _, _ = select.select([self._master], [], [], max(0.0, timeout_s))
        assert ready, f"nothing more after {self.shown!r}"
        try:
            data = os.read(self._master, 4_096)
        except OSError:  # Linux: the other side is closed
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)
