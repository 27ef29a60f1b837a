"""A checked source in, the payload to sign out.

Every document is resolved away here, so that serve never sees one. What is built is parsed back and
every enforced schema compiled before it is handed out. What makes a profile wrong is refused here;
what makes it bad is found by `profile lint`.
"""

import zoneinfo
from functools import partial
from typing import NamedTuple

from mcp_proxy.core import strict_json
from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.payload import dump_lines
from mcp_proxy.core.profile import AuditRules, Header, Prompt, Resource, Tool, UpstreamSpec
from mcp_proxy.core.profile_lines import parse_payload, parse_prompt, parse_resource, parse_tool
from mcp_proxy.core.recipient import parse_recipient
from mcp_proxy.core.schema import compile_schema
from mcp_proxy.workshop.apps import Placed, build_apps
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.blocks import Block
from mcp_proxy.workshop.list_entry import check_length, check_visible
from mcp_proxy.workshop.problems import Problems
from mcp_proxy.workshop.prompts import build_prompts
from mcp_proxy.workshop.resources import build_resources
from mcp_proxy.workshop.result_rules import is_guarded
from mcp_proxy.workshop.shown_rules import link_shown
from mcp_proxy.workshop.source import Source
from mcp_proxy.workshop.source_keys import AuditSource, ProfileSource, ToolSource
from mcp_proxy.workshop.stdio_command import secret_warnings
from mcp_proxy.workshop.tool_blocks import tool_blocks
from mcp_proxy.workshop.tools_mcp import Unusable, mcp_tool
from mcp_proxy.workshop.tools_rest import BuiltTool, rest_tool
from mcp_proxy.workshop.upstream_source import RestSource, StdioSource
from mcp_proxy.workshop.upstreams import Files, find_upstream, upstream_spec


class Built(NamedTuple):
    """A payload, ready to sign; `warnings` each with file and line."""

    payload: bytes
    profile: str
    version: int
    warnings: tuple[str, ...]


class _Entries(NamedTuple):
    tools: list[BuiltTool]
    resources: list[Resource]
    prompts: list[Prompt]


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
    found = _entries(source, problems)
    problems.finish()
    problems.attempt(("audit", "clear"), partial(_check_clear, profile, found.tools))
    problems.attempt(("audit", "recipient"), partial(_check_recipient, profile.audit))
    problems.finish()
    header = _header(profile, specs, found, now_s)
    tools = [one.tool for one in found.tools]
    listed = strict_json.dumps([one.entry for one in found.tools])
    payload = dump_lines(header, listed, [*tools, *found.resources, *found.prompts])
    _parse_back(payload)
    return Built(payload, header.profile, header.version, tuple(problems.warnings))


def _entries(source: Source, problems: Problems) -> _Entries:
    profile, files = source.profile, Files(source.folder)
    placed = _tools(source, files, problems)
    resources = build_resources(profile, files, problems)
    taken = {resource.name for resource in resources}
    apps = build_apps(placed, taken, profile, files, problems)
    prompts = build_prompts(profile, files, problems)
    linked = link_shown(placed, problems)
    return _Entries([one.built for one in linked], [*resources, *apps], prompts)


def _header(
    profile: ProfileSource, specs: dict[str, UpstreamSpec], found: _Entries, now_s: int
) -> Header:
    tools: list[Tool] = [one.tool for one in found.tools]
    requires = {
        "approval": any(tool.approval != "never" for tool in tools),
        "constraints": any(tool.constraints for tool in tools),
        "limits": any(tool.limits for tool in tools),
        "response-validation": any(tool.result.validate != "off" for tool in tools),
        "result-guards": any(is_guarded(tool.result) for tool in tools),
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
        audit=_audit_rules(profile.audit),
        tools=tuple(tool.name for tool in tools),
        resources=tuple(resource.name for resource in found.resources),
        prompts=tuple(prompt.name for prompt in found.prompts),
        grace_s=profile.grace,
    )


