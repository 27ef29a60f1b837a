"""Who hears of what changes between calls, and how: modern listeners and the legacy client."""

from typing import Any, Literal

from mcp_proxy.core import eras, jsonrpc, strict_json
from mcp_proxy.core.answer import Change
from mcp_proxy.core.fields import as_json
from mcp_proxy.core.jsonrpc import Id
from mcp_proxy.core.offer import Catalogue
from mcp_proxy.core.session import Session
from mcp_proxy.core.session_params import ListenFilter

_METHODS = {
    "tools": "notifications/tools/list_changed",
    "prompts": "notifications/prompts/list_changed",
    "resources": "notifications/resources/list_changed",
    "updated": "notifications/resources/updated",
    "task": "notifications/tasks",
}


class Listeners:
    """Those of one session's client, modern and legacy, as its requests left them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def wanted(self) -> ListenFilter:
        """All that anybody would be told of now."""
        granted = list(self._session.granted.values())
        lists = {kind for kind in _LISTS if self._is_for_legacy(Change(kind))}
        return ListenFilter(
            frozenset(lists.union(*(one.lists for one in granted))),
            frozenset(self._session.subscribed.union(*(one.uris for one in granted))),
            frozenset(task for one in granted for task in one.tasks),
        )

    def changed(self, change: Change) -> list[bytes]:
        """A change as lines for those who asked to hear of it; `change` is clean."""
        granted = self._session.granted.items()
        lines = [_line(change, key) for key, wanted in granted if _is_wanted(change, wanted)]
        return [*lines, _line(change, None)] if self._is_for_legacy(change) else lines

    def hide(self, tools: frozenset[str]) -> bool:
        """From now on the list of tools leaves these out; returns whether it is another."""
        catalogue = self._session.catalogue
        if not isinstance(catalogue, Catalogue):
            return False
        whole = catalogue.offered.tools_json
        entries = as_json(whole) if tools else []
        shown = [entry for entry in entries if entry["name"] not in tools]
        is_whole = len(shown) == len(entries)
        return catalogue.show_tools(whole if is_whole else strict_json.dumps(shown))

    def offer(self, *, is_proved: bool) -> bool:
        """Lists what the profile has, or nothing of it (S4); whether that is a change."""
        catalogue = self._session.catalogue
        if not isinstance(catalogue, Catalogue):
            return False
        return catalogue.give_back() if is_proved else catalogue.withdraw()

    def _is_for_legacy(self, change: Change) -> bool:
        if self._session.version is None:
            return False
        if change.kind == "updated":
            return change.uri in self._session.subscribed
        catalogue = self._session.catalogue
        return isinstance(catalogue, Catalogue) and catalogue.offered.tells_changes(change.kind)


def _is_wanted(change: Change, wanted: ListenFilter) -> bool:
    if change.kind == "updated":
        return change.uri in wanted.uris
    if change.kind == "task":
        return (change.params or {}).get("taskId") in wanted.tasks
    return change.kind in wanted.lists


def _line(change: Change, subscription: Id | None) -> bytes:
    given = {"uri": change.uri} if change.kind == "updated" else dict(change.params or {})
    meta = given.pop("_meta", None)
    meta = dict(meta) if isinstance(meta, dict) else {}
    if subscription is not None:
        meta[eras.SUBSCRIPTION_KEY] = subscription
    params: dict[str, Any] = {**given, "_meta": meta} if meta else given
    return jsonrpc.notification_line(_METHODS[change.kind], params)


_LISTS: tuple[Literal["tools", "prompts", "resources"], ...] = ("tools", "prompts", "resources")
