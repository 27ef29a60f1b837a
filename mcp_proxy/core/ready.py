"""A tool in force, with all that a decision on its calls rests on."""

from datetime import tzinfo
from typing import NamedTuple

from mcp_proxy.core.mask import Mask
from mcp_proxy.core.profile import Tool, UpstreamSpec
from mcp_proxy.core.schema import Schema, compile_schema


class Ready(NamedTuple):
    """A tool in force, with its compiled schemas and its upstream.

    `zone` is the profile's time zone, None where nothing of the tool goes by it, or this machine
    does not know it. `mask` is for its answers, None where its rules redact nothing.
    """

    tool: Tool
    schema: Schema
    response: Schema | None
    spec: UpstreamSpec
    expires_s: int | None
    zone: tzinfo | None = None
    mask: Mask | None = None


def ready_tool(
    tool: Tool,
    spec: UpstreamSpec,
    expires_s: int | None,
    zone: tzinfo | None = None,
    mask: Mask | None = None,
) -> Ready:
    """The tool with its schemas compiled. Raises SchemaRefused."""
    rules = tool.result
    response = None if rules.validate == "off" else compile_schema(rules.schema)
    return Ready(tool, compile_schema(tool.enforced), response, spec, expires_s, zone, mask)
