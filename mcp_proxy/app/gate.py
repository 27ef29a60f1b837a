"""The gate of a profile that asks nobody and counts nothing: it stays shut.

A profile that does has another, `app.passing`, which is loaded only then.
"""

from mcp_proxy.core.passage import Again, AskClient, Passed
from mcp_proxy.core.plan import Going
from mcp_proxy.core.policy import Deny
from mcp_proxy.core.turn import Turn
from mcp_proxy.ports import Caller


class ShutGate:
    """Fills the road's `Gate` where no tool needs one; a call that does is denied."""

    async def enter(
        self, going: Going, _turn: Turn, _caller: Caller
    ) -> Passed | Deny | Again | AskClient:
        """Nobody passes."""
        rule = going.allow.rule if going.need is None else going.need.rule or going.allow.rule
        return Deny("MCPX-D16", rule, "The profile has no gate for calls that need one.")

    async def sending(self, _passed: Passed) -> Deny | None:
        """Nobody has passed."""
        return Deny("MCPX-D16", "gate", "The profile has no gate for calls that need one.")

    async def leave(self, _passed: Passed, _sent: str) -> None:
        """Nobody has passed."""

    async def close(self) -> None:
        """Nothing is open."""
