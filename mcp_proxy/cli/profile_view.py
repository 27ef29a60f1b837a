"""How a profile is told to a person, and as JSON."""

import json
import textwrap
import time
from typing import Any

from mcp_proxy.app.entry_check import check_listed
from mcp_proxy.app.profile_check import ToolSummary
from mcp_proxy.app.profiles import Checked
from mcp_proxy.cli import render
from mcp_proxy.core.change import named
from mcp_proxy.core.change_policy import approval_words
from mcp_proxy.core.package_runner import find_runner
from mcp_proxy.core.payload import plain as plain_values
from mcp_proxy.core.profile import AuditRules, Auth, Aws, OAuth, Prompt, Resource, UpstreamSpec
from mcp_proxy.core.rule_words import constraint_words, limit_words


def summary_lines(checked: Checked) -> list[str]:
    """What a person judges before trusting it: signer, upstreams, credentials, what it allows."""
    header, listed = checked.profile.header, check_listed(checked.profile)
    return [
        f"profile   {header.profile} version {header.version}: {header.title}",
        f"issued    {_date(header.issued)}, expires {_date(header.expires)}",
        f"digest    {checked.profile.digest}",
        *(f"signed by key {key.name} ({key.keyid})" for key in checked.signers),
        *(line for name, spec in header.upstreams.items() for line in _upstream(name, spec)),
        *log_lines(header.audit),
        *_counted("resources", [_resource(item) for item in listed.resources]),
        *_counted("prompts", [_prompt(item) for item in listed.prompts]),
        f"tools     {len(checked.tools)}",
        *(line for tool in checked.tools for line in (f"  {_tool(tool)}", *_rules(tool))),
    ]


def counted_entries(checked: Checked) -> str:
    """How many tools, resources and prompts it has, in words."""
    header = checked.profile.header
    counts = {"tools": header.tools, "resources": header.resources, "prompts": header.prompts}
    return ", ".join(f"{len(names)} {kind}" for kind, names in counts.items() if names)


def log_lines(rules: AuditRules) -> list[str]:
    """What the log keeps beside digests and readable values, and for whom."""
    lines = []
    if rules.arguments == "sealed":
        whose = named(rules.recipient.rpartition(":")[2]) or "this home itself"
        lines.append(f"log       keeps all arguments, sealed for {whose}")
    if rules.recipient:
        lines.append(f"log       bears MACs that the holder of {named(rules.recipient)} verifies")
    return lines


def command_lines(spec: UpstreamSpec) -> list[str]:
    """What a local server's upstream starts on this machine, and what its environment gets."""
    lines = [f"  runs     {' '.join(map(render.quoted, spec.command))}"]
    if find_runner(spec.command) is not None:
        lines.append("           (an exact version is no pin of its content)")
    lines += [f"  sets     {name}={render.quoted(value)}" for name, value in spec.environment]
    return lines


def detail_lines(checked: Checked) -> list[str]:
    """The summary, then what the model reads: instructions, descriptions, arguments."""
    instructions = checked.profile.header.instructions
    told = ["", "instructions:", textwrap.indent(instructions, "  ")] if instructions else []
    lines = [*summary_lines(checked), *told]
    for tool in checked.tools:
        lines += ["", _tool(tool), *_rules(tool), textwrap.indent(tool.description, "  ")]
        for item in tool.arguments:
            need = "required" if item.required else "optional"
            lines.append(f"  {item.name} ({need}): {_compact(item.schema)}")
    return lines


def plain(checked: Checked) -> dict[str, Any]:
    """The same as a JSON value; times are seconds since the epoch."""
    header, listed = checked.profile.header, check_listed(checked.profile)
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
        "audit": plain_values(header.audit),
        "tools": [_plain_tool(tool) for tool in checked.tools],
        "resources": [item._asdict() for item in listed.resources],
        "prompts": [item._asdict() for item in listed.prompts],
    }


