"""`mcp-proxy call`: one call down the same road, in this process, audited; or a dry run of it."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from mcp_proxy.app.contract import ProfileContract
from mcp_proxy.app.world import build_machinery
from mcp_proxy.core import policy
from mcp_proxy.core.answer import Event, Question, Reply, Told
from mcp_proxy.core.constraints import Moment, judge_rule
from mcp_proxy.core.explained_rules import ASSUMED
from mcp_proxy.core.offer import Refusal
from mcp_proxy.core.outcome import Result, RpcError
from mcp_proxy.core.profile import Profile, UpstreamSpec
from mcp_proxy.core.ready import Ready
from mcp_proxy.core.request import Outgoing
from mcp_proxy.core.rule_words import constraint_words
from mcp_proxy.core.session import Session
from mcp_proxy.core.shown import Shown
from mcp_proxy.core.trace_context import RANDOM_BYTES, begin
from mcp_proxy.edges import clock
from mcp_proxy.edges.places import find_home
from mcp_proxy.edges.profile_store import load_profile, read_generation
from mcp_proxy.errors import AuditError


class DryRun(NamedTuple):
    """What a call would do at `now_s`: the decision, and the request it would send.

    `ready` is None where no such tool may be called.
    """

    profile: Profile
    ready: Ready | None
    decision: policy.Decision
    now_s: float

    @property
    def request(self) -> Outgoing | None:
        """The exact request, without the credential; None for a denied call."""
        return None if isinstance(self.decision, policy.Deny) else self.decision.request

    @property
    def if_shown(self) -> tuple[str, ...]:
        """What serve wants to have shown before this call, in words; () for nothing."""
        if self.ready is None or isinstance(self.decision, policy.Deny):
            return ()
        at, arguments = Moment(self.now_s, self.ready.zone), self.decision.arguments
        return tuple(
            constraint_words(rule)
            for rule in self.ready.tool.constraints
            if "shown" in rule and judge_rule(rule, arguments, at, Shown()) is not None
        )

    @property
    def spec(self) -> UpstreamSpec | None:
        """Where it would go."""
        return None if self.ready is None else self.ready.spec


class NoCaller:
    """Fills the road's `Caller`: a command that is asked nothing; `say` tells what it waits for."""

    capabilities: Mapping[str, Any] = {}
    log_level: str | None = None
    wants_progress = False
    waits = True

    def __init__(self, say: Callable[[str], None] = lambda _line: None) -> None:
        self._say = say
        self.trace = begin({}, os.urandom(RANDOM_BYTES))

    def tell(self, event: Event) -> None:
        """Progress and log messages have no reader here."""

    def awaits_person(self, *, is_waiting: bool) -> None:
        """Said once, where a person is at the terminal to read it."""
        if is_waiting:
            self._say("The call waits for a person's approval. In another terminal:")
            self._say("  mcp-proxy approve")

    async def ask(self, questions: Mapping[str, Question]) -> dict[str, Reply]:
        """Every question is declined."""
        return dict.fromkeys(questions, Told(-1, "Nobody can be asked here."))


def make_call(
    profile_name: str, tool: str, arguments: Any, say: Callable[[str], None]
) -> Result | RpcError:
    """One audited call; `say` tells what it waits for. Raises ProfileError, HomeError."""
    home = find_home()
    generation = read_generation(home)
    profile = load_profile(home, profile_name, clock.now_s())
    session = Session(Refusal("", "", ""))
    session.client = {"name": "mcp-proxy call", "version": ""}
    machinery = build_machinery(home, profile, generation, session)

    params = {"name": tool, "arguments": arguments}

    async def run() -> Result | RpcError:
        try:
            return await machinery.road.call("tools/call", params, NoCaller(say))
        finally:
            await machinery.close()
            await machinery.authorizer.close()
            with contextlib.suppress(AuditError):  # the answer says what could not be written (S20)
                await machinery.checkpoints.close("done")

    return asyncio.run(run())


def dry_run(profile_name: str, tool: str, arguments: Any) -> DryRun:
    """The decision alone: nothing is sent, reserved, logged, and no secret is read.

    Raises ProfileError, HomeError.
    """
    home = find_home()
    generation = read_generation(home)
    now_s = clock.now_s()
    profile = load_profile(home, profile_name, now_s)
    ready = ProfileContract(home, profile, generation, lambda: None, lambda: None).ready(
        tool, now_s
    )
    return try_call(profile, ready, arguments, now_s)


def try_call(profile: Profile, ready: Ready | policy.Deny, arguments: Any, now_s: float) -> DryRun:
    """The decision on a call of a tool that was made ready, or denied before.

    What a rule wants to have been shown is taken as shown: only the serving process knows.
    """
    if isinstance(ready, policy.Deny):
        return DryRun(profile, None, ready, now_s)
    decision = policy.decide(ready, arguments, now_s, ASSUMED)
    return DryRun(profile, ready, decision, now_s)
