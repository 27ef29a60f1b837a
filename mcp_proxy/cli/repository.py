"""`mcp-proxy repository`: the publisher's profile repository, plain files for any host."""

import argparse
from typing import Any

from mcp_proxy.app import tuf_extra
from mcp_proxy.app.keychain_store import store_name
from mcp_proxy.cli import render
from mcp_proxy.cli.repository_view import plain, show_view
from mcp_proxy.core.trust_store import key_id, parse_key_line
from mcp_proxy.edges.places import find_home
from mcp_proxy.errors import UsageError


def add_commands(subparsers: Any) -> None:
    """Registers the group."""
    group = subparsers.add_parser("repository", help="publish profiles to many, from any file host")
    actions = group.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_init(actions)
    _add_delegate(actions)
    undelegate = _add(actions, "undelegate", "let nobody sign a profile any more", run_undelegate)
    undelegate.add_argument("name", metavar="NAME")
    _add_keys(undelegate)
    _add_yes(undelegate)
    _add_root(actions)
    sign = _add(actions, "sign", "sign what waits for more signatures", run_sign)
    _add_keys(sign)
    _add_yes(sign)
    revoke = _add(actions, "revoke", "list a version, or a whole profile, no more", run_revoke)
    revoke.add_argument("name", metavar="NAME[@VERSION]", help="without @VERSION: all of them")
    _add_keys(revoke)
    _add_yes(revoke)
    floor = _add(actions, "floor", "list no version below this one any more", run_floor)
    floor.add_argument("name", metavar="NAME")
    floor.add_argument("version", type=int, metavar="VERSION")
    _add_keys(floor)
    show = _add(actions, "show", "roles, keys, expiries, profiles and versions", run_show)
    show.add_argument("--json", action="store_true", help="as JSON")
    key = actions.add_parser("key", help="print the key line of a signing key")
    key.add_argument("key", metavar="NAME|env:VAR")
    key.add_argument("--new", action="store_true", help="make it if it is lacking")
    key.set_defaults(run=run_key)


def _add(actions: Any, name: str, what: str, run: Any) -> Any:
    parser = actions.add_parser(name, help=what)
    parser.add_argument("folder", metavar="DIR", help="the repository's folder")
    parser.set_defaults(run=run)
    return parser


def _add_keys(parser: Any) -> None:
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="NAME|env:VAR",
        help="a key to sign with, as often as needed (default: those in the keychain or vault)",
    )


def _add_yes(parser: Any) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask (logged)")


def _add_init(actions: Any) -> None:
    parser = _add(actions, "init", "make a repository without profiles; keys at need", run_init)
    key = "NAME|env:VAR"
    root = "a key of root, as often as needed (default: repository-root)"
    parser.add_argument("--root-key", action="append", default=[], metavar=key, help=root)
    parser.add_argument(
        "--threshold", type=int, default=1, metavar="N", help="how many of them a new root needs"
    )
    parser.add_argument(
        "--targets-key", default="repository-targets", metavar=key, help="gives names to signers"
    )
    parser.add_argument(
        "--online-key", default="repository-online", metavar=key, help="signs what is current"
    )
    parser.add_argument("--root-days", type=int, default=365, metavar="N", help="default: 365")
    parser.add_argument("--timestamp-days", type=int, default=7, metavar="N", help="default: 7")


def _add_delegate(actions: Any) -> None:
    parser = _add(actions, "delegate", "say who may sign a profile; nobody else may", run_delegate)
    parser.add_argument("name", metavar="NAME")
    parser.add_argument(
        "--signer", action="append", required=True, metavar="KEY-LINE", help="as often as needed"
    )
    parser.add_argument("--threshold", type=int, default=1, metavar="N", help="default: 1")
    _add_keys(parser)


def _add_root(actions: Any) -> None:
    parser = _add(actions, "root", "a new root: other keys, or the same for a new term", run_root)
    parser.add_argument("--add-key", action="append", default=[], metavar="KEY-LINE")
    parser.add_argument("--remove-key", action="append", default=[], metavar="NAME|FINGERPRINT")
    parser.add_argument(
        "--role", choices=("root", "targets", "online"), default="root", help="whose keys"
    )
    parser.add_argument("--threshold", type=int, metavar="N", help="signatures that the role needs")
    _add_keys(parser)


def run_init(options: argparse.Namespace) -> int:
    """`repository init`: the path of root.json and its SHA-256 are its data."""
    admin = _admin()
    for days in (options.root_days, options.timestamp_days):
        if not 1 <= days <= 3650:
            raise UsageError("MCPX-W01", "A role is valid for 1 to 3650 days.")
    founding = admin.Founding(
        tuple(options.root_key) or ("repository-root",),
        options.threshold,
        options.targets_key,
        options.online_key,
        {"root": options.root_days, "timestamp": options.timestamp_days},
    )
    created = admin.create(options.folder, founding)
    where = store_name(find_home())
    for key in created.made:
        render.say(f"A new key was made and is in the {where}: {key.name} ({key.fingerprint}).")
    render.say("Give this file to your developers, and its SHA-256 by another way:")
    render.data(created.path)
    render.data(created.digest)
    render.say(f"next:  mcp-proxy repository delegate {options.folder} NAME --signer KEY-LINE")
    return 0


