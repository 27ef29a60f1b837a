"""A repository as `repository show` draws it."""

import time
from typing import Any

from mcp_proxy.cli import render
from mcp_proxy.core.repository import ProfileView, RepositoryView, RoleView
from mcp_proxy.edges import clock


def show_view(view: RepositoryView) -> None:
    """Two tables of data, and what waits as talk."""
    columns = ["role", "version", "expires", "needs", "keys"]
    render.table("Roles", columns, [_role_cells(role) for role in view.roles])
    columns = [
        "profile",
        "current",
        "floor",
        "may be pinned",
        "expires",
        "needs",
        "signers",
        "state",
    ]
    none = "No profile is delegated; next: mcp-proxy repository delegate DIR NAME --signer KEY-LINE"
    render.table("Profiles", columns, [_profile_cells(row) for row in view.profiles], none)
    if view.waiting:
        waiting = ", ".join(view.waiting)
        render.say(f"Waiting for signatures: {waiting}; next: mcp-proxy repository sign DIR")


def plain(view: RepositoryView) -> dict[str, Any]:
    """The same as JSON values; `expires` is seconds since the epoch."""
    return {
        "roles": [_plain_role(role) for role in view.roles],
        "profiles": [_plain_profile(row) for row in view.profiles],
        "waiting": list(view.waiting),
    }


def _role_cells(role: RoleView) -> list[object]:
    return [role.role, role.version, _day(role.expires), role.threshold, _keys(role)]


def _profile_cells(row: ProfileView) -> list[object]:
    role, current = row.role, row.current
    return [
        role.role,
        "-" if current is None else current.version,
        "-" if current is None else current.floor,
        ", ".join(map(str, row.versions)) or "-",
        _day(role.expires),
        role.threshold,
        _keys(role),
        row.problem or ("ok" if current is not None else "revoked"),
    ]


def _plain_role(role: RoleView) -> dict[str, Any]:
    return {**role._asdict(), "keys": [key._asdict() for key in role.keys]}


def _plain_profile(row: ProfileView) -> dict[str, Any]:
    return {
        **_plain_role(row.role),
        "current": None if row.current is None else row.current.version,
        "floor": None if row.current is None else row.current.floor,
        "versions": list(row.versions),
        "problem": row.problem or None,
    }


def _keys(role: RoleView) -> str:
    return "\n".join(f"{key.name or '?'} {key.fingerprint[:16]}" for key in role.keys)


def _day(seconds: int) -> str:
    if not seconds:
        return "-"
    day = time.strftime("%Y-%m-%d", time.gmtime(seconds))
    return day if clock.now_s() < seconds else f"{day}, expired"
