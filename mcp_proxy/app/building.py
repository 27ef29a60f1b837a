"""`profile build` and `profile new`: files and gateways in, a payload or a source file out."""

import asyncio
import os
import re
from typing import Any, NamedTuple

from mcp_proxy.app.keychain_store import credential_store
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import NAME_PATTERN, Auth, UpstreamSpec
from mcp_proxy.core.seen import PINNED_KEYS
from mcp_proxy.edges import clock
from mcp_proxy.edges.attempts import Broken
from mcp_proxy.edges.authorizer import ProfileAuthorizer
from mcp_proxy.edges.files import write_given
from mcp_proxy.edges.gateway_listing import list_tools
from mcp_proxy.edges.places import find_home
from mcp_proxy.errors import CredentialError, UsageError
from mcp_proxy.workshop.build import build_payload
from mcp_proxy.workshop.draft import New
from mcp_proxy.workshop.listing import dump_listing, listing_path, parse_listing
from mcp_proxy.workshop.new_source import (
    source_from_document,
    source_from_listing,
    source_from_nothing,
)
from mcp_proxy.workshop.source import Source, read_source
from mcp_proxy.workshop.source_keys import McpSource
from mcp_proxy.workshop.upstreams import gateway_spec, upstream_spec


class BuiltFile(NamedTuple):
    """A written payload; `captured` are the listings that were fetched for it."""

    path: str
    profile: str
    version: int
    warnings: tuple[str, ...]
    captured: tuple[str, ...]


def build(source_path: str, out_path: str | None) -> str:
    """Builds a source; the payload's path. Raises as `build_file`."""
    return build_file(source_path, out_path).path


def build_file(source_path: str, out_path: str | None, *, refresh: bool = False) -> BuiltFile:
    """Builds a source into STEM.payload.jsonl beside it, or into `out_path`.

    A gateway's listing is captured where it is missing, and where `refresh` asks for it.

    Raises:
        SourceError: the source, a document or a listing is wrong.
        UpstreamError, CredentialError: a gateway does not list its tools.
        UsageError: a file cannot be written.
    """
    source = read_source(source_path)
    captured = _capture_listings(source, refresh)
    built = build_payload(source, int(clock.now_s()))
    path = out_path or f"{os.path.splitext(source_path)[0]}.payload.jsonl"
    write_given(path, built.payload)
    return BuiltFile(path, built.profile, built.version, built.warnings, captured)


def new_file(name: str, openapi: str | None, mcp: str | None, url: str | None) -> tuple[str, New]:
    """Writes NAME.yaml into the current folder; its path and what was written.

    Raises:
        UsageError: the name is none, or the file is there already.
        SourceError: the document or the listing cannot be used.
        UpstreamError, CredentialError: the gateway does not list its tools.
    """
    if not re.fullmatch(NAME_PATTERN, name):
        raise UsageError("MCPX-W01", "A profile's name is 1 to 16 of a-z, 0-9 and -.")
    if url is not None and openapi is None:
        raise UsageError("MCPX-W01", "--url goes with --openapi.")
    path = f"{name}.yaml"
    _refuse_existing(path)
    if openapi is not None:
        new = source_from_document(name, openapi, os.getcwd(), url)
    elif mcp is not None:
        new = _new_from_gateway(name, mcp)
    else:
        new = source_from_nothing(name)
    write_given(path, new.text.encode())
    return path, new


def _new_from_gateway(name: str, url: str) -> New:
    listing_file = f"{name}.tools.json"
    _refuse_existing(listing_file)
    spec = gateway_spec(url, None)
    try:
        tools = _fetch(spec, name)
    except Broken as error:
        if error.status not in (401, 403):
            raise
        spec = gateway_spec(url, Auth("bearer", name, "Authorization"))
        tools = _fetch(spec, name)
    data = dump_listing(tools)
    new = source_from_listing(name, spec, listing_file, parse_listing(data, listing_file))
    write_given(listing_file, data)
    return new


def _refuse_existing(path: str) -> None:
    if os.path.lexists(path):
        next_step = f"mcp-proxy profile build {path}" if path.endswith(".yaml") else f"rm {path}"
        raise UsageError("MCPX-W01", f"{path} is there already; it is not replaced.", next_step)


def _capture_listings(source: Source, refresh: bool) -> tuple[str, ...]:
    captured = []
    for upstream in source.profile.upstreams.values():
        if not isinstance(upstream, McpSource):
            continue
        path = listing_path(upstream.listing, source.folder)
        if refresh or not os.path.exists(path):
            tools = _fetch(upstream_spec(upstream), source.profile.profile)
            write_given(path, dump_listing(tools))
            captured.append(path)
    return tuple(captured)


def _fetch(spec: UpstreamSpec, profile: str) -> list[dict[str, Any]]:
    """What a gateway lists, with the credential that the profile may use."""
    authorizer = ProfileAuthorizer(profile, PINNED_KEYS, credential_store(find_home()))
    try:
        return asyncio.run(list_tools(spec, authorizer, LIMITS))
    except CredentialError as error:
        if error.id != "MCPX-C01" or "credential set" not in error.next:
            raise
        # No profile is installed yet that `credential set` could find by itself.
        raise CredentialError(error.id, error.why, f"{error.next} --profile {profile}") from None
