"""`profile explain`: a call decided as serve decides it, and told; nothing is sent."""

from datetime import tzinfo
from typing import Any, NamedTuple

from mcp_proxy.app.call import DryRun, dry_run, try_call
from mcp_proxy.app.grants_key import own_key
from mcp_proxy.app.person import channels_of
from mcp_proxy.app.profile_file import is_name, unverified_profile
from mcp_proxy.core.approval_request import Subject
from mcp_proxy.core.budget import Used
from mcp_proxy.core.explained_rules import limit_lines
from mcp_proxy.core.explanation import Explanation, explain
from mcp_proxy.core.grant import Grant, matching
from mcp_proxy.core.policy import Ask, Deny
from mcp_proxy.core.profile import Profile
from mcp_proxy.core.profile_lines import parse_tool
from mcp_proxy.core.ready import Ready, ready_tool
from mcp_proxy.core.schema import SchemaRefused
from mcp_proxy.edges import clock
from mcp_proxy.edges.authorizer import root_text
from mcp_proxy.edges.grants import grants_used, has_use_left, read_grants
from mcp_proxy.edges.ledger import Scope, left_for, spent
from mcp_proxy.edges.places import Home, find_home
from mcp_proxy.edges.state_db import StateDb, Transaction
from mcp_proxy.edges.state_mark import read_mark
from mcp_proxy.edges.zones import find_zone
from mcp_proxy.errors import HomeError, ProfileError


class Explained(NamedTuple):
    """A dry run in words; `is_trusted` says that the profile is installed, and was verified."""

    run: DryRun
    words: Explanation
    is_trusted: bool


class _Counted(NamedTuple):
    """What is taken of the limits, and the grant that lets the call pass, `taken` times used.

    `short` is the rule of a limit that has no room for the call, "" for none.
    """

    used: tuple[Used, ...]
    grant: Grant | None
    taken: int
    short: str = ""


def explain_call(target: str, tool: str, arguments: Any) -> Explained:
    """A call of a tool of `target`: an installed profile's name, or a file that holds one.

    Of a file nothing is verified, and this machine's settings are not looked at.

    Raises:
        ProfileError, HomeError: the installed profile may not be served; P09, P10 a file.
        SourceError, UsageError: a source cannot be built, or a file not be read.
    """
    is_trusted = is_name(target)
    run = dry_run(target, tool, arguments) if is_trusted else _dry_file(target, tool, arguments)
    words = explain(run.profile, run.ready, run.decision, arguments, run.now_s)
    return Explained(run, _as_counted(run, words) if is_trusted else words, is_trusted)


def _as_counted(run: DryRun, words: Explanation) -> Explanation:
    """The same with what this machine has counted and granted."""
    ready = run.ready
    if ready is None or not (words.limits or isinstance(run.decision, Ask)):
        return words
    try:
        counted = _counted(find_home(), run, ready)
    except HomeError as error:
        if isinstance(run.decision, Deny):
            return words
        why = f"{error.why} Serve denies this call with MCPX-D16 until: {error.next}"
        return words._replace(decision="deny", id="MCPX-D16", state=why)
    values = {item.name: item.value for item in words.arguments}
    words = words._replace(limits=limit_lines(ready.tool.limits, values, counted.used))
    if counted.short and not isinstance(run.decision, Deny):
        rule = f"limit.{counted.short}"
        meaning = "a limit of the tool has no room for the call now"
        return words._replace(decision="deny", id="MCPX-D13", rule=rule, meaning=meaning)
    if counted.grant is None:
        return words
    left = f"{counted.grant.uses - counted.taken} of {counted.grant.uses} left"
    return words._replace(decision="allow", grant=f"grant {counted.grant.id}, {left}")


def _counted(home: Home, run: DryRun, ready: Ready) -> _Counted:
    """Raises HomeError."""
    grants = _grants(home, run, ready)
    if read_mark(home) is None:
        found = _in_force(run, ready, grants, run.now_s)
        return _Counted((), *((found[0], 0) if found else (None, 0)))
    state = StateDb(home)
    try:
        return state.look_now(lambda tx: _read(tx, run, ready, grants))
    finally:
        state.close()


def _read(tx: Transaction, run: DryRun, ready: Ready, grants: tuple[Grant, ...]) -> _Counted:
    profile, tool = run.profile, ready.tool
    zone = find_zone(profile.header.timezone)
    scope = Scope(profile.header.profile, root_text(profile.root), tool.name)
    rows = () if zone is None else spent(tx, scope, tool.limits, zone)
    used = tuple(Used(row.limit.rule, row.taken, row.left) for row in rows)
    found = _in_force(run, ready, grants, tx.now_s)
    grant = next((grant for grant in found if has_use_left(tx, grant)), None)
    taken = 0 if grant is None else grants_used(tx, [grant.id])[grant.id]
    return _Counted(used, grant, taken, "" if zone is None else _short(tx, scope, run, zone))


def _short(tx: Transaction, scope: Scope, run: DryRun, zone: tzinfo) -> str:
    if isinstance(run.decision, Deny):
        return ""
    taken = run.decision.reservations
    rows = zip(taken, left_for(tx, scope, taken, zone), strict=True)
    return next((used.rule for one, used in rows if one.amount > used.left), "")


def _grants(home: Home, run: DryRun, ready: Ready) -> tuple[Grant, ...]:
    """Those of this home, where the call asks and a terminal may approve it, as at the gate."""
    may = isinstance(run.decision, Ask) and "terminal" in channels_of(ready.tool)
    kept = read_grants(home)
    return kept.grants if may and kept.grants and kept.key == own_key(home) else ()


def _in_force(
    run: DryRun, ready: Ready, grants: tuple[Grant, ...], now_s: float
) -> tuple[Grant, ...]:
    if isinstance(run.decision, Deny):
        return ()
    profile = run.profile
    subject = Subject(profile.header.profile, profile.digest, root_text(profile.root))
    return matching(grants, subject, ready.tool.name, run.decision.arguments, now_s)


def _dry_file(path: str, tool: str, arguments: Any) -> DryRun:
    profile = unverified_profile(path)
    return try_call(profile, ready_of(profile, tool), arguments, clock.now_s())


def ready_of(profile: Profile, name: str) -> Ready | Deny:
    """A tool of a profile as it is, local settings not looked at. Raises ProfileError P09, P10."""
    line = profile.tool_lines.get(name)
    if line is None:
        return Deny("MCPX-D05", "tools of the profile", f"Unknown tool: {name[:80]}")
    tool = parse_tool(line, name)
    try:
        spec = profile.header.upstreams[tool.upstream]
        zone = find_zone(profile.header.timezone)
        return ready_tool(tool, spec, profile.header.expires, zone)
    except (KeyError, SchemaRefused):
        raise ProfileError(
            "MCPX-P10", f"Tool {name} has no upstream, or a schema that is not valid."
        ) from None