def run_delegate(options: argparse.Namespace) -> int:
    """`repository delegate`."""
    dropped = _admin().delegate_name(
        options.folder, options.name, options.signer, options.threshold, options.key
    )
    keys = map(parse_key_line, options.signer)
    signers = ", ".join(f"{key.name} ({key_id(key.public)})" for key in keys)
    needed = f"{options.threshold} of " if options.threshold > 1 else ""
    render.say(f"{options.name} may be signed by {needed}{signers}, and by nobody else.")
    if dropped:
        render.say(f"Listed no more, for none of them signed it: {_numbers(dropped)}.")
    return 0


def run_undelegate(options: argparse.Namespace) -> int:
    """`repository undelegate`."""
    if not _is_meant(options, options.name, f"Let nobody sign {options.name} any more?"):
        return 1
    _admin().undelegate_name(options.folder, options.name, options.key, unasked=options.yes)
    render.say(f"Nobody may sign {options.name}; at their next refresh, nobody can use it.")
    return 0


def run_root(options: argparse.Namespace) -> int:
    """`repository root`."""
    admin = _admin()
    edit = admin.make_edit(options.role, options.add_key, options.remove_key, options.threshold)
    step = admin.edit_root(options.folder, edit, options.key)
    _tell_draft(options.folder, f"root version {step.version}", step.lacks)
    return 0


def run_sign(options: argparse.Namespace) -> int:
    """`repository sign`: shows what waits, asks, signs."""
    signing = tuf_extra.load(tuf_extra.REPOSITORY_SIGNING)
    waiting = signing.show_waiting(options.folder)
    for line in waiting.lines:
        render.say(line)
    if not render.confirm("Sign this?", options.yes):
        render.say("Nothing was changed.")
        return 1
    steps = signing.sign_waiting(options.folder, options.key, waiting.digest, unasked=options.yes)
    for step in steps:
        _tell_draft(options.folder, ", ".join(step.roles), step.lacks)
    return 0


def run_revoke(options: argparse.Namespace) -> int:
    """`repository revoke`."""
    name, at, number = options.name.partition("@")
    if at and not (number.isascii() and number.isdecimal() and 1 <= len(number) <= 18):
        raise UsageError("MCPX-W01", "Behind @ stands a version's number.")
    version = int(number) if at else None
    if not at and not _is_meant(options, name, f"Withdraw every version of {name}?"):
        return 1
    now = _admin().revoke_version(options.folder, name, version, options.key, unasked=options.yes)
    what = f"version {version}" if at else "any version"
    render.say(f"The repository does not list {what} of {name} any more.")
    if now is None:
        render.say(f"Nobody can use {name} until a higher version is published.")
    elif version is not None and now.version < version:
        render.say(
            f"Version {now.version} is the current one. Who had version {version} is refused until "
            f"a higher one is published; version {now.version} only on purpose: "
            f"mcp-proxy profile install {name}@{now.version}"
        )
    return 0


def _is_meant(options: argparse.Namespace, name: str, question: str) -> bool:
    """Shows what is lost of the profile and asks whether that is meant."""
    listed = _admin().show_profile(options.folder, name).versions
    render.say(f"listed now   {name}: {_numbers(listed) if listed else 'no version'}")
    render.say("afterwards   nobody can use any of it from their next refresh on")
    if render.confirm(question, options.yes):
        return True
    render.say("Nothing was changed.")
    return False


def run_floor(options: argparse.Namespace) -> int:
    """`repository floor`."""
    gone = _admin().set_floor(options.folder, options.name, options.version, options.key)
    render.say(f"No version of {options.name} below {options.version} can be used or pinned.")
    if gone:
        render.say(f"Listed no more: {_numbers(gone)}.")
    return 0


def run_show(options: argparse.Namespace) -> int:
    """`repository show`."""
    view = _admin().show(options.folder)
    if options.json:
        render.json_out(plain(view))
    else:
        show_view(view)
    return 0


def run_key(options: argparse.Namespace) -> int:
    """`repository key`: the key line."""
    key = _admin().show_key(options.key, new=options.new)
    if key.made:
        render.say(f"A new signing key was made and is in the {store_name(find_home())}.")
    render.data(key.line)
    return 0


def _tell_draft(folder: str, what: str, lacks: Any) -> None:
    if lacks is None:
        render.say(f"Signed and published: {what}.")
        return
    render.say(f"Signed, and waiting for more signatures: {what}. {lacks.why}")
    render.say(f"next:  mcp-proxy repository sign {folder} --key NAME|env:VAR")


def _numbers(versions: tuple[int, ...]) -> str:
    return ", ".join(map(str, versions))


def _admin() -> Any:
    return tuf_extra.load(tuf_extra.REPOSITORY_ADMIN)
