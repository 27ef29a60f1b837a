"""A profile's upstreams, resources and prompts checked before anyone trusts them.

Whoever signed need not have built here, so the rules of the build are held against the payload too.
"""

import re
from typing import Any, NamedTuple

from mcp_proxy.core.auth_terms import check_auth
from mcp_proxy.core.command import UPSTREAM_NAME, check_spec
from mcp_proxy.core.fields import malformed
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.origin import parse_url
from mcp_proxy.core.package_runner import check_versions
from mcp_proxy.core.profile import Header, Profile, Prompt, Resource, UpstreamSpec
from mcp_proxy.core.profile_lines import parse_prompt, parse_resource
from mcp_proxy.core.reading import APP_SCHEME
from mcp_proxy.core.text import is_visible_line
from mcp_proxy.core.uri_template import compile_template
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.list_entry import check_visible
from mcp_proxy.workshop.listed_part import is_name
from mcp_proxy.workshop.resources import check_uri
from mcp_proxy.workshop.stdio_command import check_program


class Listed(NamedTuple):
    """What a profile allows beside tools, in its order."""

    resources: tuple[Resource, ...]
    prompts: tuple[Prompt, ...]


def check_upstreams(header: Header) -> None:
    """Raises ProfileError P10 for an upstream that is of no kind as a whole."""
    for name, spec in header.upstreams.items():
        if not UPSTREAM_NAME.fullmatch(name):
            raise malformed(f"{name[:64]!r} is no upstream's name")
        try:
            _check_upstream(spec)
            if spec.auth is not None:
                check_auth(spec.auth, spec.kind)
        except ValueError as error:
            raise malformed(f"upstream {name} cannot be used. {error}") from None


def check_listed(profile: Profile) -> Listed:
    """Every resource and prompt, wholly parsed. Raises ProfileError P09, P10."""
    lines, texts = profile.resource_lines, profile.prompt_lines
    resources = tuple(parse_resource(line, name) for name, line in lines.items())
    prompts = tuple(parse_prompt(line, name) for name, line in texts.items())
    entries: list[Resource | Prompt] = [*resources, *prompts]
    for entry in entries:
        _check_entry(entry, profile.header.upstreams)
    for resource in resources:
        _check_resource(resource)
    if len({resource.uri for resource in resources}) != len(resources):
        raise malformed("two of its resources have one URI")
    return Listed(resources, prompts)


def _check_upstream(spec: UpstreamSpec) -> None:
    is_local = spec.kind == "stdio"
    if is_local:
        check_spec(spec)
        check_program(spec.command[0])
        check_versions(spec.command)
    elif spec.command or spec.environment:
        raise ValueError("It is no local server, yet names a command.")
    if is_local == bool(spec.url):
        raise ValueError("Its URL does not fit its kind.")
    if spec.kind == "rest" and (spec.features or spec.links):
        raise ValueError("It is an API, yet names features of MCP.")
    if not 0 < spec.deadline_ms <= LIMITS.deadline_max_ms:
        raise ValueError("Its deadline is above what this version waits, or none.")
    if spec.url:
        parse_url(spec.url, localhost=True)  # which the settings of this machine judge
    for link in spec.links:
        if parse_url(link)[0].text != link:
            raise ValueError("One of its links is no origin.")


def _check_entry(entry: Resource | Prompt, upstreams: dict[str, UpstreamSpec]) -> None:
    spec = upstreams.get(entry.upstream)
    if spec is None or spec.kind == "rest":
        raise malformed(f"{entry.name} names no MCP server of its")
    if not is_name(entry.name) or entry.entry.get("name") != entry.name:
        raise malformed(f"{entry.name!r} is listed by another name, or one that nobody sees")
    if isinstance(entry, Prompt) and not is_visible_line(entry.prompt):
        raise malformed(f"prompt {entry.name} has a name upstream that is no visible line")
    if entry.max_bytes > LIMITS.result_max_bytes:
        raise malformed(f"{entry.name} may have more bytes than this version takes")
    if isinstance(entry, Prompt) and not _are_arguments(entry.entry.get("arguments", [])):
        raise malformed(f"the arguments of prompt {entry.name} are none")
    try:
        check_visible({"name": entry.name, "entry": entry.entry})
    except Wrong as wrong:
        raise malformed(f"{entry.name}: {wrong}") from None


def _are_arguments(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, dict) and is_name(item.get("name")) for item in value
    )


def _check_resource(resource: Resource) -> None:
    is_app = resource.uri.startswith(APP_SCHEME)
    key = "uriTemplate" if resource.is_template else "uri"
    if resource.entry.get(key) != resource.uri or (is_app and resource.is_template):
        raise malformed(f"resource {resource.name} is listed by another URI")
    if resource.digest is not None and not re.fullmatch("[0-9a-f]{64}", resource.digest):
        raise malformed(f"the digest of resource {resource.name} is none")
    if is_app != (resource.digest is not None) or is_app == resource.is_listed:
        raise malformed(f"resource {resource.name} is an app without its digest, or has one")
    try:
        check_uri(resource.uri)
        if resource.is_template:
            compile_template(resource.uri)
    except ValueError as error:
        raise malformed(f"resource {resource.name}: its URI {error}") from None
