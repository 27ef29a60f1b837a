"""Where an import reads from: a file, a URL, a gateway or a local server, told apart and read."""

import asyncio
import os
import tempfile
from typing import NamedTuple

from mcp_proxy.app.capture import MayStart, capture_listings
from mcp_proxy.app.first_listing import first_listing
from mcp_proxy.app.network import network_of
from mcp_proxy.core.digest import sha256_hex
from mcp_proxy.core.limits import LIMITS
from mcp_proxy.edges.download import download
from mcp_proxy.edges.files import read_given
from mcp_proxy.edges.places import find_home
from mcp_proxy.edges.settings import read_settings
from mcp_proxy.errors import UsageError
from mcp_proxy.workshop.document import Document, read_document
from mcp_proxy.workshop.import_subject import DocumentSubject, ListingSubject, Subject
from mcp_proxy.workshop.listing import Listing, parse_listing
from mcp_proxy.workshop.pinned_files import Pinned
from mcp_proxy.workshop.source import Source, parse_source
from mcp_proxy.workshop.upstream_lines import command_lines, document_lines, gateway_lines
from mcp_proxy.workshop.upstream_source import ListedSource, McpSource, StdioSource

_DEADLINE_S = 60.0


class Origin(NamedTuple):
    """What an import was told to read; one of them, or none for what the source has.

    `openapi` is a path or a URL, `url` the API's own address, `command` a local server's.
    """

    openapi: str | None = None
    mcp: str | None = None
    command: tuple[str, ...] = ()
    url: str | None = None


class Read(NamedTuple):
    """What was read. `file` is how the source names it; `data` are its bytes where it is to be
    written there. `lines` are a new upstream's keys; `url` is where a document came from. `waits`
    says that nothing could be listed before somebody logs in."""

    subject: Subject
    title: str
    file: str
    sha256: str
    data: bytes | None
    lines: list[str]
    url: str
    waits: bool = False


class Wanted(NamedTuple):
    """A document for the profile `name` whose source stands in `folder`.

    `url` is the API's own address, if a person gave one; `pinned` are the files that the source
    lists for references. A new source is told what its upstream is.
    """

    name: str
    folder: str
    url: str | None = None
    pinned: tuple[Pinned, ...] = ()
    is_new: bool = True


def read_file(wanted: Wanted, path: str) -> Read:
    """The document at `path`. Raises SourceError, UsageError."""
    full = os.path.abspath(path)
    sha256 = sha256_hex(read_given(full, LIMITS.document_bytes))
    document = read_document(full, wanted.folder, wanted.pinned)
    return _documented(wanted, document, _relative(full, wanted.folder), sha256)


def read_url(wanted: Wanted, address: str, stem: str) -> Read:
    """The document at an address, to be written to STEM.openapi.json or .yaml.

    Raises SourceError, UsageError, UpstreamError.
    """
    home = find_home()
    localhost, network = read_settings(home).localhost, network_of(home)
    data = asyncio.run(download(address, _DEADLINE_S, localhost=localhost, network=network))
    ending = ".json" if data.lstrip()[:1] in (b"{", b"[") else ".yaml"
    file = f"{os.path.basename(stem)}.openapi{ending}"
    path = os.path.join(wanted.folder, file)
    document = read_document(path, wanted.folder, wanted.pinned, data)
    read = _documented(wanted, document, file, sha256_hex(data))
    return read._replace(data=data, url=address)


def read_gateway(name: str, url: str, stem: str) -> Read:
    """A gateway's listing, captured now; asked for a credential, it gets the profile's own.

    Raises SourceError, UsageError, UpstreamError, CredentialError.
    """
    file = f"{os.path.basename(stem)}.tools.json"
    spec, data = first_listing(name, url, file)
    if data is None:
        subject = ListingSubject("mcp", Listing({}, {}, {}, {}, {}))
        return Read(subject, name, file, "", None, gateway_lines(spec, file), "", waits=True)
    return _listed("mcp", name, file, data, gateway_lines(spec, file))


def read_command(name: str, command: tuple[str, ...], stem: str, may_start: MayStart) -> Read:
    """A local server's listing, captured now if `may_start` agrees.

    Raises SourceError, UsageError, UpstreamError.
    """
    file = f"{os.path.basename(stem)}.tools.json"
    lines = command_lines(command, file)
    keys = "".join(f"    {line}\n" for line in lines)
    text = f"profile: {name!r}\nversion: 1\nupstreams:\n  {name!r}:\n{keys}"
    source = parse_source(text.encode(), f"{name}.yaml")
    return read_server(source, name, may_start)._replace(file=file, lines=lines)


def read_server(source: Source, name: str, may_start: MayStart) -> Read:
    """The listing of the source's server `name`, captured anew, with its own credential.

    Raises SourceError, UsageError, UpstreamError, CredentialError.
    """
    upstream = source.profile.upstreams[name]
    if not isinstance(upstream, (McpSource, StdioSource)):
        raise UsageError("MCPX-W01", f"{name} is a REST API; name its document with --openapi.")
    with tempfile.TemporaryDirectory() as folder:
        alone = _alone(source, name, upstream, folder)
        (path,) = capture_listings(alone, may_start, refresh=True)
        data = read_given(path, LIMITS.document_bytes)
    return _listed(upstream.kind, source.profile.profile, upstream.listing, data, [])


def is_url(text: str) -> bool:
    """Whether a document is named by an address, not by a path."""
    return text.lower().startswith(("https://", "http://"))


def _alone(source: Source, name: str, upstream: ListedSource, folder: str) -> Source:
    """The source with this upstream only, whose listing goes into `folder`."""
    own = upstream.model_copy(update={"listing": "listing.json"})
    profile = source.profile.model_copy(update={"upstreams": {name: own}})
    return source._replace(folder=folder, profile=profile)


def _documented(wanted: Wanted, document: Document, file: str, sha256: str) -> Read:
    lines = document_lines(wanted.name, document, file, wanted.url) if wanted.is_new else []
    title = document.title or wanted.name
    return Read(DocumentSubject(document), title, file, sha256, None, lines, "")


def _listed(kind: str, name: str, file: str, data: bytes, lines: list[str]) -> Read:
    subject = ListingSubject(kind, parse_listing(data, file))
    return Read(subject, name, file, sha256_hex(data), data, lines, "")


def _relative(path: str, folder: str) -> str:
    try:
        return os.path.relpath(path, folder)
    except ValueError:  # two drives
        return path