def _upstream(name: str, spec: UpstreamSpec) -> list[str]:
    auth = spec.auth
    with_what = "without a credential" if auth is None else _credential(auth)
    what = f"{spec.kind} {spec.url}" if spec.url else "a program on this machine"
    lines = [f"upstream  {name}: {what}, {with_what}"]
    lines += _login_lines(auth) if isinstance(auth, OAuth) else []
    lines += command_lines(spec) if spec.command else []
    lines += [f"  may      {', '.join(spec.features)}"] if spec.features else []
    return lines + [f"  links    {link}" for link in spec.links]


def _credential(auth: Auth | OAuth | Aws) -> str:
    words = f"{auth.kind} {auth.credential}"
    if isinstance(auth, Aws):
        return f"{words} for {auth.service} in {auth.region}"
    if auth.kind == "query":
        return f"{words} in the address, as {auth.name}"
    return f"{words} in {auth.name}" if auth.kind in {"header", "env"} else words


def _login_lines(auth: OAuth) -> list[str]:
    """Where a login goes, as far as the profile fixes it, and what it asks for."""
    rows = [
        ("grant", auth.grant),
        ("issuer", auth.issuer or "as the upstream names it at login"),
        ("client", auth.client_id or auth.client_metadata),
        ("scopes", " ".join(auth.scopes)),
        ("resource", auth.resource),
        *auth.endpoints,
        *([] if auth.identity is None else [("identity", " ".join(auth.identity))]),
    ]
    return [f"  login    {key}: {value}" for key, value in rows if value]


def _counted(kind: str, lines: list[str]) -> list[str]:
    return [f"{kind:<10}{len(lines)}", *(f"  {line}" for line in lines)] if lines else []


def _resource(resource: Resource) -> str:
    kinds = {"template": resource.is_template, "app, pinned by its digest": resource.digest}
    kind = next((f" ({name})" for name, holds in kinds.items() if holds), "")
    return f"{resource.name}: {resource.uri}{kind}, {resource.upstream}"


def _prompt(prompt: Prompt) -> str:
    names = [item["name"] for item in prompt.entry.get("arguments", ())]
    takes = f", takes {', '.join(names)}" if names else ""
    return f"{prompt.name}: {prompt.prompt}, {prompt.upstream}{takes}"


def _tool(tool: ToolSummary) -> str:
    asks = "" if tool.approval == "never" else f", approval {approval_words(tool.approval)}"
    return f"{tool.name}: {tool.effect}, {tool.upstream}{asks}"


def _rules(tool: ToolSummary) -> list[str]:
    """What holds its calls and answers beyond schema and approval."""
    return [
        *([f"    answered by {', '.join(tool.channels)}"] if tool.channels else []),
        *(f"    limit {limit_words(limit)}" for limit in tool.limits),
        *(f"    rule  {constraint_words(rule)}" for rule in tool.constraints),
        *([f"    masks {', '.join(map(named, tool.masks))}"] if tool.masks else []),
        *(["    a secret in an argument is let out"] if tool.outward == "allow" else []),
    ]


def _plain_upstream(spec: UpstreamSpec) -> dict[str, Any]:
    return {
        "kind": spec.kind,
        "url": spec.url,
        "auth": None if spec.auth is None else _plain_auth(spec.auth),
        "features": list(spec.features),
        "links": list(spec.links),
        "command": list(spec.command),
        "environment": dict(spec.environment),
    }


def _plain_auth(auth: Auth | OAuth | Aws) -> dict[str, Any]:
    if not isinstance(auth, OAuth):
        return auth._asdict()
    identity = None if auth.identity is None else auth.identity._asdict()
    return {**auth._asdict(), "endpoints": dict(auth.endpoints), "identity": identity}


def _plain_tool(tool: ToolSummary) -> dict[str, Any]:
    return {
        **tool._asdict(),
        "limits": [limit._asdict() for limit in tool.limits],
        "arguments": [item._asdict() for item in tool.arguments],
    }


def _date(seconds: int | None) -> str:
    if seconds is None:
        return "never"
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return f"{seconds} s after 1970"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
