"""`mcp-proxy vault`: init, passphrase, show. A passphrase is typed at the terminal, never piped."""

import argparse
import getpass
from typing import Any

from mcp_proxy.app import vault
from mcp_proxy.app.audit_keys import KEY_ITEM as AUDIT_KEY
from mcp_proxy.cli import render
from mcp_proxy.errors import UsageError

_REFERENCE = 'env:VAR or cmd:["PROGRAM","WORD"] that gives it, for processes that cannot ask'


def add_commands(subparsers: Any) -> None:
    """Registers the group."""
    group = subparsers.add_parser("vault", help="secrets under a passphrase instead of a keychain")
    actions = group.add_subparsers(dest="action", required=True, metavar="ACTION")
    init = actions.add_parser("init", help="keep this home's secrets under a passphrase")
    init.add_argument("--from", dest="source", default="", metavar="REF", help=_REFERENCE)
    init.set_defaults(run=run_init)
    change = actions.add_parser("passphrase", help="change the passphrase")
    change.add_argument("--from", dest="source", default="", metavar="REF", help=_REFERENCE)
    change.set_defaults(run=run_passphrase)
    show = actions.add_parser("show", help="what is in the vault, by name, without opening it")
    show.add_argument("--json", action="store_true", help="as JSON")
    show.set_defaults(run=run_show)


def run_init(options: argparse.Namespace) -> int:
    """`vault init`."""
    made = vault.init(options.source, ask_new)
    if made.was_there:
        render.say(f"{made.path} was under this passphrase already, which stays.")
        render.say("Where the passphrase comes from is recorded anew.")
    else:
        render.say(f"Secrets of this home are kept in {made.path}, under the passphrase.")
    _say_source(made.source)
    _say_copies(made)
    return 0


def run_passphrase(options: argparse.Namespace) -> int:
    """`vault passphrase`."""
    source = vault.change_passphrase(options.source, ask_new)
    render.say("The vault has its new passphrase; what is in it stays as it was.")
    _say_source(source)
    return 0


def run_show(options: argparse.Namespace) -> int:
    """`vault show`."""
    shown = vault.show()
    if options.json:
        render.json_out(shown._asdict())
        return 0
    rows = [
        ("file", shown.path if shown.key != "none" else "none yet"),
        ("key", _key_words(shown)),
        ("logins", ", ".join(shown.logins) or "none"),
        ("items", ", ".join(shown.items) or "none"),
    ]
    render.table("", ["vault", ""], rows)
    return 0


def ask_passphrase() -> str:
    """The passphrase, typed at the terminal without echo. Raises UsageError without a terminal."""
    return _ask("Passphrase of the vault (not shown): ")


def ask_new() -> str:
    """A new passphrase, typed twice. Raises UsageError without a terminal, or if they differ."""
    first = _ask("New passphrase of the vault, 8 characters or more (not shown): ")
    if _ask("The same once more: ") != first:
        raise UsageError("MCPX-W01", "The two passphrases differ.", "repeat the command")
    return first


def _ask(question: str) -> str:
    # getpass would fall back to stdin, which may be anybody's.
    if not render.has_terminal():
        why = "There is no terminal to ask for the passphrase at."
        mend = (
            "repeat the command at a terminal; where none will be, mcp-proxy vault init --from"
            " env:VAR records where the passphrase is"
        )
        raise UsageError("MCPX-W01", why, mend)
    try:
        return getpass.getpass(question)
    except EOFError:
        why = "No passphrase was given."
        raise UsageError("MCPX-W01", why, "repeat the command and type it") from None


def _key_words(shown: vault.Shown) -> str:
    if shown.key != "passphrase":
        return {"keychain": "in the keychain", "none": "made by the first login"}[shown.key]
    return f"under a passphrase, from {shown.source or 'the person at the terminal'}"


def _say_source(source: str) -> None:
    if source:
        render.say(f"Serving processes take the passphrase from {source}.")
        return
    render.say(
        "Commands ask for it at the terminal. Serving processes cannot ask: to serve, give them "
        "a reference: mcp-proxy vault init --from env:VAR"
    )


def _say_copies(made: vault.Made) -> None:
    if made.taken:
        names = ", ".join(map(_item_words, made.taken))
        render.say(f"Copied from the keychain: {names}. Its own copies are not used any more.")
    if made.silent:
        render.say(f"Nothing more was taken from the keychain. {made.silent}")
    if made.left:
        render.say(
            f"The vault lacks these, which the keychain did not give: {', '.join(made.left)}."
        )
        render.say("Unlock the keychain and repeat the command, or set each again:")
        for name in made.left:
            render.say(f"  mcp-proxy credential set {name} --origin URL")


def _item_words(name: str) -> str:
    if name == AUDIT_KEY:
        return "the audit log's key"
    kind, _, rest = name.partition(":")
    return f"the signing key {rest}" if kind == "signing" else f"the credential {rest}"
