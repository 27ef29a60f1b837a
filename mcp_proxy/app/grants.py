"""`grant add`, `list`, `revoke`: calls that a person lets pass beforehand, for unattended work."""

import json
import os
import re
import shlex
from typing import Any, NamedTuple

from mcp_proxy.app import admin_log
from mcp_proxy.app.grants_key import KEY_NAME, own_key
from mcp_proxy.app.signing_keys import check_keys_place, find_key
from mcp_proxy.core import strict_json
from mcp_proxy.core.grant import Grant, sign_grant
from mcp_proxy.core.grant_conditions import parse_conditions
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import Profile, Tool
from mcp_proxy.core.profile_lines import parse_tool
from mcp_proxy.core.signing import public_key
from mcp_proxy.edges import clock
from mcp_proxy.edges.admin_policy import read_policy
from mcp_proxy.edges.authorizer import root_text
from mcp_proxy.edges.grants import (
    Kept,
    Signed,
    change_grants,
    grants_used,
    read_kept,
    use_up_grant,
)
from mcp_proxy.edges.places import Home, find_home
from mcp_proxy.edges.profile_store import load_profile
from mcp_proxy.edges.state_db import StateDb
from mcp_proxy.edges.state_mark import read_mark
from mcp_proxy.errors import HomeError, McpProxyError, UsageError
from mcp_proxy.workshop.enforced import Arguments
from mcp_proxy.workshop.places import find_place

_FOREIGN = "not known to be this machine's: its key is not"
_SPAN = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}


class Wish(NamedTuple):
    """What `grant add` was asked for; `lasts` is such as 8h, `when` JSON text or None."""

    profile: str
    tool: str
    uses: int
    lasts: str
    when: str | None


class Offer(NamedTuple):
    """What would be granted, with the effect and the profile's version for the person."""

    grant: Grant
    effect: str
    version: int


class Listed(NamedTuple):
    """One grant; `used` is None where state.db cannot be read, `state` a few words."""

    grant: Grant
    used: int | None
    state: str


def prepare(wish: Wish) -> Offer:
    """The grant that the wish comes to, for the profile as it is installed now; changes nothing.

    Raises:
        UsageError: W01 it cannot be granted; P29 the administrator does not allow it.
        ProfileError: as `load_profile`.
        HomeError: H01 to H03.
        CredentialError: C02, C09 there is no place for the key that signs it.
    """
    home = find_home()
    profile = load_profile(home, wish.profile, clock.now_s())
    tool = _tool(profile, wish.tool)
    _check_grantable(tool, wish)
    if not 1 <= wish.uses <= LIMITS.grant_uses:
        raise _refused(f"--count is a number from 1 to {LIMITS.grant_uses}.")
    when = () if wish.when is None else _conditions(wish.when, tool)
    check_keys_place()
    issued = int(clock.now_s())
    subject = (wish.profile, root_text(profile.root), profile.digest, tool.name)
    bounds = (wish.uses, issued, issued + _seconds(wish.lasts))
    grant = Grant(os.urandom(16).hex(), home.id, *subject, when, *bounds)
    return Offer(grant, tool.effect, profile.header.version)


def add(offer: Offer) -> None:
    """Signs and keeps it; the key is made by the first grant.

    Raises:
        CredentialError: C01, C02 the key cannot be had.
        AuditError: A01, and nothing is changed.
        HomeError: H01 to H03.
        UsageError: W01 too many grants.
    """
    home, grant = find_home(), offer.grant
    key = find_key(KEY_NAME, make=True)
    signed = Signed(grant, sign_grant(grant, key.seed))
    minutes = (grant.expires - grant.issued) // 60
    place = {"profile": grant.profile, "tool": grant.tool}
    admin_log.record(
        home, "grant add", approval=grant.id, **place, count=grant.uses, minutes=minutes
    )
    public = public_key(key.seed)
    change_grants(home, lambda kept: _with(kept, public, signed))


def list_grants() -> tuple[list[Listed], int]:
    """All grants, the one that ends first before others, and how many are not properly signed.

    Raises HomeError H01 to H03.
    """
    home = find_home()
    kept = read_kept(home)
    grants = sorted((row.grant for row in kept.rows), key=lambda grant: grant.expires)
    used = _used(home, [grant.id for grant in grants])
    is_own = bool(grants) and kept.key == own_key(home)
    rows = [
        Listed(grant, count, _state(home, grant, count) if is_own else _FOREIGN)
        for grant in grants
        for count in [None if used is None else used[grant.id]]
    ]
    return rows, kept.bad


