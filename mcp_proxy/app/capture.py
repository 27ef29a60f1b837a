"""Listings of MCP servers, captured into files beside a source: what a build is made from."""

import asyncio
import os
from collections.abc import Callable
from typing import Any, NamedTuple

from mcp_proxy.app.authorizing import profile_authorizer
from mcp_proxy.app.network import network_of
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.core.origin import parse_url
from mcp_proxy.core.profile import UpstreamSpec
from mcp_proxy.core.secret import Secret
from mcp_proxy.edges.authorizer import ProfileAuthorizer
from mcp_proxy.edges.executables import find_executable
from mcp_proxy.edges.files import write_given
from mcp_proxy.edges.launch import Launch
from mcp_proxy.edges.places import find_home
from mcp_proxy.edges.profile_store import root_of
from mcp_proxy.edges.settings import read_settings, settings_path
from mcp_proxy.edges.upstream_mcp import McpUpstream, http_upstream
from mcp_proxy.edges.upstream_stdio import stdio_upstream
from mcp_proxy.errors import CredentialError, McpProxyError, SourceError, UpstreamError
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.listing import dump_listing, listing_path, parse_listing
from mcp_proxy.workshop.source import Source
from mcp_proxy.workshop.upstream_source import ListedSource, RestSource
from mcp_proxy.workshop.upstreams import upstream_spec


class Start(NamedTuple):
    """A local server about to be started once: the program found, and what it gets.

    `variable` is the credential's, "" for none; a build passes it on from its own environment,
    for a credential is bound to a command that an installed profile names.
    """

    spec: UpstreamSpec
    executable: str
    variable: str
    is_set: bool


class _Asked(NamedTuple):
    """A server that is to list what it has, and what authorizes that."""

    server: McpUpstream
    authorizer: ProfileAuthorizer | None = None


class _Asker(NamedTuple):
    """Who captures: a profile that need not be installed here, and its source's file."""

    profile: str
    source: str


# Whether the person at the terminal wants this very command started.
MayStart = Callable[[Start], bool]


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
    asker = _Asker(source.profile.profile, source.file)
    for name, upstream in source.profile.upstreams.items():
        if isinstance(upstream, RestSource):
            continue
        path = listing_path(upstream.listing, source.folder)
        if refresh or not os.path.exists(path):
            spec = _spec(source, name, upstream)
            if spec.kind == "stdio":
                server = _local(source, name, spec, may_start)
            else:
                server = _remote(spec, source.profile.profile)
            write_given(path, _captured(server, spec, upstream.listing, asker))
            captured.append(path)
    return captured


def gateway_listing(spec: UpstreamSpec, profile: str, file: str) -> bytes:
    """A gateway's listing as the bytes of `file`, with the credential that the profile may use."""
    return _captured(_remote(spec, profile), spec, file, _Asker(profile, f"{profile}.yaml"))


def _spec(source: Source, name: str, upstream: ListedSource) -> UpstreamSpec:
    try:
        return upstream_spec(upstream)
    except Wrong as wrong:
        path = ("upstreams", name, *wrong.path)
        source.refuse(path, f"{'.'.join(map(str, path))}: {wrong}")


def _remote(spec: UpstreamSpec, profile: str) -> _Asked:
    home = find_home()
    try:
        parse_url(spec.url, localhost=read_settings(home).localhost)
    except ValueError as error:
        where = settings_path(home)
        mend = f"in {where} write `[network]` and below it `localhost = true`, or use 127.0.0.1"
        why = f"{spec.url} cannot be asked from here. {error}"
        raise SourceError("MCPX-B01", why, mend) from None
    authorizer = profile_authorizer(home, profile, root_of(home, profile))
    return _Asked(http_upstream(spec, authorizer, LIMITS, network_of(home)), authorizer)


def _local(source: Source, name: str, spec: UpstreamSpec, may_start: MayStart | None) -> _Asked:
    next_step = f"mcp-proxy profile build {source.file}"
    if may_start is None:
        why = f"{name} has no captured listing here, and capturing it starts a program."
        raise SourceError("MCPX-B02", why, next_step)
    try:
        executable = find_executable(spec.command[0], os.environ.get("PATH", ""))
    except ValueError as error:
        raise SourceError("MCPX-B02", f"{name} cannot be started. {error}", next_step) from None
    variable = "" if spec.auth is None else spec.auth.name
    start = Start(spec, executable, variable, bool(os.environ.get(variable)))
    if not may_start(start):
        why = f"The command of {name} was not confirmed, so nothing was started."
        raise SourceError("MCPX-B02", why, next_step)

    async def launch() -> Launch:
        secret = Secret(os.environ[variable]) if start.is_set else None
        return Launch(executable, spec.command, spec.environment, variable, secret)

    return _Asked(stdio_upstream(spec, launch, LIMITS))


def _captured(asked: _Asked, spec: UpstreamSpec, file: str, asker: _Asker) -> bytes:
    try:
        data = dump_listing(asyncio.run(_list(asked, spec.deadline_ms / 1000)))
    except (UpstreamError, CredentialError) as error:
        _name_source(error, asker)
        raise
    parse_listing(data, file)
    return data


def _name_source(error: McpProxyError, asker: _Asker) -> None:
    """No profile is installed yet that the commands which mend it could find by its name."""
    if error.id == "MCPX-C01" and "credential set" in error.next:
        error.next = f"{error.next} --profile {asker.profile}"
    installed, source = (f"mcp-proxy login {name}" for name in asker)
    if error.next == installed:
        error.next = source
    error.why = error.why.replace(f"{installed} ", f"{source} ").replace(
        f"{installed}`", f"{source}`"
    )


async def _list(asked: _Asked, deadline_s: float) -> dict[str, Any]:
    try:
        return await asked.server.listing(deadline_s)
    finally:
        await asked.server.close()
        if asked.authorizer is not None:
            await asked.authorizer.close()
