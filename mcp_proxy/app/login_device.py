"""Login on another device, for machines without a browser (RFC 8628)."""

import asyncio
import time

from mcp_proxy.app.login_code import Say
from mcp_proxy.app.login_tokens import Asking, ask, ask_tokens
from mcp_proxy.core.oauth_answer import Device, Granted, Refused, parse_device
from mcp_proxy.core.oauth_request import device_form, device_token_form
from mcp_proxy.core.oauth_url import parse_place
from mcp_proxy.edges import clock
from mcp_proxy.edges.oauth_http import Unanswered
from mcp_proxy.errors import CredentialError

# RFC 8628, 3.5: what `slow_down` adds, for this and every later time.
_SLOWER_S = 5
_SLOWEST_S = 60


async def by_device(asking: Asking, say: Say) -> Granted:
    """The tokens that the person's agreement on another device gives.

    Raises:
        CredentialError: C07, C08 no such way to log in, no agreement in time, or the server's no.
    """
    endpoint = asking.metadata.device_authorization
    if not endpoint:
        why = f"{asking.metadata.issuer} has no way to log in on another device."
        raise CredentialError("MCPX-C08", why, "repeat the command without --device")
    answer = await ask(asking, endpoint, device_form(asking.scopes, asking.resource))
    begun_s = clock.now_s()
    localhost = asking.http.localhost
    device = parse_device(answer.status, answer.doc, begun_s, localhost=localhost)
    _say_codes(device, asking.metadata.issuer, say)
    # From here on by the steady clock: the other one may be set while a person types.
    return await _agreed(asking, device, time.monotonic() + device.expires_s - begun_s)


def _say_codes(device: Device, issuer: str, say: Say) -> None:
    say(f"On any device, open {device.address} and enter this code: {device.user_code}")
    if device.complete:
        say(f"With the code in it, the address is {device.complete}")
    # Any server can hand out a code that it got elsewhere, and be let into what that opens.
    pages = {
        parse_place(url, localhost=True).origin.text
        for url in (device.address, device.complete)
        if url
    }
    server = parse_place(issuer, localhost=True).origin.text
    if elsewhere := sorted(pages - {server}):
        say(f"That is to log in at {server}, but the page is of {', '.join(elsewhere)}.")
        say("Go on only if you know that the two belong together. Ctrl-c here ends it.")


async def _agreed(asking: Asking, device: Device, until_s: float) -> Granted:
    """The tokens once the person has agreed; `until_s` is of the steady clock."""
    pause_s = device.interval_s
    form = device_token_form(device.code, asking.resource)
    while time.monotonic() + pause_s < until_s:
        await asyncio.sleep(pause_s)
        try:
            return await ask_tokens(asking, form)
        except Unanswered:
            pause_s = _longer(pause_s)
        except Refused as refused:
            is_busy = refused.status >= 500 or refused.status == 429
            pause_s = _longer(pause_s) if is_busy else pause_s + _patience(refused)
    raise CredentialError("MCPX-C08", "Nobody agreed to the login in time.")


def _longer(pause_s: int) -> int:
    """For a server that is out of reach or busy; never below what it asked for."""
    return max(pause_s, min(2 * pause_s, _SLOWEST_S))


def _patience(refused: Refused) -> int:
    """How much longer to wait between two questions; raises what is not asked again."""
    if refused.error == "authorization_pending":
        return 0
    if refused.error == "slow_down":
        return _SLOWER_S
    if refused.error == "access_denied":
        raise CredentialError("MCPX-C08", "The login was denied on the other device.")
    if refused.error == "expired_token":
        raise CredentialError("MCPX-C08", "Nobody agreed to the login in time.")
    raise refused
