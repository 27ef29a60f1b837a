"""`mcp-proxy credential list`: names and bindings, and never a secret."""

import argparse
import time
from typing import Any

from mcp_proxy.app.credential_list import Listed, list_credentials
from mcp_proxy.cli import render
from mcp_proxy.core.binding import CLIENT, ENV, Binding, plain_binding

_LOCKED = 4


def add_command(actions: Any) -> None:
    """Registers it under `credential`."""
    parser = actions.add_parser("list", help="names, bindings, ends and last uses, never a secret")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run_list)


def run_list(options: argparse.Namespace) -> int:
    """`credential list`; exits with 4 where all is in a store that did not open."""
    rows = list_credentials()
    code = _LOCKED if rows and all(row.is_locked for row in rows) else 0
    if options.json:
        render.json_out([_plain(row) for row in rows])
        return code
    columns = ["name", "kind", "for", "profiles", "store", "expires", "last use"]
    render.table("Credentials", columns, [_cells(row) for row in rows], "No credential is set.")
    for row in rows:
        if row.problem is not None:
            render.say(f"{row.name}: {row.problem}")
    return code


def _plain(row: Listed) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind or None,
        "store": row.store,
        "binding": None if row.binding is None else plain_binding(row.binding),
        "problem": row.problem,
        "expires": _moment(row.expires_s),
        "last_use": _moment(row.used_s),
        **({"commands": row.commands} if row.commands else {}),
        **({"issuer": row.issuer} if row.issuer else {}),
    }


def _cells(row: Listed) -> list[str]:
    if row.binding is None:
        kind, target, profiles = row.kind or "?", row.issuer or "?", "?"
    else:
        binding = row.binding
        kind = " ".join(word for word in (binding.kind, _placed(binding)) if word)
        target = _target(row, binding)
        profiles = ", ".join(profile for profile, _ in binding.profiles) or "none"
    times = (_moment(row.expires_s) or "", _moment(row.used_s) or "not yet")
    return [row.name, kind, target, profiles, row.store, *times]


def _placed(binding: Binding) -> str:
    return binding.header if binding.kind in ("header", "query", ENV) else ""


def _target(row: Listed, binding: Binding) -> str:
    if binding.kind == ENV:
        return ", ".join(row.commands) or "?"
    if binding.kind == CLIENT:
        return f"{binding.client} at {binding.issuer}"
    origins = ", ".join(origin.text + binding.path for origin in binding.origins)
    return f"{origins} by {row.issuer}" if row.issuer else origins


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    try:
        return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
    except (ValueError, OverflowError, OSError):
        return "never"
