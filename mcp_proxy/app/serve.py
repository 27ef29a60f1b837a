"""`mcp-proxy --profile NAME`: the start path.

A blocking prelude verifies the profile and drives the session by itself until the first message
that needs the world; handshake and lists never wait for an import. What this module imports is
what a start costs, and a test pins the list.
"""

import os
import select
import time
from typing import NamedTuple

from mcp_proxy.app import warmup
from mcp_proxy.core.offer import Refusal, offer_of
from mcp_proxy.core.profile import Profile
from mcp_proxy.core.session import Call, Listen, Note, Outcome, Reply, Session
from mcp_proxy.edges.parent import ParentGone, watch_parent
from mcp_proxy.edges.places import Home, find_home
from mcp_proxy.edges.profile_store import load_profile, read_generation
from mcp_proxy.edges.stdio import READ_BYTES, Lines, Wire, claim_stdio, complain, write_frame
from mcp_proxy.errors import AuditError, McpProxyError

_QUIET_MS = 1000


def serve(name: str) -> int:
    """Serve one installed profile on stdio until the client ends; returns the exit code."""
    try:
        wire, parent_fd = claim_stdio(), watch_parent()
    except ParentGone:
        return 0
    except OSError as error:
        complain(f"stdin and stdout are needed: {error.strerror}")
        return 2
    if os.isatty(wire.reads):
        complain("waiting for an MCP client on stdin; Ctrl-D ends.")
    prelude = Prelude(wire, parent_fd)
    home = None
    try:
        home = find_home()
        generation = read_generation(home)
        profile = load_profile(home, name, time.time())
    except McpProxyError as error:
        return _refuse(prelude, error, home, name)
    session = Session(offer_of(profile))
    if os.path.exists(os.path.join(home.state, "verdicts", f"{name}.json")):
        warmup.load(warmup.DRIFT_START).hide_drifted(home, profile, session)
    return prelude.run(session, Served(home, generation, profile))


class Served(NamedTuple):
    """What was verified at the start. `generation` was read before the profile."""

    home: Home
    generation: tuple[int, ...]
    profile: Profile


class Prelude:
    """Reads the client without an event loop, for as long as that is enough."""

    def __init__(self, wire: Wire, parent_fd: int | None) -> None:
        self._wire = wire
        self._parent_fd = parent_fd
        self._lines = Lines()
        self._served: Served | None = None
        self._warm = self._listed = False
        self._notes: dict[str, int] = {}
        self._poll = select.poll() if hasattr(select, "poll") else None
        if self._poll is not None:
            for fd in (wire.reads, *(() if parent_fd is None else (parent_fd,))):
                self._poll.register(fd, select.POLLIN)

    def run(self, session: Session, served: Served | None) -> int:
        """Serve; hands over to the world at the first call. Without a profile there is none."""
        self._served = served
        try:
            while data := self._read():
                calls = self._take(session, data)
                if calls and served is not None:
                    read = (session, self._wire, self._lines, self._parent_fd, self._notes)
                    world = warmup.load(warmup.WORLD)
                    return int(world.run(world.Start(*served, *read, calls)))
        except (ConnectionError, KeyboardInterrupt):
            pass  # the client is gone: as its end-of-file
        return 0 if served is None else self._log_notes(served)

    def _log_notes(self, served: Served) -> int:
        """What a client without a single call sent amiss; returns the exit code."""
        if self._notes:
            try:
                warmup.load(warmup.ADMIN_LOG).record_notes(served.home, served.profile, self._notes)
            except AuditError as error:
                complain(str(error))
                return error.exit_code
        return 0

    def _take(self, session: Session, data: bytes) -> list[Outcome]:
        """Write what can be answered now; the rest, once something needs it, is the world's."""
        waiting: list[Outcome] = []
        for line in self._lines.feed(data):
            now_s = time.time()
            outcomes = session.oversized() if line is None else session.receive(line, now_s)
            for outcome in outcomes:
                if waiting or _needs_the_world(outcome):
                    waiting.append(outcome)
                else:
                    self._answer(session, outcome)
        return waiting

    def _answer(self, session: Session, outcome: Outcome) -> None:
        if isinstance(outcome, Reply):
            write_frame(self._wire.writes, outcome.line)
            self._listed = self._listed or outcome.listed
        elif isinstance(outcome, Note):
            self._notes[outcome.what] = self._notes.get(outcome.what, 0) + 1
        elif isinstance(outcome, Listen):
            # The world finds it in the session, once there is one.
            line = session.acknowledge(outcome.asked, outcome.wanted)
            if line is not None:
                write_frame(self._wire.writes, line)

    def _read(self) -> bytes:
        """What the client wrote next; empty when it, or the parent, has ended."""
        while self._poll is not None:
            quiet = self._listed and not self._warm
            ready = self._poll.poll(_QUIET_MS if quiet else None)
            if ready:
                if any(fd == self._parent_fd for fd, _ in ready):
                    return b""
                break
            self._warm_up()
        else:
            if self._listed:
                self._warm_up()
        return os.read(self._wire.reads, READ_BYTES)

    def _warm_up(self) -> None:
        if not self._warm and self._served is not None:
            self._warm = True
            warmup.start(self._served.home, self._served.profile)


def _needs_the_world(outcome: Outcome) -> bool:
    """Whether more than the profile is needed; lists that may change call for no connection yet."""
    if isinstance(outcome, Listen):
        return bool(outcome.wanted.uris or outcome.wanted.tasks)
    return isinstance(outcome, Call)


def _refuse(prelude: Prelude, error: McpProxyError, home: Home | None, name: str) -> int:
    """Stay until the client ends and tell it why, in its own window (formats.md 5)."""
    complain(f"{error} Next: {error.next}")
    code = error.exit_code
    if home is not None:
        try:
            warmup.load(warmup.ADMIN_LOG).record_refusal(home, name, error.id)
        except AuditError as unlogged:
            complain(str(unlogged))
            code = unlogged.exit_code
    prelude.run(Session(Refusal(error.id, f"{error.why} ({error.id})", error.next)), None)
    return code
