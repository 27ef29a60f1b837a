"""The page on this machine that a login's browser comes back to (S22).

It listens on 127.0.0.1 for one login, takes one answer, and is closed with the login. What does not
bear the login's state is turned away and ends nothing: any page or program here can knock.
"""

import asyncio
from typing import NamedTuple

from mcp_proxy.core.oauth_callback import is_ours
from mcp_proxy.core.secret import Secret
from mcp_proxy.edges.local_page import Asked, LocalPage, Refused, Reply, plain
from mcp_proxy.errors import CredentialError, UsageError

PATH = "/callback"
WAIT_S = 300.0


class Page(NamedTuple):
    """What a browser is shown: a heading and one or two sentences, all of them our own words."""

    heading: str
    text: str


class CallbackPage:
    """Opened once, answered once. The browser that answered is shown how the login ended."""

    def __init__(self, state: Secret) -> None:
        """`state` is what the authorization request carries; an answer must bear the same."""
        self._state = state
        self._local = LocalPage(self._answer)
        self._query: asyncio.Future[str] | None = None
        self._shown: asyncio.Future[Page] | None = None

    async def open(self, port: int) -> str:
        """Listen on `port`, 0 for any that is free; the address to come back to.

        Raises:
            UsageError: W01 the port is taken.
        """
        loop = asyncio.get_running_loop()
        self._query, self._shown = loop.create_future(), loop.create_future()
        try:
            return await self._local.open(port) + PATH
        except OSError:
            why = f"Port {port} of 127.0.0.1, where the browser is to come back, cannot be used."
            raise UsageError("MCPX-W01", why, "free it, or change `port` of [login]") from None

    async def answer(self, wait_s: float = WAIT_S) -> str:
        """The query that the browser came back with; it bears the login's state.

        Raises:
            CredentialError: C08 nobody came back in time.
        """
        assert self._query is not None  # noqa: S101 - opened before
        try:
            async with asyncio.timeout(wait_s):
                return await asyncio.shield(self._query)
        except TimeoutError:
            why = f"The browser did not come back within {round(wait_s / 60)} minutes."
            raise CredentialError("MCPX-C08", why) from None

    async def close(self, page: Page) -> None:
        """Show the browser that waits how it ended, then listen no more; once closed, nothing."""
        if self._shown is None or self._shown.done():
            return
        self._shown.set_result(page)
        await self._local.close()

    async def _answer(self, asked: Asked) -> Reply:
        if asked.path != PATH:
            raise Refused(404, "There is no such page.")
        self._take(asked.query)
        assert self._shown is not None  # noqa: S101 - opened before
        return plain(200, *await asyncio.shield(self._shown))

    def _take(self, query: str) -> None:
        """The one answer of the login; another one, or another's, is refused."""
        assert self._query is not None  # noqa: S101 - opened before
        if not is_ours(query, self._state):
            raise Refused(400, "That answer does not belong to the login under way.")
        if self._query.done():
            raise Refused(410, "The login has had its answer; it takes no second one.")
        self._query.set_result(query)
        self._local.heard()