def _check_texts(profile: ProfileSource, now_s: int) -> None:
    check_length(profile.instructions, LIMITS.instructions_bytes, "instructions")
    check_length(profile.title, LIMITS.description_bytes, "title")
    if "\n" in profile.title or "\t" in profile.title:
        raise Wrong(("title",), "holds a line break or a tab; write one line")
    check_visible({"title": profile.title, "instructions": profile.instructions})
    if not (profile.tools or profile.resources or profile.prompts):
        raise Wrong(("tools",), "is missing; name a tool, a resource or a prompt")
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
        if isinstance(upstream, StdioSource):
            problems.warn(("upstreams", name), secret_warnings(upstream.environment))
    blocks = (*profile.tools.values(), *profile.resources.values(), *profile.prompts.values())
    for name in profile.upstreams.keys() - {entry.upstream for entry in blocks}:
        problems.warn(("upstreams", name), ["nothing uses it"])
    return specs


def _tools(source: Source, files: Files, problems: Problems) -> list[Placed]:
    blocks = tool_blocks(source.profile, files, problems)
    unread = _unread(source.profile, files, problems)
    built = []
    for block in blocks:
        if block.source.upstream in unread:
            continue
        one = _attempt(block, source.profile, files, problems)
        if one is not None:
            problems.warn(block.path, one.warnings)
            built.append(Placed(block.path, one))
    if len(blocks) > LIMITS.tools:
        problems.add(("tools",), f"hold {len(blocks)} tools; at most {LIMITS.tools} fit")
    return built


def _attempt(
    block: Block[ToolSource], profile: ProfileSource, files: Files, problems: Problems
) -> BuiltTool | None:
    """The block's tool; one that `"*"` stands for and that nobody can use is left out, and told.

    MCP 2026-07-28, "x-mcp-header": a client leaves such a tool out and keeps the others.
    """
    make = partial(_tool, block, profile, files)
    if "*" not in block.path:
        return problems.attempt(block.path, make)
    try:
        return make()
    except Unusable as wrong:
        problems.warn(block.path, [f"left out: {wrong}"])
    except Wrong as wrong:
        problems.add((*block.path, *wrong.path), str(wrong))
    return None


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


def _tool(block: Block[ToolSource], profile: ProfileSource, files: Files) -> BuiltTool:
    upstream = find_upstream(block.source.upstream, profile)
    if isinstance(upstream, RestSource):
        operation = files.document(upstream).operation(block.source.operation)
        return rest_tool(block.name, block.source, operation)
    listed = files.listing(upstream).tools
    apps, as_listed = "apps" in upstream.features, "*" in block.path
    return mcp_tool(block.name, block.source, listed, apps=apps, as_listed=as_listed)


def _audit_rules(source: AuditSource) -> AuditRules:
    clear = tuple(dict.fromkeys(source.clear))
    return AuditRules(clear, source.on_failure, source.recipient.strip(), source.arguments)


def _check_clear(profile: ProfileSource, built: list[BuiltTool]) -> None:
    """`audit.clear` names what a model sends; so never a constant."""
    names = {name for one in built for name in one.tool.enforced["properties"]}
    for name in profile.audit.clear:
        if name not in names:
            raise Wrong((), f"{name}: no tool has such an argument of the model's; take it out")


def _check_recipient(source: AuditSource) -> None:
    if source.recipient:
        try:
            parse_recipient(source.recipient)
        except ValueError as error:
            text = f"it {error}; `mcp-proxy audit recipient NAME` prints one"
            raise Wrong((), text) from None


def _parse_back(payload: bytes) -> None:
    """Proof that serve will read every line of it."""
    profile = parse_payload(payload, sha256_hex(payload), "")
    for name, line in profile.tool_lines.items():
        compile_schema(parse_tool(line, name).enforced)
    for name, line in profile.resource_lines.items():
        parse_resource(line, name)
    for name, line in profile.prompt_lines.items():
        parse_prompt(line, name)
