"""What an upstream is told that its client can do: the profile's features, and the client's own.

Nothing that the client did not declare and nothing that the profile withholds is ever advertised
(S14), so an upstream that asks for it breaks the protocol.
"""

from collections.abc import Mapping
from typing import Any

from mcp_proxy.core.answer import Wishes
from mcp_proxy.core.eras import PREFIX
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.trace_context import Trace

TASKS = PREFIX + "tasks"
APPS = PREFIX + "ui"
_EXTENSIONS = {"tasks": TASKS, "apps": APPS}

# A client that can do everything.
_ABLE: Mapping[str, Any] = {
    "elicitation": {"form": {}, "url": {}},
    "sampling": {"tools": {}},
    "roots": {"listChanged": True},
    "extensions": {TASKS: {}, APPS: {}},
}


def wishes(
    spec: UpstreamSpec,
    capabilities: Mapping[str, Any],
    log_level: str | None,
    progress: bool,
    trace: Trace | None = None,
) -> Wishes:
    """The wishes of one request; `capabilities`, `log_level` and `progress` are its client's."""
    features = spec.features
    if not features:
        return Wishes({}, trace=trace)
    told = {
        "elicitation": _elicitation(spec, capabilities.get("elicitation")),
        "sampling": _sampling(capabilities.get("sampling")),
        "roots": _roots(capabilities.get("roots")),
    }
    agreed = {name: value for name, value in told.items() if name in features and value is not None}
    extensions = _extensions(features, capabilities.get("extensions"))
    return Wishes(
        {**agreed, "extensions": extensions} if extensions else agreed,
        log_level if "logging" in features else None,
        progress and "progress" in features,
        trace,
    )


def full_wishes(spec: UpstreamSpec) -> Wishes:
    """The wishes of a client that can do all that the profile's features name."""
    return wishes(spec, _ABLE, None, progress=False)


def _elicitation(spec: UpstreamSpec, declared: Any) -> dict[str, Any] | None:
    """An empty declaration means forms alone (MCP 2025-11-25, "Elicitation")."""
    if not isinstance(declared, dict):
        return None
    modes: dict[str, Any] = {}
    if isinstance(declared.get("form"), dict) or "url" not in declared:
        modes["form"] = {}
    if isinstance(declared.get("url"), dict) and spec.links:
        modes["url"] = {}
    return modes or None


def _sampling(declared: Any) -> dict[str, Any] | None:
    """Never `context`: it would let an upstream read what other servers told the client."""
    if not isinstance(declared, dict):
        return None
    return {"tools": {}} if isinstance(declared.get("tools"), dict) else {}


def _roots(declared: Any) -> dict[str, Any] | None:
    if not isinstance(declared, dict):
        return None
    return {"listChanged": True} if declared.get("listChanged") is True else {}


def _extensions(features: tuple[str, ...], declared: Any) -> dict[str, Any]:
    given = declared if isinstance(declared, dict) else {}
    named = (name for feature, name in _EXTENSIONS.items() if feature in features)
    return {name: given[name] for name in named if isinstance(given.get(name), dict)}
