"""The upstreams of a source: their blocks in, the payload's upstreams and their files out."""

import os

from mcp_proxy.core.origin import parse_url
from mcp_proxy.core.profile import Auth, UpstreamSpec
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.auth_source import auth_of
from mcp_proxy.workshop.document import Document, read_document
from mcp_proxy.workshop.listing import Listing, read_listing
from mcp_proxy.workshop.pinned_files import Pinned
from mcp_proxy.workshop.source_keys import ProfileSource
from mcp_proxy.workshop.stdio_command import checked_command, checked_environment
from mcp_proxy.workshop.upstream_source import (
    ListedSource,
    McpSource,
    RestSource,
    StdioSource,
)


def upstream_spec(source: RestSource | ListedSource) -> UpstreamSpec:
    """One upstream as it stands in a payload; raises Wrong for what it cannot be."""
    if isinstance(source, StdioSource):
        return _local_spec(source)
    try:
        # Whether plain http to localhost may be used is each machine's to say, when it is used.
        origin, path = parse_url(source.url, localhost=True)
    except ValueError as error:
        raise Wrong(("url",), str(error)) from None
    auth = auth_of(source.auth, source.kind)
    if isinstance(source, RestSource):
        return UpstreamSpec(source.kind, origin.text + path, auth, source.deadline, ())
    if source.url.endswith("/"):
        # An MCP endpoint is one exact URL, and no redirect is followed to the other spelling.
        path += "/"
    features, links = _features(source), _links(source)
    return UpstreamSpec(source.kind, origin.text + path, auth, source.deadline, features, links)


def find_upstream(name: str, profile: ProfileSource) -> RestSource | ListedSource:
    """The upstream of that name; raises Wrong where there is none."""
    if name not in profile.upstreams:
        known = ", ".join(profile.upstreams)
        raise Wrong(("upstream",), f"{name} is not among the upstreams; there are {known}")
    return profile.upstreams[name]


def find_server(name: str, profile: ProfileSource) -> ListedSource:
    """The MCP server of that name, remote or local; raises Wrong where it is none."""
    upstream = find_upstream(name, profile)
    if isinstance(upstream, RestSource):
        raise Wrong(("upstream",), "is a REST API; only kinds mcp and stdio have a listing")
    return upstream


def gateway_spec(url: str, auth: Auth | None) -> UpstreamSpec:
    """A gateway that stands in no source yet; raises SourceError MCPX-B01 for its URL."""
    try:
        spec = upstream_spec(McpSource.model_validate({"kind": "mcp", "url": url, "listing": "-"}))
    except Wrong as wrong:
        raise SourceError("MCPX-B01", str(wrong), "mcp-proxy profile new NAME --mcp URL") from None
    return spec._replace(auth=auth)


def _local_spec(source: StdioSource) -> UpstreamSpec:
    auth = None
    if source.auth is not None:
        auth = Auth(source.auth.kind, source.auth.credential, source.auth.name)
    return UpstreamSpec(
        source.kind,
        "",
        auth,
        source.deadline,
        _features(source),
        _links(source),
        checked_command(source.command),
        checked_environment(source.environment, auth),
    )


def _features(source: ListedSource) -> tuple[str, ...]:
    return tuple(dict.fromkeys(source.features))


def _links(source: ListedSource) -> tuple[str, ...]:
    """Origins, as they are compared with the URL of an elicitation (S14)."""
    if source.links and "elicitation" not in source.features:
        raise Wrong(("links",), "go with the feature elicitation; add it or take them out")
    return tuple(dict.fromkeys(_link(link, index) for index, link in enumerate(source.links)))


def _link(link: str, index: int) -> str:
    try:
        origin, path = parse_url(link)
    except ValueError as error:
        raise Wrong(("links", index), str(error)) from None
    if path or link.endswith("/"):
        raise Wrong(("links", index), f"write the origin alone: {origin.text}")
    return origin.text


def pinned_files(source: RestSource) -> tuple[Pinned, ...]:
    """What the source lists for references out of its folder."""
    return tuple(Pinned(one.of, one.file, one.sha256) for one in source.references)


class Files:
    """The documents and listings that a source names, each read at its first use."""

    def __init__(self, folder: str) -> None:
        """`folder` is the source's, which everything must lie below (S12)."""
        self._folder = folder
        self._documents: dict[tuple[str, tuple[Pinned, ...]], Document] = {}
        self._listings: dict[str, Listing] = {}

    def document(self, upstream: RestSource) -> Document:
        """The upstream's API document. Raises SourceError MCPX-B02."""
        path = os.path.join(self._folder, upstream.openapi)
        pinned = pinned_files(upstream)
        if (path, pinned) not in self._documents:
            self._documents[path, pinned] = read_document(path, self._folder, pinned)
        return self._documents[path, pinned]

    def listing(self, upstream: ListedSource) -> Listing:
        """What the server captured. Raises SourceError MCPX-B02."""
        if upstream.listing not in self._listings:
            self._listings[upstream.listing] = read_listing(upstream.listing, self._folder)
        return self._listings[upstream.listing]
