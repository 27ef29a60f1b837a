"""Whose key grants were signed with: this machine's own, which its keychain or vault keeps (S17).

The file of the grants names the key that signed them, which proves nothing: who can write the file
can name another.
"""

import asyncio
import binascii

from mcp_proxy.app.keychain_store import asks_nobody, home_keychain
from mcp_proxy.core.signing import public_key
from mcp_proxy.edges.places import Home
from mcp_proxy.errors import McpProxyError

KEY_NAME = "grants"


def own_key(home: Home) -> bytes:
    """Its public half; b"" where there is none, or none can be had without asking anybody."""
    try:
        held = home_keychain(home).get(f"signing:{KEY_NAME}") if asks_nobody(home) else None
        return b"" if held is None else public_key(binascii.a2b_base64(held.strip()))
    except (McpProxyError, ValueError):
        return b""


class GrantsKey:
    """The key as one process knows it; read when a grant that another key signed would count."""

    def __init__(self, home: Home) -> None:
        """Reads nothing yet."""
        self._home = home
        self._own = b""

    async def is_own(self, key: bytes) -> bool:
        """Whether it is this machine's; off the event loop, since a keychain may take its time."""
        if key != self._own:
            self._own = await asyncio.to_thread(own_key, self._home)
        return key == self._own != b""
