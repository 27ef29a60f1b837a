"""Login on another device, for machines without a browser (RFC 8628)."""

import asyncio

from mcp_proxy.app.login_code import Say
from mcp_proxy.app.login_tokens import Asking, ask, ask_tokens
from mcp_proxy.core.oauth_answer import Device, Granted, Refused, parse_device
from mcp_proxy.core.oauth_request import device_form, device_token_form
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
    localhost = asking.http.localhost
    device = parse_device(answer.status, answer.doc, clock.now_s(), localhost=localhost)
    say(f"On any device, open {device.address} and enter this code: {device.user_code}")
    if device.complete:
        say(f"With the code in it, the address is {device.complete}")
    return await _agreed(asking, device)


async def _agreed(asking: Asking, device: Device) -> Granted:
    pause_s = device.interval_s
    form = device_token_form(device.code, asking.resource)
    while clock.now_s() + pause_s < device.expires_s:
        await asyncio.sleep(pause_s)
        try:
            return await ask_tokens(asking, form)
        except Unanswered:
            pause_s = min(2 * pause_s, _SLOWEST_S)
        except Refused as refused:
            pause_s += _patience(refused)
    raise CredentialError("MCPX-C08", "Nobody agreed to the login in time.")


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
