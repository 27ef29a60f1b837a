"""How a profile is told to a person, and as JSON."""

import json
import textwrap
import time
from typing import Any

from mcp_proxy.app.profile_check import ToolSummary
from mcp_proxy.app.profiles import Checked
from mcp_proxy.core.profile import UpstreamSpec


def summary_lines(checked: Checked) -> list[str]:
    """What a person judges before trusting it: signer, origins, credentials, tools, approvals."""
    header = checked.profile.header
    return [
        f"profile   {header.profile} version {header.version}: {header.title}",
        f"issued    {_date(header.issued)}, expires {_date(header.expires)}",
        f"digest    {checked.profile.digest}",
        *(f"signed by {key.name} ({key.keyid})" for key in checked.signers),
        *(f"upstream  {_upstream(name, spec)}" for name, spec in header.upstreams.items()),
        f"tools     {len(checked.tools)}",
        *(f"  {_tool(tool)}" for tool in checked.tools),
    ]


def detail_lines(checked: Checked) -> list[str]:
    """The summary, then what the model reads: instructions, descriptions, arguments."""
    instructions = checked.profile.header.instructions
    told = ["", f"instructions: {instructions}"] if instructions else []
    lines = [*summary_lines(checked), *told]
    for tool in checked.tools:
        lines += ["", _tool(tool), textwrap.indent(tool.description, "  ")]
        for item in tool.arguments:
            need = "required" if item.required else "optional"
            lines.append(f"  {item.name} ({need}): {_compact(item.schema)}")
    return lines


def plain(checked: Checked) -> dict[str, Any]:
    """The same as a JSON value; times are seconds since the epoch."""
    header = checked.profile.header
    return {
        "profile": header.profile,
        "version": header.version,
        "title": header.title,
        "instructions": header.instructions,
        "issued": header.issued,
        "expires": header.expires,
        "digest": checked.profile.digest,
        "signers": [{"keyid": key.keyid, "name": key.name} for key in checked.signers],
        "upstreams": {name: _plain_upstream(spec) for name, spec in header.upstreams.items()},
        "tools": [_plain_tool(tool) for tool in checked.tools],
    }


def _upstream(name: str, spec: UpstreamSpec) -> str:
    auth = spec.auth
    with_what = "without a credential" if auth is None else f"{auth.kind} {auth.credential}"
    return f"{name}: {spec.kind} {spec.url}, {with_what}"


def _tool(tool: ToolSummary) -> str:
    asks = "" if tool.approval == "never" else f", approval {_approval(tool.approval)}"
    return f"{tool.name}: {tool.effect}, {tool.upstream}{asks}"


def _approval(rule: Any) -> str:
    """`always`, or the conditions in words: within a map all hold, of the maps any."""
    if isinstance(rule, str):
        return rule
    maps = [
        " and ".join(
            f"{name} {test.replace('_', ' ')} {_compact(value)}"
            for name, tests in conditions.items()
            for test, value in tests.items()
        )
        for conditions in rule
    ]
    return f"when {' or '.join(maps)}"


def _plain_upstream(spec: UpstreamSpec) -> dict[str, Any]:
    auth = None if spec.auth is None else spec.auth._asdict()
    return {"kind": spec.kind, "url": spec.url, "auth": auth}


def _plain_tool(tool: ToolSummary) -> dict[str, Any]:
    return {**tool._asdict(), "arguments": [item._asdict() for item in tool.arguments]}


def _date(seconds: int | None) -> str:
    if seconds is None:
        return "never"
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return f"{seconds} s after 1970"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
