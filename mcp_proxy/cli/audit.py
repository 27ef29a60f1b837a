"""`mcp-proxy audit`: the group; each command stands in a module of its own."""

from typing import Any

from mcp_proxy.cli.audit_erase import add_erase_command
from mcp_proxy.cli.audit_export import add_export_command
from mcp_proxy.cli.audit_key import add_key_command
from mcp_proxy.cli.audit_prune import add_prune_command
from mcp_proxy.cli.audit_recipient import add_recipient_command
from mcp_proxy.cli.audit_replay import add_replay_command
from mcp_proxy.cli.audit_report import add_report_command
from mcp_proxy.cli.audit_show import add_show_command
from mcp_proxy.cli.audit_stats import add_stats_command
from mcp_proxy.cli.audit_tail import add_tail_command
from mcp_proxy.cli.audit_verify import add_verify_command


def add_commands(subparsers: Any) -> None:
    """Register the group."""
    group = subparsers.add_parser("audit", help="read and verify the local log")
    commands = group.add_subparsers(dest="action", metavar="ACTION", required=True)
    add_tail_command(commands)
    add_show_command(commands)
    add_stats_command(commands)
    add_report_command(commands)
    add_verify_command(commands)
    add_key_command(commands)
    add_prune_command(commands)
    add_erase_command(commands)
    add_recipient_command(commands)
    add_replay_command(commands)
    add_export_command(commands)
