"""What an upstream says of itself between calls: which of its notifications become a Change."""

from collections.abc import Callable
from typing import Any, NamedTuple

from mcp_proxy.core import eras
from mcp_proxy.core.answer import Change
from mcp_proxy.core.limits import Limits
from mcp_proxy.core.text import hidden_character
from mcp_proxy.edges.refusals import protocol_broken

_ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
_LISTS = {
    "notifications/tools/list_changed": Change("tools"),
    "notifications/prompts/list_changed": Change("prompts"),
    "notifications/resources/list_changed": Change("resources"),
}
LIST_CHANGES = tuple(_LISTS.values())

Heard = Callable[[Change], None]


class Wanted(NamedTuple):
    """What somebody waits for, beside the changes of the lists."""

    uris: frozenset[str]
    task_ids: frozenset[str]

    def filter(self) -> dict[str, Any]:
        """The params of subscriptions/listen (MCP 2026-07-28), sorted."""
        lists = ("toolsListChanged", "promptsListChanged", "resourcesListChanged")
        wanted: dict[str, Any] = dict.fromkeys(lists, True)
        if self.uris:
            wanted["resourceSubscriptions"] = sorted(self.uris)
        if self.task_ids:
            wanted["taskIds"] = sorted(self.task_ids)
        return {"notifications": wanted}


def read_change(message: dict[str, Any], wanted: Wanted, limits: Limits) -> Change | None:
    """A notification as a change; None for any other, and for what nobody waits for."""
    method, params = message.get("method"), message.get("params")
    if isinstance(method, str) and method in _LISTS:
        return _LISTS[method]
    if not isinstance(params, dict):
        return None
    if method == "notifications/resources/updated":
        uri = params.get("uri")
        is_wanted = isinstance(uri, str) and _is_within(uri, wanted.uris, limits)
        return Change("updated", uri) if isinstance(uri, str) and is_wanted else None
    if method == "notifications/tasks":
        task_id = params.get("taskId")
        if isinstance(task_id, str) and task_id in wanted.task_ids:
            return Change("task", params=_without_subscription(params))
    return None


class ListenStream:
    """Hears one subscriptions/listen: its acknowledgement first, then what it was opened for."""

    def __init__(
        self,
        stream_id: int,
        wanted: Wanted,
        limits: Limits,
        ready: Callable[[], None],
        heard: Heard,
    ) -> None:
        """`ready` is called once, at the acknowledgement; `heard` with each change after it."""
        self._id = stream_id
        self._wanted = wanted
        self._limits = limits
        self._ready = ready
        self._heard = heard
        self._is_open = False

    def notified(self, message: dict[str, Any]) -> None:
        """A notification; one of another stream, or of none, is dropped."""
        if not self.is_own(message):
            return
        if message.get("method") == _ACKNOWLEDGED:
            if not self._is_open:
                self._is_open = True
                self._ready()
        elif self._is_open:
            change = read_change(message, self._wanted, self._limits)
            if change is not None:
                self._heard(change)

    async def asked(self, message: dict[str, Any]) -> None:
        """A request of the server. Raises Broken."""
        raise protocol_broken("holds a request, which this protocol version forbids")

    def is_own(self, message: dict[str, Any]) -> bool:
        """Whether a notification bears this stream's id, of the same JSON type."""
        params = message.get("params")
        meta = params.get("_meta") if isinstance(params, dict) else None
        named = meta.get(eras.SUBSCRIPTION_KEY) if isinstance(meta, dict) else None
        return type(named) is int and named == self._id


def _is_within(uri: str, wanted: frozenset[str], limits: Limits) -> bool:
    """A subscription covers what lies below its resource too (MCP, resources/updated)."""
    if len(uri) > limits.uri_chars or hidden_character(uri) is not None:
        return False
    return uri in wanted or any(uri.startswith(f"{item.rstrip('/')}/") for item in wanted)


def _without_subscription(params: dict[str, Any]) -> dict[str, Any]:
    """Our stream's id is ours; whoever hands the rest on has another."""
    meta = params.get("_meta")
    if not isinstance(meta, dict):
        return params
    rest = {key: value for key, value in meta.items() if key != eras.SUBSCRIPTION_KEY}
    others = {key: value for key, value in params.items() if key != "_meta"}
    return {**others, "_meta": rest} if rest else others
