"""A notice on the person's desktop that a call waits for an answer; a click on it can show more.

It bears words alone, no token and no address (S22). There is one on Linux, by the session bus; the
library for it is loaded when the first notice is due.
"""

import importlib
import sys
from collections.abc import Callable
from typing import Protocol

_BUS = "mcp_proxy.edges.notification_bus"


class Notification(Protocol):
    """A notice that is shown."""

    async def close(self) -> None:
        """Take it away; a click on it does nothing more."""


async def notify(title: str, body: str, on_click: Callable[[], None] | None) -> Notification | None:
    """Show a notice; None where this desktop has none, or none that can be clicked as wanted.

    `on_click` runs in this event loop; with None the notice is only for reading.
    """
    if sys.platform in ("win32", "darwin"):
        return None
    shown: Notification | None = await importlib.import_module(_BUS).notify(title, body, on_click)
    return shown
