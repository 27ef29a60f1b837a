"""Serve with everything there: the event loop, upstreams, credentials and the audit log.

`app.serve` hands over here at the first message that needs more than the profile.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple, Protocol

from mcp_proxy.app import warmup
from mcp_proxy.app.audit_anchors import HeadHeader
from mcp_proxy.app.audit_prune import apply_retention
from mcp_proxy.app.authorizing import profile_authorizer
from mcp_proxy.app.checkpointing import Checkpoints
from mcp_proxy.app.contract import ProfileContract
from mcp_proxy.app.conversation import Conversation
from mcp_proxy.app.crashes import close_crashed
from mcp_proxy.app.drift_watch import DriftWatch
from mcp_proxy.app.gate import ShutGate
from mcp_proxy.app.network import network_of
from mcp_proxy.app.otlp_start import OtlpStart
from mcp_proxy.app.owners import ProfileOwners
from mcp_proxy.app.proof import GuardedRoad, begin_proof, is_of_repository
from mcp_proxy.app.watching import Watching
from mcp_proxy.core.answer import Change
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.listeners import Listeners
from mcp_proxy.core.planning import Planner
from mcp_proxy.core.profile import Profile, UpstreamSpec
from mcp_proxy.core.session import Outcome, Session
from mcp_proxy.core.task_register import TaskRegister
from mcp_proxy.edges import clock
from mcp_proxy.edges.audit_files import Subject
from mcp_proxy.edges.authorizer import ProfileAuthorizer
from mcp_proxy.edges.call_log import CallLog
from mcp_proxy.edges.network import Network
from mcp_proxy.edges.parking import Parking
from mcp_proxy.edges.places import Home
from mcp_proxy.edges.settings import read_settings
from mcp_proxy.edges.stdio import Lines, Wire, complain
from mcp_proxy.edges.stdio_loop import StdioLoop
from mcp_proxy.edges.upstream_mcp import McpUpstream, http_upstream
from mcp_proxy.edges.upstream_rest import RestUpstream
from mcp_proxy.errors import AuditError, McpProxyError, ProfileError
from mcp_proxy.ports import Gate
from mcp_proxy.relay import Road

EOF_GRACE_S = 0.5
# A local server has two seconds after its end-of-file, and one after SIGTERM.
_LOCAL_GRACE_S = 4.0


class Start(NamedTuple):
    """Where the prelude stopped: what it has read, and what the session made of it.

    `notes` counts what was amiss before `outcomes`.
    """

    home: Home
    generation: tuple[int, ...]
    profile: Profile
    session: Session
    wire: Wire
    lines: Lines
    parent_fd: int | None
    notes: Mapping[str, int]
    outcomes: list[Outcome]


class ClosableGate(Gate, Protocol):
    """A gate that may hold a page and a database open."""

    async def close(self) -> None:
        """Let go of both."""


class Machinery(NamedTuple):
    """One profile's road with the edges behind it."""

    road: Road | GuardedRoad
    gate: ClosableGate
    log: CallLog
    checkpoints: Checkpoints
    drift: DriftWatch
    parking: Parking
    watching: Watching
    upstreams: Mapping[str, RestUpstream | McpUpstream]
    authorizer: ProfileAuthorizer
    grace_s: float

    async def close(self) -> None:
        """Close every connection, and end what was started; cut short after `grace_s`, kill it."""
        upstreams = (item.close() for item in self.upstreams.values())
        await asyncio.gather(self.drift.close(), self.gate.close(), *upstreams)


def build_machinery(
    home: Home, profile: Profile, generation: tuple[int, ...], session: Session
) -> Machinery:
    """The road of a verified profile; opens nothing."""
    header = profile.header
    authorizer = profile_authorizer(home, header.profile, profile.root)
    head = HeadHeader(home)
    network = network_of(home, head)

    def changed() -> None:
        authorizer.forget()
        network.forget()
        head.forget()
        session.mark_stale()
        for name in gateways:
            drift.stale(name)

    subject = Subject(header.profile, header.version, profile.digest)
    log = CallLog(home, subject, header.audit, lambda: session.client)
    checkpoints = _checkpoints(home, log)
    warn = partial(_warn, log, header.profile)
    contract = ProfileContract(home, profile, generation, changed, warn)
    upstreams = {
        name: _build_upstream(name, spec, authorizer, network)
        for name, spec in header.upstreams.items()
    }
    gateways = {name: item for name, item in upstreams.items() if isinstance(item, McpUpstream)}
    tasks, listeners = TaskRegister(LIMITS.owned_tasks), Listeners(session)

    def hide(tools: frozenset[str]) -> None:
        if listeners.hide(tools):
            watching.tell(Change("tools"))

    drift = DriftWatch(home, profile, gateways, log, hide)
    parking = Parking(profile.digest, clock.now_s, LIMITS)
    gate = _gate(home, profile, log)
    road = Road(Planner(contract, tasks), drift, gate, log, upstreams, parking, clock.now_s)
    owners = ProfileOwners(contract, tasks, log.note, clock.now_s)
    watching = Watching(listeners, gateways, road.reached, owners, drift.stale)
    guarded = _guard(road, profile, contract, listeners, watching)
    edges = (drift, parking, watching, upstreams, authorizer)
    return Machinery(guarded, gate, log, checkpoints, *edges, _grace_s(profile))


