"""Until drift is looked for, nothing has drifted."""

from mcp_proxy.core.plan import Ready
from mcp_proxy.core.policy import Deny


class NoDrift:
    """Fills the road's `Drift`."""

    async def check(self, ready: Ready) -> Deny | None:
        """Every tool is as the profile knows it."""
        return None
