"""The process that sends the log to a collector, started by a serving one at a checkpoint."""

from typing import Any

from mcp_proxy.app import warmup
from mcp_proxy.edges.audit_ledger import Sign
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.settings import read_settings

_CHILD = "mcp_proxy.edges.otlp_child"


class OtlpStart:
    """Loads and starts nothing where the settings name no collector."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._child: Any = None

    def __call__(self, _sign: Sign) -> None:
        """See that one runs for this home. Raises HomeError: the settings cannot be read."""
        if not read_settings(self._home).audit.otlp:
            return
        if self._child is None:
            self._child = warmup.load(_CHILD).OtlpChild(self._home)
        self._child.ensure()
