"""A checked source in, the payload to sign out.

Every document is resolved away here, so that serve never sees one. What is built is parsed back and
every enforced schema compiled before it is handed out.
"""

import re
import zoneinfo
from functools import partial
from typing import NamedTuple

from mcp_proxy.core import strict_json
from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.payload import dump_lines
from mcp_proxy.core.profile import AuditRules, Header, Tool, UpstreamSpec
from mcp_proxy.core.profile_lines import parse_payload, parse_tool
from mcp_proxy.core.schema import compile_schema
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.list_entry import check_length, check_visible, schema_bytes
from mcp_proxy.workshop.problems import Problems
from mcp_proxy.workshop.source import Source
from mcp_proxy.workshop.source_keys import McpSource, ProfileSource, RestSource
from mcp_proxy.workshop.tool_blocks import Block, find_upstream, tool_blocks
from mcp_proxy.workshop.tools_mcp import mcp_tool
from mcp_proxy.workshop.tools_rest import BuiltTool, rest_tool
from mcp_proxy.workshop.upstreams import Files, upstream_spec

_TOOLS_LINT = 40
_NAME_LINT_CHARS = 40
# Clients put their own name for the server before the tool's, and cut or refuse beyond 64.
_FULL_NAME_CHARS = 57


class Built(NamedTuple):
    """A payload, ready to sign; `warnings` each with file and line."""

    payload: bytes
    profile: str
    version: int
    warnings: tuple[str, ...]


def build_payload(source: Source, now_s: int) -> Built:
    """The payload of `source`, issued at `now_s` (seconds since the epoch, UTC).

    Raises:
        SourceError: MCPX-B01 with every problem of the source, MCPX-B02 where a document or a
            listing is wrong, MCPX-B03 where something is not enforced by this version.
    """
    problems = Problems(source)
    profile = source.profile
    problems.attempt((), partial(_check_texts, profile, now_s))
    specs = _upstreams(profile, problems)
    built = _tools(source, problems)
    problems.finish()
    problems.attempt(("audit", "clear"), partial(_check_clear, profile, built))
    problems.finish()
    tools = [one.tool for one in built]
    header = _header(profile, specs, tools, now_s)
    entries = strict_json.dumps([one.entry for one in built])
    payload = dump_lines(header, entries, tools)
    _parse_back(payload)
    return Built(payload, header.profile, header.version, tuple(problems.warnings))


def _header(
    profile: ProfileSource, specs: dict[str, UpstreamSpec], tools: list[Tool], now_s: int
) -> Header:
    requires = {
        "approval": any(tool.approval != "never" for tool in tools),
        "response-validation": any(tool.result.validate != "off" for tool in tools),
    }
    return Header(
        profile=profile.profile,
        version=profile.version,
        title=profile.title or profile.profile,
        instructions=profile.instructions,
        issued=now_s,
        expires=profile.expires,
        timezone=profile.timezone,
        requires=tuple(name for name, is_needed in requires.items() if is_needed),
        upstreams=specs,
        audit=AuditRules(tuple(dict.fromkeys(profile.audit.clear)), profile.audit.on_failure),
        tools=tuple(tool.name for tool in tools),
    )


def _check_texts(profile: ProfileSource, now_s: int) -> None:
    check_length(profile.instructions, LIMITS.instructions_bytes, "instructions")
    check_length(profile.title, LIMITS.description_bytes, "title")
    check_visible({"title": profile.title, "instructions": profile.instructions})
    if profile.expires is not None and profile.expires < now_s:
        raise Wrong(("expires",), "has passed; write a later day")
    if not _is_zone(profile.timezone):
        raise Wrong(("timezone",), f"{profile.timezone} is no zone of the IANA database")


def _is_zone(name: str) -> bool:
    known = zoneinfo.available_timezones()
    # A system without the database cannot tell; windows in a zone are enforced where it is known.
    return name == "UTC" or not known or name in known


def _upstreams(profile: ProfileSource, problems: Problems) -> dict[str, UpstreamSpec]:
    specs = {}
    for name, upstream in profile.upstreams.items():
        spec = problems.attempt(("upstreams", name), partial(upstream_spec, upstream))
        if spec is not None:
            specs[name] = spec
    used = {entry.upstream for entry in profile.tools.values()}
    for name in profile.upstreams.keys() - used:
        problems.warn(("upstreams", name), ["no tool uses it"])
    return specs


def _tools(source: Source, problems: Problems) -> list[BuiltTool]:
    files = Files(source.folder)
    blocks = tool_blocks(source.profile, files, problems)
    unread = _unread(source.profile, files, problems)
    built = []
    for block in blocks:
        if block.source.upstream in unread:
            continue
        one = problems.attempt(block.path, partial(_tool, block, source.profile, files))
        if one is not None:
            problems.warn(block.path, _lint(one, source.profile.profile))
            built.append(one)
    if len(blocks) > LIMITS.tools:
        problems.add(("tools",), f"hold {len(blocks)} tools; at most {LIMITS.tools} fit")
    elif len(blocks) > _TOOLS_LINT:
        text = f"{len(blocks)} tools; above {_TOOLS_LINT} models choose badly"
        problems.warn(("tools",), [text])
    return built


def _unread(profile: ProfileSource, files: Files, problems: Problems) -> set[str]:
    """The used upstreams whose API document cannot be read: told once, not for every tool."""
    used = {entry.upstream for entry in profile.tools.values()}
    return {
        name
        for name, upstream in profile.upstreams.items()
        if name in used
        and isinstance(upstream, RestSource)
        and problems.attempt(("upstreams", name, "openapi"), partial(files.document, upstream))
        is None
    }


def _tool(block: Block, profile: ProfileSource, files: Files) -> BuiltTool:
    upstream = find_upstream(block.source.upstream, profile)
    if isinstance(upstream, McpSource):
        return mcp_tool(block.name, block.source, files.listing(upstream))
    operation = files.document(upstream).operation(block.source.operation)
    return rest_tool(block.name, block.source, operation)


def _lint(one: BuiltTool, profile: str) -> list[str]:
    name, size = one.tool.name, schema_bytes(one.entry)
    warnings = list(one.warnings)
    if not re.fullmatch(r"[a-z0-9_]+", name):
        warnings.append("its name holds more than a-z, 0-9 and _; some clients refuse that")
    if len(name) > _NAME_LINT_CHARS or len(profile) + len(name) > _FULL_NAME_CHARS:
        warnings.append(f"its name has {len(name)} characters; some clients cut long ones")
    if size > LIMITS.model_schema_lint_bytes:
        warnings.append(f"the model's schema has {size} bytes; name fewer arguments")
    return warnings


def _check_clear(profile: ProfileSource, built: list[BuiltTool]) -> None:
    """`audit.clear` names what a model sends; so never a constant."""
    names = {name for one in built for name in one.tool.enforced["properties"]}
    for name in profile.audit.clear:
        if name not in names:
            raise Wrong((), f"{name}: no tool has such an argument of the model's; take it out")


def _parse_back(payload: bytes) -> None:
    """Proof that serve will read every line of it."""
    profile = parse_payload(payload, sha256_hex(payload), "")
    for name, line in profile.tool_lines.items():
        compile_schema(parse_tool(line, name).enforced)
