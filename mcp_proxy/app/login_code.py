"""Login by the person's browser: the authorization code with PKCE (RFC 8252, 7636, 9207)."""

import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from mcp_proxy.app.login_tokens import Asking, ask_tokens
from mcp_proxy.core.oauth_answer import Granted
from mcp_proxy.core.oauth_callback import judge
from mcp_proxy.core.oauth_request import Attempt, authorization_url, code_form
from mcp_proxy.core.secret import Secret
from mcp_proxy.edges.browser import check_page, open_file, person_folder, redirect_file
from mcp_proxy.edges.callback_page import WAIT_S, CallbackPage, Page

_DONE = Page("Logged in", "mcp-proxy has what it needs, and keeps it sealed on this machine.")
_FAILED = Page("Not logged in", "The login did not succeed; mcp-proxy says why in its terminal.")

Say = Callable[[str], None]


class Callback(NamedTuple):
    """Where the browser comes back to, and the state that its answer must bear."""

    page: CallbackPage
    address: str
    state: Secret


@asynccontextmanager
async def open_callback(port: int) -> AsyncIterator[Callback]:
    """The page that a browser comes back to, for as long as the block lasts.

    The browser is shown at the block's end whether it went well. Raises UsageError W01, the port.
    """
    state = fresh_secret()
    page = CallbackPage(state)
    address = await page.open(port)
    try:
        yield Callback(page, address, state)
        await page.close(_DONE)
    finally:
        await page.close(_FAILED)


def fresh_secret() -> Secret:
    """256 random bits, as a state or a PKCE verifier."""
    return Secret(secrets.token_urlsafe(32))


async def by_browser(
    asking: Asking, callback: Callback, opener: tuple[str, ...] | None, say: Say
) -> Granted:
    """The tokens that the person's agreement in the browser gives.

    With `opener` None the address is said for the person to open.

    Raises:
        CredentialError: C07, C08 the server or its answer cannot be relied on, or it says no.
        HomeError: the file that redirects cannot be written.
    """
    attempt = Attempt(
        asking.client.id,
        callback.address,
        asking.scopes,
        asking.resource,
        callback.state,
        fresh_secret(),
    )
    url = authorization_url(asking.metadata.authorization, attempt)
    server = asking.metadata
    query = await _visit(url, callback.page, opener, say)
    code = judge(query, attempt.state, server.issuer, iss_sent=server.iss_sent)
    return await ask_tokens(asking, code_form(code, attempt))


async def _visit(url: str, page: CallbackPage, opener: tuple[str, ...] | None, say: Say) -> str:
    """The query that the browser comes back with after its visit of `url`."""
    check_page(url)
    with contextlib.ExitStack() as stack:
        if opener is None:
            _say_address(url, say)
        else:
            path = stack.enter_context(redirect_file(url, person_folder()))
            at = "/".join(url.split("/", 3)[:3])
            say(f"Opening the browser: log in there, at {at}.")
            if why := await open_file(opener, path):
                say(why)
                _say_address(url, say)
        say(f"Waiting up to {round(WAIT_S / 60)} minutes; Ctrl-c ends it.")
        return await page.answer()


def _say_address(url: str, say: Say) -> None:
    say("Open this address in a browser on this machine, and log in there:")
    say(url)
