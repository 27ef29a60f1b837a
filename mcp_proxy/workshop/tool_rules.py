"""The policy of a tool: the source's approval, constraints, limits and outward rule in, put on."""

from mcp_proxy.core.profile import Tool
from mcp_proxy.workshop.approval_rules import approval_channels, approval_rules
from mcp_proxy.workshop.constraint_rules import constraint_rules
from mcp_proxy.workshop.enforced import Arguments
from mcp_proxy.workshop.limit_rules import limit_rules
from mcp_proxy.workshop.source_keys import ToolSource


def with_rules(tool: Tool, source: ToolSource, arguments: Arguments) -> Tool:
    """The tool with all that its source says of who may call it, how often and with what.

    Raises:
        Wrong: a rule that does not fit the tool's arguments.
    """
    return tool._replace(
        approval=approval_rules(source.approval, arguments),
        channels=approval_channels(source.approval),
        constraints=constraint_rules(source.constraints, arguments),
        limits=limit_rules(source.limits, arguments),
        outward="deny" if source.outward is None else source.outward.secrets,
    )
