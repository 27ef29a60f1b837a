"""`mcp-proxy profile`: sign, verify, install, list, show, remove; new and build from beside."""

import argparse
from typing import Any

from mcp_proxy.app import profiles, signing
from mcp_proxy.app.keychain_store import store_name
from mcp_proxy.app.profiles import Checked, Installed
from mcp_proxy.cli import render
from mcp_proxy.cli.profile_build import add_build_commands
from mcp_proxy.cli.profile_diff import add_diff_command
from mcp_proxy.cli.profile_drift import add_drift_command
from mcp_proxy.cli.profile_explain import add_explain_command
from mcp_proxy.cli.profile_install import add_install_command, change_words
from mcp_proxy.cli.profile_lint import add_lint_command
from mcp_proxy.cli.profile_publish import add_publish_command
from mcp_proxy.cli.profile_record_view import (
    plain_record,
    record_lines,
    root_words,
    standing_words,
)
from mcp_proxy.cli.profile_refresh import add_refresh_command
from mcp_proxy.cli.profile_update import add_update_command
from mcp_proxy.cli.profile_view import counted_entries, detail_lines, plain, summary_lines
from mcp_proxy.core.trust_store import parse_key_line
from mcp_proxy.edges.places import find_home
from mcp_proxy.errors import McpProxyError


def add_commands(subparsers: Any) -> None:
    """Registers the group."""
    group = subparsers.add_parser("profile", help="make, sign, install and look at tool profiles")
    actions = group.add_subparsers(dest="action", required=True, metavar="ACTION")
    add_build_commands(actions)
    add_lint_command(actions)
    _add_sign(actions)
    add_publish_command(actions)
    verify = actions.add_parser("verify", help="check a signed file; exit 0 or 1")
    verify.add_argument("file", metavar="FILE")
    verify.add_argument("--json", action="store_true", help="as JSON")
    verify.set_defaults(run=run_verify)
    add_install_command(actions)
    listing = actions.add_parser("list", help="what is installed, and whether it may be served")
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(run=run_list)
    show = actions.add_parser("show", help="an installed profile: signer, tools, arguments")
    show.add_argument("name", metavar="NAME")
    show.add_argument("--json", action="store_true", help="as JSON")
    show.set_defaults(run=run_show)
    add_diff_command(actions)
    add_explain_command(actions)
    add_update_command(actions)
    add_refresh_command(actions)
    add_drift_command(actions)
    remove = actions.add_parser("remove", help="take an installed profile away")
    remove.add_argument("name", metavar="NAME")
    remove.set_defaults(run=run_remove)


def _add_sign(actions: Any) -> None:
    parser = actions.add_parser("sign", help="sign a profile; builds it first from YAML")
    parser.add_argument("source", metavar="SOURCE.yaml|PAYLOAD")
    parser.add_argument("-o", dest="out", metavar="FILE", help="default: STEM.dsse.json beside it")
    parser.add_argument(
        "--key",
        default="default",
        metavar="NAME|env:VAR",
        help="a key in keychain or vault, made at need (default: default), or a variable with one",
    )
    parser.set_defaults(run=run_sign)


def run_sign(options: argparse.Namespace) -> int:
    """`profile sign`: the key line is the last line of stdout."""
    signed = signing.sign(options.source, options.out, options.key)
    header = signed.profile.header
    for warning in signed.warnings:
        render.say(f"warning: {warning}")
    name = parse_key_line(signed.key_line).name
    if signed.copied_key:
        render.say(f"The signing key {name} was copied from the keychain into the vault.")
    if signed.new_key:
        where = store_name(find_home())
        render.say(
            f"A new signing key, {name}, was made and is in the {where}. Nobody trusts it yet: "
            "if the name is a slip, sign again with --key and the right one.",
            "bold yellow",
        )
    render.say(f"Signed {header.profile} version {header.version}.")
    render.data(signed.path)
    render.data(signed.key_line)
    return 0


def run_verify(options: argparse.Namespace) -> int:
    """`profile verify`: 0 good, 1 anything else."""
    try:
        checked = profiles.verify(options.file)
    except McpProxyError as error:
        if options.json:
            render.json_out({"valid": False, "id": error.id, "why": error.why, "next": error.next})
        else:
            render.fail(error)
        return 1
    if options.json:
        render.json_out({"valid": True, **plain(checked)})
    else:
        for line in (*summary_lines(checked), *_checks(checked)):
            render.data(line)
    return 0


def run_list(options: argparse.Namespace) -> int:
    """`profile list`."""
    rows = profiles.list_profiles()
    if options.json:
        render.json_out([_plain_row(row) for row in rows])
        return 0
    columns = ["name", "version", "title", "tools", "from", "state"]
    none = "No profile is installed; next: mcp-proxy profile install FILE|NAME"
    render.table("Profiles", columns, [_cells(row) for row in rows], none)
    for row in rows:
        if row.problem is not None:
            render.fail(row.problem, f"{row.name}: ")
    return 0


def run_show(options: argparse.Namespace) -> int:
    """`profile show`."""
    checked = profiles.show(options.name)
    if options.json:
        render.json_out({**plain(checked), **plain_record(checked.before)})
        return 0
    for line in (*record_lines(checked.profile, checked.before), *detail_lines(checked)):
        render.data(line)
    return 0


def run_remove(options: argparse.Namespace) -> int:
    """`profile remove`."""
    profiles.remove(options.name)
    render.say(f"{options.name} is removed. Its version record and its credentials stay.")
    return 0


def _checks(checked: Checked) -> list[str]:
    return [
        "checked: the signature fits these bytes, by a key trusted here for this name",
        f"checked: the payload is a whole profile: {counted_entries(checked)}",
        "checked: it has not expired",
        f"checked: {change_words(checked)}",
    ]


def _cells(row: Installed) -> list[object]:
    if row.profile is None:
        refused = "refused" if row.problem is None else row.problem.id
        return [row.name, "?", "?", "?", root_words(row.record), refused]
    header = row.profile.header
    state = ", ".join(["ok", *standing_words(row.profile, row.record)])
    root = root_words(row.record)
    return [row.name, header.version, header.title, len(header.tools), root, state]


def _plain_row(row: Installed) -> dict[str, Any]:
    header = None if row.profile is None else row.profile.header
    problem = row.problem
    return {
        "name": row.name,
        "version": None if header is None else header.version,
        "title": None if header is None else header.title,
        "tools": None if header is None else len(header.tools),
        "digest": None if row.profile is None else row.profile.digest,
        **plain_record(row.record),
        "problem": None if problem is None else {"id": problem.id, "why": problem.why},
    }
