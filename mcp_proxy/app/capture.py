"""Listings of MCP servers, captured into files beside a source: what a build is made from."""

import asyncio
import os
from collections.abc import Callable
from typing import Any

from mcp_proxy.app.keychain_store import credential_store
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.seen import PINNED_KEYS
from mcp_proxy.edges.authorizer import ProfileAuthorizer
from mcp_proxy.edges.files import write_given
from mcp_proxy.edges.places import find_home
from mcp_proxy.edges.upstream_mcp import McpUpstream, http_upstream
from mcp_proxy.errors import CredentialError, SourceError
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.listing import dump_listing, listing_path, parse_listing
from mcp_proxy.workshop.source import Source
from mcp_proxy.workshop.upstream_source import ListedSource, RestSource
from mcp_proxy.workshop.upstreams import upstream_spec

# Whether the person at the terminal wants this very command started, once.
MayStart = Callable[[UpstreamSpec], bool]


def capture_listings(source: Source, may_start: MayStart | None, *, refresh: bool) -> list[str]:
    """Writes each listing that is missing, or all with `refresh`; the paths of those written.

    A local server is started only if `may_start` says so: a source from elsewhere must not start
    programs by being built.

    Raises:
        SourceError: an upstream or what it lists is wrong; its command may not be started.
        UpstreamError, CredentialError: a server does not list what it has.
        UsageError: a file cannot be written.
    """
    captured = []
    for name, upstream in source.profile.upstreams.items():
        if isinstance(upstream, RestSource):
            continue
        path = listing_path(upstream.listing, source.folder)
        if refresh or not os.path.exists(path):
            spec = _spec(source, name, upstream)
            _check_start(source, name, spec, may_start)
            write_given(path, captured_bytes(spec, source.profile.profile, upstream.listing))
            captured.append(path)
    return captured


def captured_bytes(spec: UpstreamSpec, profile: str, file: str) -> bytes:
    """A server's listing as the bytes of `file`, with the credential that the profile may use."""
    data = dump_listing(_fetch(spec, profile))
    parse_listing(data, file)
    return data


def _spec(source: Source, name: str, upstream: ListedSource) -> UpstreamSpec:
    try:
        return upstream_spec(upstream)
    except Wrong as wrong:
        path = ("upstreams", name, *wrong.path)
        source.refuse(path, f"{'.'.join(map(str, path))}: {wrong}")


def _check_start(source: Source, name: str, spec: UpstreamSpec, may_start: MayStart | None) -> None:
    if spec.kind != "stdio":
        return
    next_step = f"mcp-proxy profile build {source.file}"
    if may_start is None:
        why = f"The listing of {name} is missing, and capturing it starts a program."
        raise SourceError("MCPX-B02", why, next_step)
    if not may_start(spec):
        why = f"The command of {name} was not confirmed, so nothing was started."
        raise SourceError("MCPX-B02", why, next_step)


def _fetch(spec: UpstreamSpec, profile: str) -> dict[str, Any]:
    try:
        return asyncio.run(_list(_open(spec, profile), spec.deadline_ms / 1000))
    except CredentialError as error:
        if error.id != "MCPX-C01" or "credential set" not in error.next:
            raise
        # No profile is installed yet that `credential set` could find by itself.
        raise CredentialError(error.id, error.why, f"{error.next} --profile {profile}") from None


def _open(spec: UpstreamSpec, profile: str) -> McpUpstream:
    if spec.kind == "stdio":
        raise SourceError("MCPX-B03", "Listings of local servers are not captured yet.")
    authorizer = ProfileAuthorizer(profile, PINNED_KEYS, credential_store(find_home()))
    return http_upstream(spec, authorizer, LIMITS)


async def _list(upstream: McpUpstream, deadline_s: float) -> dict[str, Any]:
    try:
        return await upstream.listing(deadline_s)
    finally:
        await upstream.close()
