"""A profile wholly parsed: what serve reads at a tool's first call, all of it at once.

For the commands that judge a profile as a whole (lint, diff, the trust prompts). Serve itself never
parses more than the header and the lines of the tools that are called.
"""

from typing import Any, NamedTuple

from mcp_proxy.core import strict_json
from mcp_proxy.core.fields import malformed
from mcp_proxy.core.profile import Header, Profile, Prompt, Resource, Tool
from mcp_proxy.core.profile_lines import parse_prompt, parse_resource, parse_tool


class Contents(NamedTuple):
    """A profile's values. `rows` holds the tools as the model's list has them, by name, in order.

    `tools`, `resources` and `prompts` are in the header's order.
    """

    header: Header
    digest: str
    rows: dict[str, dict[str, Any]]
    tools: dict[str, Tool]
    resources: dict[str, Resource]
    prompts: dict[str, Prompt]


def parse_contents(profile: Profile) -> Contents:
    """Every line of a profile as a value.

    Raises:
        ProfileError: P09 needs a newer mcp-proxy, P10 malformed.
    """
    return Contents(
        profile.header,
        profile.digest,
        parse_rows(profile),
        {name: parse_tool(line, name) for name, line in profile.tool_lines.items()},
        {name: parse_resource(line, name) for name, line in profile.resource_lines.items()},
        {name: parse_prompt(line, name) for name, line in profile.prompt_lines.items()},
    )


def parse_rows(profile: Profile) -> dict[str, dict[str, Any]]:
    """Line 2 by tool name: serve sends it as it is, so it must list exactly the header's tools.

    Raises:
        ProfileError: P10.
    """
    try:
        rows = strict_json.loads(profile.tools_json)
        names = tuple(row["name"] for row in rows)
    except (ValueError, TypeError, KeyError):
        raise malformed("its tool list is not one") from None
    if names != profile.header.tools or not all(isinstance(row, dict) for row in rows):
        raise malformed("its tool list names other tools than its header")
    return dict(zip(names, rows, strict=True))
