"""`audit replay`: the calls of the log, held against another version of their profile."""

import contextlib
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from mcp_proxy.app.audit_keys import find_seed
from mcp_proxy.app.audit_log import Reading
from mcp_proxy.app.audit_stream import Damage
from mcp_proxy.app.explain import ready_of
from mcp_proxy.app.profile_file import unverified_profile
from mcp_proxy.app.recipient_keys import find_recipient_key
from mcp_proxy.core.audit_filter import Filter
from mcp_proxy.core.audit_key import seal_private
from mcp_proxy.core.audit_spans import Spans
from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.envelope import parse_envelope
from mcp_proxy.core.moments import epoch_ns
from mcp_proxy.core.profile import Profile, Tool
from mcp_proxy.core.profile_lines import parse_payload, parse_tool
from mcp_proxy.core.ready import Ready
from mcp_proxy.core.replay import Past, Verdict, past_call, replay
from mcp_proxy.core.replay_counts import Counts
from mcp_proxy.core.sealed_arguments import known_arguments
from mcp_proxy.edges import clock
from mcp_proxy.edges.kept_versions import read_kept
from mcp_proxy.edges.places import Home, find_home
from mcp_proxy.edges.profile_store import load_profile
from mcp_proxy.errors import McpProxyError, UsageError


class Replayed(NamedTuple):
    """A past call, and what it would come to now."""

    past: Past
    verdict: Verdict


class Replay:
    """The calls of one profile in the order of time; `damaged` is told after reading them."""

    def __init__(self, home: Home, profile: Profile, only: Filter, privates: tuple[bytes, ...]):
        """`privates` open sealed arguments, as far as they were sealed to one of them.

        `sealed` counts, after reading, the calls of which nothing here opens the arguments.
        """
        self._home = home
        self._profile = profile
        self._privates = privates
        self.sealed = 0
        self._reading = Reading(home, only, kept=True)
        self._ready = cache(self._find_ready)
        self._then = cache(self._find_then)
        self._old_tool = cache(self._find_old_tool)
        self._counts = Counts()
        self._spans = Spans()

    @property
    def profile(self) -> Profile:
        """The version that calls are held against."""
        return self._profile

    @property
    def damaged(self) -> list[Damage]:
        """Where files of the log stop being readable."""
        return self._reading.damaged

    def __iter__(self) -> Iterator[Replayed]:
        """Raises HomeError: a file of the log is not safe to use, or not readable."""
        for entry in self._reading:
            if self._is_call(entry):
                known = known_arguments(entry, entry["kept"], self._privates)
                self.sealed += not known.is_whole and "sealed" in (entry["kept"] or {})
                if known.is_whole and not isinstance(known.arguments, dict):
                    continue  # a resource or a prompt was read, or a task asked about
                past = past_call(entry, epoch_ns(str(entry["time"])) / 1e9, known, self._spans)
                yield Replayed(past, self._verdict(past, entry["version"], entry["digest"]))

    def _is_call(self, entry: dict[str, Any]) -> bool:
        """Not what is known to be no call of a tool: a resource, a prompt, a leg of a task."""
        tool, header = entry["tool"], self._profile.header
        others = {*header.resources, *header.prompts} - {*header.tools}
        if tool is None or str(entry["rule"]).startswith("tasks "):
            return tool is None
        then = self._then(entry["version"], entry["digest"])
        if then is not None:
            return tool in then.header.tools
        return tool not in others

    def _verdict(self, past: Past, version: Any, digest: Any) -> Verdict:
        if past.tool is None:
            return replay(None, None, past, self._counts)
        before = self._old_tool(past.tool, version, digest)
        return replay(self._ready(past.tool), before, past, self._counts)

    def _find_ready(self, tool: str) -> Ready | None:
        found = ready_of(self._profile, tool)
        return found if isinstance(found, Ready) else None

    def _find_old_tool(self, tool: str, version: Any, digest: Any) -> Tool | None:
        then = self._then(version, digest)
        line = None if then is None else then.tool_lines.get(tool)
        return None if line is None else parse_tool(line, tool)

    def _find_then(self, version: int | None, digest: str | None) -> Profile | None:
        """The very version that a call was decided by, where this home still has it."""
        if digest == self._profile.digest:
            return self._profile
        if version is None:
            return None
        with contextlib.suppress(McpProxyError):
            data = read_kept(self._home, self._profile.header.profile, version)
            payload = b"" if data is None else parse_envelope(data).payload
            if sha256_hex(payload) == digest:
                return parse_payload(payload, digest, "")
        return None


def open_replay(only: Filter, path: str | None, recipient_key: str | None) -> Replay:
    """The calls of `only.profile` against its installed version, or the one that a file holds.

    Sealed arguments are opened by `recipient_key` (a name, or `env:VAR`) and by the home's own
    key, where that is had without asking anybody.

    Raises:
        ProfileError, HomeError: the installed profile may not be served; P09, P10 a file.
        SourceError, UsageError: a source cannot be built, a file not be read, or is of another
            profile.
        CredentialError: there is no such recipient's key.
    """
    home, name = find_home(), str(only.profile)
    if path is None:
        profile = load_profile(home, name, clock.now_s())
    else:
        profile = unverified_profile(path)
        if profile.header.profile != name:
            other = profile.header.profile
            raise UsageError("MCPX-W01", f"{path} holds profile {other}, not {name}.")
    return Replay(home, profile, only._replace(kind="decided"), _privates(home, recipient_key))


def _privates(home: Home, recipient_key: str | None) -> tuple[bytes, ...]:
    named = () if recipient_key is None else (find_recipient_key(recipient_key).private,)
    seed = find_seed(home)
    return named if seed is None else (*named, seal_private(seed))