def revoke(which: str) -> Grant:
    """Takes back the grant of that id, or of a unique beginning of it.

    Raises:
        UsageError: W01 no such grant, or several.
        AuditError: A01, and nothing is changed.
        HomeError: H01 to H04.
    """
    home = find_home()
    found = [row.grant for row in read_kept(home).rows if row.grant.id.startswith(which.lower())]
    if len(found) != 1 or len(which) < 4:
        how_many = "No grant" if not found else "More than one grant"
        why = f"{how_many} here has an id that begins with {which[:32]!r}."
        raise UsageError("MCPX-W01", why, "mcp-proxy grant list")
    grant = found[0]
    admin_log.record(
        home, "grant revoke", approval=grant.id, profile=grant.profile, tool=grant.tool
    )
    change_grants(home, lambda kept: _without(kept, grant))
    state = StateDb(home)
    try:
        state.run_now(lambda tx: use_up_grant(tx, grant.id))
    finally:
        state.close()
    return grant


def _tool(profile: Profile, name: str) -> Tool:
    line = profile.tool_lines.get(name)
    if line is None:
        raise _refused(
            f"Profile {profile.header.profile} has no tool {name[:64]!r}.",
            f"mcp-proxy profile show {profile.header.profile}",
        )
    return parse_tool(line, name)


def _check_grantable(tool: Tool, wish: Wish) -> None:
    if tool.approval == "never":
        raise _refused(f"Calls of {tool.name} ask nobody; a grant would change nothing.")
    if tool.channels and "terminal" not in tool.channels:
        by = ", ".join(tool.channels)
        raise _refused(
            f"Profile {wish.profile} lets calls of {tool.name} be approved by {by} alone; a grant "
            "is given at a terminal."
        )
    if "terminal" not in read_policy().channels:
        why = "The machine's administrator does not allow approvals at a terminal, nor grants."
        raise UsageError("MCPX-P29", why)
    if tool.effect == "destructive" and wish.when is None:
        raise _refused(
            f"{tool.name} is destructive: a grant of it needs conditions.", _add_when(tool)
        )


def _conditions(text: str, tool: Tool) -> tuple[dict[str, object], ...]:
    try:
        value = strict_json.loads(text.encode(errors="replace"))
        found = parse_conditions(value, tool.arguments)
        _check_described(found, tool)
    except ValueError as error:
        raise _refused(f"--when is not right: {error}", _add_when(tool)) from None
    return found


def _check_described(conditions: tuple[dict[str, Any], ...], tool: Tool) -> None:
    """What is absent because its name was mistyped would let any call pass. Raises ValueError."""
    held = Arguments(tool.enforced, tool.arguments, tool.constants, tool.defaults)
    for where, tests in ((where, tests) for rule in conditions for where, tests in rule.items()):
        if "present" in tests:
            find_place(where, held, ())


def _seconds(span: str) -> int:
    found = _SPAN.fullmatch(span)
    seconds = 0 if found is None else int(found[1]) * _SECONDS[found[2]]
    if not 0 < seconds <= LIMITS.grant_s:
        raise _refused(f"--for is such as 30m, 8h or 5d, at most {LIMITS.grant_s // 86_400}d.")
    return seconds


def _with(kept: Kept, public: bytes, signed: Signed) -> Kept:
    """With what an earlier key signed, or has ended, left out."""
    rows = kept.rows if kept.key == public else ()
    current = (row for row in rows if row.grant.expires > signed.grant.issued)
    return Kept(public, (*current, signed))


def _without(kept: Kept, grant: Grant) -> Kept:
    return kept._replace(rows=tuple(row for row in kept.rows if row.grant.id != grant.id))


def _used(home: Home, ids: list[str]) -> dict[str, int] | None:
    try:
        if not ids or read_mark(home) is None:
            return dict.fromkeys(ids, 0)
        state = StateDb(home)
        try:
            return state.run_now(lambda tx: grants_used(tx, ids))
        finally:
            state.close()
    except HomeError:
        return None


def _state(home: Home, grant: Grant, used: int | None) -> str:
    if clock.now_s() >= grant.expires:
        return "ended"
    if used is None:
        return "state.db cannot be read"
    if used >= grant.uses:
        return "used up"
    try:
        profile = load_profile(home, grant.profile, clock.now_s())
    except McpProxyError as error:
        return f"profile not usable ({error.id})"
    held = (profile.digest, root_text(profile.root))
    return "in force" if held == (grant.digest, grant.root) else "for another version"


def _refused(why: str, mend: str = "mcp-proxy grant add --help") -> UsageError:
    return UsageError("MCPX-W01", why, mend)


def _add_when(tool: Tool) -> str:
    """An example of a condition on the tool's own first argument, by its type."""
    if not tool.arguments:
        return "mcp-proxy grant add --help"
    name = next(iter(tool.arguments))
    properties = tool.enforced.get("properties")
    schema = properties.get(name) if isinstance(properties, dict) else None
    kind = schema.get("type") if isinstance(schema, dict) else None
    tests: dict[str, object] = _EXAMPLES.get(kind if isinstance(kind, str) else "", _ANY_OF)
    return f"repeat the command with such as --when {shlex.quote(json.dumps({name: tests}))}"


_ANY_OF: dict[str, object] = {"in": ["..."]}
_EXAMPLES: dict[str, dict[str, object]] = {
    "integer": {"at_most": 5000},
    "number": {"at_most": 5000},
    "boolean": {"is": False},
}
