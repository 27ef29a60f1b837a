"""How a person hears of a call that waits: a notice on the desktop, and the page it leads to.

Neither is waited for, and neither has to come: `mcp-proxy approve` shows the same in a terminal.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from mcp_proxy.app.answers import Answers
from mcp_proxy.edges.approval_page import ApprovalPage
from mcp_proxy.edges.approvals import Request
from mcp_proxy.edges.browser import open_page, opener_of, person_folder, this_machine
from mcp_proxy.edges.notification import Notification, notify
from mcp_proxy.edges.settings import Settings
from mcp_proxy.errors import McpProxyError

_LOOK_EVERY_S = 1.0
# A browser that has to start reads the file that leads it to the page late.
_FILE_KEPT_S = 60.0


class Showing:
    """What one process shows of its open requests."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._page = ApprovalPage(answers.by_page, answers.shown)
        self._tasks: set[asyncio.Task[None]] = set()

    def show(self, request: Request, settings: Settings) -> None:
        """Tell the person, as the settings say, for as long as the request is open."""
        if settings.approval.show != "terminal":
            self._start(self._show(request, settings))

    async def close(self) -> None:
        """Take everything away."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._page.close()

    async def _show(self, request: Request, settings: Settings) -> None:
        # Without a browser of the settings, the system's own; without a display there is none.
        opener = settings.login.browser or opener_of(this_machine())
        notice: Notification | None = None
        try:
            if settings.approval.show == "notification":
                notice = await self._notice(request, opener)
            if notice is None and opener is not None:
                self._start(self._open(request.id, opener))
            while await self._answers.is_open(request.id):
                await self._answers.pause(_LOOK_EVERY_S)
        except (OSError, McpProxyError):
            return  # the terminal is left
        finally:
            if notice is not None:
                await notice.close()
            await self._page.forget(request.id)

    async def _notice(
        self, request: Request, opener: tuple[str, ...] | None
    ) -> Notification | None:
        def clicked() -> None:
            if opener is not None:
                self._start(self._open(request.id, opener))

        title = "mcp-proxy: a call waits for your approval"
        body = f"{request.tool} of the profile {request.profile}"
        if opener is None:
            body += ". To answer, run in a terminal: mcp-proxy approve"
        return await notify(title, body, None if opener is None else clicked)

    async def _open(self, request: str, opener: tuple[str, ...]) -> None:
        with contextlib.suppress(OSError, McpProxyError):
            url = await self._page.show(request)
            if url is not None:
                await open_page(url, opener, person_folder(), _FILE_KEPT_S)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
