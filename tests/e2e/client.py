"""A raw stdio client: spawns a command, sends bytes, reads replies; every wait has its bound."""

import itertools
import json
import os
import queue
import subprocess
import threading
from collections.abc import Mapping
from typing import Any, Self

WAIT_S = 20.0
_META = "io.modelcontextprotocol/"


def envelope(**more: Any) -> dict[str, Any]:
    """The `_meta` that every request of the modern era bears."""
    return {
        _META + "protocolVersion": "2026-07-28",
        _META + "clientCapabilities": {},
        _META + "clientInfo": {"name": "raw", "version": "1"},
        **more,
    }


class RawClient:
    """One server process and its pipes. Ends it by its own id, whatever the test did."""

    def __init__(self, command: list[str], env: Mapping[str, str]) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, env=dict(env), stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0
        )
        self._ids = itertools.count(1)
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self.stdout = b""
        self.stderr = b""
        self.kept: list[Any] = []
        self._threads = [
            threading.Thread(target=self._read_stdout, daemon=True),
            threading.Thread(target=self._read_stderr, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WAIT_S)
        for thread in self._threads:
            thread.join(WAIT_S)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def send_bytes(self, data: bytes) -> None:
        """Exactly these bytes."""
        assert self.process.stdin is not None
        view = memoryview(data)
        while view:
            view = view[os.write(self.process.stdin.fileno(), view) :]

    def send(self, message: Any) -> None:
        """One message, one line."""
        self.send_bytes(json.dumps(message).encode() + b"\n")

    def request(self, method: str, params: Any = None, *, modern: bool = True) -> Any:
        """Sends a request and returns its reply; what arrives meanwhile is in `kept`."""
        return self.reply(self.start(method, params, modern=modern))

    def start(self, method: str, params: Any = None, *, modern: bool = True) -> int:
        """Sends a request and returns its id at once."""
        identity = next(self._ids)
        filled = {**(params or {})}
        if modern:
            filled["_meta"] = {**envelope(), **filled.get("_meta", {})}
        message = {"jsonrpc": "2.0", "id": identity, "method": method}
        self.send({**message, "params": filled} if filled else message)
        return identity

    def reply(self, identity: Any) -> Any:
        """The reply to the request `identity`."""
        for message in self.kept:
            if (
                isinstance(message, dict)
                and message.get("id") == identity
                and "method" not in message
            ):
                self.kept.remove(message)
                return message
        while True:
            message = self.read()
            if (
                isinstance(message, dict)
                and message.get("id") == identity
                and "method" not in message
            ):
                return message
            self.kept.append(message)

    def read(self, wait_s: float = WAIT_S) -> Any:
        """The next message; queue.Empty when none comes, EOFError when none can come."""
        line = self._lines.get(timeout=wait_s)
        if line is None:
            raise EOFError(self.stderr.decode(errors="replace"))
        return json.loads(line)

    def handshake(self, version: str = "2025-11-25") -> Any:
        """The legacy handshake; returns initialize's result."""
        client = {"name": "raw", "version": "1"}
        params = {"protocolVersion": version, "capabilities": {}, "clientInfo": client}
        result = self.request("initialize", params, modern=False)["result"]
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return result

    def call(self, tool: str, arguments: Any, *, modern: bool = True) -> Any:
        """The result of tools/call, or the error."""
        answer = self.request("tools/call", {"name": tool, "arguments": arguments}, modern=modern)
        return answer.get("result", answer.get("error"))

    def end(self) -> int:
        """Closes stdin and returns the exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(WAIT_S)

    def _read_stdout(self) -> None:
        assert self.process.stdout is not None
        pending = b""
        while data := self.process.stdout.read(65536):
            self.stdout += data
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                self._lines.put(line)
        self._lines.put(None)

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        while data := self.process.stderr.read(65536):
            self.stderr += data


def text_of(result: Any) -> str:
    """The text blocks of a tool's result, joined."""
    return "\n".join(block["text"] for block in result["content"] if block["type"] == "text")