def _grace_s(profile: Profile) -> float:
    local = any(spec.kind == "stdio" for spec in profile.header.upstreams.values())
    return _LOCAL_GRACE_S if local else EOF_GRACE_S


def _checkpoints(home: Home, log: CallLog) -> Checkpoints:
    chores = (partial(close_crashed, home), partial(apply_retention, home), OtlpStart(home))
    return Checkpoints(home, log, chores)


def _gate(home: Home, profile: Profile, log: CallLog) -> ClosableGate:
    if not _needs_gate(profile):
        return ShutGate()
    gate: ClosableGate = warmup.load(warmup.GATE).open_gate(home, profile, log)
    return gate


def _needs_gate(profile: Profile) -> bool:
    return not {"approval", "limits"}.isdisjoint(profile.header.requires)


def _warn(log: CallLog, name: str) -> None:
    log.note("repository out of date")
    why = f"What the repository said of profile {name} has expired; it is served in its grace."
    complain(f"{why} Next: mcp-proxy profile update {name}")


def _guard(
    road: Road,
    profile: Profile,
    contract: ProfileContract,
    listeners: Listeners,
    watching: Watching,
) -> Road | GuardedRoad:
    """The road itself for pinned keys; for a repository's profile, closed until it is proved."""

    def refuse(error: ProfileError | None) -> None:
        contract.refuse(error)
        if listeners.offer(is_proved=error is None):
            for kind in ("tools", "prompts", "resources"):
                watching.tell(Change(kind))

    return GuardedRoad(road, profile, refuse) if is_of_repository(profile) else road


def _build_upstream(
    name: str, spec: UpstreamSpec, authorizer: ProfileAuthorizer, network: Network
) -> RestUpstream | McpUpstream:
    if spec.kind == "stdio":
        edge = warmup.load(warmup.LOCAL_SERVERS)
        local: McpUpstream = edge.stdio_upstream(
            spec, partial(authorizer.launch, name, spec), LIMITS
        )
        return local
    if spec.kind == "mcp":
        return http_upstream(spec, authorizer, LIMITS, network)
    return RestUpstream(spec, authorizer, LIMITS, network)


def prepare(home: Home, profile: Profile) -> None:
    """Load now what this profile will need: its local servers' edge, the keychain or vault."""
    begin_proof(profile)
    if _needs_gate(profile):
        warmup.load(warmup.GATE)
    if "result-guards" in profile.header.requires:
        warmup.load(warmup.REDACTION)
    specs = profile.header.upstreams.values()
    if any(spec.kind == "stdio" for spec in specs):
        warmup.load(warmup.LOCAL_SERVERS)
    logs_in = any(spec.auth is not None and spec.auth.kind == "oauth" for spec in specs)
    if logs_in:
        warmup.load(warmup.LOGINS)
    names = [spec.auth.credential for spec in specs if spec.auth]
    with contextlib.suppress(McpProxyError):  # the first call will tell
        settings = read_settings(home)
        is_stored = any(settings.credentials.get(name, name) is None for name in names)
        if logs_in or (is_stored and settings.vault is not None):
            warmup.load(warmup.VAULT_KEY)
        if settings.vault is None and (logs_in or is_stored):
            warmup.load(warmup.KEYCHAIN)


def run(start: Start) -> int:
    """Serve until the client ends; returns the exit code."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_serve(start))
    finally:
        # Not asyncio.run: it ends by waiting for its threads, and one may hang in a name's lookup.
        loop.close()


async def _serve(start: Start) -> int:
    machinery = build_machinery(start.home, start.profile, start.generation, start.session)
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def end(reason: str) -> None:
        if not ended.done():
            ended.set_result(reason)

    def on_data(data: bytes) -> None:
        if ended.done():
            return  # a call taken now would outlive the log
        if not data:
            end("client ended")
        for line in start.lines.feed(data):
            conversation.take(_outcomes(start.session, line))

    stdio = StdioLoop(start.wire, on_data)
    conversation = Conversation(
        start.session, machinery.road, machinery.watching, machinery.log, stdio.send
    )
    _watch_ends(start.parent_fd, end)
    for what, count in start.notes.items():
        machinery.log.note(what, count)
    conversation.take(start.outcomes)
    stdio.start()
    reason = await ended
    await conversation.end(EOF_GRACE_S if reason == "client ended" else 0)
    return await _close(machinery, stdio, reason)


async def _close(machinery: Machinery, stdio: StdioLoop, reason: str) -> int:
    with contextlib.suppress(TimeoutError):
        await stdio.drained(EOF_GRACE_S)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(EOF_GRACE_S):
            await machinery.parking.close()
    try:
        await machinery.checkpoints.close(reason)
    except AuditError as error:
        complain(str(error))
        return error.exit_code
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(machinery.grace_s):
                await machinery.close()
        await machinery.authorizer.close()
    return 0


def _outcomes(session: Session, line: bytes | None) -> list[Outcome]:
    return session.oversized() if line is None else session.receive(line, clock.now_s())


def _watch_ends(parent_fd: int | None, end: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    if parent_fd is not None:
        loop.add_reader(parent_fd, end, "parent ended")
    if sys.platform != "win32":
        loop.add_signal_handler(signal.SIGTERM, end, "terminated")
        loop.add_signal_handler(signal.SIGINT, end, "interrupted")
