"""A local MCP server: started at the first need, again after a crash, ended with us (S13)."""

import asyncio
from collections.abc import Awaitable, Callable

from mcp_proxy.core.limits import Limits
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.edges.attempts import Broken
from mcp_proxy.edges.child import Child, Hears, start_child
from mcp_proxy.edges.executables import check_executable
from mcp_proxy.edges.launch import Launch
from mcp_proxy.edges.mcp_duplex import DuplexWire
from mcp_proxy.edges.mcp_era import Gateway
from mcp_proxy.edges.refusals import protocol_broken
from mcp_proxy.edges.restarts import Restarts
from mcp_proxy.edges.upstream_mcp import McpUpstream

# Raises CredentialError, ProfileError P16; asked before every message, so it keeps its answer.
Launcher = Callable[[], Awaitable[Launch]]


def stdio_upstream(spec: UpstreamSpec, launcher: Launcher, limits: Limits) -> McpUpstream:
    """The upstream of a stdio spec; starts nothing yet."""
    return McpUpstream(spec, stdio_gateway(spec, launcher, limits), limits)


def stdio_gateway(spec: UpstreamSpec, launcher: Launcher, limits: Limits) -> Gateway:
    """The same as a gateway, to be asked for what it lists."""
    return Gateway(DuplexWire(spec, StdioChannel(launcher, limits), limits))


class StdioChannel:
    """The `Channel` to one server, a child process at a time."""

    def __init__(self, launcher: Launcher, limits: Limits) -> None:
        """`launcher` tells what may be started now."""
        self._launcher = launcher
        self._limits = limits
        self._restarts = Restarts(limits)
        self._launch: Launch | None = None
        self._child: Child | None = None
        self._dropped: list[Child] = []
        self._last = ""
        # A server of the older era may end at its first message, the question about its era.
        self._spared = False
        self._sent = 0
        self._heard = False

    async def open(self, received: Callable[[bytes], None], lost: Callable[[Broken], None]) -> None:
        """Start the server. Raises Broken, CredentialError, ProfileError P16, HomeError."""
        await self.close()
        launch = await self._launcher()
        self._check_pause()
        check_executable(launch.executable)
        self._sent, self._heard = 0, False

        def hear(line: bytes | None) -> None:
            if line is None:
                broken = protocol_broken(f"is larger than {self._limits.frame_bytes} bytes")
                self.drop()
                lost(Broken(broken.id, broken.why, over=True))
            else:
                self._heard = True
                received(line)

        def ended(why: str) -> None:
            self._child = None
            self._note_end(why)
            lost(Broken("MCPX-U01", why, again="lost", over=True))

        now_s = asyncio.get_running_loop().time()
        self._restarts.started(now_s)
        try:
            self._child = await start_child(launch, Hears(hear, ended), self._limits)
        except Broken as broken:
            self._last = broken.why
            self._restarts.crashed(now_s)
            raise
        self._launch = launch

    async def check(self) -> None:
        """The server runs on while what may be started is what was. Raises as `open`."""
        try:
            changed = await self._launcher() != self._launch
        except BaseException:
            await self.close()
            raise
        if changed:
            await self.close()
            text = "What the local server is started with has changed."
            raise Broken("MCPX-U01", text, again="unsent", over=True)

    async def send(self, data: bytes) -> None:
        """One message as a line. Raises Broken."""
        if self._child is None:
            raise Broken("MCPX-U01", "The local server has ended.", again="unsent", over=True)
        self._sent += 1
        await self._child.send(data + b"\n")

    async def close(self) -> None:
        """End the server, if it runs."""
        child, self._child = self._child, None
        if child is not None:
            await child.end()
        while self._dropped:
            await self._dropped.pop().killed()

    def drop(self) -> None:
        """Kill the server, if it runs."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            self._dropped.append(child)

    def _check_pause(self) -> None:
        wait_s = self._restarts.wait_s(asyncio.get_running_loop().time())
        if wait_s > 0:
            text = f"{self._last} It can be started again in {wait_s:.1f} seconds."
            raise Broken("MCPX-U01", text, again="busy", wait_s=wait_s, over=True)

    def _note_end(self, why: str) -> None:
        self._last = why
        if self._sent == 1 and not self._heard and not self._spared:
            self._spared = True
            return
        self._spared = False
        self._restarts.crashed(asyncio.get_running_loop().time())
