"""The upstreams of a source: their blocks in, the payload's upstreams and their files out."""

import os

from mcp_proxy.core.binding import is_fit
from mcp_proxy.core.origin import parse_url
from mcp_proxy.core.profile import Auth, UpstreamSpec
from mcp_proxy.errors import SourceError
from mcp_proxy.workshop.argument_reference import Wrong
from mcp_proxy.workshop.document import Document, read_document
from mcp_proxy.workshop.listing import Listing, read_listing
from mcp_proxy.workshop.source_keys import AuthSource, McpSource, RestSource


def upstream_spec(source: RestSource | McpSource) -> UpstreamSpec:
    """One upstream as it stands in a payload; raises Wrong for a URL or header that cannot be."""
    try:
        origin, path = parse_url(source.url)
    except ValueError as error:
        raise Wrong(("url",), str(error)) from None
    if isinstance(source, McpSource) and source.url.endswith("/"):
        # An MCP endpoint is one exact URL, and no redirect is followed to the other spelling.
        path += "/"
    features = tuple(dict.fromkeys(source.features)) if isinstance(source, McpSource) else ()
    return UpstreamSpec(
        source.kind, origin.text + path, _auth(source.auth), source.deadline, features
    )


def gateway_spec(url: str, auth: Auth | None) -> UpstreamSpec:
    """A gateway that stands in no source yet; raises SourceError MCPX-B01 for its URL."""
    try:
        spec = upstream_spec(McpSource.model_validate({"kind": "mcp", "url": url, "listing": "-"}))
    except Wrong as wrong:
        raise SourceError("MCPX-B01", str(wrong), "mcp-proxy profile new NAME --mcp URL") from None
    return spec._replace(auth=auth)


def _auth(source: AuthSource | None) -> Auth | None:
    if source is None:
        return None
    if source.kind != "header":
        if source.name is not None:
            raise Wrong(("auth", "name"), f"{source.kind} has its own header; take it out")
        return Auth(source.kind, source.credential, "Authorization")
    if source.name is None:
        raise Wrong(("auth",), "kind header needs the header's name; add name: X-Api-Key")
    if not is_fit(source.kind, source.credential, source.name):
        raise Wrong(("auth", "name"), "is a header that no credential may be sent in")
    return Auth(source.kind, source.credential, source.name)


class Files:
    """The documents and listings that a source names, each read at its first use."""

    def __init__(self, folder: str) -> None:
        """`folder` is the source's, which everything must lie below (S12)."""
        self._folder = folder
        self._documents: dict[str, Document] = {}
        self._listings: dict[str, Listing] = {}

    def document(self, upstream: RestSource) -> Document:
        """The upstream's API document. Raises SourceError MCPX-B02."""
        path = os.path.join(self._folder, upstream.openapi)
        if path not in self._documents:
            self._documents[path] = read_document(path, self._folder)
        return self._documents[path]

    def listing(self, upstream: McpSource) -> Listing:
        """The gateway's captured tools. Raises SourceError MCPX-B02."""
        if upstream.listing not in self._listings:
            self._listings[upstream.listing] = read_listing(upstream.listing, self._folder)
        return self._listings[upstream.listing]
