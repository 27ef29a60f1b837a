"""doctor's finding about the collector that the settings name; nothing where they name none."""

from collections.abc import Iterator

from mcp_proxy.app import otlp_extra
from mcp_proxy.app.check import Check
from mcp_proxy.app.otlp_collector import collector_url, open_collector
from mcp_proxy.core.audit_otlp import LOGS
from mcp_proxy.edges.otlp_cursor import Cursor
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.settings import settings_path
from mcp_proxy.errors import McpProxyError

_WHAT = "collector"
_DEADLINE_S = 5.0


def check_collector(home: Home) -> Iterator[Check]:
    """Whether the SDK is there, and the collector takes an empty request."""
    try:
        url = collector_url(home)
        if url:
            otlp_extra.load()
            yield _asked(home, url)
    except McpProxyError as error:
        yield Check(_WHAT, False, str(error), error.next)


def _asked(home: Home, url: str) -> Check:
    collector = open_collector(home)
    try:
        verdict = collector.send(LOGS, b"", _DEADLINE_S)
    finally:
        collector.close()
    if verdict.kind != "taken":
        mend = f"start the collector, it is tried again; or edit {settings_path(home)}"
        return Check(_WHAT, False, f"{url}: {verdict.why}", mend)
    refused = sum(Cursor(home).refused.values())
    told = f"; it has refused {refused} items for good" if refused else ""
    return Check(_WHAT, True, f"{url} takes the log{told}")
