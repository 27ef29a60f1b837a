"""One local server as a child process: its lines in and out, its stderr apart, its end.

It has a folder, an environment and a process group of its own, and three pipes to us and no other
descriptor (S13). However we end, it reads the end of its stdin: nothing else holds the other end.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any, NamedTuple

from mcp_proxy.core.limits import Limits
from mcp_proxy.core.text import one_sentence
from mcp_proxy.edges.attempts import Broken
from mcp_proxy.edges.launch import Launch, build_environment, temporary_root
from mcp_proxy.edges.own_secret import OwnSecret
from mcp_proxy.edges.stdio import Lines

_EOF_GRACE_S = 2.0
_TERM_GRACE_S = 1.0
# How long what a dead server wrote may still arrive.
_REST_S = 0.5
# One character of a secret is at most that long in any form in which it may be echoed.
_ECHO_BYTES = 12

_NEW_GROUP: dict[str, Any] = {"start_new_session": True}
if sys.platform == "win32":
    _NEW_GROUP = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}


class Hears(NamedTuple):
    """`line` gets each line of stdout, None for one above the frame bound; `ended` once, why."""

    line: Callable[[bytes | None], None]
    ended: Callable[[str], None]


async def start_child(launch: Launch, hears: Hears, limits: Limits) -> "Child":
    """Start it. Raises Broken where the system cannot."""
    loop = asyncio.get_running_loop()
    folder = ""
    try:
        folder = tempfile.mkdtemp(prefix="mcp-proxy-", dir=temporary_root())
        _, child = await loop.subprocess_exec(
            lambda: Child(launch, folder, hears, limits),
            launch.executable,
            *launch.argv[1:],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=build_environment(launch),
            close_fds=True,
            **_NEW_GROUP,
        )
    except (OSError, ValueError) as error:
        _remove(folder)
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "unusable"
        text = f"The local server cannot be started: {reason.lower()}."
        raise Broken("MCPX-U01", text, over=True) from None
    except BaseException:
        _remove(folder)
        raise
    return child


class Child(asyncio.SubprocessProtocol):
    """A running server."""

    def __init__(self, launch: Launch, folder: str, hears: Hears, limits: Limits) -> None:
        """Called by the loop as it starts."""
        secret = "" if launch.secret is None else launch.secret.reveal()
        self._own_secret = OwnSecret(secret)
        self._folder = folder
        self._hears = hears
        self._limits = limits
        self._lines = Lines()
        self._stderr = bytearray()
        self._echo_bytes = _ECHO_BYTES * len(secret)
        self._is_cut = self._is_ending = self._has_exited = False
        self._done = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.SubprocessTransport | None = None

    async def send(self, line: bytes) -> None:
        """Write one line once the pipe takes it. Raises Broken where the server reads no more."""
        while not self._writable.is_set():
            await self._writable.wait()
        pipe = None if self._transport is None else self._transport.get_pipe_transport(0)
        if not isinstance(pipe, asyncio.WriteTransport) or pipe.is_closing() or self._is_ending:
            raise Broken("MCPX-U01", "The local server has ended.", again="unsent", over=True)
        pipe.write(line)

    async def end(self) -> None:
        """Close its stdin, then ask the group to end, then kill it; cancelled, kill at once."""
        self._is_ending = True
        self._writable.set()
        try:
            self._close_stdin()
            if not await self._gone(_EOF_GRACE_S):
                self._signal("SIGTERM")
                await self._gone(_TERM_GRACE_S)
        finally:
            self.kill()
        await self.killed()

    def kill(self) -> None:
        """End it now; `ended` is not called."""
        self._is_ending = True
        self._writable.set()
        self._signal("SIGKILL")
        _remove(self._folder)

    async def killed(self) -> None:
        """Wait until it has gone, but not for long."""
        # Closed sooner, the transport could take the exit code from whoever waits for it.
        if not await self._gone(_TERM_GRACE_S):
            self._close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio calls it."""
        assert isinstance(transport, asyncio.SubprocessTransport)  # noqa: S101
        self._transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """As asyncio calls it."""
        if fd == 2:
            self._stderr += data
            kept = self._limits.child_stderr_bytes + self._echo_bytes
            self._is_cut = self._is_cut or len(self._stderr) > kept
            del self._stderr[:-kept]
        elif not self._is_ending:
            for line in self._lines.feed(data):
                self._hears.line(None if line is None else self._own_secret.remove(line))

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """A server that closed a pipe of its protocol is of no more use."""
        if fd != 2 and not self._is_ending:
            asyncio.get_running_loop().call_later(_REST_S, self._signal, "SIGKILL")

    def pause_writing(self) -> None:
        """As asyncio calls it."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """As asyncio calls it."""
        self._writable.set()

    def process_exited(self) -> None:
        """What it left behind in its group ends too, so that the pipes close."""
        self._signal("SIGKILL")
        self._has_exited = True
        asyncio.get_running_loop().call_later(_REST_S, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has exited and every pipe is closed."""
        self._done.set()
        self._writable.set()
        self._close()
        if not self._is_ending:
            self._is_ending = True
            self._hears.ended(self._obituary())

    def _obituary(self) -> str:
        code = None if self._transport is None else self._transport.get_returncode()
        how = "The local server ended"
        if code is not None:
            how += f" with code {code}" if code >= 0 else f" by signal {-code}"
        said = self.said()
        return f"{how}: {said.rstrip('.')}." if said else f"{how}."

    def said(self) -> str:
        """The end of its stderr in one clean line, without the secret; "" where it said nothing."""
        data = self._own_secret.remove(bytes(self._stderr))
        # Where it was cut, half a secret may stand, which nobody would recognize.
        data = data[self._echo_bytes :] if self._is_cut else data
        data = data[-self._limits.child_stderr_bytes :]
        limit = self._limits.upstream_message_chars
        text = one_sentence(data.decode("utf-8", "replace"), self._limits.child_stderr_bytes)
        return text if len(text) <= limit else "…" + text[1 - limit :]

    async def _gone(self, within_s: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._done.wait()
        return self._done.is_set()

    def _close_stdin(self) -> None:
        pipe = None if self._transport is None else self._transport.get_pipe_transport(0)
        if isinstance(pipe, asyncio.WriteTransport):
            pipe.close()

    def _signal(self, name: str) -> None:
        """To its whole group: what it started ends with it (on Windows, to it alone)."""
        # A group that is gone may have given its number to another.
        if self._transport is None or self._has_exited:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                self._transport.kill()
            else:
                os.killpg(self._transport.get_pid(), getattr(signal, name))

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()
        _remove(self._folder)


def _remove(folder: str) -> None:
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
