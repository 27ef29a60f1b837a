"""`mcp-proxy profile install`: from a file, or by name from the root that answers for it."""

import argparse
import json
import os
from typing import Any

from mcp_proxy.app import named_install, profiles
from mcp_proxy.app.client_entry import client_entry, client_variables
from mcp_proxy.app.first_call import first_call
from mcp_proxy.app.missing import missing_commands, missing_credentials
from mcp_proxy.app.named_install import Named
from mcp_proxy.app.profile_diff import changes_here
from mcp_proxy.app.profiles import Checked
from mcp_proxy.cli import render
from mcp_proxy.cli.change_view import change_lines, count_words
from mcp_proxy.cli.profile_view import summary_lines
from mcp_proxy.core.change import Change
from mcp_proxy.edges.places import Home


def add_install_command(actions: Any) -> None:
    """Registers `install` in the `profile` group."""
    parser = actions.add_parser(
        "install", help="install a signed file, or a profile of a trusted repository by its name"
    )
    parser.add_argument(
        "file", metavar="FILE|NAME[@VERSION]", help="with a version: pinned to it until told else"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask (logged)")
    parser.set_defaults(run=run_install)


def run_install(options: argparse.Namespace) -> int:
    """`profile install`."""
    is_file = os.path.lexists(options.file) and not os.path.isdir(options.file)
    named = None if is_file else named_install.read_name(options.file)
    if named is not None:
        return _install_named(named, options.yes)
    candidate = profiles.prepare(options.file)
    known = profiles.is_known(candidate)
    checked = candidate.checked
    if not known:
        changes = None if checked.before is None else changes_here(checked.profile)
        for line in (*summary_lines(checked), *_changes(checked, changes)):
            render.say(line)
    if not known and not render.confirm(_question(checked), options.yes):
        render.say("Nothing was changed.")
        return 1
    home = profiles.install(candidate, unasked=options.yes)
    _show_next(home, checked)
    return 0


def change_words(checked: Checked) -> str:
    """Which version it follows, in a sentence."""
    before, version = checked.before, checked.profile.header.version
    if before is None:
        return "No version of this profile was installed here before."
    if before.digest == checked.profile.digest:
        return "Exactly this version was installed here before."
    if before.version > version:
        return f"Version {version} is older than version {before.version}, installed here before."
    return f"Version {version} follows version {before.version}, installed here before."


def _install_named(named: Named, yes: bool) -> int:
    offer = named_install.find_offer(named)
    checked = offer.checked
    version = checked.profile.header.version
    for line in (*summary_lines(checked), *_changes(checked, offer.changes)):
        render.say(line)
    if offer.pin:
        render.say(f"pinned    to version {version}, until: mcp-proxy profile install {named.name}")
    if not render.confirm(_question(checked), yes):
        render.say("Nothing was changed.")
        return 1
    named_install.accept(offer, unasked=yes)
    _show_next(offer.home, checked)
    return 0


def _question(checked: Checked) -> str:
    return f"Install profile {checked.profile.header.profile}?"


def _changes(checked: Checked, changes: tuple[Change, ...] | None) -> list[str]:
    """Which version this follows, and what it changes for who has the installed one."""
    if changes is None:
        return [change_words(checked)]
    return [change_words(checked), *change_lines(changes), f"changes   {count_words(changes)}"]


def _show_next(home: Home, checked: Checked) -> None:
    """What install ends with: what is missing, the client's entry, a dry run to try."""
    profile, tools = checked.profile, checked.tools
    name = profile.header.profile
    render.say(f"Installed {name} version {profile.header.version}.")
    for gap in (*missing_commands(home, profile), *missing_credentials(home, profile)):
        render.data(f"Still missing: {gap.why}\n  {gap.next}")
    render.data("Add this to your client's configuration:")
    render.data(json.dumps(client_entry(name), indent=2))
    variables = client_variables(home, profile)
    if variables:
        render.data(f"Your client has to give it these variables too: {', '.join(variables)}.")
    call = first_call(name, tools)
    if call is not None:
        render.data(f"Try, without sending anything:\n  {call}")
