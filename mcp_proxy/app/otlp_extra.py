"""What needs the extra `otel`, loaded by the first command that does; one clear error without it.

The SDK takes much from variables named OTEL_, among them modules to import. Ours alone decide what
is sent and where, so these are taken out of this process first.
"""

import os
from typing import Any, NamedTuple

from mcp_proxy.app import warmup
from mcp_proxy.errors import UsageError

_OTLP = "mcp_proxy.edges.otlp"
_EXPORTER = "mcp_proxy.app.otlp_export"

_EXTRA = ("opentelemetry", "google")
_INSTALL = "uv tool install '/path/to/this/checkout[otel]'"


class Sent(NamedTuple):
    """What one run sent, and what the collector has refused for good since its first."""

    records: int
    spans: int
    refused: int


def exporter() -> Any:
    """The module `app.otlp_export`, with the HTTP stack that no other audit command needs."""
    return warmup.load(_EXPORTER)


def load() -> Any:
    """The module `edges.otlp`.

    Raises:
        UsageError: W01 the extra is not installed.
    """
    for name in [name for name in os.environ if name.upper().startswith("OTEL_")]:
        del os.environ[name]
    try:
        return warmup.load(_OTLP)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        why = "OTLP needs OpenTelemetry's SDK, which is the extra `otel` of this package."
        raise UsageError("MCPX-W01", why, _INSTALL) from None
