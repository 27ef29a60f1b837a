"""Upstreams watched for what the client wants to hear of between its calls.

A resource or a task that it follows opens the upstream's stream at once; lists that may change
open nothing before the first call to that upstream.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from functools import partial
from typing import NamedTuple, Protocol

from mcp_proxy.core.answer import Change
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.listeners import Listeners

Hear = Callable[[Change], None]


class Watched(Protocol):
    """An upstream that can say what changes."""

    def watch(self, uris: frozenset[str], task_ids: frozenset[str], hear: Hear) -> None:
        """From now on `hear` gets the changes of the lists, of these resources and these tasks."""

    def roots_changed(self) -> None:
        """The client's roots are others now."""


class Owners(Protocol):
    """Which upstream something belongs to; None where it is not, or no longer, the client's."""

    def of_uri(self, uri: str) -> str | None:
        """By a resource's URI."""

    def of_task(self, task_id: str) -> str | None:
        """By a task's id."""

    def admit_task(self, upstream: str, change: Change) -> Change | None:
        """A task's state as the client may see it."""


class Wish(NamedTuple):
    """What is watched at one upstream beside its lists."""

    uris: frozenset[str]
    tasks: frozenset[str]


NOTHING = Wish(frozenset(), frozenset())


class Watching:
    """One client's wishes, carried to the upstreams, and what these say, carried back."""

    def __init__(
        self,
        listeners: Listeners,
        upstreams: Mapping[str, Watched],
        reached: AbstractSet[str],
        owners: Owners,
        tools_changed: Callable[[str], None],
    ) -> None:
        """`reached` are the upstreams that had a call; `tools_changed` takes an upstream."""
        self._listeners = listeners
        self._upstreams = upstreams
        self._reached = reached
        self._owners = owners
        self._tools_changed = tools_changed
        self._seen = 0
        self._wishes: dict[str, Wish] = {}
        self._pending: dict[tuple[str, ...], Change] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.send: Callable[[bytes], None] = lambda _line: None

    def called(self) -> None:
        """A call has ended: the first one to an upstream may open its stream."""
        if len(self._reached) != self._seen:
            self.sync()

    def sync(self) -> None:
        """Tell each upstream what is wanted of it now."""
        self._seen = len(self._reached)
        wanted = self._listeners.wanted()
        uris = _by_owner(wanted.uris, self._owners.of_uri)
        tasks = _by_owner(wanted.tasks, self._owners.of_task)
        for name, upstream in self._upstreams.items():
            wish = Wish(uris.get(name, frozenset()), tasks.get(name, frozenset()))
            lists = bool(wanted.lists) and name in self._reached
            if self._wishes.get(name) != wish and (
                lists or wish != NOTHING or name in self._wishes
            ):
                self._wishes[name] = wish
                upstream.watch(wish.uris, wish.tasks, partial(self._hear, name))

    def roots_changed(self) -> None:
        """The client's roots are others now."""
        for upstream in self._upstreams.values():
            upstream.roots_changed()

    def tell(self, change: Change) -> None:
        """A change, clean, for whoever of the client's listeners asked to hear of it."""
        task = str((change.params or {}).get("taskId", ""))
        self._pending[change.kind, change.uri, task] = change
        if self._timer is None:
            self._flush()

    def close(self) -> None:
        """Say no more; the upstreams end their streams themselves."""
        self._pending.clear()
        self.send = lambda _line: None
        if self._timer is not None:
            self._timer.cancel()

    def _hear(self, name: str, change: Change) -> None:
        if change.kind == "tools":
            self._tools_changed(name)
        admitted = self._admitted(name, change)
        if admitted is not None:
            self.tell(admitted)

    def _admitted(self, name: str, change: Change) -> Change | None:
        """The change as it may be told: of what the client follows at this very upstream."""
        if change.kind == "updated":
            is_followed = change.uri in self._wish(name).uris
            in_force = is_followed and self._owners.of_uri(change.uri) == name  # S6
            return Change("updated", change.uri) if in_force else None
        if change.kind == "task":
            return self._owners.admit_task(name, change)
        return Change(change.kind)

    def _wish(self, name: str) -> Wish:
        return self._wishes.get(name, NOTHING)

    def _flush(self) -> None:
        """Tell what is new; the same thing again waits a moment, however often it is said."""
        self._timer = None
        if not self._pending:
            return
        pending = list(self._pending.values())
        self._pending.clear()
        for change in pending:
            for line in self._listeners.changed(change):
                self.send(line)
        later = asyncio.get_running_loop().call_later
        self._timer = later(LIMITS.changes_every_ms / 1000, self._flush)


def _by_owner(
    items: Iterable[str], owner_of: Callable[[str], str | None]
) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for item in items:
        owner = owner_of(item)
        if owner is not None:
            found.setdefault(owner, set()).add(item)
    return {name: frozenset(some) for name, some in found.items()}
