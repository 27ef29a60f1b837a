"""A repository's word on the profile that is served: proved again before the first call, renewed
after it (S4, S6).

Both run as `mcp-proxy profile refresh`, in a process of their own: what reads a repository's
metadata would cost a serving process its memory for good.
"""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from mcp_proxy.core.outcome import End
from mcp_proxy.core.profile import Profile
from mcp_proxy.core.seen import REPOSITORY
from mcp_proxy.core.text import one_sentence
from mcp_proxy.edges.own_command import Ended, start_own
from mcp_proxy.errors import CATALOG, ProfileError
from mcp_proxy.ports import Caller
from mcp_proxy.relay import Road

_PROOF_DEADLINE_S = 20
_RENEW_DEADLINE_S = 120
_RENEW_EVERY_S = 3_600
# A repository that was out of reach may be back soon, and a word that has expired denies calls.
_RENEW_AGAIN_S = 300
_TEXT_CHARS = 400
# Withdrawn, and without python-tuf: an update may mend neither.
_OTHER_MENDS = ("MCPX-P19", "MCPX-P30")


class Run(Protocol):
    """How a command of ours is run: `start_own`."""

    def __call__(
        self, arguments: tuple[str, ...], deadline_s: float, ended: Callable[[Ended], None]
    ) -> None: ...


class _Proof:
    """One run of the proof, begun once, perhaps before there is an event loop."""

    def __init__(self, name: str, run: Run) -> None:
        self._ended: Ended | None = None
        self._waiting: list[Callable[[Ended], None]] = []
        self._lock = threading.Lock()
        run(("profile", "refresh", name, "--offline", "--json"), _PROOF_DEADLINE_S, self._settle)

    def tell(self, hear: Callable[[Ended], None]) -> None:
        """Calls `hear` once it has ended, from whatever thread."""
        with self._lock:
            if self._ended is None:
                self._waiting.append(hear)
                return
        hear(self._ended)

    def _settle(self, ended: Ended) -> None:
        with self._lock:
            self._ended = ended
        for hear in self._waiting:
            hear(ended)


class _Begun(NamedTuple):
    digest: str
    proof: _Proof


_BEGUN: list[_Begun] = []


def begin_proof(profile: Profile) -> None:
    """Start it ahead of the first call, while the client is quiet; a pinned key needs none."""
    if is_of_repository(profile):
        _BEGUN[:] = [_Begun(profile.digest, _Proof(profile.header.profile, start_own))]


def is_of_repository(profile: Profile) -> bool:
    """Whether a repository answers for it."""
    return profile.root[0] == REPOSITORY


class GuardedRoad:
    """The road of a repository's profile: closed until its word has been proved once more."""

    def __init__(
        self,
        road: Road,
        profile: Profile,
        refuse: Callable[[ProfileError | None], None],
        run: Run = start_own,
    ) -> None:
        """`refuse` gets each proof's outcome: why nothing may be called, or None.

        Where it fails the next call asks for another, so that what was mended counts at once.
        """
        self._road = road
        self._profile = profile
        self._refuse = refuse
        self._run = run
        self._proved: asyncio.Future[None] | None = None
        self._is_first = True
        self._renews_s = 0.0

    async def call(self, method: str, params: dict[str, Any], caller: Caller) -> End:
        """As `Road.call`."""
        if self._proved is None:
            self._proved = self._prove()
        await asyncio.shield(self._proved)
        try:
            return await self._road.call(method, params, caller)
        finally:
            self._renew()

    def _prove(self) -> "asyncio.Future[None]":
        loop = asyncio.get_running_loop()
        proved: asyncio.Future[None] = loop.create_future()

        def settle(ended: Ended) -> None:
            error = _failure(self._profile.header.profile, ended)
            if error is not None:
                self._proved = None
            self._refuse(error)
            proved.set_result(None)

        def hear(ended: Ended) -> None:
            with contextlib.suppress(RuntimeError):  # the client has gone, and the loop with it
                loop.call_soon_threadsafe(settle, ended)

        self._begin().tell(hear)
        return proved

    def _begin(self) -> _Proof:
        begun = [item.proof for item in _BEGUN if item.digest == self._profile.digest]
        is_first, self._is_first = self._is_first, False
        if begun and is_first:
            return begun[0]
        return _Proof(self._profile.header.profile, self._run)

    def _renew(self) -> None:
        """After the first call, and then at calls that come an hour later; sooner if it failed."""
        now_s = time.monotonic()
        if now_s < self._renews_s:
            return
        self._renews_s = now_s + _RENEW_EVERY_S

        def ended(how: Ended) -> None:
            if how.code != 0:
                self._renews_s = now_s + _RENEW_AGAIN_S

        name = self._profile.header.profile
        self._run(("profile", "refresh", name, "--json"), _RENEW_DEADLINE_S, ended)


def _failure(name: str, ended: Ended) -> ProfileError | None:
    if ended.code == 0:
        return None
    told = _told(ended.output)
    found = str(told.get("id"))
    why = one_sentence(str(told.get("why") or ""), _TEXT_CHARS)
    if found not in CATALOG or not why:
        found, why = "MCPX-P23", "What the repository signed for could not be verified again."
    update = f"mcp-proxy profile update {name}"
    said = one_sentence(str(told.get("next") or ""), _TEXT_CHARS)
    return ProfileError(found, why, said if found in _OTHER_MENDS and said else update)


def _told(output: bytes) -> dict[str, Any]:
    try:
        value = json.loads(output)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
