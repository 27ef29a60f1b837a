"""`mcp-proxy network`: the company's CAs, proxy and client certificates, in the local settings."""

import argparse
from typing import Any

from mcp_proxy.app import network_change
from mcp_proxy.cli import render
from mcp_proxy.edges.settings_network import NetworkSettings, plain_network
from mcp_proxy.errors import UsageError


def add_commands(subparsers: Any) -> None:
    """Registers the group."""
    group = subparsers.add_parser("network", help="the company's CAs, proxy, client certificates")
    actions = group.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("show", help="what is set")
    show.add_argument("--json", action="store_true", help="as JSON")
    show.set_defaults(run=run_show)
    _add_set(actions)
    unset = actions.add_parser("unset", help="take a key out again")
    unset.add_argument("key", metavar="KEY", help=f"of {', '.join(NetworkSettings._fields)}")
    unset.set_defaults(run=run_unset)


def _add_set(actions: Any) -> None:
    parser = actions.add_parser("set", help="set values, or add to lists")
    parser.add_argument(
        "--ca-file", metavar="FILE", help="PEM, trusted beside this system's own CAs"
    )
    parser.add_argument(
        "--proxy", metavar="URL", help="http://HOST:PORT, https://HOST:PORT or from_environment"
    )
    parser.add_argument(
        "--proxy-credential",
        metavar="NAME",
        help="of kind basic, bound to the proxy: credential set NAME --kind basic --origin URL",
    )
    lists = (
        ("--no-proxy", "no_proxy", "HOST", "reached directly: a host, .suffix, 10.0.0.0/8 or *"),
        ("--certificate", "certificates", "NAME", "of kind mtls, shown where it is bound to"),
        (
            "--private",
            "private",
            "HOST",
            "metadata may name it, or a .suffix, at private addresses",
        ),
    )
    for option, key, metavar, text in lists:
        parser.add_argument(
            option, dest=key, action="append", metavar=metavar, help=f"{text}; may be repeated"
        )
    parser.add_argument(
        "--localhost", action="store_true", default=None, help="admit http://localhost upstreams"
    )
    parser.set_defaults(run=run_set)


def run_show(options: argparse.Namespace) -> int:
    """`network show`."""
    _show(network_change.show(), as_json=options.json)
    return 0


def run_set(options: argparse.Namespace) -> int:
    """`network set`."""
    values = {key: getattr(options, key) for key in NetworkSettings._fields}
    given = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in values.items()
        if value is not None
    }
    if not given:
        raise UsageError("MCPX-W01", "Nothing is to be set.", "mcp-proxy network set --help")
    _show(network_change.change(given), as_json=False)
    render.say("Running sidecars take it over at their next call. To try it: mcp-proxy doctor")
    return 0


def run_unset(options: argparse.Namespace) -> int:
    """`network unset`."""
    before = network_change.show()
    after = network_change.clear(options.key)
    _show(after, as_json=False)
    if after == before:
        render.say(f"{options.key} was not set.")
    return 0


def _show(settings: NetworkSettings, *, as_json: bool) -> None:
    plain = plain_network(settings)
    if as_json:
        render.json_out(plain)
        return
    rows = [
        (key, ", ".join(value) if isinstance(value, list) else str(value))
        for key, value in plain.items()
    ]
    nothing = "Nothing is set: upstreams are reached directly, with this system's own CAs."
    render.table("", ("key", "value"), rows, nothing)
